# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Ways to tune: from the borrowed parts to those that a task computes with.

Of which of the encoder's variables a task has copies says `copied.py`; what it
puts beside them, a row of `STRATEGIES`.
"""

import dataclasses
import random
import types
from collections.abc import Callable

import tensorflow as tf

from tf_adapters.config import AdapterConfig
from tf_adapters.modeling.address import Address
from tf_adapters.modeling.copied import Plan
from tf_adapters.modeling.copied import copied
from tf_adapters.modeling.layers.copies import Copies
from tf_adapters.modeling.layers.lora import LoraLayer
from tf_adapters.modeling.layers.prefix import PrefixLayer
from tf_adapters.modeling.layers.prompt import PromptLayer
from tf_adapters.modeling.parts import Parts


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
      block.key.outputs,
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
    options: What of `TuningConfig` or `AdapterConfig` it reads.
    adds: Puts layers of the task's own beside what the parts have.
    in_place: Whether copies take the place of kernels or biases, as in a model
      that was tuned without sharing it.
  """

  options: tuple[str, ...] = ()
  adds: Callable[[Parts, Plan, random.Random], Parts] = _unchanged
  in_place: bool = False


STRATEGIES = types.MappingProxyType({
  "adapter": Strategy(
    tuple(field.name for field in dataclasses.fields(AdapterConfig))
  ),
  "full": Strategy(in_place=True),
  # Houlsby et al. 2019, section 3.1: variable fine-tuning.
  "top_k": Strategy(("top_k",), in_place=True),
  "layer_norm": Strategy(),  # the same, section 3.4
  "head": Strategy(),
  # Ben Zaken et al. 2022, section 3.
  "bitfit": Strategy(in_place=True),
  # Hu et al. 2022, section 4.
  "lora": Strategy(("rank", "alpha", "targets"), _with_lora),
  # Li and Liang 2021, section 4.
  "prefix": Strategy(("length",), _with_prefix),
  # Lester et al. 2021, section 2.
  "prompt": Strategy(("length",), _with_prompt),
  # What `merge` makes of `lora`; no setting asks for it.
  "lora_merged": Strategy(("targets",), in_place=True),
})


def of(plan: Plan) -> Strategy:
  """The row of the strategy that a plan names."""
  return STRATEGIES[plan.tuning.strategy]


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
  parts = copies.put_into(borrowed, lambda at: copied(at, plan))
  return of(plan).adds(parts, plan, seeds)


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
