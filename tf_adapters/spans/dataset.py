# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The windows of a whole data set, and where its answers are in them."""

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from tf_adapters.spans import squad
from tf_adapters.spans import windows as windows_lib
from tf_adapters.tokens import batching


@dataclasses.dataclass(frozen=True)
class Tokenised(batching.Tokenised):
  """Windows of all questions, end to end, those of one question in a row.

  Attributes:
    begins: int32 `[tokens]`, as `windows.Windows` has them.
    ends: int32 `[tokens]`.
    central: bool `[tokens]`.
    counts: int64 `[questions]`, windows of each.
  """

  begins: np.ndarray
  ends: np.ndarray
  central: np.ndarray
  counts: np.ndarray

  @property
  def owners(self) -> np.ndarray:
    """int64 `[windows]`, the question of each."""
    return np.repeat(np.arange(len(self.counts)), self.counts)

  def padded(
    self, length: int, size: int
  ) -> Iterator[tuple[slice, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Begins, ends and central of `size` windows at a time, as rectangles.

    Yields:
      Which windows; the three, `[windows, length]`.
    """
    for first in range(0, max(len(self.lengths), 1), size):
      part = slice(first, first + size)
      lengths = self.lengths[part]
      tokens = slice(self.starts[first], self.starts[first + len(lengths)])
      inside = np.arange(length) < lengths[:, None]
      yield part, (
        _fill(inside, self.begins[tokens], -1),
        _fill(inside, self.ends[tokens], -1),
        _fill(inside, self.central[tokens], False),
      )


def _fill(inside: np.ndarray, values: np.ndarray, padding) -> np.ndarray:
  rectangle = np.full(inside.shape, padding, values.dtype)
  rectangle[inside] = values
  return rectangle


def tokenise(
  tokenizer: windows_lib.WindowTokenizer,
  questions: Sequence[str],
  contexts: Sequence[str],
) -> Tokenised:
  """Makes the windows of all questions, on all cores."""

  def chunk(*texts):
    windows = tokenizer.windows(*texts)
    parts = (windows.ids, windows.begins, windows.ends, windows.central)
    return (
      *(part.values for part in parts),
      windows.ids.row_lengths(),
      windows.firsts,
      windows.counts,
    )

  ids, begins, ends, central, lengths, firsts, counts = batching.in_chunks(
    chunk, [questions, contexts]
  )
  return Tokenised(
    ids=ids,
    starts=np.concatenate([[0], np.cumsum(lengths)]),
    firsts=firsts.astype(np.int32),
    begins=begins,
    ends=ends,
    central=central,
    counts=counts,
  )


@dataclasses.dataclass(frozen=True)
class Targets:
  """What is to be found; an array of `positions` to who only trains on it.

  Attributes:
    questions: Of the file.
    tokens: Their windows.
    positions: int32 `[windows, 4]`: the tokens at which the first answer
      starts and ends, both 0 ([CLS]) where the window does not hold all of
      it; the first token of the context and the one after its last.
  """

  questions: squad.Questions
  tokens: Tokenised
  positions: np.ndarray

  def __len__(self) -> int:
    return len(self.positions)

  def __getitem__(self, index) -> np.ndarray:
    return self.positions[index]

  def __array__(self, dtype=None, copy=None) -> np.ndarray:
    return np.array(self.positions, dtype, copy=copy)


def place(questions: squad.Questions, tokens: Tokenised) -> Targets:
  """Finds each question's first answer in its windows.

  An answer's tokens are those that share a character with it.
  """
  firsts = [answers[0] for answers in questions.labels]
  start = np.array([answer.start for answer in firsts])
  stop = np.array([answer.start + len(answer.text) for answer in firsts])
  windows, lengths = len(tokens.lengths), tokens.lengths
  window = np.repeat(np.arange(windows), lengths)  # of each token
  question = tokens.owners[window]
  shared = (
    (tokens.begins >= 0)
    & (tokens.begins < stop[question])
    & (tokens.ends > start[question])
  )
  # A token is central in one window, so these are counted once.
  all_of_it = np.bincount(
    question[shared & tokens.central], minlength=len(questions)
  )
  held = np.bincount(window[shared], minlength=windows)
  whole = (held > 0) & (held == all_of_it[tokens.owners])
  positions = np.zeros([windows, 4], np.int32)
  found, place = np.unique(window[shared], return_index=True)
  positions[found, 0] = np.flatnonzero(shared)[place] - tokens.starts[found]
  positions[:, 1] = positions[:, 0] + held - 1
  positions[~whole, :2] = 0
  positions[:, 2] = tokens.firsts
  positions[:, 3] = lengths - 1  # before the last [SEP]
  return Targets(questions, tokens, positions)
