# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Logits of whole data sets, every example once, on any strategy."""

import numpy as np
import tensorflow as tf

from tf_adapters.modeling import compute as compute_lib
from tf_adapters.modeling.model import TaskModel
from tf_adapters.tokens import batching
from tf_adapters.tokens import packing
from tf_adapters.training import distribution
from tf_adapters.training import portions

# Tokens that a CPU answers while XLA makes its kernels (MiniLM: 2 s at some
# 20,000 tokens/s); fewer are answered sooner without.
_COMPILATION = 40_000


class Predictor:
  """Runs a model without dropout.

  Args:
    model: Made by `tf_adapters.build` with a `Head`.
    strategy: The one under which the model was made.
    parts: To compute with, as `Compute` has them.
  """

  def __init__(
    self,
    model: TaskModel,
    strategy: tf.distribute.Strategy | None = None,
    parts: compute_lib.Parts | None = None,
  ):
    self._model = model
    self._strategy = strategy or tf.distribute.get_strategy()
    self._parts = parts
    self._cuts = distribution.fuses_kernels(self._strategy)
    self._forward = tf.function(self._forward_once)

  def logits(
    self, tokens: batching.Tokenised, gates: np.ndarray | None = None
  ) -> np.ndarray:
    """Float32 `[examples, units]`, in the order of the examples.

    With a head that reads every token `[examples, tokens, units]`; what lies
    beyond an example's end means nothing.

    Args:
      tokens: Of the examples.
      gates: Of the adapters, as `Parts.gated` takes them; None: none.
    """
    gates = None if gates is None else tf.constant(gates, tf.float32)
    lengths = tokens.lengths
    head = self._model.head
    if not len(lengths):
      every = [0] if head.reads == "every_token" else []
      return np.empty([0, *every, head.units], np.float32)
    every = []
    if head.reads == "every_token":
      every = [packing.row_length(lengths)]
    result = np.empty([len(lengths), *every, head.units], np.float32)
    compiled = self._cuts and len(tokens.ids) > _COMPILATION
    multiple = distribution.parts(self._strategy)
    for plan, batch in batching.one_pass(tokens, multiple):
      output = self._forward(
        distribution.split(self._strategy, batch), compiled, gates
      )
      texts = plan.texts.reshape(-1)
      logits = self._strategy.gather(output, axis=0).numpy()
      result[texts[texts >= 0]] = logits[texts >= 0]
    return result

  def _forward_once(self, batch, compiled, gates):
    parts = self._parts
    if gates is not None:
      parts = (parts or self._model.encoder.parts).gated(gates)
    compute = compute_lib.Compute(compiled=compiled, parts=parts)

    def forward(batch):
      return self._model(batch, compute=compute)

    def replica(batch):
      rows, length = batch["input_mask"].shape
      number = portions.count(rows, length) if self._cuts else 1
      return portions.run(forward, batch, number)

    return self._strategy.run(replica, args=(batch,))
