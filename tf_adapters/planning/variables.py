# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Names, roles and shapes of the variables that a task and an encoder have."""

import math
from collections.abc import Iterable
from collections.abc import Iterator
from typing import NamedTuple

from tf_adapters.modeling import methods
from tf_adapters.modeling.address import BLOCK_LINEARS
from tf_adapters.modeling.address import BLOCK_PIECES
from tf_adapters.modeling.address import EMBEDDINGS
from tf_adapters.modeling.address import Address
from tf_adapters.modeling.copied import Plan
from tf_adapters.modeling.copied import copied
from tf_adapters.planning.shapes import EncoderShape


class Variable(NamedTuple):
  """One variable of a task, as `tf_adapters.task_variables` would list it.

  Attributes:
    name: Its name in the task's module.
    role: As `adapter` or `layer_norm`.
    shape: Its shape.
    reaches: The lowest block whose output depends on it; the number of blocks
      if none does.
  """

  name: str
  role: str
  shape: tuple[int, ...]
  reaches: int

  @property
  def count(self) -> int:
    """Its numbers."""
    return math.prod(self.shape)


def of_encoder(
  shape: EncoderShape,
) -> Iterator[tuple[Address, tuple[int, ...]]]:
  """Every variable of an encoder: its address, and its shape in the model."""
  d = shape.hidden
  for kind, rows in zip(
    EMBEDDINGS, (shape.vocabulary, shape.positions, shape.types), strict=True
  ):
    yield Address(None, "embeddings", kind), (rows, d)
  for attribute in ("gamma", "beta"):
    yield Address(None, "embeddings/norm", attribute), (d,)
  for index in range(shape.layers):
    for piece in BLOCK_PIECES:
      for attribute, dimensions in _piece(piece, shape).items():
        yield Address(index, piece, attribute), dimensions
  yield Address(None, "pooler", "kernel"), (d, d)
  yield Address(None, "pooler", "bias"), (d,)


def _piece(piece: str, shape: EncoderShape) -> dict[str, tuple[int, ...]]:
  """One piece of a block; attention is stored split by heads."""
  d, inner = shape.hidden, shape.inner
  heads = (shape.heads, d // shape.heads)
  if piece.endswith("norm"):
    return {"gamma": (d,), "beta": (d,)}
  if piece in ("query", "key", "value"):
    return {"kernel": (d, *heads), "bias": heads}
  if piece == "attention_output":
    return {"kernel": (*heads, d), "bias": (d,)}
  if piece == "intermediate":
    return {"kernel": (d, inner), "bias": (inner,)}
  return {"kernel": (inner, d), "bias": (d,)}


def of_task(shape: EncoderShape, plan: Plan, classes: int) -> list[Variable]:
  """What a task has of its own: what its strategy adds and copies, and a head.

  Args:
    shape: Of the encoder.
    plan: The strategy and its options.
    classes: Outputs of the head.
  """
  copies = [
    Variable(at.module_name, at.role, dimensions, _reach(at, shape))
    for at, dimensions in of_encoder(shape)
    if copied(at, plan)
  ]
  d, top = shape.hidden, shape.layers
  return [
    *_added(shape, plan),
    *copies,
    Variable("head/kernel", "head", (d, classes), top),
    Variable("head/bias", "head", (classes,), top),
  ]


def _reach(at: Address, shape: EncoderShape) -> int:
  return shape.layers if at.piece == "pooler" else at.block or 0


def _added(shape: EncoderShape, plan: Plan) -> Iterable[Variable]:
  strategy, d = plan.tuning.strategy, shape.hidden
  rows = (plan.tuning.length, d)
  if strategy == "prompt":
    yield Variable("prompt/embeddings", "prompt", rows, 0)
  for index in range(shape.layers):
    if index in plan.adapted:
      for sublayer in methods.METHODS[plan.adapter.method].sublayers:
        place = f"block_{index}/{sublayer}_adapter"
        yield from _bottleneck(place, d, plan.adapter.size, index)
    if strategy == "lora":
      for target in BLOCK_LINEARS:
        if target in plan.tuning.targets:
          place = f"block_{index}/{target}_lora"
          yield from _update(place, target, shape, plan.tuning.rank, index)
    if strategy == "prefix":
      for attribute in ("keys", "values"):
        name = f"block_{index}/prefix/{attribute}"
        yield Variable(name, "prefix", rows, index)


def _bottleneck(place: str, d: int, size: int, index: int):
  """2·d·m + d + m numbers (Houlsby et al. 2019, section 2.1)."""
  for attribute, dimensions in (
    ("down_kernel", (d, size)),
    ("down_bias", (size,)),
    ("up_kernel", (size, d)),
    ("up_bias", (d,)),
  ):
    yield Variable(f"{place}/{attribute}", "adapter", dimensions, index)


def _update(
  place: str, target: str, shape: EncoderShape, rank: int, index: int
):
  """Rank · (inputs + outputs) numbers (Hu et al. 2022, section 4.1)."""
  inputs = shape.inner if target == "output" else shape.hidden
  outputs = shape.inner if target == "intermediate" else shape.hidden
  yield Variable(f"{place}/down_kernel", "lora", (inputs, rank), index)
  yield Variable(f"{place}/up_kernel", "lora", (rank, outputs), index)
