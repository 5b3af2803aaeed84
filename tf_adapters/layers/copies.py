# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A task's own copies of frozen layers: they start equal and train apart."""

import tensorflow as tf
import tf_keras

from tf_adapters import parts


class NormCopy(tf_keras.layers.Layer):
  """Layer normalisation that starts as `norm`; `[..., d]` to the same.

  Args:
    norm: The borrowed LayerNorm; read once, never written.
  """

  trains = True  # as of `parts.Norm`

  def __init__(self, norm: parts.Norm, **kwargs):
    super().__init__(dtype=tf.float32, **kwargs)
    self.epsilon = norm.epsilon
    self.gamma = _copy(self, "gamma", norm.gamma)
    self.beta = _copy(self, "beta", norm.beta)
    self.built = True

  def call(self, inputs):
    return parts.layer_norm(inputs, self.gamma, self.beta, self.epsilon)


class LinearCopy(tf_keras.layers.Layer):
  """A dense map that starts as `linear`: `[..., inputs]` to `[..., outputs]`.

  Args:
    linear: The borrowed map; read once, never written.
  """

  def __init__(self, linear: parts.Linear, **kwargs):
    super().__init__(**kwargs)
    self.kernel = _copy(self, "kernel", linear.kernel)
    self.bias = _copy(self, "bias", linear.bias)
    self._sizes = (linear.inputs, linear.outputs)
    self.built = True

  def call(self, inputs):
    return parts.Linear(self.kernel, self.bias, *self._sizes)(inputs)


def _copy(
  layer: tf_keras.layers.Layer, name: str, variable: tf.Variable
) -> tf.Variable:
  value = tf.constant(variable.numpy())

  def initial(shape, dtype=None, **kwargs):
    del shape, dtype, kwargs
    return value

  return layer.add_weight(
    name, variable.shape, dtype=variable.dtype, initializer=initial
  )
