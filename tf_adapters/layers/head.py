# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The head of a task on one text or pair: dropout and one dense map."""

import tensorflow as tf
import tf_keras

from tf_adapters import config as config_lib
from tf_adapters.layers import dropout as dropout_lib

_SITE = 1  # of the head's dropout; 0 is the embeddings', 8 and up the blocks'


@tf_keras.utils.register_keras_serializable(package="tf_adapters")
class Head(tf_keras.layers.Layer):
  """logits = Dropout(z)·W + b.

  z is the last block's output at the first token, or the pooled output (the
  frozen pooler's tanh of it), as in the code of Houlsby et al. (2019). W is
  drawn from a normal of deviation 0.02 truncated at two deviations, b is
  zero. Nothing but the first token of the last block is read
  (`output_range` 1), so nothing else of that block is computed.

  Shapes: `{"sequence_output": [batch, seq, d], "pooled_output": [batch, d]}`
  in, `[batch, units]` float32 out.

  Args:
    units: Number of classes, or 1 for a regression.
    input: `first_token` or `pooled_output`.
    dropout: Rate in training.
    seed: Seed of W.
  """

  output_range = 1

  def __init__(
    self,
    units: int,
    input: str = "first_token",
    dropout: float = 0.1,
    seed: int | None = None,
    **kwargs,
  ):
    super().__init__(**{**kwargs, "dtype": tf.float32})
    config_lib.validate_head(config_lib.HeadConfig(input, dropout))
    self.units = units
    self.reads = input
    self.dropout = dropout
    self.seed = seed

  @property
  def reads_pooler(self) -> bool:
    """Whether it reads the pooled output."""
    return self.reads == "pooled_output"

  def build(self, input_shape):
    width = int(input_shape["pooled_output"][-1])
    self.kernel = self.add_weight(
      "kernel",
      [width, self.units],
      initializer=tf_keras.initializers.TruncatedNormal(
        stddev=0.02, seed=self.seed
      ),
    )
    self.bias = self.add_weight("bias", [self.units], initializer="zeros")
    super().build(input_shape)

  def call(self, inputs, training=None, noise=None):
    if self.reads == "pooled_output":
      z = inputs["pooled_output"]
    else:
      z = inputs["sequence_output"][:, 0]
    z = tf.cast(z, tf.float32)
    if training:
      noise = noise or dropout_lib.fresh_noise()
      z = dropout_lib.dropout(z, self.dropout, noise, _SITE)
    return tf.linalg.matmul(z, self.kernel) + self.bias

  def get_config(self):
    return {
      **super().get_config(),
      "units": self.units,
      "input": self.reads,
      "dropout": self.dropout,
      "seed": self.seed,
    }
