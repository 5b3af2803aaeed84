# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Dropout whose every decision has an address, so that any run repeats.

The random bits of one example at one place of the network are a function of
(seed, step, site, row of the global batch) alone. A run that was killed and
resumed, a run compiled by XLA and one that is not, and a batch cut over
several replicas all drop the same units.

Philox, a counter-based generator, turns the address of a row into a key of 64
bits; a hash of the key and of an element's number makes the element's bits.
The hash is nothing but a few integer operations on the element, so it is
computed where it is used and again in the backward pass, and nothing is kept.
"""

from typing import NamedTuple

import tensorflow as tf

from tf_adapters.modeling.fused import fused

_PHILOX = 1  # tf.random.Algorithm.PHILOX, as the raw op takes it
_RESOLUTION = 1 << 32  # a decision takes 32 random bits
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
  x: tf.Tensor,
  rate: float,
  noise: Noise | None,
  site: int,
  compiled: bool = False,
) -> tf.Tensor:
  """Zeroes a share `rate` of `x` and scales the rest by 1 / (1 - rate).

  Args:
    x: `[batch, ...]`, static but for the batch and the sequence.
    rate: In steps of 2**-32.
    noise: The step's address; None returns `x` as it is (no training).
    site: Number of the place in the network, below 1024.
    compiled: Whether XLA makes one kernel of it.

  Returns:
    A tensor like `x`.
  """
  if noise is None or not threshold(rate):
    return x
  keys = row_keys(noise, site, tf.shape(x)[0])
  return drop(x, keys, rate=rate, compiled=compiled, wrt=(0,))


def row_keys(noise: Noise, site: int, rows: tf.Tensor) -> tf.Tensor:
  """uint32 `[rows, 2]`: the first half of Philox's block of each row."""
  words = tf.raw_ops.StatelessRandomUniformFullIntV2(
    shape=[rows * 4],
    key=tf.cast(noise.seed[None], tf.uint64),
    counter=tf.cast(
      tf.stack([noise.row, noise.step * _SITES + site]), tf.uint64
    ),
    alg=_PHILOX,
    dtype=tf.uint32,
  )
  return tf.reshape(words, [rows, 4])[:, :2]


def threshold(rate: float) -> int:
  """Bits below it drop their unit."""
  return round(rate * _RESOLUTION)


def dropped(x: tf.Tensor, keys: tf.Tensor, rate: float) -> tf.Tensor:
  """`x` `[rows, ...]` after dropout by the rows' keys `[rows, 2]`."""
  least = threshold(rate)
  keep = tf.reshape(_bits(x, keys), tf.shape(x)) >= tf.constant(
    least, tf.uint32
  )
  scale = tf.constant(_RESOLUTION / (_RESOLUTION - least), x.dtype)
  return tf.where(keep, x * scale, tf.zeros_like(x))


drop = fused(dropped)


def _bits(x: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
  """uint32 `[rows, elements of a row]`: mix(mix(i + key 0) ^ key 1)."""
  elements = tf.range(tf.reduce_prod(tf.shape(x)[1:]))  # rows may be 0
  numbers = tf.bitcast(elements, tf.uint32)[None]
  return _mix(
    tf.bitwise.bitwise_xor(_mix(numbers + keys[:, :1]), keys[:, 1:])
  )


def _mix(x: tf.Tensor) -> tf.Tensor:
  """A bijection of 32 bits that flips each bit of the result evenly.

  Constants by C. Wellons, "Prospecting for Hash Functions" (2018),
  `lowbias32`.
  """
  for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
    x = _fold(x, shift) * tf.constant(factor, tf.uint32)
  return _fold(x, 16)


def _fold(x: tf.Tensor, shift: int) -> tf.Tensor:
  return tf.bitwise.bitwise_xor(
    x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint32))
  )
