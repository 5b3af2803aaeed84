# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The best spans: out of the logits of windows, and over all windows."""

import tensorflow as tf

_NEVER = -float("inf")


def best_of_windows(
  logits: tf.Tensor,
  begins: tf.Tensor,
  ends: tf.Tensor,
  central: tf.Tensor,
  *,
  longest: int,
  count: int,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """The `count` spans of each window with the largest sum of logits.

  All spans of up to `longest` tokens compete that start at a `central` token
  and end at a token of the context. (Google's run_squad.py takes the twenty
  best starts and ends first, and then compares only their spans.)

  Args:
    logits: float32 `[windows, tokens, 2]`, of starting and of ending there.
    begins: int32 `[windows, tokens]`, as `Windows` has it, padded by -1.
    ends: The same.
    central: bool `[windows, tokens]`, padded by false.
    longest: Tokens of an answer at the most.
    count: How many spans.

  Returns:
    `[windows, count]` each: the sum, -inf where there are no more spans; the
    first character of the context; the character after the last.
  """
  windows, tokens = tf.shape(logits)[0], tf.shape(logits)[1]
  starting = tf.where(central, logits[:, :, 0], _NEVER)
  ending = tf.where(begins >= 0, logits[:, :, 1], _NEVER)
  ending = tf.pad(ending, [[0, 0], [0, longest - 1]], constant_values=_NEVER)
  last = tf.range(tokens)[:, None] + tf.range(longest)[None]
  sums = starting[:, :, None] + tf.gather(ending, last, axis=1)
  sums = tf.reshape(sums, [windows, tokens * longest])
  # So that there are `count` of them in the shortest window, too.
  sums = tf.pad(sums, [[0, 0], [0, count]], constant_values=_NEVER)
  sums, index = tf.math.top_k(sums, count)
  start = tf.minimum(index // longest, tokens - 1)
  end = tf.minimum(start + index % longest, tokens - 1)
  return (
    sums,
    tf.gather(begins, start, batch_dims=1),
    tf.gather(ends, end, batch_dims=1),
  )


def best_of_questions(
  sums: tf.Tensor, begins: tf.Tensor, ends: tf.Tensor, counts: tf.Tensor
) -> dict[str, tf.Tensor]:
  """The best span of each question over all of its windows.

  Args:
    sums: float32 `[windows, count]`, from `best_of_windows`.
    begins: int32 `[windows, count]`.
    ends: int32 `[windows, count]`.
    counts: int64 `[questions]`, windows of each.

  Returns:
    `start` and `end`, int32 `[questions]`, in characters of the context,
    `end` after the last; -1 where there is no span. `score`, float32
    `[questions]`: the span's share in the softmax over the question's
    `count` best spans, as in run_squad.py; 0 where there is none.
  """
  count = sums.shape[1]
  width = tf.maximum(tf.reduce_max(counts), 1) * count

  def by_question(values, fill):
    rows = tf.RaggedTensor.from_row_lengths(values, counts)
    flat = rows.merge_dims(1, 2)
    return flat.to_tensor(fill, shape=tf.stack([-1, width]))

  sums, index = tf.math.top_k(by_question(sums, _NEVER), count)
  some = sums[:, 0] > _NEVER
  shares = tf.nn.softmax(tf.where(some[:, None], sums, 0.0))
  found = {"score": tf.where(some, shares[:, 0], 0.0)}
  for name, places in (("start", begins), ("end", ends)):
    best = tf.gather(by_question(places, -1), index[:, :1], batch_dims=1)
    found[name] = tf.where(some, best[:, 0], -1)
  return found
