# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Heads of one type and size, in one stack, and what they answer."""

from collections.abc import Iterable

import tensorflow as tf

from tf_adapters.modeling.layers import head as head_lib
from tf_adapters.serving.loading import ServedTask
from tf_adapters.serving.weights import Weights
from tf_adapters.tasks import classification
from tf_adapters.tasks import regression


class Heads:
  """Heads of tasks of one type that have as many outputs and read the same.

  Attributes:
    type: Of the tasks.
    reads: `first_token`, `pooled_output` or `every_token`.
    units: Outputs.
    members: The tasks, in the order of the stacks.
  """

  def __init__(self, members: list[ServedTask], weights: Weights):
    self.members = members
    first = members[0]
    self.type = first.task.type
    self.reads = first.model.head.reads
    self.units = first.task.units
    self._weights = weights
    self._kernels, self._biases = (
      weights.add([member.arrays[f"head/{name}"] for member in members])
      for name in ("kernel", "bias")
    )

  def logits(
    self, z: tf.Tensor, *, row=None, rows=None
  ) -> tf.Tensor:
    """Of one task, `row` int32 `[]`, or of one for each of `rows` `[batch]`.

    Args:
      z: float32 `[batch, d]`, or of one task also `[batch, seq, d]`.
      row: Number of the task.
      rows: Numbers of tasks.
    """
    numbers = self._weights.read()
    stacks = (self._kernels, self._biases)
    if rows is None:
      kernel, bias = (piece.read() for piece in numbers.at(stacks, row))
    else:
      kernel, bias = (stack.of_rows(numbers, rows) for stack in stacks)
    return head_lib.logits(z, kernel, bias)

  def answers(self, logits: tf.Tensor, row: tf.Tensor) -> dict[str, tf.Tensor]:
    """What a signature gives, of `row` int32 `[]`, or by row `[batch]`."""
    if self.type == "classification":
      labels = tf.constant([m.task.labels for m in self.members])
      return classification.answers(logits, tf.gather(labels, row))
    scale = tf.constant([[m.task.mean, m.task.stddev] for m in self.members])
    mean, stddev = tf.unstack(tf.gather(scale, row), axis=-1)
    return regression.answers(logits, mean, stddev)


def of_tasks(served: Iterable[ServedTask], weights: Weights) -> list[Heads]:
  """The heads of some tasks, each task's in one."""
  groups: dict[tuple, list[ServedTask]] = {}
  for member in served:
    form = (member.task.type, member.model.head.reads, member.task.units)
    groups.setdefault(form, []).append(member)
  return [Heads(members, weights) for members in groups.values()]
