# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Costs as Markdown that also reads well in a terminal, and as JSON."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from tf_adapters.planning.costs import Cost
from tf_adapters.planning.costs import Costs


def markdown(costs: Costs) -> Iterator[str]:
  """The encoder, what trains, bytes on disk, memory in MB (10⁶ bytes)."""
  yield from _heading(costs)
  yield ""
  yield from _table(
    ("", "trains", "of encoder", "what"),
    [
      (row.way, f"{row.trained:,}", _share(row.share), _roles(row))
      for row in costs.rows
    ],
    words=True,
  )
  tasks = _some(costs.tasks, "task")
  yield ""
  yield from _table(
    (
      "bytes of weights on disk",
      "a task",
      f"encoder and {tasks}",
      "in encoders",
    ),
    [
      (
        row.way,
        f"{row.module_bytes:,}",
        f"{row.store_bytes:,}",
        f"{row.store_bytes / costs.encoder_bytes:.2f} ×",
      )
      for row in costs.rows
    ],
  )
  yield ""
  yield from _table(
    (
      "memory, MB, estimated",
      "weights",
      "gradients",
      "AdamW",
      "activations",
      "to train",
      "to serve all",
    ),
    [(row.way, *map(_megabytes, _memory(row))) for row in costs.rows],
  )


def to_dict(costs: Costs) -> dict[str, Any]:
  """All of it, with sums, for JSON; memory in bytes."""
  tree = dataclasses.asdict(costs)
  for row, cost in zip(tree["rows"], costs.rows, strict=True):
    row["trained"] = cost.trained
    row["training"]["total"] = cost.training.total
    row["serving"]["total"] = cost.serving.total
  return tree


def _heading(costs: Costs) -> Iterator[str]:
  shape = costs.shape
  yield (
    f"{costs.encoder or 'encoder'}: {costs.encoder_parameters:,} parameters in "
    f"{_some(shape.layers, 'block')} of width {shape.hidden:,}, "
    f"{costs.encoder_bytes:,} bytes on disk."
  )
  yield (
    f"{_some(costs.tasks, 'task')}, heads of "
    f"{_some(costs.classes, 'output')}; memory for batches of "
    f"{_some(costs.batch.texts, 'text')} of "
    f"{_some(costs.batch.length, 'token')}, float32."
  )


def _some(count: int, noun: str) -> str:
  return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _roles(row: Cost) -> str:
  counts = row.parameters.items()
  return ", ".join(f"{role} {count:,}" for role, count in counts)


def _share(share: float) -> str:
  return f"{share:.2%}" if share >= 1e-3 else f"{share:.4%}"


def _memory(row: Cost) -> Sequence[int]:
  training = row.training
  return (
    training.weights,
    training.gradients,
    training.moments,
    training.activations,
    training.total,
    row.serving.total,
  )


def _megabytes(count: int) -> str:
  return f"{count / 1e6:,.1f}"


def _table(
  head: Sequence[str], rows: Sequence[Sequence[str]], words: bool = False
) -> Iterator[str]:
  """The first column to the left, numbers to the right.

  Args:
    head: Titles.
    rows: Cells.
    words: Whether the last column has words, which are not filled up.
  """
  columns = []
  for index, cells in enumerate(zip(head, *rows, strict=True)):
    width = max(map(len, cells))
    if words and index == len(head) - 1:
      title, *rest = cells
      columns.append([title, "-" * len(title), *rest])
    elif index:
      title, *rest = (cell.rjust(width) for cell in cells)
      columns.append([title, "-" * (width - 1) + ":", *rest])
    else:
      title, *rest = (cell.ljust(width) for cell in cells)
      columns.append([title, "-" * width, *rest])
  for line in zip(*columns, strict=True):
    yield f"| {' | '.join(line)} |"
