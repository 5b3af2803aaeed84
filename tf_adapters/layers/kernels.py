# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a Transformer block does between its matrix products.

All compute in float32 and return the dtype of their first tensor.
"""

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tf_adapters import parts
from tf_adapters.fused import fused
from tf_adapters.layers import dropout


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


@fused
def activate(
  x: tf.Tensor, *, activation: Callable[[tf.Tensor], tf.Tensor]
) -> tf.Tensor:
  """activation(x)."""
  return tf.cast(activation(tf.cast(x, tf.float32)), x.dtype)


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
    parts.layer_norm(total, gamma, beta, epsilon), first.dtype
  )


class Sublayer(NamedTuple):
  """How a sublayer ends; see `tf_adapters.methods.Method`.

  Attributes:
    z: What the bottleneck reads: `output`, `normalised` or `input`.
    activation: Of the bottleneck.
    scale: Factor of what it adds.
    rate: Of dropout on the sublayer's output.
    adapter_rate: Of dropout on the bottleneck's output.
    epsilon: Of the LayerNorm.
  """

  z: str
  activation: Callable[[tf.Tensor], tf.Tensor]
  scale: float
  rate: float
  adapter_rate: float
  epsilon: float


@fused
def close(
  x: tf.Tensor,
  h: tf.Tensor,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  *more: tf.Tensor,
  how: Sublayer,
) -> tf.Tensor:
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
  """
  weights, keys = more[:4], list(more[4:])
  h = tf.cast(h, tf.float32)
  if keys and how.rate:
    h = dropout.dropped(h, keys.pop(0), how.rate)
  total = tf.cast(x, tf.float32) + h
  if how.z == "output":
    z = h
  elif how.z == "input":
    z = x
  else:
    z = parts.layer_norm(total, gamma, beta, how.epsilon)
  added = bottleneck(tf.cast(z, x.dtype), *weights, how.activation)
  added = tf.cast(added, tf.float32)
  if keys:
    added = dropout.dropped(added, keys.pop(), how.adapter_rate)
  total = total + how.scale * added
  return tf.cast(
    parts.layer_norm(total, gamma, beta, how.epsilon), x.dtype
  )


def bottleneck(
  z: tf.Tensor,
  down_kernel: tf.Tensor,
  down_bias: tf.Tensor,
  up_kernel: tf.Tensor,
  up_bias: tf.Tensor,
  activation: Callable[[tf.Tensor], tf.Tensor],
) -> tf.Tensor:
  """act(z·W_down + b_down)·W_up + b_up, in the dtype of `z`."""
  inner = activation(parts.dense(z, down_kernel, down_bias))
  return parts.dense(inner, up_kernel, up_bias)
