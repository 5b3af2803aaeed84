# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""From a file to a trained module: `train`."""

import contextlib
import dataclasses
import functools
import pathlib
import shutil
import time
from collections.abc import Mapping
from typing import Any

import tf_keras

from tf_adapters import config as config_lib
from tf_adapters import files
from tf_adapters import metrics
from tf_adapters import settings as settings_lib
from tf_adapters.checkpoints import huggingface
from tf_adapters.checkpoints import pretrained
from tf_adapters.checkpoints.load import load_encoder
from tf_adapters.errors import InputError
from tf_adapters.fetching import source as source_lib
from tf_adapters.modeling import compute
from tf_adapters.modeling import tuning
from tf_adapters.store import modules
from tf_adapters.store import store as store_lib
from tf_adapters.training import distribution
from tf_adapters.training import inference
from tf_adapters.training import loop
from tf_adapters.training import memory
from tf_adapters.training import reporting
from tf_adapters.training import resuming
from tf_adapters.training import run_inputs
from tf_adapters.training import trainer as trainer_lib
from tf_adapters.training.run_inputs import Inputs
from tf_adapters.version import __version__


@dataclasses.dataclass(frozen=True)
class TrainResult:
  """What `train` returns, and the command line prints as JSON.

  Attributes:
    task: The task's name.
    metrics: Dev scores of the epoch that was kept; None: undefined.
    epoch: That epoch, from 1.
    trainable_parameters: What the task trains and owns.
    encoder_parameters: What is frozen and shared.
    examples_per_s: Speed of training steps, compilations left out.
    seconds: From the call to the finished module.
    peak_memory_gb: The most that the process has held in memory, in 10**9
      bytes; None where the system does not say.
    store: The folder of the store.
    test_metrics: Scores of that epoch on the test set, which chose nothing;
      empty without one.
    metric: The one by which the epoch was chosen.
  """

  task: str
  metrics: dict[str, float | None]
  epoch: int
  trainable_parameters: int
  encoder_parameters: int
  examples_per_s: float | None
  seconds: float
  peak_memory_gb: float | None
  store: str
  test_metrics: dict[str, float | None] = dataclasses.field(
    default_factory=dict
  )
  metric: str = ""


def train(
  config: config_lib.Config | Mapping[str, Any],
  *,
  overwrite: bool = False,
  reporter: reporting.Reporter | None = None,
) -> TrainResult:
  """Trains one task and adds it to a store.

  The defaults are the protocol of Houlsby et al., ICML 2019, section 3.1:
  adapters, LayerNorms and head by Adam, here with decoupled weight decay as in
  its code; a warm-up over a tenth of the steps, then a linear decay; batches of
  32; the best epoch by the dev set.

  A run that was interrupted continues when it is started again with the same
  settings, data and encoder, wherever they are, and ends with the same module.

  Args:
    config: A `Config`, or nested or dotted keys for one, as
      `{"task.name": "sms", "data.train": "train.tsv"}`.
    overwrite: Whether a task of this name is replaced.
    reporter: Who shows progress; None: a table and a bar on stderr.

  Returns:
    Scores and sizes. The store then holds the task's module.

  Raises:
    InputError: for settings or data that are not allowed; the store is then
      as it was.
  """
  began = time.perf_counter()
  config = settings_lib.checked(config)
  inputs = run_inputs.read(config, overwrite)
  strategy = distribution.get_strategy(config.train)
  with strategy.scope(), distribution.naming_lost_workers(strategy):
    run_inputs.check_same_everywhere(inputs, strategy)
    encoder = _load_encoder(inputs)
    model = modules.new_model(encoder, inputs.task, config)
    sets = _datasets(inputs, encoder)
    trainer = _trainer(inputs, sets, model, reporter)
    if distribution.is_chief(strategy):
      result, tested = _run_and_save(inputs, encoder, trainer, sets, overwrite)
    else:
      result = loop.fit(trainer, inputs.store.run_folder(config.task.name))
      tested = _test(trainer, sets)
  return TrainResult(
    task=config.task.name,
    metrics=result.metrics,
    epoch=result.epoch,
    trainable_parameters=tuning.trainable_parameters(model),
    encoder_parameters=tuning.encoder_parameters(model),
    examples_per_s=result.examples_per_s,
    seconds=time.perf_counter() - began,
    peak_memory_gb=memory.peak_gigabytes(),
    store=config.store,
    test_metrics=tested,
    metric=inputs.metric,
  )


def _load_encoder(inputs: Inputs) -> tf_keras.layers.Layer:
  config, store = inputs.config, inputs.store
  path = "minilm" if config.encoder is None else config.encoder
  if store.exists and _means_the_stores(config.encoder, store):
    path = store.encoder_path()
  with compute.policy(config.train.precision):
    encoder = load_encoder(path)
  info = pretrained.of(encoder)
  longest = info.shape.max_position_embeddings
  if config.data.max_length > longest:
    raise InputError(
      f"`data.max_length` must be at most {longest} for this encoder; got "
      f"{config.data.max_length}."
    )
  if inputs.is_paired and info.shape.type_vocab_size < 2:
    raise InputError(
      "`encoder` must tell the texts of a pair apart by 2 token types; the "
      f"`type_vocab_size` of {str(path)!r} is 1."
    )
  if store.exists:
    store.check_encoder(info.fingerprint)
  return encoder


def _means_the_stores(encoder: str | None, store: store_lib.Store) -> bool:
  """Whether a setting names what the store was made with."""
  if encoder is None:
    return True
  return source_lib.is_pin_of(store.encoder()["source"], encoder)


def _datasets(inputs, encoder) -> dict[str, trainer_lib.Dataset]:
  config, info = inputs.config, pretrained.of(encoder)
  task = inputs.task
  tokenizer = task.tokenizer(info.vocabulary, info.lower_case, config.data)
  sets = {}
  for name, part in inputs.examples.items():
    tokens = task.tokenise(tokenizer, part.texts, part.texts_b)
    targets = task.place(inputs.targets[name], tokens)
    sets[name] = trainer_lib.Dataset(tokens, targets)
  return sets


def _trainer(inputs, sets, model, reporter) -> trainer_lib.Trainer:
  reporter = reporter or reporting.Reporter()
  reporter.parameters(tuning.parameter_table(model))
  problem = trainer_lib.Problem(
    inputs.task, sets["train"], sets.get("dev"), inputs.metric
  )
  return trainer_lib.Trainer(model, problem, inputs.config.train, reporter)


def _run_and_save(
  inputs, encoder, trainer, sets, overwrite
) -> tuple[loop.Result, dict[str, float | None]]:
  store, name = inputs.store, inputs.config.task.name
  _create_store(store, inputs.config, encoder)
  folder = store.run_folder(name)
  with _only_run(folder, name):
    store.check_free(name, overwrite)  # another run may just have ended
    # Before `fit`, until which no other worker looks into the folder.
    resuming.resume_or_clear(folder, inputs, encoder, trainer.reporter)
    result = loop.fit(trainer, folder)
    tested = _test(trainer, sets)
    module = _module(inputs, encoder, trainer.model, result, tested)
    store.save(module, overwrite)
    shutil.rmtree(folder / "checkpoints")
    shutil.rmtree(folder / "prefix", ignore_errors=True)
  return result, tested


def _test(trainer, sets) -> dict[str, float | None]:
  """Scores of the trained model on the test set, as the module gives them."""
  if "test" not in sets:
    return {}
  predictor = inference.Predictor(trainer.model, trainer.strategy)
  logits = predictor.logits(sets["test"].tokens)
  scores = trainer.problem.task.score(logits, sets["test"].targets)
  return metrics.finite(scores)


def _create_store(store, config, encoder) -> None:
  info = pretrained.of(encoder)
  tree = {
    "fingerprint": info.fingerprint,
    "source": info.source,
    "copied": config.copy_encoder,
  }
  is_folder = info.source != "minilm" and not source_lib.is_address(info.source)
  if not config.copy_encoder and is_folder:
    tree["source"] = str(pathlib.Path(info.source).resolve())
  write_copy = functools.partial(huggingface.write, encoder)
  store.create(tree, write_copy if config.copy_encoder else None)
  store.check_encoder(info.fingerprint)  # another process may have made it


@contextlib.contextmanager
def _only_run(folder: pathlib.Path, name: str):
  try:
    with files.lock(folder / ".lock", wait=False):
      yield
  except BlockingIOError:
    raise InputError(
      f"another process is training the task {name!r} in this store."
    ) from None


def _module(
  inputs: Inputs, encoder, model, result, tested
) -> store_lib.Module:
  config, examples = inputs.config, inputs.examples
  return store_lib.Module(
    task=config.task.name,
    definition=inputs.task.to_dict(),
    columns=dataclasses.asdict(examples["train"].columns),
    config=settings_lib.to_dict(config),
    encoder_fingerprint=pretrained.of(encoder).fingerprint,
    data={
      name: {
        "file": part.path if part.digest else pathlib.Path(part.path).name,
        "examples": len(part),
        "sha256": inputs.checksums[name],
      }
      for name, part in examples.items()
    },
    metrics=result.metrics,
    test_metrics=tested,
    parameters=tuning.trainable_parameters(model),
    weights=modules.weights(model),
    package_version=__version__,
  )
