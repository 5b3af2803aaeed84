# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One borrowed Transformer block with a task's adapters in between."""

import random

import tensorflow as tf
import tf_keras

from tf_adapters import config as config_lib
from tf_adapters import methods
from tf_adapters import parts as parts_lib
from tf_adapters.layers.adapter import AdapterLayer
from tf_adapters.layers.copies import NormCopy
from tf_adapters.layers.dropout import dropout


class AdapterBlock(tf_keras.layers.Layer):
  """One borrowed Transformer block with adapters in between.

  Shapes: `[batch, seq, hidden]` in; `[batch, seq or output_range, hidden]`
  out.

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

  def call(self, x, bias, noise=None, output_range=None):
    """Runs the block.

    Args:
      x: `[batch, seq, hidden]`.
      bias: `[batch, 1, 1 or seq, seq]`, added to the attention scores.
      noise: `Noise` in training, else None.
      output_range: How many positions to compute, from the first; None: all.
    """
    block = self._block
    kept = x if output_range is None else x[:, :output_range]
    a = self._attention(kept, x, bias, noise)
    a = dropout(a, block.attention_dropout, noise, self._site + 1)
    h = self._close("attention", kept, a, self.attention_norm, noise)
    f = block.output(block.activation(block.intermediate(h)))
    f = dropout(f, block.output_dropout, noise, self._site + 3)
    return self._close("output", h, f, self.output_norm, noise)

  def _attention(self, queries, x, bias, noise):
    """Multi-head self-attention of `queries` over `x`, with its projection."""
    block = self._block
    query = self._split(block.query(queries))  # [batch, queries, heads, width]
    key = self._split(block.key(x))  # [batch, seq, heads, width]
    value = self._split(block.value(x))
    query = query * tf.cast(query.shape[-1] ** -0.5, query.dtype)
    scores = tf.einsum("bqhw,bkhw->bhqk", query, key)
    probabilities = tf.nn.softmax(tf.cast(scores, tf.float32) + bias)
    probabilities = dropout(
      probabilities, block.probabilities_dropout, noise, self._site
    )
    probabilities = tf.cast(probabilities, value.dtype)
    mixed = tf.einsum("bhqk,bkhw->bqhw", probabilities, value)
    shape = tf.shape(mixed)
    return block.attention_output(
      tf.reshape(mixed, [shape[0], shape[1], block.attention_output.inputs])
    )

  def _split(self, x):
    shape = tf.shape(x)
    heads = self._block.num_heads
    return tf.reshape(x, [shape[0], shape[1], heads, x.shape[-1] // heads])

  def _close(self, sublayer, x, h, norm, noise):
    """Y = LN(x + h + s·B(z))."""
    total = x + h
    if sublayer in self.adapters:
      z = {
        "output": lambda: h,
        "normalised": lambda: tf.cast(norm(total), h.dtype),
        "input": lambda: x,
      }[self._method.z]()
      site = self._site + {"attention": 2, "output": 4}[sublayer]
      total = total + self.adapters[sublayer](
        z, training=noise is not None, noise=noise, site=site
      )
    return tf.cast(norm(total), x.dtype)
