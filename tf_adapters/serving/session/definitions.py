# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Signatures out of a serialised MetaGraphDef, without protobuf's package.

Sources: tensorflow/core/protobuf/meta_graph.proto and the wire format,
https://protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Iterator
from typing import NamedTuple

_INIT = "__saved_model_init_op"  # which loading runs; nobody asks for it


class Tensor(NamedTuple):
  """An input or output of a signature.

  Attributes:
    name: In the graph, as `call:0`.
    dtype: Number of tensorflow/core/framework/types.proto.
    shape: Sizes, -1 where any is possible; None where any rank is.
  """

  name: str
  dtype: int
  shape: tuple[int, ...] | None


class Signature(NamedTuple):
  """A SignatureDef: inputs and outputs by name, and its method's name."""

  inputs: dict[str, Tensor]
  outputs: dict[str, Tensor]
  method: str


def read(meta_graph: bytes) -> dict[str, Signature]:
  """The signatures of a MetaGraphDef by name."""
  found = {}
  for number, entry in _fields(memoryview(meta_graph)):
    if number == 5:  # signature_def
      name, value = _entry(entry)
      found[name] = _signature(value)
  found.pop(_INIT, None)
  return found


def _signature(message: memoryview) -> Signature:
  inputs, outputs, method = {}, {}, ""
  for number, value in _fields(message):
    if number == 3:
      method = _text(value)
    elif number in (1, 2):
      name, info = _entry(value)
      (inputs if number == 1 else outputs)[name] = _tensor(info)
  return Signature(inputs, outputs, method)


def _tensor(message: memoryview) -> Tensor:
  """From a TensorInfo."""
  fields = dict(_fields(message))
  shape = _shape(fields.get(3, b""))
  return Tensor(_text(fields.get(1, b"")), fields.get(2, 0), shape)


def _shape(message: memoryview) -> tuple[int, ...] | None:
  """From a TensorShapeProto: field 2 a dimension, 3 if the rank is unknown."""
  fields = list(_fields(message))
  if (3, 1) in fields:
    return None
  dims = [dict(_fields(dim)) for number, dim in fields if number == 2]
  return tuple(_signed(dim.get(1, 0)) for dim in dims)


def _signed(number: int) -> int:
  """An int64, which the wire has in two's complement."""
  return number - (1 << 64) if number >> 63 else number


def _entry(message: memoryview) -> tuple[str, memoryview]:
  """Key and value of one entry of a map."""
  fields = dict(_fields(message))
  return _text(fields.get(1, b"")), fields.get(2, b"")


def _text(raw: memoryview) -> str:
  return bytes(raw).decode()


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
  """Numbers and values of a message's fields: numbers, or pieces of it."""
  place = 0
  while place < len(message):
    key, place = _number(message, place)
    kind = key & 7
    if kind == 0:
      value, place = _number(message, place)
      yield key >> 3, value
      continue
    if kind == 2:
      size, place = _number(message, place)
    else:
      size = {1: 8, 5: 4}[kind]
    yield key >> 3, message[place : place + size]
    place += size


def _number(message: memoryview, place: int) -> tuple[int, int]:
  """A number in base 128, lowest digit first, and where it ends."""
  value = shift = 0
  while True:
    byte = message[place]
    place += 1
    value |= (byte & 127) << shift
    shift += 7
    if byte < 128:
      return value, place
