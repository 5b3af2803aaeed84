# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Dropout whose every decision has an address, so that any run repeats.

The random bits come from Philox, a counter-based generator: the bits of one
example at one place of the network are a function of (seed, step, site, row
of the global batch) alone. A run that was killed and resumed, a run compiled
by XLA and one that is not, and a batch cut over several replicas all drop the
same units.
"""

from typing import NamedTuple

import tensorflow as tf

_PHILOX = 1  # tf.random.Algorithm.PHILOX, as the raw op takes it
_RESOLUTION = 1 << 16  # a decision takes 16 random bits
_SITES = 1 << 10


class Noise(NamedTuple):
  """Where in a run a training step stands.

  Attributes:
    seed: int64 scalar.
    step: int64 scalar, the number of the training step.
    row: int64 scalar, the first row of this replica in the global batch.
  """

  seed: tf.Tensor
  step: tf.Tensor
  row: tf.Tensor


def noise(seed: int, step: tf.Tensor, row: tf.Tensor | int = 0) -> Noise:
  """Makes a `Noise`; every argument is a scalar integer."""
  return Noise(
    tf.cast(seed, tf.int64), tf.cast(step, tf.int64), tf.cast(row, tf.int64)
  )


def fresh_noise() -> Noise:
  """Noise of a random step, from TensorFlow's own stateful generator."""
  drawn = tf.random.uniform([2], maxval=tf.int64.max, dtype=tf.int64)
  # 2**48 steps leave room for the sites in one 64-bit counter word.
  return Noise(drawn[0], drawn[1] % (1 << 48), tf.constant(0, tf.int64))


def dropout(
  x: tf.Tensor, rate: float, noise: Noise | None, site: int
) -> tf.Tensor:
  """Zeroes a share `rate` of `x` and scales the rest by 1 / (1 - rate).

  Args:
    x: `[batch, ...]`, static but for the batch and the sequence.
    rate: In steps of 2**-16.
    noise: The step's address; None returns `x` as it is (no training).
    site: Number of the place in the network, below 1024.

  Returns:
    A tensor like `x`.
  """
  threshold = round(rate * _RESOLUTION)
  if noise is None or threshold == 0:
    return x
  keep = _bits(tf.shape(x), noise, site) >= tf.constant(threshold, tf.uint16)
  scale = tf.constant(_RESOLUTION / (_RESOLUTION - threshold), x.dtype)
  return tf.where(tf.reshape(keep, tf.shape(x)), x * scale, tf.zeros_like(x))


def _bits(shape: tf.Tensor, noise: Noise, site: int) -> tf.Tensor:
  """uint16 random bits `[batch, elements of a row]`."""
  elements = tf.reduce_prod(shape[1:])
  blocks = (elements + 7) // 8  # one counter value yields 128 bits
  first = noise.row * tf.cast(blocks, tf.int64)
  counter = tf.stack([first, noise.step * _SITES + site])
  words = tf.raw_ops.StatelessRandomUniformFullIntV2(
    shape=[shape[0], blocks * 4],
    key=tf.cast(noise.seed[None], tf.uint64),
    counter=tf.cast(counter, tf.uint64),
    alg=_PHILOX,
    dtype=tf.uint32,
  )
  halves = tf.reshape(tf.bitcast(words, tf.uint16), [shape[0], blocks * 8])
  return halves[:, :elements]
