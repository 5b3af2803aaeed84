# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Where each WordPiece stands in the text as it was written."""

import tensorflow as tf
import tensorflow_text as tf_text

from tf_adapters.tokens import text as text_lib


def pieces(
  tokenizer: text_lib.Tokenizer, text: tf.Tensor
) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
  """WordPieces with their places in `text`, int32 `[batch, (pieces)]`.

  Places are counted in characters (Unicode code points) of `text` itself,
  before case and accents are folded and whatever else BERT changes. A piece
  ends after the combining marks of its last character.

  Args:
    tokenizer: Gives the pieces; they are those of its `pieces`.
    text: string `[batch]`, UTF-8; what is no UTF-8 counts as one character
      for each U+FFFD that stands for it.

  Returns:
    Ids; the first character; the character after the last.
  """
  text = text_lib.decoded(text)
  normal = _normalised(tokenizer, text)
  ids, begins, ends = _in_normalised(tokenizer, normal)
  rows = ids.value_rowids()
  characters = _Characters(tokenizer, text)
  first_bytes = tf.gather(_before(tf.strings.length(normal)), rows)
  first_characters = tf.gather(characters.row_starts, rows)
  places = [
    tf.cast(place - first_characters, tf.int32)
    for place in (
      characters.beginning(first_bytes + tf.cast(begins.values, tf.int64)),
      characters.ending(first_bytes + tf.cast(ends.values, tf.int64)),
    )
  ]
  return ids, ids.with_values(places[0]), ids.with_values(places[1])


def _normalised(tokenizer, text):
  """White space is a plain space: wider ones mislead WhitespaceTokenizer."""
  return tf.strings.regex_replace(
    tokenizer.normalised(text), r"[\s\p{Z}]", " "
  )


def _in_normalised(tokenizer, normal):
  """Ids and the bytes of `normal` at which they begin and end."""
  words, starts, _ = tf_text.WhitespaceTokenizer().tokenize_with_offsets(normal)
  ids, begins, ends = tokenizer.pieces_of_words(words.values)
  shift = tf.gather(tf.cast(starts.values, tf.int32), ids.value_rowids())
  return tuple(
    words.with_values(ids.with_values(values)).merge_dims(1, 2)
    for values in (ids.values, begins.values + shift, ends.values + shift)
  )


class _Characters:
  """The characters of all texts, end to end, and their normalised sizes.

  Normalisation changes characters one by one: what it makes of a text has
  the bytes of what it makes of its characters. (A final sigma is another
  letter than one within a word, of the same size.)

  Attributes:
    row_starts: int64 `[batch]`, the first character of each text.
  """

  def __init__(self, tokenizer: text_lib.Tokenizer, text: tf.Tensor):
    codes = tf.strings.unicode_decode(text, "UTF-8")
    self.row_starts = codes.row_starts()
    # A text has few different characters.
    different, index = tf.unique(codes.values)
    alone = tf.strings.unicode_encode(different[:, None], "UTF-8")
    sizes = tf.strings.length(_normalised(tokenizer, alone))
    marks = tf.strings.regex_full_match(alone, r"\p{M}") & (sizes == 0)
    self._edges = tf.cumsum(tf.cast(tf.gather(sizes, index), tf.int64))
    self._heads = self._find_heads(tf.gather(marks, index))

  def _find_heads(self, marks: tf.Tensor) -> tf.Tensor:
    """The characters that no character before them takes along, and the end."""
    others = tf.where(~marks)[:, 0]
    end = tf.size(marks, tf.int64)[None]
    return tf.sort(tf.concat([others, self.row_starts, end], axis=0))

  def beginning(self, place: tf.Tensor) -> tf.Tensor:
    """The character of which the byte at `place` was made."""
    return tf.searchsorted(self._edges, place, "right", tf.int64)

  def ending(self, place: tf.Tensor) -> tf.Tensor:
    """The character after that of the byte before `place` and its marks."""
    after = self.beginning(place - 1) + 1
    head = tf.searchsorted(self._heads, after, "left", tf.int64)
    return tf.gather(self._heads, head)


def _before(sizes: tf.Tensor) -> tf.Tensor:
  return tf.cumsum(tf.cast(sizes, tf.int64), exclusive=True)
