# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`all_tasks`: every task's answer to every text."""

from collections.abc import Sequence

import tensorflow as tf

from tf_adapters.modeling import compute as compute_lib
from tf_adapters.serving import mixed
from tf_adapters.serving.families import Family
from tf_adapters.serving.families import Frozen
from tf_adapters.serving.heads import Heads
from tf_adapters.serving.single import Answers
from tf_adapters.serving.single import Place
from tf_adapters.serving.single import Single
from tf_adapters.serving.single import Tokens


class AllTasks:
  """All tasks that read one text and give one answer to it.

  What lies below the lowest block of a task's own is computed once for all of
  them, and tokens are; the rest goes task by task, so that memory does not
  grow with their number.

  Args:
    places: All tasks; those on pairs and spans are left out.
    frozen: The encoder.
    tokens: Tokenise.
    single: Answers of one task.
  """

  def __init__(
    self,
    places: Sequence[Place],
    frozen: Frozen,
    tokens: Tokens,
    single: Single,
  ):
    self.places = [p for p in places if not (p.paired or p.is_span)]
    self._frozen = frozen
    self._tokens = tokens
    self._single = single

  def __call__(self, text: tf.Tensor) -> Answers:
    """Answers to texts, string `[batch]`.

    Returns:
      `task` string `[batch, tasks]`, the same names in each row, and in their
      order `label`, `score`, `value` `[batch, tasks]` and `probabilities`
      `[batch, tasks, most labels]`, filled up as `Mixed` does.
    """
    groups: dict[tuple, list[Place]] = {}
    for place in self.places:
      key = (place.family, place.heads, place.limit)
      groups.setdefault(key, []).append(place)
    tokens, prefixes, found = {}, {}, []
    for family, heads, limit in groups:
      if limit not in tokens:
        tokens[limit] = self._tokens.of_texts((text,), limit)
      inputs = tokens[limit]
      if family.start:
        key = (limit, family.start)
        if key not in prefixes:
          prefixes[key] = self._prefix(family, inputs)
        inputs = {**inputs, "prefix_output": prefixes[key]}
      found.append(
        self._answers(groups[family, heads, limit], inputs)
      )
    in_groups = [place for group in groups.values() for place in group]
    order = [in_groups.index(place) for place in self.places]
    answers = {}
    for name in found[0]:
      values = tf.concat([part[name] for part in found], axis=1)
      answers[name] = tf.gather(values, order, axis=1)
    names = tf.constant([place.served.name for place in self.places])
    answers["task"] = tf.repeat(names[None], tf.size(text), axis=0)
    return answers

  def _prefix(self, family: Family, tokens) -> tf.Tensor:
    bare = compute_lib.Compute(parts=self._frozen.parts())
    return family.encoder.prefix(tokens, compute=bare)

  def _answers(self, group: list[Place], inputs) -> Answers:
    """Of tasks of one form, `[batch, tasks, …]`."""
    family, heads = group[0].family, group[0].heads
    head_rows = tf.constant([place.head_row for place in group])

    encode = self._single.encode(family, heads.reads)

    def one(rows):
      row, head_row = rows
      return heads.logits(encode(row, inputs), row=head_row)

    logits = tf.map_fn(
      one,
      (tf.constant([place.row for place in group]), head_rows),
      fn_output_signature=tf.TensorSpec([None, heads.units], tf.float32),
      parallel_iterations=1,
    )
    batch = tf.shape(logits)[1]
    flat = tf.reshape(tf.transpose(logits, [1, 0, 2]), [-1, heads.units])
    found = heads.answers(flat, tf.tile(head_rows, [batch]))
    return self._filled(
      {
        name: tf.reshape(value, [batch, len(group), *value.shape[1:]])
        for name, value in found.items()
      },
      heads,
    )

  def _filled(self, found: Answers, heads: Heads) -> Answers:
    """With what other types of task answer, which is nothing."""
    shape = tf.shape(next(iter(found.values())))[:2]
    answers = {
      "label": tf.fill(shape, ""),
      "score": tf.fill(shape, float("nan")),
      "value": tf.fill(shape, float("nan")),
    }
    labels = mixed.most_labels(self.places)
    if labels:
      wide = tf.concat([shape, [labels]], axis=0)
      answers["probabilities"] = tf.fill(wide, float("nan"))
    if "probabilities" in found:
      more = labels - heads.units
      found["probabilities"] = tf.pad(
        found["probabilities"], [[0, 0], [0, 0], [0, more]]
      )
    return {**answers, **found}
