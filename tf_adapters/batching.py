# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""From tokenised examples to batches of a few static shapes.

The batches of an epoch are a function of (lengths, seed, epoch) alone, so a
run resumes at any step by counting, and every worker makes the same ones.
"""

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from tf_adapters import text as text_lib

_STEP = 16  # bucket lengths are multiples of it
_CHUNK = 1024  # texts tokenised at a time


@dataclasses.dataclass(frozen=True)
class Tokenised:
  """Token ids of all examples, end to end.

  Attributes:
    ids: int32 `[tokens]`.
    starts: int64 `[examples + 1]`; example i is `ids[starts[i]:starts[i+1]]`.
    firsts: int32 `[examples]`; how many of its tokens have type 0.
  """

  ids: np.ndarray
  starts: np.ndarray
  firsts: np.ndarray

  @property
  def lengths(self) -> np.ndarray:
    return np.diff(self.starts)


def tokenise(
  tokenizer: text_lib.Tokenizer,
  texts: Sequence[str],
  texts_b: Sequence[str] | None,
) -> Tokenised:
  """Tokenises all examples."""
  ids, lengths, firsts = [], [], []
  for start in range(0, len(texts), _CHUNK):
    part = slice(start, start + _CHUNK)
    chunk, types = tokenizer.ragged(
      list(texts[part]), None if texts_b is None else list(texts_b[part])
    )
    sizes = chunk.row_lengths().numpy()
    ids.append(chunk.values.numpy())
    lengths.append(sizes)
    firsts.append(sizes - np.add.reduceat(
      types.values.numpy(), chunk.row_starts().numpy()
    ))
  return Tokenised(
    np.concatenate(ids).astype(np.int32),
    np.concatenate([[0], np.cumsum(np.concatenate(lengths))]),
    np.concatenate(firsts).astype(np.int32),
  )


def choose_buckets(
  lengths: np.ndarray, worth: float, most: int = 4
) -> tuple[int, ...]:
  """Sequence lengths for which to compile, the longest last.

  Adds the length that saves most padding as long as it saves enough.

  Args:
    lengths: Of all examples.
    worth: Tokens that a further length must save in one pass.
    most: How many lengths at the most.
  """
  rounded = -(-lengths // _STEP) * _STEP
  chosen = (int(rounded.max()),)
  candidates = sorted(set(rounded.tolist()) - set(chosen))
  while candidates and len(chosen) < most:
    best = min(candidates, key=lambda extra: _padded(rounded, chosen, extra))
    saved = _padded(rounded, chosen) - _padded(rounded, chosen, best)
    if saved < worth:
      break
    chosen = (*chosen, best)
    candidates.remove(best)
  return tuple(sorted(chosen))


def _padded(
  lengths: np.ndarray, buckets: Sequence[int], *extra: int
) -> int:
  buckets = np.sort([*buckets, *extra])
  return int(buckets[np.searchsorted(buckets, lengths)].sum())


@dataclasses.dataclass(frozen=True)
class Plan:
  """One batch: which examples, at which length.

  Attributes:
    rows: Indices of the examples; -1 fills the batch up.
    length: Tokens a row.
  """

  rows: np.ndarray
  length: int


def epoch(
  lengths: np.ndarray,
  buckets: Sequence[int],
  batch_size: int,
  seed: int | None = None,
  number: int = 0,
) -> Iterator[Plan]:
  """Plans the batches of one epoch: ceil(examples / batch_size) of them.

  Examples come in random order (of `seed` and epoch `number`; in the given
  order with no seed) and leave as soon as their bucket fills a batch; what
  stays at the end leaves by length, the last batch filled up with -1.
  """
  order = np.arange(len(lengths))
  if seed is not None:
    order = np.random.default_rng([seed, number]).permutation(order)
  bucket_of = np.searchsorted(buckets, lengths)
  waiting: list[list[int]] = [[] for _ in buckets]
  for row in order:
    queue = waiting[bucket_of[row]]
    queue.append(row)
    if len(queue) == batch_size:
      yield Plan(np.array(queue), int(buckets[bucket_of[row]]))
      queue.clear()
  rest = [row for queue in waiting for row in queue]
  for start in range(0, len(rest), batch_size):
    rows = rest[start : start + batch_size]
    length = int(buckets[bucket_of[rows[-1]]])
    filled = np.full(batch_size, -1)
    filled[: len(rows)] = rows
    yield Plan(filled, length)


def assemble(data: Tokenised, plan: Plan) -> dict[str, np.ndarray]:
  """The encoder's inputs, int32 `[batch, length]`; filling rows are zero."""
  shape = (len(plan.rows), plan.length)
  ids = np.zeros(shape, np.int32)
  lengths = np.zeros(len(plan.rows), np.int64)
  firsts = np.zeros(len(plan.rows), np.int64)
  for place, row in enumerate(plan.rows):
    if row < 0:
      continue
    start, end = data.starts[row], data.starts[row + 1]
    ids[place, : end - start] = data.ids[start:end]
    lengths[place], firsts[place] = end - start, data.firsts[row]
  position = np.arange(plan.length)[None]
  mask = position < lengths[:, None]
  return {
    "input_word_ids": ids,
    "input_mask": mask.astype(np.int32),
    "input_type_ids": (mask & (position >= firsts[:, None])).astype(np.int32),
  }
