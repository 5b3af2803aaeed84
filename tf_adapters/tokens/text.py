# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""From raw text to token ids in the graph: training and serving share it."""

import unicodedata
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_text as tf_text

from tf_adapters.errors import InputError

# What BERT's own tokenizer drops: U+FFFD and control characters that are not
# white space. TensorFlow Text's lower-casing would also fold compatibility
# characters (ß, ½, …), which BERT's does not, so it is spelt out here.
_DROPPED = r"[^\P{C}\t\n\r]|\x{FFFD}"
_ACCENTS = r"\p{Mn}"
# A word of over 100 characters is unknown to BERT. TensorFlow Text counts
# bytes, at most four a character, so the longer words are replaced before it
# sees them, and for that words must be parted as BERT parts them.
_CJK = (
  r"\x{4E00}-\x{9FFF}\x{3400}-\x{4DBF}\x{20000}-\x{2A6DF}\x{2A700}-\x{2B73F}"
  r"\x{2B740}-\x{2B81F}\x{2B820}-\x{2CEAF}\x{F900}-\x{FAFF}\x{2F800}-\x{2FA1F}"
)
_ALONE = rf"([\p{{P}}$+<=>^`|~{_CJK}])"
_TOO_LONG = r"[^\s\p{Z}]{101,}"
_NO_WORD = "\ue000"  # private use, dropped from texts: surely unknown
_LONGEST = 256  # bytes of a piece, of TensorFlow Text


def _pieces(vocabulary: Sequence[str]) -> list[str]:
  """The same ids, with others for pieces that are in no word of BERT's.

  TensorFlow Text would find one with a blank in it across words, and does not
  take all.

  Raises:
    InputError: for a piece that may be in a word and is too long.
  """
  pieces = []
  for number, piece in enumerate(vocabulary):
    if _is_in_no_word(piece):
      piece = f"{_NO_WORD}{number}"
    size = len(piece.encode())
    if size > _LONGEST:
      raise InputError(
        f"the vocabulary has a piece of {size} bytes, {piece!r}; TensorFlow "
        f"Text takes up to {_LONGEST}."
      )
    pieces.append(piece)
  return pieces


def _is_in_no_word(piece: str) -> bool:
  if not piece or len(piece.removeprefix("##")) > 100:
    return True
  return any(
    character.isspace()
    or unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs")
    for character in piece
  )


class Tokenizer:
  """BERT's tokenisation: WordPiece, [CLS] a [SEP] or [CLS] a [SEP] b [SEP].

  Gives the ids of Hugging Face's `BertTokenizerFast` with the same
  vocabulary, but for characters that Unicode has not assigned; where both
  texts of a pair are cut, the first keeps the odd token, as in Google's code.
  Special tokens written in a text are ordinary characters. All ops are
  linked into TensorFlow Serving.

  Args:
    vocabulary: WordPieces by id.
    lower_case: Whether to lower-case and strip accents.
    max_length: Longest result in tokens; longer texts are cut at the end,
      pairs token by token from the longer text.

  Attributes:
    cls: Id of [CLS].
    sep: Id of [SEP].

  Raises:
    InputError: for a vocabulary without BERT's special tokens.
  """

  def __init__(
    self, vocabulary: Sequence[str], lower_case: bool, max_length: int
  ):
    ids = {piece: index for index, piece in enumerate(vocabulary)}
    for piece in ("[UNK]", "[CLS]", "[SEP]", "[PAD]"):
      if piece not in ids:
        raise InputError(f"the vocabulary lacks {piece}; it is not a BERT's.")
    self.cls, self.sep, self._pad = ids["[CLS]"], ids["[SEP]"], ids["[PAD]"]
    self._lower_case = lower_case
    self.max_length = max_length
    if len(ids) != len(vocabulary):
      twice = next(p for i, p in enumerate(vocabulary) if ids[p] != i)
      raise InputError(f"the vocabulary has {twice!r} twice.")
    if max_length < 4:
      raise InputError(f"`max_length` must be at least 4; got {max_length}.")
    self._wordpiece = tf_text.FastBertTokenizer(
      vocab=_pieces(vocabulary),
      token_out_type=tf.int32,
      support_detokenization=False,
      max_bytes_per_word=400,
    )

  def ragged(
    self, text: tf.Tensor, text_b: tf.Tensor | None = None
  ) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Token ids and type ids, int32 `[batch, (tokens)]`, without padding.

    Args:
      text: string `[batch]`, UTF-8; other bytes are dropped.
      text_b: string `[batch]`, the second texts of pairs.
    """
    segments = [self.pieces(text)]
    if text_b is not None:
      # RoundRobinTrimmer reads past the end of the shorter batch otherwise.
      text_b = as_many(text_b, text)
      segments.append(self.pieces(text_b))
    room = self.max_length - 1 - len(segments)
    trimmed = tf_text.RoundRobinTrimmer(room).trim(segments)
    return tf_text.combine_segments(trimmed, self.cls, self.sep)

  def by_row(
    self,
    text: tf.Tensor,
    text_b: tf.Tensor,
    limit: tf.Tensor,
    paired: tf.Tensor,
  ) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """As `ragged`, of rows that differ in what they are.

    Args:
      text: string `[batch]`.
      text_b: string `[batch]`, read in rows that are pairs.
      limit: int32 `[batch]`, longest result in tokens, in the place of
        `max_length`.
      paired: bool `[batch]`.
    """
    first, second = self.pieces(text), self.pieces(as_many(text_b, text))
    paired = tf.cast(paired, tf.int64)
    room = tf.cast(limit, tf.int64) - 2 - paired
    sizes = first.row_lengths(), second.row_lengths() * paired
    # What trimming in turn comes to; the first text keeps the odd token.
    half = room // 2
    kept = tf.minimum(sizes[0], tf.maximum(room - sizes[1], room - half))
    kept_b = tf.minimum(sizes[1], tf.maximum(room - sizes[0], half))
    column = tf.ones([tf.size(kept), 1], tf.int32)
    last = tf.RaggedTensor.from_row_lengths(
      tf.repeat(self.sep, tf.reduce_sum(paired)), paired
    )
    ids = tf.concat(
      [
        column * self.cls,
        _first(first, kept),
        column * self.sep,
        _first(second, kept_b),
        last,
      ],
      axis=1,
    )
    places = tf.ragged.range(ids.row_lengths())
    beyond = places.values >= tf.gather(kept + 2, places.value_rowids())
    return ids, ids.with_values(tf.cast(beyond, tf.int32))

  def __call__(
    self, text: tf.Tensor, text_b: tf.Tensor | None = None
  ) -> dict[str, tf.Tensor]:
    """The encoder's inputs, int32 `[batch, longest]`, padded at the end."""
    ids, type_ids = self.ragged(text, text_b)
    return self.padded(ids, type_ids)

  def padded(
    self, ids: tf.RaggedTensor, type_ids: tf.RaggedTensor
  ) -> dict[str, tf.Tensor]:
    """The encoder's inputs of token ids and type ids `[batch, (tokens)]`."""
    # At least one column, so that a batch of no texts has a first token too.
    longest = tf.maximum(tf.reduce_max(ids.row_lengths()), 1)
    shape = tf.stack([-1, longest])
    return {
      "input_word_ids": ids.to_tensor(self._pad, shape=shape),
      "input_mask": tf.ones_like(ids).to_tensor(0, shape=shape),
      "input_type_ids": type_ids.to_tensor(0, shape=shape),
    }

  def pieces(self, text: tf.Tensor) -> tf.RaggedTensor:
    """Ids of the WordPieces alone, int32 `[batch, (pieces)]`."""
    text = self.normalised(decoded(text))
    text = _without_long_words(text)
    return self._wordpiece.tokenize(text).merge_dims(1, -1)

  def normalised(self, text: tf.Tensor) -> tf.Tensor:
    """`text`, valid UTF-8, as BERT reads it: words parted by white space."""
    text = tf.strings.regex_replace(text, _DROPPED, "")
    if self._lower_case:
      text = tf.strings.lower(text, encoding="utf-8")
      text = tf_text.normalize_utf8(text, "NFD")
      text = tf.strings.regex_replace(text, _ACCENTS, "")
    return tf.strings.regex_replace(text, _ALONE, r" \1 ")

  def pieces_of_words(
    self, words: tf.Tensor
  ) -> tuple[tf.RaggedTensor, tf.RaggedTensor, tf.RaggedTensor]:
    """Ids and where they begin and end, int32 `[words, (pieces)]`.

    Args:
      words: string `[words]`, out of a `normalised` text.

    Returns:
      Ids; first byte in the word; the byte after the last.
    """
    known = _without_long_words(words)
    ids, begins, ends = (
      part.merge_dims(1, -1)
      for part in self._wordpiece.tokenize_with_offsets(known)
    )
    sizes = tf.gather(tf.strings.length(words), ends.value_rowids())
    long = tf.gather(tf.not_equal(words, known), ends.value_rowids())
    ends = ends.with_values(
      tf.where(long, sizes, tf.cast(ends.values, tf.int32))
    )
    return ids, tf.cast(begins, tf.int32), ends


def decoded(text: tf.Tensor) -> tf.Tensor:
  """`text` `[batch]` with U+FFFD, which BERT drops, for what is no UTF-8.

  Checks, too, that it is a batch: a server runs what it is given, and
  tensorflow-text's normaliser crashes on a scalar.
  """
  text = tf.ensure_shape(text, [None])
  return tf.strings.unicode_transcode(text, "UTF-8", "UTF-8")


def _without_long_words(text: tf.Tensor) -> tf.Tensor:
  return tf.strings.regex_replace(text, _TOO_LONG, _NO_WORD)


def as_many(text_b: tf.Tensor, text: tf.Tensor) -> tf.Tensor:
  """`text_b`, once it is sure to have one text for each of `text`."""
  same = tf.debugging.assert_equal(
    tf.size(text), tf.size(text_b), "`text_b` must have as many texts as `text`"
  )
  with tf.control_dependencies([] if same is None else [same]):  # eager: None
    return tf.identity(text_b)


def _first(pieces: tf.RaggedTensor, count: tf.Tensor) -> tf.RaggedTensor:
  """The first `count` `[batch]` of each row."""
  starts = pieces.row_starts()
  places = tf.ragged.range(starts, starts + count)
  return places.with_values(tf.gather(pieces.values, places.values))
