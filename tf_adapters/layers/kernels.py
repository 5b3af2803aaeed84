# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a Transformer block does between its matrix products.

All compute in float32 and return the dtype of their first tensor.
"""

from collections.abc import Callable

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
