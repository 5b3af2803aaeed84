# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Ways to tune: from the borrowed parts to those that a task computes with.

Each way is a row of `STRATEGIES`: of which of the encoder's variables the task
has copies, and what it puts beside them.
"""

import dataclasses
import random
import types
from collections.abc import Callable

import tensorflow as tf

from tf_adapters import methods
from tf_adapters.config import AdapterConfig
from tf_adapters.config import TuningConfig
from tf_adapters.errors import InputError
from tf_adapters.layers.copies import Copies
from tf_adapters.layers.lora import LoraLayer
from tf_adapters.layers.prefix import PrefixLayer
from tf_adapters.layers.prompt import PromptLayer
from tf_adapters.parts import Address
from tf_adapters.parts import Parts


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
    if self.tuning.strategy == "top_k" and top_k > self.blocks:
      raise InputError(
        f"`top_k` must be at most {self.blocks}, the encoder's blocks; got "
        f"{top_k}."
      )

  @property
  def strategy(self) -> "Strategy":
    return STRATEGIES[self.tuning.strategy]

  @property
  def adapted(self) -> frozenset[int]:
    """Numbers of the blocks that get adapters."""
    if not self.strategy.adapters:
      return frozenset()
    if self.adapter.layers is None:
      return frozenset(range(self.blocks))
    return frozenset(self.adapter.layers)


# --- Of what there are copies -------------------------------------------------


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


# --- What is put beside -------------------------------------------------------


def _unchanged(parts: Parts, plan: Plan, seeds: random.Random) -> Parts:
  del plan, seeds
  return parts


def _with_lora(parts: Parts, plan: Plan, seeds: random.Random) -> Parts:
  tuning = plan.tuning
  alpha = float(tuning.rank) if tuning.alpha is None else tuning.alpha
  blocks = []
  for block in parts.blocks:
    updated = {}
    for target in dict.fromkeys(tuning.targets):
      linear = getattr(block, target)
      layer = LoraLayer(
        linear.inputs,
        linear.outputs,
        tuning.rank,
        alpha,
        seeds.randrange(1 << 30),
        name=f"{target}_lora",
        dtype=parts.policy,
      )
      updated[target] = dataclasses.replace(linear, added=layer)
    blocks.append(dataclasses.replace(block, **updated))
  return dataclasses.replace(parts, blocks=tuple(blocks))


def _with_prefix(parts: Parts, plan: Plan, seeds: random.Random) -> Parts:
  blocks = []
  for block in parts.blocks:
    layer = PrefixLayer(
      plan.tuning.length,
      parts.hidden_size,
      seeds.randrange(1 << 29),
      name="prefix",
      dtype=parts.policy,
    )
    blocks.append(dataclasses.replace(block, prefix=layer))
  return dataclasses.replace(parts, blocks=tuple(blocks))


def _with_prompt(parts: Parts, plan: Plan, seeds: random.Random) -> Parts:
  layer = PromptLayer(
    plan.tuning.length,
    parts.word_embeddings,
    seeds.randrange(1 << 30),
    name="prompt",
  )
  return dataclasses.replace(parts, prompt=layer)


@dataclasses.dataclass(frozen=True)
class Strategy:
  """One way to tune.

  Attributes:
    copies: Whether the task has a copy of the variable at an address.
    options: What of `TuningConfig` or `AdapterConfig` it reads.
    adapters: Whether bottlenecks stand in the blocks.
    adds: Puts layers of the task's own beside what the parts have.
    in_place: Whether copies take the place of kernels or biases, as in a model
      that was tuned without sharing it.
  """

  copies: Callable[[Address, Plan], bool]
  options: tuple[str, ...] = ()
  adapters: bool = False
  adds: Callable[[Parts, Plan, random.Random], Parts] = _unchanged
  in_place: bool = False


STRATEGIES = types.MappingProxyType({
  "adapter": Strategy(
    _beside_adapters,
    tuple(field.name for field in dataclasses.fields(AdapterConfig)),
    adapters=True,
  ),
  "full": Strategy(_everything, in_place=True),
  # Houlsby et al. 2019, section 3.1: variable fine-tuning.
  "top_k": Strategy(_top_blocks, ("top_k",), in_place=True),
  "layer_norm": Strategy(_norms),  # the same, section 3.4
  "head": Strategy(_nothing),
  # Ben Zaken et al. 2022, section 3.
  "bitfit": Strategy(_biases, in_place=True),
  # Hu et al. 2022, section 4.
  "lora": Strategy(_nothing, ("rank", "alpha", "targets"), adds=_with_lora),
  # Li and Liang 2021, section 4.
  "prefix": Strategy(_nothing, ("length",), adds=_with_prefix),
  # Lester et al. 2021, section 2.
  "prompt": Strategy(_nothing, ("length",), adds=_with_prompt),
  # What `merge` makes of `lora`; no setting asks for it.
  "lora_merged": Strategy(_targets, ("targets",), in_place=True),
})


def tune(
  borrowed: Parts, plan: Plan, copies: Copies, seeds: random.Random
) -> Parts:
  """The parts that a task computes with.

  Args:
    borrowed: The encoder's.
    plan: What is asked for.
    copies: Gets the copies that the strategy makes.
    seeds: Draws those of what it adds.
  """
  strategy = plan.strategy
  parts = copies.put_into(borrowed, lambda at: strategy.copies(at, plan))
  return strategy.adds(parts, plan, seeds)


def own(parts: Parts, borrowed: Parts) -> list[tuple[Address, tf.Variable]]:
  """The task's copies in `parts`, in the order of `Parts.addressed`."""
  pairs = zip(parts.addressed(), borrowed.addressed(), strict=True)
  return [mine for mine, lent in pairs if mine[1] is not lent[1]]


def first_trained(parts: Parts, borrowed: Parts, plan: Plan) -> int:
  """The lowest block that trains, or lies above what trains; else their number.
  """
  lowest = [plan.blocks, *plan.adapted]
  if parts.prompt is not None:
    lowest.append(0)
  for at, _ in own(parts, borrowed):
    lowest.append(plan.blocks if at.piece == "pooler" else at.block or 0)
  for index, block in enumerate(parts.blocks):
    if any(True for _ in block.added()):
      lowest.append(index)
  return min(lowest)
