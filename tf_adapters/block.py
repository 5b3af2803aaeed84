# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One borrowed Transformer block with a task's adapters in between."""

import random
from typing import NamedTuple

import tensorflow as tf
import tf_keras

from tf_adapters import config as config_lib
from tf_adapters import methods
from tf_adapters import parts as parts_lib
from tf_adapters.layers import dropout as dropout_lib
from tf_adapters.layers import kernels
from tf_adapters.layers.adapter import AdapterLayer
from tf_adapters.layers.copies import NormCopy


class AdapterBlock(tf_keras.layers.Layer):
  """One borrowed Transformer block with adapters in between.

  Shapes: `[batch, seq, hidden]` in; `[batch, seq or queries, hidden]` out.

  Args:
    block: The borrowed weights; read, never assigned to.
    method: Where adapters go.
    config: Their options; `None` leaves the block as it is.
    seed: Seed of the adapters.
    site: Number of this block's first place for dropout.
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
    self._block = block
    self._method = method
    self._site = site
    self.adapters = {}
    self.attention_norm = block.attention_norm
    self.output_norm = block.output_norm
    if config is None:
      return
    for sublayer in method.sublayers:
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
    if methods.trains_layer_norm(config):
      self.attention_norm = NormCopy(self.attention_norm, name="attention_norm")
      self.output_norm = NormCopy(self.output_norm, name="output_norm")

  def call(self, x, bias, noise=None, queries=None, low=None, compiled=False):
    """Runs the block.

    Args:
      x: `[batch, seq, hidden]`.
      bias: float32 `[batch, 1, 1 or queries, seq]`, added to the attention
        scores.
      noise: `Noise` in training, else None.
      queries: The positions of `x` to compute, `[batch, queries, hidden]`;
        None: all.
      low: The borrowed weights in low precision; None: as they are.
      compiled: Whether XLA compiles what lies between products.
    """
    run = _Run(low or self._block, noise, compiled)
    kept = x if queries is None else queries
    a = self._attention(run, kept, x, bias)
    a = run.dropout(a, run.block.attention_dropout, self._site + 1)
    h = self._close(run, "attention", kept, a, self.attention_norm)
    f = kernels.activate(
      run.block.intermediate(h),
      activation=run.block.activation,
      compiled=compiled,
    )
    f = run.dropout(
      run.block.output(f), run.block.output_dropout, self._site + 3
    )
    return self._close(run, "output", h, f, self.output_norm)

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
    scores = tf.linalg.matmul(query, key, transpose_b=True)
    shares = run.probabilities(scores, bias, query.shape[-1], self._site)
    mixed = tf.transpose(tf.linalg.matmul(shares, value), [0, 2, 1, 3])
    shape = tf.shape(mixed)
    return block.attention_output(
      tf.reshape(mixed, [shape[0], shape[1], block.attention_output.inputs])
    )

  def _close(self, run, sublayer, x, h, norm):
    """Y = LN(x + h + s·B(z))."""
    terms = [h]
    if sublayer in self.adapters:
      z = {
        "output": lambda: h,
        "normalised": lambda: run.norm_of_sum(norm, x, h),
        "input": lambda: x,
      }[self._method.z]()
      site = self._site + {"attention": 2, "output": 4}[sublayer]
      terms.append(
        self.adapters[sublayer](
          tf.cast(z, h.dtype),
          training=run.noise is not None,
          noise=run.noise,
          site=site,
          compiled=run.compiled,
        )
      )
    return run.norm_of_sum(norm, x, *terms)


class _Run(NamedTuple):
  """One forward pass: whose weights, which noise, and how."""

  block: parts_lib.Block
  noise: dropout_lib.Noise | None
  compiled: bool

  def dropout(self, x, rate, site):
    return dropout_lib.dropout(x, rate, self.noise, site, self.compiled)

  def probabilities(self, scores, bias, width, site):
    rate, keys = self.block.probabilities_dropout, []
    if self.noise is not None and rate:
      keys = [dropout_lib.row_keys(self.noise, site, tf.shape(scores)[0])]
    return kernels.probabilities(
      scores,
      bias,
      *keys,
      scale=width**-0.5,
      rate=rate,
      compiled=self.compiled,
      wrt=(0,),
    )

  def norm_of_sum(self, norm, first, *others):
    return normalise(norm, first, *others, compiled=self.compiled)


def normalise(norm, first, *others, compiled):
  """LN(first + others) by a borrowed or by the task's own LayerNorm."""
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
