# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a Transformer block does between its matrix products.

All compute in float32 and return the dtype of their first tensor.
"""

import functools
from collections.abc import Callable
from collections.abc import Sequence

import tensorflow as tf

from tf_adapters.modeling import pieces
from tf_adapters.modeling.fused import fused
from tf_adapters.modeling.layers import dropout


def _probabilities(
  scores: tf.Tensor,
  bias: tf.Tensor,
  *keys: tf.Tensor,
  scale: float,
  rate: float = 0.0,
  keep: bool = False,
) -> tf.Tensor | tuple[tf.Tensor, ...]:
  """Dropout(softmax(scale · scores + bias)).

  Args:
    scores: `[batch, heads, queries, seq]`.
    bias: float32 `[batch, 1, 1 or queries, seq]`.
    *keys: Of the dropout, uint32 `[batch, 2]`; none: no dropout.
    scale: Factor.
    rate: Of the dropout.
    keep: Whether to return what `_probabilities_gradients` takes as well.
  """
  logits = tf.cast(scores, tf.float32) * scale + bias
  if keep:
    most = _across(tf.maximum, tf.reduce_max, logits)
    powers = tf.exp(logits - most)
    total = _across(tf.add, tf.reduce_sum, powers)
    shares = powers / total
  else:
    shares = tf.nn.softmax(logits)
  if keys:
    shares = dropout.dropped(shares, keys[0], rate)
  shares = tf.cast(shares, scores.dtype)
  return (shares, most, total) if keep else shares


def _probabilities_gradients(
  tensors, kept, upstream, *, scale: float, rate: float = 0.0
):
  """Scale · (upstream ∘ shares - softmax · Σ upstream ∘ shares).

  The shares are those after dropout, so that it is not computed again; the
  softmax before it comes from the scores and its two sums.
  """
  del rate
  scores, bias, *_ = tensors
  shares, most, total = kept
  logits = tf.cast(scores, tf.float32) * scale + bias
  sums = _across(tf.add, tf.reduce_sum, upstream, shares)
  upstream, shares = (tf.cast(x, tf.float32) for x in (upstream, shares))
  slope = upstream * shares - tf.exp(logits - most) * (sums / total)
  return [tf.cast(scale * slope, scores.dtype)]


def _across(
  merge: Callable, reduce: Callable, *factors: tf.Tensor, axis: int = -1
) -> tf.Tensor:
  """Reduces the product of `factors` over a dimension, kept as 1.

  XLA walks along the last dimension number by number, and jumps through memory
  along others. Parts of it that are first merged with one another take all
  lanes of the processor, in memory's order. The factors are cut before they are
  multiplied: of a product that is read as a whole, too, XLA would keep a copy.
  """
  parts = _parts(factors[0].shape[axis], 16 if axis == -1 else 1)
  cut = (tf.split(tf.cast(x, tf.float32), parts, axis) for x in factors)
  products = (
    functools.reduce(tf.multiply, some) for some in zip(*cut, strict=True)
  )
  return reduce(functools.reduce(merge, products), axis=axis, keepdims=True)


def _parts(width: int | None, least: int) -> int:
  """The most equal parts up to 10, none narrower than `least`."""
  if width is None:
    return 1
  return max(
    parts
    for parts in range(1, 11)
    if parts == 1 or width % parts == 0 and width // parts >= least
  )


probabilities = fused(
  _probabilities, gradients=_probabilities_gradients, reads_output=True
)


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


def _norm_of_sum(
  first: tf.Tensor,
  gamma: tf.Tensor,
  beta: tf.Tensor,
  *others: tf.Tensor,
  epsilon: float,
  keep: bool = False,
) -> tf.Tensor | tuple[tf.Tensor, ...]:
  """LayerNorm(first + others), `[..., hidden]`.

  With `keep` what `_norm_of_sum_gradients` takes as well.
  """
  total = tf.cast(first, tf.float32)
  for other in others:
    total = total + tf.cast(other, tf.float32)
  if not keep:
    return tf.cast(
      pieces.layer_norm(total, gamma, beta, epsilon), first.dtype
    )
  centred = total - _mean(total)
  deviation = tf.math.rsqrt(_mean(centred, centred) + epsilon)
  unit = centred * deviation
  output = tf.cast(unit * gamma + beta, first.dtype)
  return output, tf.cast(unit, first.dtype), deviation


def _norm_of_sum_gradients(tensors, kept, upstream, *, epsilon: float):
  """Those of the LayerNorm, without computing its sums again."""
  del epsilon
  first, gamma, _, *others = tensors
  unit, deviation = kept
  unit, upstream = (tf.cast(x, tf.float32) for x in (unit, upstream))
  d_unit = upstream * gamma
  d_total = deviation * (
    d_unit - _mean(d_unit) - unit * _mean(d_unit, unit)
  )
  d_gamma, d_beta = _sum_of_rows(upstream, unit), _sum_of_rows(upstream)
  d_first, *d_others = (tf.cast(d_total, x.dtype) for x in (first, *others))
  return [d_first, d_gamma, d_beta, *d_others]


def _mean(*factors: tf.Tensor) -> tf.Tensor:
  """Of the product of `factors`, over their last dimension, kept as 1."""
  return _across(tf.add, tf.reduce_sum, *factors) / factors[0].shape[-1]


def _sum_of_rows(*factors: tf.Tensor) -> tf.Tensor:
  """Of the product of `factors`, `[..., width]` to `[width]`."""
  rows = (tf.reshape(x, [-1, x.shape[-1]]) for x in factors)
  return _across(tf.add, tf.reduce_sum, *rows, axis=0)[0]


norm_of_sum = fused(_norm_of_sum, gradients=_norm_of_sum_gradients)


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
    z = {"output": h, "input": x, "normalised": total}[one.z]
    z = norm(z) if one.z == "normalised" else z
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
