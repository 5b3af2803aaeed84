# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a Transformer block is made of: dense maps, LayerNorms, bottlenecks."""

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import tensorflow as tf

# What stands in the place of a variable.
Read = Callable[[tf.Variable], tf.Tensor]
Activation = Callable[[tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Linear:
  """A dense map y = x·W + b; W and b may be stored split by heads.

  Attributes:
    kernel: Variable of `inputs` x `outputs` numbers, in that order; a tensor
      if lowered.
    bias: The same of `outputs` numbers.
    inputs: Width of x.
    outputs: Width of y.
    trains: Which of the variables are a task's own and get gradients.
    added: A task's own map of x whose result is added to y.
    rounds: Whether a kernel that trains is rounded to bfloat16 for products.
  """

  kernel: tf.Variable
  bias: tf.Variable
  inputs: int
  outputs: int
  trains: tuple[str, ...] = ()
  added: Callable[[tf.Tensor], tf.Tensor] | None = None
  rounds: bool = False

  VARIABLES: ClassVar[tuple[str, ...]] = ("kernel", "bias")

  def __call__(
    self, x: tf.Tensor, activation: Activation = tf.identity
  ) -> tf.Tensor:
    """Maps `[..., inputs]` to `[..., outputs]`, with `activation` on top.

    The product is computed, and returned, in bfloat16 if the kernel has that
    dtype or is rounded to it, else in the dtype of `x`.
    """
    low = self.rounds or self.kernel.dtype == tf.bfloat16
    read = tf.cast(x, tf.bfloat16) if low else x
    weights = self.matrix, tf.reshape(self.bias, [self.outputs])
    if self.added is None:
      return dense(read, *weights, activation)
    y = dense(read, *weights)
    return activation(y + tf.cast(self.added(x), y.dtype))

  def mapped(self, read: Read) -> "Linear":
    """The same with `read(variable)` in the place of each variable."""
    return dataclasses.replace(
      self,
      kernel=read(self.kernel),
      bias=read(self.bias),
      added=None if self.added is None else self.added.mapped(read),
    )

  @property
  def matrix(self) -> tf.Tensor:
    """The kernel as `[inputs, outputs]`."""
    return tf.reshape(self.kernel, [self.inputs, self.outputs])

  @property
  def frozen(self) -> bool:
    """Whether it is the encoder's, and nothing else."""
    return not self.trains and self.added is None

  def lowered(self) -> "Linear":
    """The same with its product in bfloat16, and what is frozen kept in it.

    What trains stays the variable that the optimiser steps, and is rounded
    anew for every product.
    """
    frozen = [name for name in self.VARIABLES if name not in self.trains]
    return dataclasses.replace(
      self,
      rounds="kernel" in self.trains,
      **{name: tf.cast(getattr(self, name), tf.bfloat16) for name in frozen},
    )


@tf.custom_gradient
def _add_bias(y, bias):
  def gradient(upstream):
    # A product sums faster than the op's own gradient, and in float32.
    ones = tf.ones([1, tf.shape(upstream)[0]], upstream.dtype)
    return upstream, tf.linalg.matmul(ones, upstream)[0]

  return tf.nn.bias_add(y, bias), gradient  # one kernel with the product


def dense(
  x: tf.Tensor,
  kernel: tf.Tensor,
  bias: tf.Tensor,
  activation: Activation = tf.identity,
) -> tf.Tensor:
  """act(x·W + b) in the dtype of `x`: `[..., inputs]` to `[..., outputs]`.

  TensorFlow makes one kernel of product, bias and GELU, where they follow one
  another with nothing in between: not even a reshape.
  """
  inputs, outputs = kernel.shape
  # One plain product: an einsum over `...` has a gradient with respect to W
  # that makes an outer product for every token before it sums them.
  rows = x if len(x.shape) == 2 else tf.reshape(x, [-1, inputs])
  y = tf.linalg.matmul(rows, tf.cast(kernel, x.dtype))
  y = activation(_add_bias(y, tf.cast(bias, x.dtype)))
  if rows is x:
    return y
  return tf.reshape(y, tf.concat([tf.shape(x)[:-1], [outputs]], axis=0))


@dataclasses.dataclass(frozen=True)
class Norm:
  """Layer normalisation over the last axis, in float32 as BERT has it.

  Attributes:
    gamma: `[hidden]`.
    beta: `[hidden]`.
    epsilon: Added to the variance.
    trains: Which of the variables are a task's own and get gradients.
  """

  gamma: tf.Variable
  beta: tf.Variable
  epsilon: float
  trains: tuple[str, ...] = ()

  VARIABLES: ClassVar[tuple[str, ...]] = ("gamma", "beta")

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    return layer_norm(x, self.gamma, self.beta, self.epsilon)

  def mapped(self, read: Read) -> "Norm":
    """The same with `read(variable)` in the place of each variable."""
    return dataclasses.replace(
      self, gamma=read(self.gamma), beta=read(self.beta)
    )


def layer_norm(
  x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
) -> tf.Tensor:
  """(x - mean) / sqrt(variance + epsilon) · gamma + beta, in float32."""
  x = tf.cast(x, tf.float32)
  centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
  variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
  return centred * (tf.math.rsqrt(variance + epsilon) * gamma) + beta


@dataclasses.dataclass(frozen=True)
class Bottleneck:
  """What a task adds at the end of a sublayer: s·B(z).

  Attributes:
    kernels: Kernel and bias down, kernel and bias up.
    z: What it reads; see `tf_adapters.modeling.methods.Method`.
    activation: Between the two maps.
    scale: The factor s; a number, or a tensor that goes with B(z).
    dropout: Rate on B(z) in training.
  """

  kernels: tuple[tf.Variable, ...]
  z: str
  activation: Activation
  scale: float | tf.Tensor = 1.0
  dropout: float = 0.0

  @property
  def by_row(self) -> bool:
    """Whether every row of the batch has kernels of its own."""
    return self.kernels[0].shape.rank == 3

  def mapped(self, read: Read) -> "Bottleneck":
    """The same with `read(variable)` in the place of each variable."""
    return dataclasses.replace(self, kernels=tuple(map(read, self.kernels)))

  def gated(self, gate: tf.Tensor) -> "Bottleneck":
    """The same with `gate`, `[]`, times what it adds: 1 changes no bit."""
    down, down_bias, up, up_bias = self.kernels
    gate = tf.cast(gate, up.dtype)
    return dataclasses.replace(
      self, kernels=(down, down_bias, up * gate, up_bias * gate)
    )
