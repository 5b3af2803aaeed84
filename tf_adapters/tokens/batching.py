# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""From texts to tokens, once, and from tokens to batches, ahead of the step."""

import collections
import dataclasses
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from concurrent import futures
from typing import Any

import numpy as np
import tensorflow as tf

from tf_adapters.data import utf8
from tf_adapters.errors import InputError
from tf_adapters.tokens import packing
from tf_adapters.tokens import text as text_lib

_CHUNK = 256  # texts tokenised at a time
_AHEAD = 2  # batches made before they are asked for
_PASS_TOKENS = 4096  # of a batch where nothing is trained


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
  """Tokenises all examples, chunks side by side on all cores."""

  def chunk(*part):
    ids, types = tokenizer.ragged(*part)
    firsts = ids.row_lengths() - tf.reduce_sum(
      tf.cast(types, tf.int64), axis=1
    )
    return ids.values, ids.row_lengths(), firsts

  columns = [texts] if texts_b is None else [texts, texts_b]
  ids, lengths, firsts = in_chunks(chunk, columns)
  return Tokenised(
    ids.astype(np.int32),
    np.concatenate([[0], np.cumsum(lengths)]),
    firsts.astype(np.int32),
  )


def in_chunks(
  function: Callable[..., tuple[tf.Tensor, ...]],
  columns: Sequence[Sequence[str]],
) -> list[np.ndarray]:
  """What `function` makes of some texts at a time, end to end.

  Args:
    function: Takes string `[some]` of each column, returns tensors.
    columns: `texts` and perhaps `texts_b`, as long as one another.

  Raises:
    InputError: naming the first that is no text.
  """
  columns = tuple(
    tf.constant(_encoded(name, column), tf.string)
    for name, column in zip(("texts", "texts_b"), columns, strict=False)
  )
  if len(columns[0]) <= _CHUNK:  # a pipeline would take longer to start
    chunks = [[value.numpy() for value in function(*columns)]]
  else:
    dataset = tf.data.Dataset.from_tensor_slices(columns).batch(_CHUNK)
    chunks = dataset.map(
      function, num_parallel_calls=tf.data.AUTOTUNE
    ).as_numpy_iterator()
  return [np.concatenate(part) for part in zip(*chunks, strict=True)]


def _encoded(name: str, texts: Sequence[str]) -> list[bytes]:
  encoded = []
  for number, text in enumerate(texts, start=1):
    what = f"text {number} of `{name}`"
    if not isinstance(text, str):
      raise InputError(f"{what} must be text; got {text!r:.60}.")
    encoded.append(utf8.encode(what, text))
  return encoded


def assemble(data: Tokenised, plan: packing.Plan) -> dict[str, np.ndarray]:
  """The encoder's inputs of one batch; see `AdapterEncoder.call`.

  Returns:
    int32 `input_word_ids`, `input_mask`, `input_type_ids` and
    `input_positions` `[rows, length]`; `first_tokens` `[rows, slots]`.
  """
  rows, slots = plan.texts.shape
  names = ("input_word_ids", "input_mask", "input_type_ids", "input_positions")
  batch = {name: np.zeros([rows, plan.length], np.int32) for name in names}
  batch["first_tokens"] = np.zeros([rows, slots], np.int32)
  for row in range(rows):
    begin = 0
    for slot, text in enumerate(plan.texts[row]):
      if text < 0:
        break
      ids = data.ids[data.starts[text] : data.starts[text + 1]]
      end = begin + len(ids)
      batch["input_word_ids"][row, begin:end] = ids
      batch["input_mask"][row, begin:end] = slot + 1
      batch["input_type_ids"][row, begin + data.firsts[text] : end] = 1
      batch["input_positions"][row, begin:end] = np.arange(len(ids))
      batch["first_tokens"][row, slot] = begin
      begin = end
  return batch


def assemble_tokens(
  values: np.ndarray, data: Tokenised, plan: packing.Plan
) -> np.ndarray:
  """Vectors of tokens `[tokens, width]` as `[rows, length, width]`."""
  batch = np.zeros(
    [len(plan.texts), plan.length, values.shape[-1]], values.dtype
  )
  for row, texts in enumerate(plan.texts):
    begin = 0
    for text in texts[texts >= 0]:
      part = values[data.starts[text] : data.starts[text + 1]]
      batch[row, begin : begin + len(part)] = part
      begin += len(part)
  return batch


def one_pass(
  data: Tokenised, multiple: int
) -> Iterator[tuple[packing.Plan, dict[str, np.ndarray]]]:
  """Batches of one shape that hold every text once, the longest first.

  Args:
    data: All texts.
    multiple: Of which the number of rows is one.
  """
  length = packing.row_length(data.lengths)
  most = max(1, _PASS_TOKENS // length // multiple)
  # Fewer for few texts, but of few numbers: each is traced anew.
  enough = 1 << (-(-len(data.lengths) // multiple) - 1).bit_length()
  rows = multiple * min(most, enough)
  plans = packing.whole(data.lengths, rows, length)
  return prefetch(lambda plan: (plan, assemble(data, plan)), plans)


def prefetch(make: Callable[[Any], Any], items: Iterable) -> Iterator:
  """`make(item)` for every item, the next made while the last is used."""
  with futures.ThreadPoolExecutor(1) as pool:
    waiting = collections.deque()
    for item in items:
      waiting.append(pool.submit(make, item))
      if len(waiting) > _AHEAD:
        yield waiting.popleft().result()
    while waiting:
      yield waiting.popleft().result()
