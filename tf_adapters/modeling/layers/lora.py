# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The low-rank update of a frozen dense map of Hu et al. (2022)."""

from typing import NamedTuple

import tensorflow as tf
import tf_keras

from tf_adapters.modeling import pieces


class Update(NamedTuple):
  """s·(x·A)·B.

  Attributes:
    down_kernel: A, `[inputs, rank]`, or of each row `[batch, inputs, rank]`.
    up_kernel: B, in the same way.
    scale: s.
  """

  down_kernel: tf.Variable
  up_kernel: tf.Variable
  scale: float | tf.Tensor

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    if self.down_kernel.shape.rank == 3:
      x = tf.linalg.matmul(x, tf.cast(self.down_kernel, x.dtype))
      x = tf.linalg.matmul(x, tf.cast(self.up_kernel, x.dtype))
      return tf.cast(self.scale, x.dtype) * x
    shape = tf.concat([tf.shape(x)[:-1], [self.up_kernel.shape[-1]]], axis=0)
    x = tf.reshape(x, [-1, x.shape[-1]])
    x = tf.linalg.matmul(x, tf.cast(self.down_kernel, x.dtype))
    x = tf.linalg.matmul(x, tf.cast(self.scale * self.up_kernel, x.dtype))
    return tf.reshape(x, shape)


class LoraLayer(tf_keras.layers.Layer):
  """What is added to a frozen map of x: s·(x·A)·B with s = alpha / rank.

  In the paper's notation (section 4.1) ΔW·x = s·B·A·x. A is drawn from a
  normal distribution and B is zero, so the update is zero at the start. The
  paper leaves the deviation open; 1/√inputs lets x·A be of the size of x.

  Shapes: `[..., inputs]` in, `[..., outputs]` out; rank · (inputs + outputs)
  parameters.

  Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models",
  ICLR 2022, section 4.

  Args:
    inputs: Width of x.
    outputs: Width of the map's result.
    rank: Width in between.
    alpha: Of the factor s.
    seed: Of A.
  """

  def __init__(
    self,
    inputs: int,
    outputs: int,
    rank: int,
    alpha: float,
    seed: int,
    **kwargs,
  ):
    super().__init__(**kwargs)
    self.scale = alpha / rank
    self.down_kernel = self.add_weight(
      "down_kernel",
      [inputs, rank],
      initializer=tf_keras.initializers.RandomNormal(
        stddev=inputs**-0.5, seed=seed
      ),
    )
    self.up_kernel = self.add_weight(
      "up_kernel", [rank, outputs], initializer="zeros"
    )
    self.built = True

  def call(self, inputs):
    return Update(self.down_kernel, self.up_kernel, self.scale)(inputs)

  def mapped(self, read: pieces.Read) -> Update:
    """The same with `read(variable)` in the place of each variable."""
    return Update(read(self.down_kernel), read(self.up_kernel), self.scale)

  def update(self) -> tf.Tensor:
    """The s·A·B that added to the frozen kernel does the same."""
    return self.scale * tf.linalg.matmul(self.down_kernel, self.up_kernel)
