# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One borrowed Transformer block with a task's adapters in between."""

import dataclasses
import random
from typing import NamedTuple

import tensorflow as tf
import tf_keras

from tf_adapters import config as config_lib
from tf_adapters.modeling import methods
from tf_adapters.modeling import parts as parts_lib
from tf_adapters.modeling.layers import dropout as dropout_lib
from tf_adapters.modeling.layers import kernels
from tf_adapters.modeling.layers.adapter import AdapterLayer


class AdapterBlock(tf_keras.layers.Layer):
  """One borrowed Transformer block with adapters in between.

  Shapes: `[batch, seq, hidden]` in; `[batch, seq or queries, hidden]` out.

  Args:
    block: The weights that the task computes with, but for its adapters;
      read, never assigned to.
    method: Where adapters go.
    config: Their options; `None` leaves the block as it is.
    seed: Seed of the adapters.
    site: Number of this block's first place for dropout.

  Attributes:
    adapters: Layers by sublayer.
    block: All weights that the task computes with.
  """

  def __init__(
    self,
    block: parts_lib.Block,
    method: methods.Method,
    config: config_lib.AdapterConfig | None,
    seed: random.Random,
    site: int,
    **kwargs,
  ):
    super().__init__(**kwargs)
    self._site = site
    self.adapters = {}
    for sublayer in method.sublayers if config else ():
      self.adapters[sublayer] = AdapterLayer(
        size=config.size,
        activation=config.activation or method.activation,
        init_stddev=config.init_stddev,
        dropout=config.dropout,
        scale=method.scale,
        residual=False,
        seed=seed.randrange(1 << 29),
        name=f"{sublayer}_adapter",
        dtype=self.dtype_policy,
      )
      self.adapters[sublayer].build([None, None, block.output.outputs])
    self.block = dataclasses.replace(
      block,
      adapters={
        sublayer: (layer.bottleneck(method.z),)
        for sublayer, layer in self.adapters.items()
      },
    )

  def call(self, x, bias, noise=None, queries=None, block=None, compiled=False):
    """Runs the block.

    Args:
      x: `[batch, seq, hidden]`.
      bias: float32 `[batch, 1, 1 or queries, seq]`, added to the attention
        scores.
      noise: `Noise` in training, else None.
      queries: The positions of `x` to compute, `[batch, queries, hidden]`;
        None: all.
      block: Weights to compute with in the place of `self.block`.
      compiled: Whether XLA compiles what lies between products.
    """
    run = _Run(block or self.block, noise, compiled)
    kept = x if queries is None else queries
    a = self._attention(run, kept, x, bias)
    h = self._close(run, "attention", kept, a)
    return self._close(run, "output", h, run.block.output(run.intermediate(h)))

  def _attention(self, run, queries, x, bias):
    """Multi-head self-attention of `queries` over `x`, with its projection."""
    block = run.block
    if block.query_key_value is None or queries is not x:
      query, key, value = (
        _heads(linear(tokens), 1, block.num_heads)[0]
        for linear, tokens in (
          (block.query, queries), (block.key, x), (block.value, x)
        )
      )
    else:
      query, key, value = tf.unstack(
        _heads(block.query_key_value(x), 3, block.num_heads)
      )
    if block.prefix is not None:
      key, value, bias = block.prefix.before(key, value, bias)
    scores = tf.linalg.matmul(query, key, transpose_b=True)
    shares = run.probabilities(scores, bias, query.shape[-1], self._site)
    mixed = tf.transpose(tf.linalg.matmul(shares, value), [0, 2, 1, 3])
    shape = tf.shape(mixed)
    return block.attention_output(
      tf.reshape(mixed, [shape[0], shape[1], block.attention_output.inputs])
    )

  def _close(self, run, sublayer, x, h):
    """Y = LN(x + h + s·B(z)), with h and B(z) after their dropouts."""
    place = self._site + {"attention": 1, "output": 3}[sublayer]
    rate = getattr(run.block, f"{sublayer}_dropout")
    norm = getattr(run.block, f"{sublayer}_norm")
    adapters = run.block.adapters.get(sublayer, ())
    h = run.dropout(h, rate, place)
    if len(adapters) > 1 or adapters and adapters[0].by_row:
      return kernels.close_by_row(x, h, norm, adapters)
    added = [
      run.dropout(
        run.bottleneck(adapter, run.read(adapter.z, x, h, norm)),
        adapter.dropout,
        place + 1,
      )
      for adapter in adapters
    ]
    return run.normalise(norm, x, h, *added)


class _Run(NamedTuple):
  """One forward pass: whose weights, which noise, and how."""

  block: parts_lib.Block
  noise: dropout_lib.Noise | None
  compiled: bool

  def keys(self, site, x):
    return dropout_lib.row_keys(self.noise, site, tf.shape(x)[0])

  def dropout(self, x, rate, site):
    return dropout_lib.dropout(x, rate, self.noise, site, self.compiled)

  def intermediate(self, h):
    """The feed-forward sublayer up to its activation."""
    block = self.block
    return block.intermediate(h, self._activation(block.activation))

  def bottleneck(self, adapter, z):
    """s·B(z) before its dropout, `[batch, seq, hidden]`, in the dtype of `z`.

    Its products stay outside the kernels around it: XLA multiplies several
    times slower than TensorFlow.
    """
    activation = self._activation(adapter.activation)
    added = kernels.bottleneck(z, *adapter.kernels, activation)
    return tf.cast(adapter.scale, added.dtype) * added

  def read(self, z, x, h, norm):
    """What a bottleneck reads, in the dtype of `x`; see `methods.Method`."""
    if z == "normalised":
      return self.normalise(norm, x, h)
    return tf.cast(h, x.dtype) if z == "output" else x

  def normalise(self, norm, first, *others):
    return normalise(
      norm,
      first,
      *others,
      compiled=self.compiled,
      keep=self.noise is not None,
    )

  def _activation(self, function):
    """`function`, in training with a backward pass of its own."""
    if self.noise is None:
      return function  # what follows a product at once becomes part of it

    def activate(y):
      return kernels.activate(
        y,
        activation=function,
        compiled=self.compiled,
        # In float32 XLA takes longer for both than for one after the other.
        keep=y.dtype == tf.bfloat16,
      )

    return activate

  def probabilities(self, scores, bias, width, site):
    rate, keys = self.block.probabilities_dropout, []
    if self.noise is not None and rate:
      keys = [self.keys(site, scores)]
    return kernels.probabilities(
      scores,
      bias,
      *keys,
      scale=width**-0.5,
      rate=rate,
      compiled=self.compiled,
      wrt=(0,),
      keep=self.compiled,
    )


def normalise(norm, first, *others, compiled, keep=False):
  """LN(first + others) by a borrowed or by the task's own LayerNorm.

  With `keep` the backward pass is the shorter for it.
  """
  terms = (0, *range(3, 3 + len(others)))
  trained = (1, 2) if norm.trains else ()
  return kernels.norm_of_sum(
    first,
    norm.gamma,
    norm.beta,
    *others,
    epsilon=norm.epsilon,
    compiled=compiled,
    wrt=(*terms, *trained),
    keep=keep,
  )


def _heads(x, count, heads):
  """`[batch, seq, count · hidden]` cut up by heads.

  Returns:
    `[count, batch, heads, seq, hidden / heads]`.
  """
  shape = tf.shape(x)
  width = x.shape[-1] // count // heads
  x = tf.reshape(x, [shape[0], shape[1], count, heads, width])
  return tf.transpose(x, [2, 0, 3, 1, 4])
