# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a Transformer block does between its matrix products.

All compute in float32 and return the dtype of their first tensor.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tf_adapters.modeling import pieces
from tf_adapters.modeling.fused import fused
from tf_adapters.modeling.layers import dropout


@fused
def probabilities(
  scores: tf.Tensor,
  bias: tf.Tensor,
  *keys: tf.Tensor,
  scale: float,
  rate: float = 0.0,
) -> tf.Tensor:
  """Dropout(softmax(scale · scores + bias)).

  Args:
    scores: `[batch, heads, queries, seq]`.
    bias: float32 `[batch, 1, 1 or queries, seq]`.
    *keys: Of the dropout, uint32 `[batch, 2]`; none: no dropout.
    scale: Factor.
    rate: Of the dropout.
  """
  shares = tf.nn.softmax(tf.cast(scores, tf.float32) * scale + bias)
  if keys:
    shares = dropout.dropped(shares, keys[0], rate)
  return tf.cast(shares, scores.dtype)


def _activate(
  x: tf.Tensor,
  *,
  activation: pieces.Activation,
  keep: bool = False,
) -> tf.Tensor | tuple[tf.Tensor, tf.Tensor]:
  """activation(x); with `keep` its slope there as well.

  The slope takes the place of x, which nobody else reads, and the function is
  not computed again in the backward pass.
  """
  inner = tf.cast(x, tf.float32)
  if not keep:
    return tf.cast(activation(inner), x.dtype)
  with tf.GradientTape(watch_accessed_variables=False) as tape:
    tape.watch(inner)
    outer = activation(inner)
  slope = tape.gradient(outer, inner)
  return tf.cast(outer, x.dtype), tf.cast(slope, x.dtype)


def _activate_gradients(tensors, kept, upstream, *, activation):
  del tensors, activation
  return [upstream * kept[0]]


activate = fused(_activate, gradients=_activate_gradients)


@fused
def norm_of_sum(
  first: tf.Tensor,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  *others: tf.Tensor,
  epsilon: float,
) -> tf.Tensor:
  """LayerNorm(first + others), `[..., hidden]`."""
  total = tf.cast(first, tf.float32)
  for other in others:
    total = total + tf.cast(other, tf.float32)
  return tf.cast(
    pieces.layer_norm(total, gamma, beta, epsilon), first.dtype
  )


class Sublayer(NamedTuple):
  """How a sublayer ends; see `tf_adapters.modeling.methods.Method`.

  Attributes:
    z: What the bottleneck reads: `output`, `normalised` or `input`.
    activation: Of the bottleneck.
    scale: Factor of what it adds.
    rate: Of dropout on the sublayer's output.
    adapter_rate: Of dropout on the bottleneck's output.
    epsilon: Of the LayerNorm.
  """

  z: str
  activation: pieces.Activation
  scale: float
  rate: float
  adapter_rate: float
  epsilon: float


def _close(
  x: tf.Tensor,
  h: tf.Tensor,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  *more: tf.Tensor,
  how: Sublayer,
  keep: bool = False,
) -> tf.Tensor | tuple[tf.Tensor, ...]:
  """LayerNorm(x + h + scale · B(z)) with dropout on h and on B(z).

  In one kernel, since its two products are small: apart, a dozen launches
  would take longer than they.

  Args:
    x: The sublayer's input, `[batch, seq, hidden]`.
    h: Its output, before dropout.
    gamma: Of the LayerNorm.
    beta: The same.
    *more: Kernel and bias down, kernel and bias up; then in training the keys
      of either dropout whose rate is not 0.
    how: The rest.
    keep: Whether to return what `_close_gradients` takes as well.
  """
  weights, (drop_h, drop_added) = _opened(more, how)
  h = drop_h(tf.cast(h, tf.float32))
  total = tf.cast(x, tf.float32) + h
  z = tf.cast(_read(x, h, total, gamma, beta, how), x.dtype)
  if not keep:
    added = bottleneck(z, *weights, how.activation)
    total += how.scale * drop_added(tf.cast(added, tf.float32))
    return tf.cast(pieces.layer_norm(total, gamma, beta, how.epsilon), x.dtype)
  down, down_bias, up, up_bias = weights
  inner = pieces.dense(z, down, down_bias)
  added = pieces.dense(how.activation(inner), up, up_bias)
  total += how.scale * drop_added(tf.cast(added, tf.float32))
  mean, variance = tf.nn.moments(total, axes=[-1], keepdims=True)
  deviation = tf.math.rsqrt(variance + how.epsilon)
  unit = (total - mean) * deviation
  output = tf.cast(unit * gamma + beta, x.dtype)
  return output, tf.cast(unit, h.dtype), deviation, inner


def _close_gradients(tensors, kept, upstream, *, how: Sublayer):
  """Gradients of `_close` by its first eight tensors, from what it kept.

  The bottleneck is not computed again, nor are the sums of the LayerNorm.
  """
  x, h, gamma, beta, *more = tensors
  (down, down_bias, up, up_bias), (drop_h, drop_added) = _opened(more, how)
  unit, deviation, inner = kept
  unit, upstream = (tf.cast(each, tf.float32) for each in (unit, upstream))
  d_gamma, d_beta = (
    tf.reduce_sum(each, axis=[0, 1]) for each in (upstream * unit, upstream)
  )
  d_unit = upstream * gamma
  share = tf.reduce_mean(d_unit * unit, axis=-1, keepdims=True)
  mean = tf.reduce_mean(d_unit, axis=-1, keepdims=True)
  d_total = deviation * (d_unit - mean - unit * share)

  d_added = tf.cast(drop_added(how.scale * d_total), x.dtype)
  with tf.GradientTape(watch_accessed_variables=False) as tape:
    tape.watch(inner)
    active = how.activation(inner)
  d_active, d_up, d_up_bias = _dense_gradients(active, up, d_added)
  d_inner = tape.gradient(active, inner, d_active)

  h = drop_h(tf.cast(h, tf.float32))
  total = tf.cast(x, tf.float32) + h
  inputs = [x, h, total, gamma, beta]
  with tf.GradientTape(watch_accessed_variables=False) as tape:
    tape.watch(inputs)
    z = tf.cast(_read(*inputs, how), x.dtype)
  d_z, d_down, d_down_bias = _dense_gradients(z, down, d_inner)
  by_read = tape.gradient(z, inputs, d_z, tf.UnconnectedGradients.ZERO)
  d_x, d_h, d_first, d_gamma_read, d_beta_read = by_read
  d_total += d_first
  return [
    tf.cast(d_total, x.dtype) + d_x,
    tf.cast(drop_h(d_total + d_h), tensors[1].dtype),
    d_gamma + d_gamma_read,
    d_beta + d_beta_read,
    d_down,
    d_down_bias,
    d_up,
    d_up_bias,
  ]


def _opened(more, how: Sublayer):
  """The bottleneck's weights, and the two dropouts as functions."""
  keys = list(more[4:])
  drops = []
  for rate in (how.rate, how.adapter_rate):
    key = keys.pop(0) if keys and rate else None
    drops.append(functools.partial(_drop, keys=key, rate=rate))
  return more[:4], drops


def _drop(x: tf.Tensor, keys: tf.Tensor | None, rate: float) -> tf.Tensor:
  return x if keys is None else dropout.dropped(x, keys, rate)


def _read(x, h, total, gamma, beta, how: Sublayer) -> tf.Tensor:
  """What the bottleneck reads."""
  if how.z == "normalised":
    return pieces.layer_norm(total, gamma, beta, how.epsilon)
  return h if how.z == "output" else x


def _dense_gradients(x, kernel, upstream):
  """Gradients of x·W + b by x, W and b."""
  inputs, outputs = kernel.shape
  flat, rows = tf.reshape(upstream, [-1, outputs]), tf.reshape(x, [-1, inputs])
  kernel = tf.cast(kernel, upstream.dtype)
  if inputs > outputs:  # the narrow one turned takes half the time
    d_kernel = tf.transpose(tf.linalg.matmul(flat, rows, transpose_a=True))
  else:
    d_kernel = tf.linalg.matmul(rows, flat, transpose_a=True)
  d_x = tf.linalg.matmul(flat, kernel, transpose_b=True)
  return (
    tf.reshape(d_x, x.shape),
    tf.cast(d_kernel, tf.float32),
    tf.cast(tf.reduce_sum(flat, axis=0), tf.float32),
  )


close = fused(_close, gradients=_close_gradients)


def close_by_row(
  x: tf.Tensor,
  h: tf.Tensor,
  norm: pieces.Norm,
  bottlenecks: Sequence[pieces.Bottleneck],
) -> tf.Tensor:
  """LayerNorm(x + h + Σ s·B(z)), op by op and without dropout.

  Of any number of bottlenecks, and with weights of each row of the batch: of
  kernels `[batch, inputs, outputs]`, of vectors `[batch, 1, n]`.
  """
  dtype, x, h = x.dtype, tf.cast(x, tf.float32), tf.cast(h, tf.float32)
  total = x + h
  added = []
  for one in bottlenecks:
    how = Sublayer(one.z, one.activation, one.scale, 0.0, 0.0, norm.epsilon)
    z = _read(x, h, total, norm.gamma, norm.beta, how)
    down, down_bias, up, up_bias = one.kernels
    inner = one.activation(tf.linalg.matmul(z, down) + down_bias)
    added.append(one.scale * (tf.linalg.matmul(inner, up) + up_bias))
  return tf.cast(norm(tf.add_n([total, *added])), dtype)


def bottleneck(
  z: tf.Tensor,
  down_kernel: tf.Tensor,
  down_bias: tf.Tensor,
  up_kernel: tf.Tensor,
  up_bias: tf.Tensor,
  activation: pieces.Activation,
) -> tf.Tensor:
  """act(z·W_down + b_down)·W_up + b_up, in the dtype of `z`."""
  rows = tf.reshape(z, [-1, z.shape[-1]])
  inner = pieces.dense(rows, down_kernel, down_bias, activation)
  return tf.reshape(pieces.dense(inner, up_kernel, up_bias), tf.shape(z))
