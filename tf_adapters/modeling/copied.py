# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Of which of the encoder's variables a task has copies, by strategy.

Without TensorFlow: `build` makes the copies, `plan` counts them.
"""

import dataclasses
import types

from tf_adapters.config import AdapterConfig
from tf_adapters.config import TuningConfig
from tf_adapters.errors import InputError
from tf_adapters.modeling import methods
from tf_adapters.modeling.address import Address


@dataclasses.dataclass(frozen=True)
class Plan:
  """What is asked for, of an encoder of so many blocks.

  Attributes:
    tuning: The strategy and its options.
    adapter: Options of the strategy `adapter`.
    blocks: Of the encoder.
    reads_pooler: Whether the head reads the pooled output; where it does not,
      no strategy but `adapter` trains the pooler.
  """

  tuning: TuningConfig
  adapter: AdapterConfig
  blocks: int
  reads_pooler: bool

  def __post_init__(self):
    layers, top_k = self.adapter.layers, self.tuning.top_k
    for layer in layers or ():
      if not 0 <= layer < self.blocks:
        raise InputError(
          f"`layers` must be block numbers from 0 to {self.blocks - 1}; got "
          f"{layer}."
        )
    if layers is not None and not layers:
      raise InputError("`layers` must name at least one block; got none.")
    if self._trains_unread_pooler():
      raise InputError(
        "`train_pooler` needs a head that reads the pooled output, as "
        "`Head(units, input=\"pooled_output\")`; got one that does not."
      )
    if self.tuning.strategy == "top_k" and top_k > self.blocks:
      raise InputError(
        f"`top_k` must be at most {self.blocks}, the encoder's blocks; got "
        f"{top_k}."
      )

  def _trains_unread_pooler(self) -> bool:
    adapts = self.tuning.strategy == "adapter"
    return adapts and self.adapter.train_pooler and not self.reads_pooler

  @property
  def adapted(self) -> frozenset[int]:
    """Numbers of the blocks that get adapters."""
    if self.tuning.strategy != "adapter":
      return frozenset()
    if self.adapter.layers is None:
      return frozenset(range(self.blocks))
    return frozenset(self.adapter.layers)


def copied(at: Address, plan: Plan) -> bool:
  """Whether the task has a copy of the variable at an address."""
  return _COPIED[plan.tuning.strategy](at, plan)


def _beside_adapters(at: Address, plan: Plan) -> bool:
  if at.piece == "pooler":
    return plan.adapter.train_pooler
  # With block 0 go the embeddings; nothing below the lowest adapter trains.
  if (at.block or 0) not in plan.adapted:
    return False
  return methods.trains_layer_norm(plan.adapter) and _norms(at, plan)


def _everything(at: Address, plan: Plan) -> bool:
  return at.piece != "pooler" or plan.reads_pooler


def _top_blocks(at: Address, plan: Plan) -> bool:
  if at.block is None:
    return at.piece == "pooler" and plan.reads_pooler
  return at.block >= plan.blocks - plan.tuning.top_k


def _norms(at: Address, plan: Plan) -> bool:
  del plan
  return at.attribute in ("gamma", "beta")


def _biases(at: Address, plan: Plan) -> bool:
  return at.attribute in ("bias", "beta") and _everything(at, plan)


def _targets(at: Address, plan: Plan) -> bool:
  return at.attribute == "kernel" and at.piece in plan.tuning.targets


def _nothing(at: Address, plan: Plan) -> bool:
  del at, plan
  return False


_COPIED = types.MappingProxyType({
  "adapter": _beside_adapters,
  "full": _everything,
  "top_k": _top_blocks,
  "layer_norm": _norms,
  "head": _nothing,
  "bitfit": _biases,
  "lora": _nothing,
  "prefix": _nothing,
  "prompt": _nothing,
  "lora_merged": _targets,
})
