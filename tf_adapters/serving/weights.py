# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""All weights of a dtype in one variable, and views of pieces of it.

A function in a SavedModel takes every variable that it reads as an argument.
With one variable a signature is a stub of a few kilobytes, however large the
encoder; with one for each weight 500 tasks would take minutes to load.
"""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

# Bytes in a row of the variable. Whole rows are a view in TensorFlow; what
# begins or ends within one is a copy.
_ROW = 64


class Stack:
  """Arrays of one shape, one for each of several tasks.

  Attributes:
    begin: The variable's row where the first one begins.
    lines: Rows of each.
    shape: Of each.

  Args:
    begin: As above.
    count: How many there are.
    shape: As above.
    width: Numbers in a row of the variable.
  """

  def __init__(
    self, begin: int, count: int, shape: tuple[int, ...], width: int
  ):
    self.begin = begin
    self.lines = -(-math.prod(shape) // width)
    self.shape = tuple(shape)
    self._count = count

  def of_rows(self, numbers: "Numbers", rows: tf.Tensor) -> tf.Tensor:
    """Those of a batch, `[batch, *shape]`, of vectors `[batch, 1, n]`.

    Args:
      numbers: All.
      rows: int32 `[batch]`, numbers of tasks.
    """
    stride = self.lines * numbers.width
    size = math.prod(self.shape)
    table = numbers.slice([self.begin, 0], self._count * self.lines)
    table = tf.reshape(table, numbers.constant((-1, stride)))
    found = tf.gather(table, rows)
    if stride != size:
      found = found[:, :size]
    matrix = (1, *self.shape) if len(self.shape) == 1 else self.shape
    return tf.reshape(found, numbers.constant((-1, *matrix)))


class Numbers:
  """All numbers of an export as one function reads them.

  A server looks at each operation of a function when a signature first runs,
  so what is alike is made once: a piece takes two operations.

  Attributes:
    width: Numbers in a row.

  Args:
    whole: The variable.
  """

  def __init__(self, whole: tf.Variable):
    self._whole = tf.convert_to_tensor(whole)
    self.width = whole.shape[1]
    self._constants: dict[tuple[int, ...], tf.Tensor] = {}

  def constant(self, values: tuple[int, ...]) -> tf.Tensor:
    """int32 `[n]`."""
    if values not in self._constants:
      self._constants[values] = tf.constant(values)
    return self._constants[values]

  def slice(self, begin, lines: int) -> tf.Tensor:
    """Some rows; `begin` is int32 `[2]`, of which the second is 0."""
    return tf.slice(self._whole, begin, self.constant((lines, self.width)))

  def first(self, stacks: Sequence[Stack]) -> "list[Piece]":
    """The first arrays of stacks that lie side by side."""
    begin = stacks[0].begin
    lines = [stack.lines for stack in stacks]
    parts = tf.split(self.slice([begin, 0], sum(lines)), lines)
    return [
      Piece(self, part, stack.shape)
      for part, stack in zip(parts, stacks, strict=True)
    ]

  def at(self, stacks: Sequence[Stack], row: tf.Tensor) -> "list[Piece]":
    """The arrays of one task, whose number is `row`, int32 `[]`."""
    if not stacks:
      return []
    first = tf.constant([[stack.begin, 0] for stack in stacks])
    stride = tf.constant([[stack.lines, 0] for stack in stacks])
    begins = tf.unstack(first + row * stride)
    return [
      Piece(self, self.slice(begin, stack.lines), stack.shape)
      for begin, stack in zip(begins, stacks, strict=True)
    ]


class Piece:
  """An array as rows of the variable.

  Args:
    numbers: It is one of.
    lines: The rows.
    shape: Of the array.
  """

  def __init__(self, numbers: Numbers, lines: tf.Tensor, shape):
    self._numbers = numbers
    self._lines = lines
    self._shape = shape

  def read(self) -> tf.Tensor:
    """The array."""
    found, size = self._lines, math.prod(self._shape)
    if size % self._numbers.width:
      found = tf.reshape(found, self._numbers.constant((-1,)))
      found = tf.slice(
        found, self._numbers.constant((0,)), self._numbers.constant((size,))
      )
    return tf.reshape(found, self._numbers.constant(self._shape))


class Weights:
  """One variable for all arrays that an export holds in one dtype.

  Add all of them, then `make` it, then read.

  Attributes:
    variable: `[rows, numbers in 64 bytes]`; None before `make`.

  Args:
    dtype: Of the variable, to which arrays are rounded.
  """

  def __init__(self, dtype: tf.DType = tf.float32):
    self.variable = None
    self._dtype = dtype
    self._width = _ROW // dtype.size
    self._parts: list[tuple[Stack, Sequence[np.ndarray]]] = []
    self._end = 0

  def add(self, arrays: Sequence[np.ndarray]) -> Stack:
    """A place for arrays of one shape, of a task each."""
    stack = Stack(self._end, len(arrays), arrays[0].shape, self._width)
    self._parts.append((stack, arrays))
    self._end += len(arrays) * stack.lines
    return stack

  def make(self) -> None:
    """Makes the variable of what was added."""
    shape = [self._end, self._width]
    values = np.zeros(shape, self._dtype.as_numpy_dtype)
    flat = values.reshape(-1)
    for stack, arrays in self._parts:
      for index, array in enumerate(arrays):
        begin = (stack.begin + index * stack.lines) * self._width
        flat[begin : begin + array.size] = array.reshape(-1)
    self._parts = []
    self.variable = tf.Variable(values, trainable=False, name="weights")

  def read(self) -> Numbers:
    """All numbers, to be read once in a function."""
    return Numbers(self.variable)
