# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Several short texts in one row: which, and how many rows a batch has.

A row has one static length. Texts stand in it end to end, each attends to
itself alone and its positions start at 0, so every text's outputs are those
it has by itself. What is left of padding is the ends of rows.

The batches of an epoch are a function of (lengths, seed, epoch) alone, so a
run resumes at any step by counting, and every worker makes the same ones.
Which texts share a batch is left to chance; only their places in it are not.
"""

import bisect
import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

_STEP = 16  # row lengths are multiples of it
_SHORTEST = 64  # shorter rows waste more ends than they save attention
_MOST_SLOTS = 16
_SAMPLE = 200  # batches looked at to choose a shape
_BEYOND = 4  # rows are a multiple of it where a batch fits no chosen number


@dataclasses.dataclass(frozen=True)
class Shape:
  """What batches look like.

  Attributes:
    length: Tokens a row.
    slots: Texts a row at the most.
    rows: Numbers of rows that a batch may have, the largest last.
  """

  length: int
  slots: int
  rows: tuple[int, ...]

  def fit(self, needed: int) -> int:
    """The smallest allowed number of rows that is enough."""
    place = bisect.bisect_left(self.rows, needed)
    if place < len(self.rows):
      return self.rows[place]
    return -(-needed // _BEYOND) * _BEYOND


@dataclasses.dataclass(frozen=True)
class Plan:
  """One batch: which text is where.

  Attributes:
    texts: `[rows, slots]`, numbers of the texts; -1: an empty slot.
    length: Tokens a row.
  """

  texts: np.ndarray
  length: int

  @property
  def examples(self) -> int:
    return int((self.texts >= 0).sum())


def pack(
  lengths: Sequence[int], capacity: int, slots: int
) -> list[list[int]]:
  """Puts texts into rows, in each the longest that still fits, and so on.

  Args:
    lengths: Of the texts, each at most `capacity`.
    capacity: Tokens a row.
    slots: Texts a row at the most.

  Returns:
    Numbers of the texts, row by row; every text is in one.
  """
  waiting: dict[int, list[int]] = {}
  for text in range(len(lengths) - 1, -1, -1):
    waiting.setdefault(int(lengths[text]), []).append(text)
  distinct = sorted(waiting)
  rows = []
  while distinct:
    row, room = [], capacity
    while len(row) < slots:
      place = bisect.bisect_right(distinct, room) - 1
      if place < 0:
        break
      length = distinct[place]
      row.append(waiting[length].pop())
      room -= length
      if not waiting[length]:
        del distinct[place]
    rows.append(row)
  return rows


def row_length(lengths: np.ndarray) -> int:
  """Tokens a row: enough for the longest text."""
  return max(_SHORTEST, _round_up(int(lengths.max()), _STEP))


def choose_shape(
  lengths: np.ndarray, batch_size: int, worth: float, most: int, replicas: int
) -> Shape:
  """A shape for training batches of `batch_size` of these texts.

  Args:
    lengths: Of all texts.
    batch_size: Texts a batch.
    worth: Tokens of padding that one more number of rows must save in one
      epoch.
    most: How many numbers of rows at the most.
    replicas: Over how many devices the rows are cut.
  """
  length = row_length(lengths)
  sample = [
    pack(lengths[texts], length, _MOST_SLOTS)
    for texts in _batches(len(lengths), batch_size, [0, 0])[:_SAMPLE]
  ]
  needed = np.array([_round_up(len(rows), replicas) for rows in sample])
  steps = -(-len(lengths) // batch_size)
  chosen = _choose(needed, worth * len(sample) / steps / length, most)
  slots = max(len(row) for rows in sample for row in rows)
  return Shape(length, slots, chosen)


def _choose(values: np.ndarray, worth: float, most: int) -> tuple[int, ...]:
  """Adds the value that saves most padding as long as it saves enough."""
  chosen = (int(values.max()),)
  candidates = sorted(set(values.tolist()) - set(chosen))
  while candidates and len(chosen) < most:
    best = min(candidates, key=lambda extra: _padded(values, chosen, extra))
    saved = _padded(values, chosen) - _padded(values, chosen, best)
    if saved < worth:
      break
    chosen = (*chosen, best)
    candidates.remove(best)
  return tuple(sorted(chosen))


def _padded(values: np.ndarray, chosen: Sequence[int], *extra: int) -> int:
  allowed = np.sort([*chosen, *extra])
  return int(allowed[np.searchsorted(allowed, values)].sum())


def epoch(
  lengths: np.ndarray, shape: Shape, batch_size: int, seed: int, number: int
) -> Iterator[Plan]:
  """Plans one epoch: ceil(texts / batch_size) batches in random order.

  Args:
    lengths: Of all texts.
    shape: Of the batches.
    batch_size: Texts a batch; the last may have fewer.
    seed: Of the run.
    number: Of the epoch.
  """
  for texts in _batches(len(lengths), batch_size, [seed, number]):
    rows = pack(lengths[texts], shape.length, shape.slots)
    yield _plan(
      [texts[row] for row in rows], shape.fit(len(rows)), shape
    )


def whole(lengths: np.ndarray, rows: int, length: int) -> Iterator[Plan]:
  """Plans one pass over all texts, the longest first, `rows` rows a batch."""
  shape = Shape(length, _MOST_SLOTS, (rows,))
  packed = pack(lengths, shape.length, shape.slots)
  for start in range(0, len(packed), rows):
    part = packed[start : start + rows]
    yield _plan([np.array(row) for row in part], rows, shape)


def _batches(
  count: int, batch_size: int, seed: Sequence[int]
) -> list[np.ndarray]:
  order = np.random.default_rng(seed).permutation(count)
  return [
    order[start : start + batch_size] for start in range(0, count, batch_size)
  ]


def _plan(packed: list[np.ndarray], rows: int, shape: Shape) -> Plan:
  texts = np.full([rows, shape.slots], -1)
  for row, members in enumerate(packed):
    texts[row, : len(members)] = members
  return Plan(texts, shape.length)


def _round_up(value: int, step: int) -> int:
  return -(-value // step) * step
