# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The learned vectors of prompt tuning (Lester et al., 2021)."""

import random
from typing import NamedTuple

import tensorflow as tf
import tf_keras

from tf_adapters.modeling import pieces


class Prompt(NamedTuple):
  """Vectors `[length, hidden]` that stand before the embeddings of a text."""

  embeddings: tf.Variable

  @property
  def length(self) -> int:
    return self.embeddings.shape[0]


class PromptLayer(tf_keras.layers.Layer):
  """Vectors that stand before the embeddings of every text.

      encoder([P; E])

  with P of `length` rows: length · hidden parameters. E is the sum of a text's
  word, position and type embeddings; P, which has no positions of its own,
  goes with it through the embeddings' LayerNorm and dropout. The text keeps
  its positions, and [CLS] stays what a head reads. P starts as embeddings of
  words drawn from the vocabulary, which the authors found better than random
  numbers (section 3.2).

  Source: Lester et al., "The Power of Scale for Parameter-Efficient Prompt
  Tuning", EMNLP 2021, section 2.

  Args:
    length: Rows.
    words: `[vocabulary, hidden]`, read once.
    seed: Of the words.
  """

  def __init__(self, length: int, words: tf.Variable, seed: int, **kwargs):
    super().__init__(**{**kwargs, "dtype": tf.float32})
    self.length = length
    drawn = random.Random(seed).choices(range(words.shape[0]), k=length)
    # Rows of the array: a variable may be spread over devices.
    value = tf.constant(words.numpy()[drawn])

    def initial(shape, dtype=None, **kwargs):
      del shape, dtype, kwargs
      return value

    self.embeddings = self.add_weight(
      "embeddings", value.shape, initializer=initial
    )
    self.built = True

  def mapped(self, read: pieces.Read) -> Prompt:
    """The same with `read(variable)` in the place of each variable."""
    return Prompt(read(self.embeddings))
