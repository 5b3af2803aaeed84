# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Windows over contexts: [CLS] question [SEP] part of the context [SEP]."""

import typing

import tensorflow as tf

from tf_adapters.spans import offsets
from tf_adapters.tokens import text as text_lib

_MOST_WINDOWS = 1 << 32  # of one context; makes room for their numbers


class Windows(typing.NamedTuple):
  """The windows of a batch of questions, those of one question in a row.

  Attributes:
    ids: int32 `[windows, (tokens)]`.
    firsts: int64 `[windows]`, how many tokens have type 0.
    begins: int32 `[windows, (tokens)]`, where each token of the context
      begins, in characters of the context; -1 for other tokens.
    ends: The same for the character after its last.
    central: bool `[windows, (tokens)]`, whether a token of the context has
      more of it around than in any other window: answers start nowhere else.
    counts: int64 `[questions]`, how many windows each question has.
  """

  ids: tf.RaggedTensor
  firsts: tf.Tensor
  begins: tf.RaggedTensor
  ends: tf.RaggedTensor
  central: tf.RaggedTensor
  counts: tf.Tensor


class WindowTokenizer:
  """Cuts contexts that do not fit into windows that overlap.

  Windows begin `stride` tokens after one another, as in Google's
  run_squad.py (Devlin et al., NAACL 2019), and as many as reach the end. A
  question is cut to its first `max_question_length` tokens. Token ids are
  those of `text.Tokenizer`. All ops are linked into TensorFlow Serving.

  Args:
    tokenizer: Whose `max_length` is the longest window in tokens.
    stride: Tokens.
    max_question_length: Tokens; three less than `max_length` at most.
  """

  def __init__(
    self, tokenizer: text_lib.Tokenizer, stride: int, max_question_length: int
  ):
    self._tokenizer = tokenizer
    self._stride = stride
    self._max_question_length = max_question_length

  def __call__(
    self, question: tf.Tensor, context: tf.Tensor
  ) -> tuple[Windows, dict[str, tf.Tensor]]:
    """Windows, and as the encoder's inputs, int32 `[windows, longest]`.

    Args:
      question: string `[questions]`.
      context: string `[questions]`.
    """
    windows = self.windows(question, context)
    places = tf.ragged.range(windows.ids.row_lengths())
    firsts = tf.gather(windows.firsts, places.value_rowids())
    types = windows.ids.with_values(
      tf.cast(places.values >= firsts, tf.int32)
    )
    return windows, self._tokenizer.padded(windows.ids, types)

  def windows(self, question: tf.Tensor, context: tf.Tensor) -> Windows:
    """The windows of questions and contexts, string `[questions]`."""
    tokenizer = self._tokenizer
    context = text_lib.as_many(context, question)
    asked = tokenizer.pieces(question)[:, : self._max_question_length]
    found = self._context_pieces(context)
    counts, first, length = self._cut(
      found[0].row_lengths(), tokenizer.max_length - 3 - asked.row_lengths()
    )
    owner = tf.repeat(tf.range(tf.size(question)), counts)
    first += tf.gather(found[0].row_starts(), owner)
    places = tf.ragged.range(first, first + length)
    ids, begins, ends = (
      places.with_values(tf.gather(part.values, places.values))
      for part in found
    )
    column = tf.ones([tf.size(owner), 1], tf.int32)
    asked = tf.gather(asked, owner)
    head = tf.concat(
      [column * tokenizer.cls, asked, column * tokenizer.sep], axis=1
    )
    none = -tf.ones_like(head)
    central = _central(places, tf.size(found[0].values, tf.int64))
    return Windows(
      tf.concat([head, ids, column * tokenizer.sep], axis=1),
      head.row_lengths(),
      tf.concat([none, begins, -column], axis=1),
      tf.concat([none, ends, -column], axis=1),
      tf.concat([none > 0, central, column < 0], axis=1),
      counts,
    )

  def _context_pieces(self, context: tf.Tensor) -> list[tf.RaggedTensor]:
    """Ids, begins and ends; a context of many questions is read once."""
    different, index = tf.unique(context)
    parts = offsets.pieces(self._tokenizer, different)
    return [tf.gather(part, index) for part in parts]

  def _cut(self, tokens: tf.Tensor, room: tf.Tensor):
    """How many windows a question has; first token and length of each."""
    stride = tf.minimum(tf.constant(self._stride, tf.int64), room)
    beyond = tf.maximum(tokens - room, 0)
    counts = 1 + (beyond + stride - 1) // stride
    number = tf.ragged.range(counts)
    owner = number.value_rowids()
    first = number.values * tf.gather(stride, owner)
    length = tf.gather(tokens, owner) - first
    return counts, first, tf.minimum(length, tf.gather(room, owner))


def _central(places: tf.RaggedTensor, tokens: tf.Tensor) -> tf.RaggedTensor:
  """Whether no window has more context around a token; of equals the first.

  What is around it: min(tokens left, tokens right) + length of the window /
  100, as in run_squad.py.

  Args:
    places: int64 `[windows, (tokens)]`, numbers of tokens.
    tokens: How many there are.
  """
  owner = places.value_rowids()
  length = places.row_lengths()
  left = tf.ragged.range(length).values
  right = tf.gather(length, owner) - 1 - left
  around = 100 * tf.minimum(left, right) + tf.gather(length, owner)
  rank = around * _MOST_WINDOWS - owner
  best = tf.math.unsorted_segment_max(rank, places.values, tokens)
  return places.with_values(rank == tf.gather(best, places.values))
