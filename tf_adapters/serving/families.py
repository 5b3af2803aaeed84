# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Tasks whose weights have the same shapes and places, in one stack each."""

import functools
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from tf_adapters.modeling import compute as compute_lib
from tf_adapters.modeling.address import BLOCK_LINEARS
from tf_adapters.modeling.encoder import AdapterEncoder
from tf_adapters.modeling.parts import Parts
from tf_adapters.serving.loading import ServedTask
from tf_adapters.serving.weights import Piece
from tf_adapters.serving.weights import Stack
from tf_adapters.serving.weights import Weights

# Of these a batch can have weights by row; of others a row would have copies
# of whole kernels, or tokens of its own.
_BY_ROW = ("adapter", "lora", "layer_norm", "head")


class Frozen:
  """The encoder's own weights.

  Args:
    parts: The encoder.
    weights: Get its arrays.
    low: Get those of dense maps in blocks, in a lower precision, in which
      their products are then computed; None: they are as the others.
  """

  def __init__(self, parts: Parts, weights: Weights, low: Weights | None):
    self.borrowed = parts
    lowered = _dense(parts) if low else frozenset()
    self._groups: list[tuple[Weights, dict[int, Stack]]] = [
      (
        home,
        {
          id(variable): home.add([variable.numpy()])
          for _, variable in parts.named()
          if (id(variable) in lowered) == (home is low)
        },
      )
      for home in (weights, low)
      if home
    ]

  def read(self) -> dict[int, Piece]:
    """All of them, by what `id` says of the encoder's variables."""
    found: dict[int, Piece] = {}
    for home, stacks in self._groups:
      pieces = home.read().first(list(stacks.values()))
      found.update(zip(stacks, pieces, strict=True))
    return found

  def parts(self) -> Parts:
    """The encoder without any task."""
    pieces = self.read()
    return self.borrowed.mapped(lambda variable: pieces[id(variable)].read())


def _dense(parts: Parts) -> frozenset[int]:
  """Kernels and biases of the blocks' dense maps."""
  linears = (
    getattr(block, name) for block in parts.blocks for name in BLOCK_LINEARS
  )
  return frozenset(id(v) for one in linears for v in (one.kernel, one.bias))


class Family:
  """Tasks that differ in numbers alone: their encoders have one form.

  Attributes:
    encoder: One of that form; its own variables mean nothing.
    members: The tasks, in the order of the stacks.
    start: The lowest block that is a task's own, or the last one.
  """

  def __init__(
    self, members: list[ServedTask], frozen: Frozen, weights: Weights
  ):
    self.members = members
    self.encoder: AdapterEncoder = members[0].model.encoder
    self.start = min(
      self.encoder.first_trained, len(self.encoder.parts.blocks) - 1
    )
    self._frozen = frozen
    self._weights = weights
    # All members have the same names, and some another model of this form.
    self._stacks: dict[int, Stack] = {
      id(item.variable): weights.add([m.arrays[item.name] for m in members])
      for item in members[0].items
      if item.role != "head"
    }

  @property
  def by_row(self) -> bool:
    """Whether a batch can hold several of its tasks."""
    plan = self.encoder.plan
    return plan.tuning.strategy in _BY_ROW and not plan.adapter.train_pooler

  def one(self, row: tf.Tensor) -> compute_lib.Compute:
    """With the weights of one task; `row` is int32 `[]`."""
    numbers = self._weights.read()
    own = dict(
      zip(
        self._stacks,
        numbers.at(list(self._stacks.values()), row),
        strict=True,
      )
    )
    return self._compute(lambda key: own[key].read())

  def of_rows(self, rows: tf.Tensor) -> compute_lib.Compute:
    """With the weights of one task for each row; int32 `[batch]`."""
    numbers = self._weights.read()
    return self._compute(
      lambda key: self._stacks[key].of_rows(numbers, rows)
    )

  def _compute(
    self, own: Callable[[int], tf.Tensor]
  ) -> compute_lib.Compute:
    frozen = self._frozen.read()

    def read(variable):
      key = id(variable)
      return own(key) if key in self._stacks else frozen[key].read()

    return compute_lib.Compute(parts=self.encoder.parts.mapped(read))


def of_tasks(
  served: Iterable[ServedTask], frozen: Frozen, weights: Weights
) -> list[Family]:
  """The families of some tasks, each task in one."""
  groups: dict[Any, list[ServedTask]] = {}
  form = functools.cache(_form)
  for member in served:
    groups.setdefault(form(member.model.encoder), []).append(member)
  return [Family(members, frozen, weights) for members in groups.values()]


def _form(encoder: AdapterEncoder) -> Any:
  """Equal for encoders that compute alike but for numbers."""
  parts = encoder.parts
  bottlenecks = [
    (index, sublayer, one.z, one.activation, one.scale, _shapes(one.kernels))
    for index, block in enumerate(parts.blocks)
    for sublayer, adapters in block.adapters.items()
    for one in adapters
  ]
  added = [
    (name, getattr(layer, "scale", None), _shapes(layer.trainable_weights))
    for name, layer in parts.added()
  ]
  copies = [address for address, _ in encoder.owned()]
  return tuple(map(tuple, (bottlenecks, added, copies)))


def _shapes(variables: Iterable[tf.Variable]) -> tuple:
  return tuple(tuple(variable.shape) for variable in variables)
