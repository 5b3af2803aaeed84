# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Nested lists to tensors of the C API, and back."""

import array
import contextlib
import ctypes
import math
from collections.abc import Sequence
from typing import Any

from .library import DIM
from .library import INVALID_ARGUMENT
from .library import UNIMPLEMENTED
from .library import Library
from .library import Refused

# Numbers of types.proto; `array` has a letter for all but strings.
STRING, BOOL = 7, 10
_LETTERS = {1: "f", 2: "d", 3: "i", 4: "B", 5: "h", 6: "b", 9: "q", BOOL: "B"}
_STRING_SIZE = 24  # bytes of a TF_TString


def make(
  c: Library, name: str, values: Any, dtype: int, made: contextlib.ExitStack
) -> int:
  """A tensor of nested lists; `made` frees it.

  Args:
    c: The C API.
    name: The input's, for errors.
    values: Numbers, or str and bytes, in lists of equal lengths.
    dtype: Number of types.proto.
    made: What frees it.

  Raises:
    Refused: if the values are not of that type, or their lists ragged.
  """
  shape, flat = _flatten(name, values)
  try:
    raw = _strings(flat) if dtype == STRING else _numbers(flat, dtype)
  except (TypeError, ValueError, OverflowError) as error:
    words = f"the input {name!r} is not of its type ({error})"
    raise Refused(INVALID_ARGUMENT, words) from None
  size = _STRING_SIZE if dtype == STRING else raw.itemsize
  tensor = c.TF_AllocateTensor(
    dtype, (DIM * len(shape))(*shape), len(shape), size * len(raw)
  )
  made.callback(c.TF_DeleteTensor, tensor)
  place = c.TF_TensorData(tensor)
  if dtype == STRING:
    _write_strings(c, place, raw, made)
  elif raw:
    ctypes.memmove(place, raw.tobytes(), size * len(raw))
  return tensor


def read(c: Library, tensor: int, text: bool) -> Any:
  """Nested lists of a tensor's values, or one value.

  Args:
    c: The C API.
    tensor: It stays whose it was.
    text: Whether strings become str, what is no UTF-8 in them replaced.

  Raises:
    Refused: for types that are neither strings nor numbers of Python.
  """
  shape = [c.TF_Dim(tensor, axis) for axis in range(c.TF_NumDims(tensor))]
  count, dtype = math.prod(shape), c.TF_TensorType(tensor)
  if dtype != STRING and dtype not in _LETTERS:
    raise Refused(UNIMPLEMENTED, f"values of the type number {dtype}")
  place = c.TF_TensorData(tensor) if count else 0
  if dtype == STRING:
    flat = _read_strings(c, place, count)
    flat = [raw.decode("utf-8", "replace") for raw in flat] if text else flat
  else:
    values = array.array(_LETTERS[dtype])
    values.frombytes(ctypes.string_at(place, values.itemsize * count))
    flat = values.tolist()
    flat = [value != 0 for value in flat] if dtype == BOOL else flat
  return _nest(flat, shape)


def _flatten(name: str, values: Any) -> tuple[list[int], list]:
  """Shape and values, the last axis fastest."""
  shape: list[int] = []
  flat = [values]
  while flat and isinstance(flat[0], list | tuple):
    sizes = {len(v) if isinstance(v, list | tuple) else -1 for v in flat}
    if len(sizes) > 1:
      words = f"the input {name!r} has lists of different lengths"
      raise Refused(INVALID_ARGUMENT, words)
    shape.append(sizes.pop())
    flat = [value for inner in flat for value in inner]
  return shape, flat


def _nest(flat: list, shape: Sequence[int]) -> Any:
  if not shape:
    return flat[0]
  for axis in range(len(shape) - 1, 0, -1):
    size, rows = shape[axis], math.prod(shape[:axis])
    flat = [flat[row * size : (row + 1) * size] for row in range(rows)]
  return flat


def _numbers(flat: list, dtype: int) -> array.array:
  if dtype not in _LETTERS:
    raise TypeError(f"which has the number {dtype}, not known here")
  return array.array(_LETTERS[dtype], flat)


def _strings(flat: list) -> list[bytes]:
  return [
    value.encode("utf-8") if isinstance(value, str) else _bytes(value)
    for value in flat
  ]


def _bytes(value: Any) -> bytes:
  if not isinstance(value, bytes):
    raise TypeError(f"{value!r} is no string")
  return value


def _write_strings(
  c: Library, place: int, raw: list[bytes], made: contextlib.ExitStack
) -> None:
  places = [place + _STRING_SIZE * index for index in range(len(raw))]
  for string, value in zip(places, raw, strict=True):
    c.TF_StringInit(string)
    c.TF_StringCopy(string, value, len(value))

  def free() -> None:  # which deleting the tensor does not do
    for string in places:
      c.TF_StringDealloc(string)

  made.callback(free)


def _read_strings(c: Library, place: int, count: int) -> list[bytes]:
  return [
    ctypes.string_at(c.TF_StringGetDataPointer(s), c.TF_StringGetSize(s))
    for s in range(place, place + _STRING_SIZE * count, _STRING_SIZE)
  ]
