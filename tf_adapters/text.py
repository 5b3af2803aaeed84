# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""From raw text to token ids in the graph: training and serving share it."""

from collections.abc import Sequence

import tensorflow as tf
import tensorflow_text as tf_text

from tf_adapters.errors import InputError

# What BERT's own tokenizer drops: U+FFFD and control characters that are not
# white space. TensorFlow Text's lower-casing would also fold compatibility
# characters (ß, ½, …), which BERT's does not, so it is spelt out here.
_DROPPED = r"[^\P{C}\t\n\r]|\x{FFFD}"
_ACCENTS = r"\p{Mn}"


class Tokenizer:
  """BERT's tokenisation: WordPiece, [CLS] a [SEP] or [CLS] a [SEP] b [SEP].

  Gives the ids of Hugging Face's `BertTokenizerFast` with the same
  vocabulary, but for characters that Unicode has not assigned; special
  tokens written in a text are ordinary characters. All ops are linked into
  TensorFlow Serving.

  Args:
    vocabulary: WordPieces by id.
    lower_case: Whether to lower-case and strip accents.
    max_length: Longest result in tokens; longer texts are cut at the end,
      pairs token by token from the longer text.

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
    self._cls, self._sep, self._pad = ids["[CLS]"], ids["[SEP]"], ids["[PAD]"]
    self._lower_case = lower_case
    self.max_length = max_length
    self._wordpiece = tf_text.FastBertTokenizer(
      vocab=list(vocabulary),
      token_out_type=tf.int32,
      support_detokenization=False,
    )

  def ragged(
    self, text: tf.Tensor, text_b: tf.Tensor | None = None
  ) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
    """Token ids and type ids, int32 `[batch, (tokens)]`, without padding.

    Args:
      text: string `[batch]`, UTF-8; other bytes are dropped.
      text_b: string `[batch]`, the second texts of pairs.
    """
    segments = [self._pieces(text)]
    if text_b is not None:
      segments.append(self._pieces(text_b))
    room = self.max_length - 1 - len(segments)
    trimmed = tf_text.RoundRobinTrimmer(room).trim(segments)
    return tf_text.combine_segments(trimmed, self._cls, self._sep)

  def __call__(
    self, text: tf.Tensor, text_b: tf.Tensor | None = None
  ) -> dict[str, tf.Tensor]:
    """The encoder's inputs, int32 `[batch, longest]`, padded at the end."""
    ids, type_ids = self.ragged(text, text_b)
    # At least one column, so that a batch of no texts has a first token too.
    longest = tf.maximum(tf.reduce_max(ids.row_lengths()), 1)
    shape = tf.stack([-1, longest])
    return {
      "input_word_ids": ids.to_tensor(self._pad, shape=shape),
      "input_mask": tf.ones_like(ids).to_tensor(0, shape=shape),
      "input_type_ids": type_ids.to_tensor(0, shape=shape),
    }

  def _pieces(self, text: tf.Tensor) -> tf.RaggedTensor:
    text = tf.strings.unicode_transcode(text, "UTF-8", "UTF-8")
    text = tf.strings.regex_replace(text, _DROPPED, "")
    if self._lower_case:
      text = tf.strings.lower(text, encoding="utf-8")
      text = tf_text.normalize_utf8(text, "NFD")
      text = tf.strings.regex_replace(text, _ACCENTS, "")
    return self._wordpiece.tokenize(text).merge_dims(1, -1)
