# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Memory in training and in serving: estimates, from a stated formula.

With P parameters of the encoder and p of a task, all float32:

    training = 4·(P + p)    weights: the shared encoder's and the task's
             + 4·p          gradients
             + 8·p          AdamW's two moments
             + 4·batch·A    activations that the backward pass needs
             + 4·batch·B    those of the one block that is at work
    serving  = 4·(P + N·p)  one encoder and N tasks
             + 4·batch·B

A is a sum over the blocks from the lowest one that trains. For a text of n
tokens, of which q are computed (all; of the last block one, unless the head
reads every token), k keys (n, and those of a prefix), width d, inner width i, h
heads and bottlenecks of m, a block adds

    7·q·d       its input, the queries, what attention and feed-forward layer
                put out, what either LayerNorm makes of it, and between them
    2·k·d       keys and values
    2·h·q·k     attention scores and probabilities
    q·i         what enters the activation function
    q·m         for each bottleneck
    q·d, q·i    what the attention's and the feed-forward layer's last map
                reads, where that map is tuned

and 3·n·d come from the embeddings where something of them trains. With
`train.recompute` it is n·d a block and all of this for one. B is the larger of
4·n·d + 2·h·n·k (attention) and n·d + 2·n·i.

Left out: the program itself (TensorFlow takes over half a gigabyte), buffers
of single operations, copies in bfloat16 (`train.precision`), and that a CPU
computes a batch in portions, so that it keeps activations of 2,048 tokens at a
time and no more.
"""

import dataclasses
from collections.abc import Sequence

from tf_adapters.modeling.copied import Plan
from tf_adapters.planning.disk import FLOAT
from tf_adapters.planning.shapes import EncoderShape
from tf_adapters.planning.variables import Variable


@dataclasses.dataclass(frozen=True)
class Batch:
  """What is computed at a time.

  Attributes:
    texts: In a batch.
    length: Tokens of each.
    every_token: Whether the head reads more than the first token.
    recompute: Whether the backward pass computes blocks again.
  """

  texts: int
  length: int
  every_token: bool = False
  recompute: bool = False


@dataclasses.dataclass(frozen=True)
class TrainingMemory:
  """Bytes while a task trains; see `tf_adapters.planning.memory`.

  Attributes:
    weights: Of the encoder and of the task.
    gradients: Of the task.
    moments: AdamW's two.
    activations: What the backward pass needs of the forward pass, and those
      of the block at work.
  """

  weights: int
  gradients: int
  moments: int
  activations: int

  @property
  def total(self) -> int:
    return self.weights + self.gradients + self.moments + self.activations


@dataclasses.dataclass(frozen=True)
class ServingMemory:
  """Bytes while all tasks are served by one process.

  Attributes:
    weights: Of the encoder once, and of every task.
    activations: Those of the block at work.
  """

  weights: int
  activations: int

  @property
  def total(self) -> int:
    return self.weights + self.activations


def training(
  shape: EncoderShape,
  plan: Plan,
  own: Sequence[Variable],
  encoder: int,
  batch: Batch,
) -> TrainingMemory:
  """The estimate for one task.

  Args:
    shape: Of the encoder.
    plan: The strategy and its options.
    own: The task's variables.
    encoder: The encoder's parameters.
    batch: What is computed at a time.
  """
  task = sum(variable.count for variable in own)
  numbers = _kept(shape, plan, own, batch) + _at_work(shape, plan, batch)
  return TrainingMemory(
    weights=FLOAT * (encoder + task),
    gradients=FLOAT * task,
    moments=2 * FLOAT * task,
    activations=FLOAT * batch.texts * numbers,
  )


def serving(
  shape: EncoderShape, plan: Plan, parameters: int, batch: Batch
) -> ServingMemory:
  """The estimate for an encoder and its tasks, `parameters` in all."""
  at_work = batch.texts * _at_work(shape, plan, batch)
  return ServingMemory(FLOAT * parameters, FLOAT * at_work)


def _tokens_and_keys(plan: Plan, batch: Batch) -> tuple[int, int]:
  """Of one text, with what is put before it."""
  strategy, length = plan.tuning.strategy, plan.tuning.length
  tokens = batch.length + (length if strategy == "prompt" else 0)
  return tokens, tokens + (length if strategy == "prefix" else 0)


def _at_work(shape: EncoderShape, plan: Plan, batch: Batch) -> int:
  """B: numbers that one block has at a time, of one text."""
  tokens, keys = _tokens_and_keys(plan, batch)
  attention = 4 * tokens * shape.hidden + 2 * shape.heads * tokens * keys
  return max(attention, tokens * (shape.hidden + 2 * shape.inner))


def _kept(
  shape: EncoderShape, plan: Plan, own: Sequence[Variable], batch: Batch
) -> int:
  """A: numbers that the backward pass needs, of one text."""
  tokens, keys = _tokens_and_keys(plan, batch)
  first = min(variable.reaches for variable in own)
  blocks = []
  for index in range(first, shape.layers):
    last = index == shape.layers - 1
    queries = 1 if last and not batch.every_token else tokens
    blocks.append(_block(shape, _of_block(index, own), queries, keys))
  if batch.recompute and blocks:
    blocks = [len(blocks) * tokens * shape.hidden, max(blocks)]
  return sum(blocks) + (3 * tokens * shape.hidden if _embeds(own) else 0)


def _of_block(index: int, own: Sequence[Variable]) -> list[Variable]:
  return [each for each in own if each.name.startswith(f"block_{index}/")]


def _block(
  shape: EncoderShape, own: Sequence[Variable], queries: int, keys: int
) -> int:
  d, inner = shape.hidden, shape.inner
  places = {each.name.split("/", 1)[1] for each in own}
  kept = 7 * queries * d + 2 * keys * d + 2 * shape.heads * queries * keys
  kept += queries * inner
  kept += queries * sum(
    each.count for each in own if each.name.endswith("_adapter/down_bias")
  )
  for piece, width in (("attention_output", d), ("output", inner)):
    if places & {f"{piece}/kernel", f"{piece}_lora/down_kernel"}:
      kept += queries * width
  return kept


def _embeds(own: Sequence[Variable]) -> bool:
  return any(each.name.startswith(("embedding", "prompt/")) for each in own)
