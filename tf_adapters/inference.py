# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Logits of whole data sets, every example once, on any strategy."""

import numpy as np
import tensorflow as tf

from tf_adapters import batching
from tf_adapters import distribution
from tf_adapters.encoder import INPUT_NAMES
from tf_adapters.encoder import TaskModel

BATCH_SIZE = 64


class Predictor:
  """Runs a model without dropout.

  Args:
    model: Made by `tf_adapters.build` with a head.
    strategy: The one under which the model was made.
  """

  def __init__(
    self, model: TaskModel, strategy: tf.distribute.Strategy | None = None
  ):
    self._model = model
    self._strategy = strategy or tf.distribute.get_strategy()
    self._replicas = self._strategy.num_replicas_in_sync
    self._static = isinstance(self._strategy, tf.distribute.TPUStrategy)
    # Without a compiler one graph serves all lengths, and starts soonest.
    spec = {name: tf.TensorSpec([None, None], tf.int32) for name in INPUT_NAMES}
    self._forward = tf.function(
      self._forward_once,
      input_signature=[spec] if self._replicas == 1 else None,
    )

  def logits(self, tokens: batching.Tokenised) -> np.ndarray:
    """Float32 `[examples, units]`, in the order of the examples."""
    size = -(-BATCH_SIZE // self._replicas) * self._replicas
    lengths = tokens.lengths
    buckets = batching.choose_buckets(
      lengths, worth=0, most=4 if self._static else 64
    )
    result = np.empty([len(lengths), self._model.head.units], np.float32)
    for plan in batching.epoch(lengths, buckets, size):
      batch = batching.assemble(tokens, plan)
      output = self._forward(distribution.split(self._strategy, batch))
      real = plan.rows >= 0
      rows = self._strategy.gather(output, axis=0).numpy()
      result[plan.rows[real]] = rows[real]
    return result

  def _forward_once(self, batch):
    return self._strategy.run(self._model, args=(batch,))
