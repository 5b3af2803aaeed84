# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One SavedModel for a whole store: the encoder once, a signature per task."""

import pathlib
from collections.abc import Callable
from collections.abc import Iterable

import tensorflow as tf

from tf_adapters import data as data_lib
from tf_adapters import files
from tf_adapters import garden
from tf_adapters import json_files
from tf_adapters import model as model_lib
from tf_adapters import modules
from tf_adapters import reporting
from tf_adapters import settings as settings_lib
from tf_adapters import strategies
from tf_adapters import tasks
from tf_adapters import tuning
from tf_adapters import writing
from tf_adapters.checkpoints import pretrained
from tf_adapters.checkpoints.load import load_encoder
from tf_adapters.errors import InputError
from tf_adapters.store import Module
from tf_adapters.store import Store
from tf_adapters.version import __version__


def export(
  store: str,
  output: str,
  *,
  merge: bool = False,
  reporter: reporting.Reporter | None = None,
) -> str:
  """Writes all tasks of a store as the next version of a served model.

  Every task is a Predict signature of its name: `text` (and `text_b` for
  pairs), string `[batch]`, to `label`, `score`, `probabilities`
  `[batch, labels]`, or to `value` for a regression; of a span task `question`
  and `context` to `answer`, `score`, and `start` and `end` in characters
  (Unicode code points) of the context, -1 where nothing can be an answer.
  Tokenisation is inside.
  The SavedModel needs tensorflow and tensorflow-text alone. The order of
  `probabilities` is in `assets.extra/tasks.json`, and so is what each task
  adds to the encoder; tasks tuned in place have copies of its variables.

  Args:
    store: Folder of the store.
    output: Base folder of the model, as TensorFlow Serving polls it; its
      next version folder (`1`, `2`, …) appears complete or not at all.
    merge: Whether tasks of the strategy `lora` get plain kernels, which are
      faster and larger; see `tf_adapters.merge`.
    reporter: Is told what each task adds; None: a line a task on stderr.

  Returns:
    The version folder.

  Raises:
    InputError: for a store without tasks or with a damaged one.
  """
  source = Store(store)
  names = source.tasks()
  if not names:
    raise InputError(f"the store {store!r} has no task to export.")
  loaded = [source.load(name) for name in names]
  encoder = load_encoder(source.encoder_path())
  source.check_encoder(pretrained.of(encoder).fingerprint)
  models = _restore(encoder, loaded, merge)
  costs = {name: _cost(model) for name, (model, _) in models.items()}
  _report(costs, models, reporter or reporting.Reporter())
  root, signatures = _assemble(encoder, loaded, models)
  base = pathlib.Path(output)
  with files.folder_aside(base, "version") as aside:
    with writing.as_os_error(str(base)):
      tf.saved_model.save(root, str(aside), signatures=signatures)
    _write_description(aside, loaded, costs)
    return str(_publish_next(aside, base))


def _restore(encoder, loaded: list[Module], merge: bool) -> dict[str, tuple]:
  """The models, and what they mean, by name."""
  models = {}
  for module in loaded:
    model, task = modules.restore(encoder, module)
    if merge and model.encoder.plan.tuning.strategy == "lora":
      model = model_lib.merge(model)
    models[module.task] = (model, task)
  return models


def _cost(model: model_lib.TaskModel) -> dict:
  """What a task adds to the encoder, in parameters and bytes."""
  copies = [variable for _, variable in model.encoder.owned()]
  return {
    "strategy": model.encoder.plan.tuning.strategy,
    "parameters": tuning.trainable_parameters(model),
    "bytes": _bytes(item.variable for item in tuning.task_variables(model)),
    "bytes_in_place": _bytes(copies),
  }


def _bytes(variables: Iterable[tf.Variable]) -> int:
  return sum(v.shape.num_elements() * v.dtype.size for v in variables)


def _report(costs, models, reporter: reporting.Reporter) -> None:
  for name, cost in costs.items():
    model, _ = models[name]
    line = (
      f"{name}: {cost['parameters']:,} parameters of its own "
      f"({cost['strategy']}), {cost['bytes'] / 1e6:.2f} MB"
    )
    if strategies.of(model.encoder.plan).in_place:
      whole = _bytes(v for _, v in model.encoder.borrowed.named())
      line += (
        f"; {cost['bytes_in_place']:,} bytes stand in the place of the "
        f"encoder's, which has {whole:,}"
      )
    reporter.say(line)


def _assemble(encoder, loaded: list[Module], models: dict[str, tuple]):
  """A plain `tf.Module` that tracks the variables, and its signatures."""
  root = tf.Module()
  parts = garden.lay_open(encoder)
  root.encoder = [variable for _, variable in parts.named()]
  root.tasks = {}
  tokenise = _SharedTokenisers(pretrained.of(encoder))
  signatures = {}
  for module in loaded:
    model, task = models[module.task]
    root.tasks[module.task] = [
      item.variable for item in tuning.task_variables(model)
    ]
    signatures[module.task] = _signature(model, task, tokenise(task, module))
  return root, signatures


class _SharedTokenisers:
  """One function in the graph for all tasks that tokenise alike."""

  def __init__(self, info: pretrained.Pretrained):
    self._info = info
    self._functions: dict[tuple, Callable] = {}

  def __call__(self, task: tasks.Task, module: Module) -> Callable:
    config = settings_lib.from_dict(module.config).data
    names = task.inputs(data_lib.Columns(**module.columns))
    lengths = (
      config.max_length, config.doc_stride, config.max_question_length
    )
    key = (*names, *lengths)
    if key not in self._functions:
      tokenizer = task.tokenizer(
        self._info.vocabulary, self._info.lower_case, config
      )
      self._functions[key] = tf.function(
        tokenizer.__call__,
        input_signature=[
          tf.TensorSpec([None], tf.string, name) for name in names
        ],
      )
    return self._functions[key]


def _signature(
  model: model_lib.TaskModel, task: tasks.Task, tokenise: Callable
) -> Callable:
  @tf.function(input_signature=tokenise.input_signature)
  def answer(*texts):
    return task.serve(model, tokenise, *texts)

  return answer


def _write_description(
  folder: pathlib.Path, loaded: list[Module], costs: dict[str, dict]
) -> None:
  """Says what the signatures cannot: labels in order, scores, origin."""
  tree = {
    "package_version": __version__,
    "encoder_fingerprint": loaded[0].encoder_fingerprint,
    "tasks": {
      module.task: {
        **module.definition, "metrics": module.metrics, **costs[module.task]
      }
      for module in loaded
    },
  }
  extra = folder / "assets.extra"
  extra.mkdir()
  (extra / "tasks.json").write_bytes(json_files.encode(tree))


def _publish_next(aside: pathlib.Path, base: pathlib.Path) -> pathlib.Path:
  while True:
    versions = [
      int(entry.name) for entry in base.iterdir() if entry.name.isdecimal()
    ]
    place = base / str(max(versions, default=0) + 1)
    try:
      files.publish(aside, place)
    except FileExistsError:
      continue  # another export was faster; take the number after its
    return place
