# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`mixed`: every row of a batch is answered by a task of its own."""

from collections.abc import Sequence

import tensorflow as tf

from tf_adapters.modeling import compute as compute_lib
from tf_adapters.modeling.layers import head as head_lib
from tf_adapters.serving import joining
from tf_adapters.serving.families import Family
from tf_adapters.serving.families import Frozen
from tf_adapters.serving.heads import Heads
from tf_adapters.serving.single import Answers
from tf_adapters.serving.single import Place
from tf_adapters.serving.single import Single
from tf_adapters.serving.single import Tokens


class Mixed:
  """Any mix of tasks in one pass through the encoder.

  Adapters, low-rank updates, LayerNorms and heads are gathered by row. Tasks
  with kernels or tokens of their own, and spans, are answered after that one
  by one, each with its rows alone, where there are any.

  Args:
    places: All tasks.
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
    self._places = places
    self._frozen = frozen
    self._tokens = tokens
    self._single = single
    self._one_pass = [p for p in places if p.family.by_row and not p.is_span]

  def __call__(
    self, task: tf.Tensor, text: tf.Tensor, text_b: tf.Tensor
  ) -> Answers:
    """Answers by row.

    Args:
      task: string `[batch]`, names.
      text: string `[batch]`.
      text_b: string `[batch]`; of pairs the second texts, of spans the
        contexts; not read in other rows.

    Returns:
      `label` string, "" where there is none; `score` and `value` float32, NaN
      where there is none, all `[batch]`. `probabilities` `[batch, most
      labels]`, 0 beyond those of a row's task, NaN in rows of other types. If
      there is a span task `answer`, `start` and `end`, "" and -1 where there
      is none. A row whose task is not known has none of all this.
    """
    index = self._index(task)
    answers = self._nothing(task)
    if self._one_pass:
      answers = self._in_one_pass(answers, index, text, text_b)
    for number, place in enumerate(self._places):
      if place not in self._one_pass:
        answers = self._one_by_one(
          answers, tf.equal(index, number), place, text, text_b
        )
    return answers

  def _index(self, task: tf.Tensor) -> tf.Tensor:
    """Numbers of tasks, -1 for one that is not known."""
    names = tf.constant([place.served.name for place in self._places])
    same = tf.equal(task[:, None], names[None])
    found = tf.argmax(same, axis=1, output_type=tf.int32)
    return tf.where(tf.reduce_any(same, axis=1), found, -1)

  def _nothing(self, task: tf.Tensor) -> Answers:
    shape = tf.shape(task)
    answers = {
      "label": tf.fill(shape, ""),
      "score": tf.fill(shape, float("nan")),
      "value": tf.fill(shape, float("nan")),
    }
    labels = most_labels(self._places)
    if labels:
      answers["probabilities"] = tf.fill([shape[0], labels], float("nan"))
    if any(place.is_span for place in self._places):
      answers["answer"] = tf.fill(shape, "")
      answers["start"] = answers["end"] = tf.fill(shape, -1)
    return answers

  # --- One pass ------------------------------------------------------------

  def _in_one_pass(self, answers, index, text, text_b) -> Answers:
    known = tf.maximum(index, 0)

    def by_row(values):
      return tf.gather(tf.constant(values), known)

    tokens = self._tokens.of_rows(
      text,
      text_b,
      by_row([place.limit for place in self._places]),
      by_row([place.paired and not place.is_span for place in self._places]),
    )
    families = _in_order(place.family for place in self._one_pass)
    outputs = families[0].encoder(
      tokens,
      output_range=1,
      compute=compute_lib.Compute(parts=self._parts(families, by_row)),
    )
    for heads in _in_order(place.heads for place in self._one_pass):
      member, rows = self._rows(heads, by_row)
      z = head_lib.features(outputs, heads.reads)
      found = heads.answers(heads.logits(z, rows=rows), rows)
      answers = _merge(answers, found, member & (index >= 0))
    return answers

  def _parts(self, families: list[Family], by_row):
    found = []
    for family in families:
      member, rows = self._rows(family, by_row)
      found.append((family.of_rows(rows).parts, member))
    return joining.join(self._frozen.parts(), found)

  def _rows(
    self, group: Family | Heads, by_row
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """Which rows are of a group, and their numbers in it, else 0."""
    member, number = [], []
    for place in self._places:
      own = place in self._one_pass and group in (place.family, place.heads)
      row = place.row if group is place.family else place.head_row
      member.append(own)
      number.append(row if own else 0)
    return by_row(member), by_row(number)

  # --- One by one ----------------------------------------------------------

  def _one_by_one(self, answers, member, place, text, text_b) -> Answers:
    rows = tf.where(member)

    def texts():
      columns = [text, text_b] if place.paired else [text]
      return [tf.gather_nd(column, rows) for column in columns]

    def answered():
      found = self._single.answer(place, *texts())
      return {
        name: tf.tensor_scatter_nd_update(
          answers[name], rows, _wide(value, answers[name])
        )
        for name, value in found.items()
      }

    names = sorted(_outputs(place))
    found = tf.cond(
      tf.size(rows) > 0,
      answered,
      lambda: {name: tf.identity(answers[name]) for name in names},
    )
    return {**answers, **found}


def most_labels(places: Sequence[Place]) -> int:
  """Of the classification that has the most; 0 if there is none."""
  return max(
    (p.heads.units for p in places if p.heads.type == "classification"),
    default=0,
  )


def _outputs(place: Place) -> tuple[str, ...]:
  if place.is_span:
    return ("answer", "score", "start", "end")
  if place.heads.type == "regression":
    return ("value",)
  return ("label", "score", "probabilities")


def _merge(answers: Answers, found: Answers, member: tf.Tensor) -> Answers:
  merged = dict(answers)
  for name, value in found.items():
    rows = member[:, None] if value.shape.rank == 2 else member
    merged[name] = tf.where(rows, _wide(value, answers[name]), answers[name])
  return merged


def _wide(value: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
  """`value` with as many columns as `like`, 0 in those beyond its own."""
  if value.shape.rank < 2:
    return value
  return tf.pad(value, [[0, 0], [0, like.shape[1] - value.shape[1]]])


def _in_order(groups) -> list:
  return list(dict.fromkeys(groups))
