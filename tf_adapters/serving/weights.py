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

  Attributes:
    shape: Of each.
  """

  def __init__(self, weights: "Weights", begin: int, count: int, shape):
    self._weights = weights
    self._begin = begin
    self._count = count
    self.shape = tuple(shape)

  def one(self, row: tf.Tensor) -> tf.Tensor:
    """That of one task, `shape`; `row` is int32 `[]`."""
    return tf.reshape(self._table()[row][: self._size], self.shape)

  def of_rows(self, rows: tf.Tensor) -> tf.Tensor:
    """Those of a batch, `[batch, *shape]`, of vectors `[batch, 1, n]`.

    Args:
      rows: int32 `[batch]`.
    """
    found = tf.gather(self._table(), rows)[:, : self._size]
    matrix = (1, *self.shape) if len(self.shape) == 1 else self.shape
    return tf.reshape(found, [-1, *matrix])

  def _table(self) -> tf.Tensor:
    """All of them, `[tasks, numbers]`."""
    stride = _padded(self._size)
    size = self._count * stride
    view = self._weights.variable[self._begin : self._begin + size]
    return tf.reshape(view, [self._count, stride])

  @property
  def _size(self) -> int:
    return math.prod(self.shape)


class Weights(tf.Module):
  """One variable for all arrays that an export holds.

  Add all of them, then `make` it, then read.

  Attributes:
    variable: float32 `[numbers]`; None before `make`.
  """

  def __init__(self):
    super().__init__(name="weights")
    self.variable = None
    self._parts: list[Sequence[np.ndarray]] = []
    self._end = 0

  def add(self, arrays: Sequence[np.ndarray]) -> Stack:
    """A place for arrays of one shape, of a task each."""
    shape = arrays[0].shape
    stack = Stack(self, self._end, len(arrays), shape)
    self._parts.append(arrays)
    self._end += len(arrays) * _padded(math.prod(shape))
    return stack

  def make(self) -> None:
    """Makes the variable of what was added."""
    values = np.zeros([self._end], np.float32)
    begin = 0
    for arrays in self._parts:
      for array in arrays:
        values[begin : begin + array.size] = array.reshape(-1)
        begin += _padded(array.size)
    self._parts.clear()
    self.variable = tf.Variable(values, trainable=False, name="weights")


def _padded(size: int) -> int:
  return -(-size // _ALIGNED) * _ALIGNED
