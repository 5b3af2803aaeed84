# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One batch of fixed shape through the project's own trainer or predictor."""

import pathlib
import tempfile

import common
import flops
import numpy as np
from official.nlp.modeling.networks import bert_encoder

import tf_adapters
from tf_adapters import tasks
from tf_adapters.checkpoints import pretrained
from tf_adapters.config import TrainConfig
from tf_adapters.modeling import compute
from tf_adapters.tokens import batching
from tf_adapters.training import distribution
from tf_adapters.training import inference
from tf_adapters.training import reporting
from tf_adapters.training import trainer as trainer_lib

_CLASSES = 2
_ANSWERS = 512  # texts that are predicted at a time


class Silent(reporting.Silent):
  """Shows nothing, not even a bar that was never started."""

  def step(self, *unused):
    pass


def speed_settings(options) -> dict:
  """The settings of `TrainConfig` that change how fast a step is."""
  return {
    "precision": options.precision,
    "recompute": options.recompute,
    "cache_prefix": options.cache_prefix,
  }


def load_encoder(options):
  """The encoder of a folder, or a random one of the shape asked for."""
  if options.encoder:
    return tf_adapters.load_encoder(options.encoder)
  encoder = bert_encoder.BertEncoderV2(
    vocab_size=30522,
    hidden_size=options.hidden,
    num_layers=options.layers,
    num_attention_heads=12,
    inner_dim=4 * options.hidden,
    inner_activation=pretrained.gelu,  # the peer's
  )
  encoder(encoder.inputs)
  return encoder


def upper(options, layers: int) -> tuple[int, ...] | None:
  """Numbers of the blocks that get adapters; None: all."""
  if options.layers_adapted == "all":
    return None
  return tuple(range(layers // 2, layers))


def build(options, encoder):
  """The task's model: with adapters, or with copies of all for `full`."""
  layers = encoder.get_config()["num_layers"]
  changes = {"size": options.size, "layers": upper(options, layers)}
  if options.mode == "full":
    changes = {"strategy": "full"}
  head = tf_adapters.Head(_CLASSES, seed=options.seed)
  return tf_adapters.build(encoder, head=head, seed=options.seed, **changes)


def random_tokens(options, rows: int, vocabulary: int) -> batching.Tokenised:
  """Random ids, every row of full length."""
  random = np.random.default_rng(options.seed)
  ids = random.integers(1000, vocabulary, rows * options.seq, np.int32)
  starts = np.arange(rows + 1, dtype=np.int64) * options.seq
  return batching.Tokenised(ids, starts, np.full(rows, options.seq, np.int32))


def make_trainer(options, model, vocabulary: int) -> trainer_lib.Trainer:
  """A trainer at the start of a long run, whose epochs are two steps."""
  rows = 2 * options.loop * options.batch
  settings = speed_settings(options)
  config = TrainConfig(
    epochs=1000,
    batch_size=options.batch,
    learning_rate=1e-4,
    seed=options.seed,
    **settings,
  )
  targets = np.random.default_rng(options.seed).integers(0, _CLASSES, rows)
  data = trainer_lib.Dataset(
    random_tokens(options, rows, vocabulary), targets.astype(np.int32)
  )
  task = tasks.from_dict({"type": "classification", "labels": ["0", "1"]})
  problem = trainer_lib.Problem(task, data, None, "accuracy")
  trainer = trainer_lib.Trainer(model, problem, config, Silent())
  with tempfile.TemporaryDirectory() as folder:
    trainer.cache_prefix(pathlib.Path(folder))
  return trainer


def step(options) -> dict:
  """One batch of fixed shape and full length, repeated."""
  strategy = distribution.get_strategy(TrainConfig())
  with strategy.scope():
    encoder = load_encoder(options)
    vocabulary = encoder.get_config()["vocab_size"]
    model = build(options, encoder)
    if options.infer:
      return _infer(options, model, vocabulary)
    trainer = make_trainer(options, model, vocabulary)
    clock = common.Clock(
      lambda: trainer.train(options.loop), options.steps, options.loop
    )
  count = flops.training_step(_shape(options, encoder))
  return {
    **clock.report(options.batch),
    "gflop": count / 1e9,
    "gflop_per_s": count / 1e9 / clock.median,
  }


def _infer(options, model, vocabulary: int) -> dict:
  """Batches of the predictor's own size, whatever `--batch` is."""
  tokens = random_tokens(options, _ANSWERS, vocabulary)
  parts = compute.prepare(model.encoder.parts, options.precision).parts
  predictor = inference.Predictor(model, parts=parts)
  clock = common.Clock(lambda: predictor.logits(tokens), options.steps)
  return clock.report(_ANSWERS)


def _shape(options, encoder) -> flops.Shape:
  config = encoder.get_config()
  lowest = (upper(options, config["num_layers"]) or (0,))[0]
  return flops.Shape(
    batch=options.batch,
    seq=options.seq,
    hidden=config["hidden_size"],
    inner=config["inner_dim"],
    layers=config["num_layers"],
    size=0 if options.mode == "full" else options.size,
    lowest=lowest,
    cached=options.cache_prefix,
    classes=_CLASSES,
  )
