# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The learned keys and values of prefix tuning (Li and Liang, 2021)."""

from typing import NamedTuple

import tensorflow as tf
import tf_keras

from tf_adapters.modeling import pieces


class Prefix(NamedTuple):
  """Keys and values `[length, width]` that stand before a text's own."""

  keys: tf.Variable
  values: tf.Variable

  def before(
    self, key: tf.Tensor, value: tf.Tensor, bias: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Puts them before a batch's, for every text to see.

    Args:
      key: `[batch, heads, seq, width / heads]`.
      value: The same.
      bias: float32 `[batch, 1, 1 or queries, seq]`, added to the scores.

    Returns:
      The three with `length + seq` in the place of `seq`.
    """
    length = self.keys.shape[0]
    return (
      _join(self.keys, key),
      _join(self.values, value),
      tf.pad(bias, [[0, 0], [0, 0], [0, 0], [length, 0]]),
    )


class PrefixLayer(tf_keras.layers.Layer):
  """Keys and values that stand before those of every text in one block.

      attention(Q, [P_K; K], [P_V; V])

  with P_K and P_V of `length` rows: 2 · length · width parameters. They are
  trained as they are, which the authors found less stable for generation than
  through a network that is dropped afterwards, and Liu et al. ("P-Tuning v2",
  ACL 2022) found enough for classification. They start as a normal of
  deviation 0.02, as BERT's own weights did.

  Source: Li and Liang, "Prefix-Tuning: Optimizing Continuous Prompts for
  Generation", ACL 2021, section 4.

  Args:
    length: Rows.
    width: Of the block's keys, all heads together.
    seed: Of the keys and values.
  """

  def __init__(self, length: int, width: int, seed: int, **kwargs):
    super().__init__(**kwargs)
    self.keys, self.values = (
      self.add_weight(
        name,
        [length, width],
        initializer=tf_keras.initializers.TruncatedNormal(
          stddev=0.02, seed=2 * seed + index
        ),
      )
      for index, name in enumerate(("keys", "values"))
    )
    self.built = True

  def before(self, *attended: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """As `Prefix.before`."""
    return Prefix(self.keys, self.values).before(*attended)

  def mapped(self, read: pieces.Read) -> Prefix:
    """The same with `read(variable)` in the place of each variable."""
    return Prefix(read(self.keys), read(self.values))


def _join(own: tf.Tensor, theirs: tf.Tensor) -> tf.Tensor:
  _, heads, _, width = theirs.shape
  own = tf.reshape(own, [1, own.shape[0], heads, width])
  own = tf.cast(own, theirs.dtype)
  own = tf.transpose(own, [0, 2, 1, 3])
  return tf.concat([tf.repeat(own, tf.shape(theirs)[0], axis=0), theirs], 2)
