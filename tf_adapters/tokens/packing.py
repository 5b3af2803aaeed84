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
_SHORTEST = 48  # shorter rows waste more ends than they save attention
_SPREAD = 64  # how much longer than the longest text rows may be
_ATTENTION = 700  # tokens of a row at which attention costs as much as the rest
_MOST_SLOTS = 16
_SAMPLE = 100  # batches looked at to choose a shape


@dataclasses.dataclass(frozen=True)
class Shape:
  """What batches look like.

  Attributes:
    length: Tokens a row.
    slots: Texts a row at the most.
    rows: Numbers of rows that a batch may have, the largest last.
    multiple: Rows of a batch that fits none of them are a multiple of it.
  """

  length: int
  slots: int
  rows: tuple[int, ...]
  multiple: int

  def fit(self, needed: int) -> int:
    """The smallest allowed number of rows that is enough."""
    place = bisect.bisect_left(self.rows, needed)
    if place < len(self.rows):
      return self.rows[place]
    return _round_up(needed, self.multiple)


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
  lengths: np.ndarray, batch_size: int, worth: float, most: int, multiple: int
) -> Shape:
  """A shape for training batches of `batch_size` of these texts.

  Args:
    lengths: Of all texts.
    batch_size: Texts a batch.
    worth: Tokens of padding that one more number of rows must save in one
      epoch.
    most: How many numbers of rows at the most.
    multiple: Into how many parts the rows are cut.
  """
  batches = _batches(len(lengths), batch_size, [0, 0])
  worth *= min(1.0, _SAMPLE / len(batches))
  sample = [lengths[texts] for texts in batches[:_SAMPLE]]
  shortest = row_length(lengths)
  candidates = [
    _shape_of_length(length, sample, worth, most, multiple)
    for length in range(shortest, shortest + _SPREAD, _STEP)
  ]
  return min(candidates, key=lambda candidate: candidate[0])[1]


def _shape_of_length(
  length: int, sample: list[np.ndarray], worth: float, most: int, multiple: int
) -> tuple[float, Shape]:
  """The best shape with rows of `length`, and what the sample costs in it."""
  packed = [pack(lengths, length, _MOST_SLOTS) for lengths in sample]
  needed = np.array([_round_up(len(rows), multiple) for rows in packed])
  chosen = _choose(needed, worth / length, most)
  tokens = _padded(needed, chosen) * length
  slots = max(len(row) for rows in packed for row in rows)
  # An extra number of rows costs what it is worth.
  cost = tokens * (1 + length / _ATTENTION) + worth * len(chosen)
  return cost, Shape(length, slots, chosen, multiple)


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
  shape = Shape(length, _MOST_SLOTS, (rows,), rows)
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
