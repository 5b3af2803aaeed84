# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""All weights of an export in one variable, and views of pieces of it.

A function in a SavedModel takes every variable that it reads as an argument.
With one variable a signature is a stub of a few kilobytes, however large the
encoder; with one for each weight 500 tasks would take minutes to load.
"""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# Numbers. A slice that begins and ends at multiples of 64 bytes is a view in
# TensorFlow; any other is a copy.
_ALIGNED = 16


class Stack:
  """Arrays of one shape, one for each of several tasks.

  Args:
    begin: Where in the variable the first one is.
    count: How many there are.
    shape: Of each.
  """

  def __init__(self, begin: int, count: int, shape: tuple[int, ...]):
    self._begin = begin
    self._count = count
    self._shape = shape
    self._size = math.prod(shape)
    self._stride = padded(self._size)

  def one(self, flat: tf.Tensor, row: tf.Tensor | int) -> tf.Tensor:
    """That of one task, of this shape.

    Args:
      flat: What `Weights.read` gave.
      row: int64 `[]`.
    """
    begin = tf.reshape(self._begin + row * self._stride, [1])
    found = tf.slice(flat, tf.cast(begin, tf.int64), [self._stride])
    if self._stride != self._size:
      found = found[: self._size]
    return tf.reshape(found, self._shape)

  def of_rows(self, flat: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Those of a batch, `[batch, *shape]`, of vectors `[batch, 1, n]`.

    Args:
      flat: What `Weights.read` gave.
      rows: int32 `[batch]`.
    """
    size = self._count * self._stride
    begin = tf.constant([self._begin], tf.int64)
    table = tf.reshape(tf.slice(flat, begin, [size]), [-1, self._stride])
    found = tf.gather(table, rows)
    if self._stride != self._size:
      found = found[:, : self._size]
    matrix = (1, *self._shape) if len(self._shape) == 1 else self._shape
    return tf.reshape(found, [-1, *matrix])


class Weights:
  """One variable for all arrays that an export holds.

  Add all of them, then `make` it, then read.

  Attributes:
    variable: float32 `[numbers]`; None before `make`.
  """

  def __init__(self):
    self.variable = None
    self._parts: list[Sequence[np.ndarray]] = []
    self._end = 0

  def add(self, arrays: Sequence[np.ndarray]) -> Stack:
    """A place for arrays of one shape, of a task each."""
    shape = arrays[0].shape
    stack = Stack(self._end, len(arrays), shape)
    self._parts.append(arrays)
    self._end += len(arrays) * padded(math.prod(shape))
    return stack

  def make(self) -> None:
    """Makes the variable of what was added."""
    values = np.zeros([self._end], np.float32)
    begin = 0
    for arrays in self._parts:
      for array in arrays:
        values[begin : begin + array.size] = array.reshape(-1)
        begin += padded(array.size)
    self._parts = []
    self.variable = tf.Variable(values, trainable=False, name="weights")

  def read(self) -> tf.Tensor:
    """All numbers, to be read once in a function."""
    return tf.convert_to_tensor(self.variable)


def padded(size: int) -> int:
  """The next multiple at which a view may begin."""
  return -(-size // _ALIGNED) * _ALIGNED
