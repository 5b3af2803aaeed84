# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One task at a time: functions in the graph that all tasks of a form share.

A signature of a task only says which: which row of the stacks, and how long
its texts may be.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from tf_adapters import text as text_lib
from tf_adapters.checkpoints.pretrained import Pretrained
from tf_adapters.layers import head as head_lib
from tf_adapters.serving import families as families_lib
from tf_adapters.serving import heads as heads_lib
from tf_adapters.serving.families import Family
from tf_adapters.serving.heads import Heads
from tf_adapters.serving.loading import ServedTask
from tf_adapters.serving.weights import Weights

Answers = dict[str, tf.Tensor]

_ROW = tf.TensorSpec([], tf.int32, "row")
_TEXTS = tf.TensorSpec([None], tf.string)
_TOKENS = {
  name: tf.TensorSpec([None, None], tf.int32, name)
  for name in ("input_word_ids", "input_mask", "input_type_ids")
}


@dataclasses.dataclass(frozen=True, eq=False)
class Place:
  """Where a task's weights are.

  Attributes:
    served: The task.
    family: Of its encoder.
    row: Among the family's.
    heads: Of its head.
    head_row: Among those.
  """

  served: ServedTask
  family: Family
  row: int
  heads: Heads
  head_row: int

  @property
  def is_span(self) -> bool:
    return self.heads.reads == "every_token"

  @property
  def limit(self) -> int:
    """Longest text in tokens."""
    return self.served.data.max_length

  @property
  def paired(self) -> bool:
    """Whether it takes two texts."""
    return len(self.served.inputs) == 2


def places(
  served: list[ServedTask], frozen: families_lib.Frozen, weights: Weights
) -> list[Place]:
  """The places of tasks, in their order, once `weights` has room for them."""
  families = families_lib.of_tasks(served, frozen, weights)
  heads = heads_lib.of_tasks(served, weights)
  return [
    Place(task, *_find(task, families), *_find(task, heads)) for task in served
  ]


def _find(task, groups):
  for group in groups:
    if task in group.members:
      return group, group.members.index(task)
  raise AssertionError(task.name)  # our own invariant: each is in one


class Tokens:
  """Tokenisation as functions in the graph.

  Args:
    info: What an encoder's texts are made of.
    max_length: Its positions.
  """

  def __init__(self, info: Pretrained, max_length: int):
    self._info = info
    self._tokenizer = text_lib.Tokenizer(
      info.vocabulary, info.lower_case, max_length
    )
    self._of_spans: dict[tuple, Callable] = {}
    self._tokenise = _function(self._by_row, [
      tf.TensorSpec([None], tf.string, "text"),
      tf.TensorSpec([None], tf.string, "text_b"),
      tf.TensorSpec([None], tf.int32, "limit"),
      tf.TensorSpec([None], tf.bool, "paired"),
    ])

  def _by_row(self, text, text_b, limit, paired):
    found = self._tokenizer.by_row(text, text_b, limit, paired)
    return self._tokenizer.padded(*found)

  def of_rows(
    self, text: tf.Tensor, text_b: tf.Tensor, limit: tf.Tensor,
    paired: tf.Tensor,
  ) -> dict[str, tf.Tensor]:
    """As `Tokenizer.by_row`, padded."""
    return self._tokenise(text, text_b, limit, paired)

  def of_texts(
    self, texts: tuple[tf.Tensor, ...], limit: int
  ) -> dict[str, tf.Tensor]:
    """Of one text a row, or of two."""
    text, *more = texts
    shape = tf.shape(text)
    return self._tokenise(
      text,
      more[0] if more else tf.fill(shape, ""),
      tf.fill(shape, limit),
      tf.fill(shape, bool(more)),
    )

  def of_spans(self, place: Place) -> Callable:
    """From questions and contexts to windows, as a span task cuts them."""
    data = place.served.data
    key = (data.max_length, data.doc_stride, data.max_question_length)
    if key not in self._of_spans:
      with tf.init_scope():  # its tables are to outlive the caller's graph
        tokenizer = place.served.task.tokenizer(
          self._info.vocabulary, self._info.lower_case, data
        )
      self._of_spans[key] = _function(
        tokenizer.__call__, [_TEXTS, _TEXTS]
      )
    return self._of_spans[key]


class Single:
  """Answers of one task.

  Args:
    tokens: Tokenise.
  """

  def __init__(self, tokens: Tokens):
    self._tokens = tokens
    self._functions: dict[tuple, Callable] = {}

  def signature(self, place: Place) -> Callable:
    """The function of a task's own signature."""
    specs = [
      tf.TensorSpec([None], tf.string, name) for name in place.served.inputs
    ]
    return _function(lambda *texts: self.answer(place, *texts), specs)

  def answer(self, place: Place, *texts: tf.Tensor) -> Answers:
    """The task's answers to texts, string `[batch]`."""
    row, head_row = tf.constant(place.row), tf.constant(place.head_row)
    if place.is_span:
      return self._span(place)(row, head_row, *texts)
    tokens = self._tokens.of_texts(texts, place.limit)
    z = self._encode(place.family, place.heads.reads)(row, tokens)
    return self._answer(place.heads)(head_row, z)

  def _encode(self, family: Family, reads: str) -> Callable:
    def encode(row, tokens):
      outputs = family.encoder(
        tokens, output_range=1, compute=family.one(row)
      )
      return head_lib.features(outputs, reads)

    return self._shared((family, reads), encode, [_ROW, _TOKENS])

  def _answer(self, heads: Heads) -> Callable:
    def answer(row, z):
      return heads.answers(heads.logits(z, row=row), row)

    width = heads.members[0].model.encoder.borrowed.hidden_size
    spec = tf.TensorSpec([None, width], tf.float32)
    return self._shared((heads,), answer, [_ROW, spec])

  def _span(self, place: Place) -> Callable:
    family, heads, task = place.family, place.heads, place.served.task
    windows = self._tokens.of_spans(place)

    def answer(row, head_row, question, context):
      compute = family.one(row)

      def model(inputs, training):
        outputs = family.encoder(inputs, training=training, compute=compute)
        z = head_lib.features(outputs, heads.reads)
        return heads.logits(z, row=head_row)

      return task.serve(model, windows, question, context)

    key = (family, heads, windows, repr(task))
    return self._shared(key, answer, [_ROW, _ROW, _TEXTS, _TEXTS])

  def _shared(self, key, function, signature) -> Callable:
    if key not in self._functions:
      self._functions[key] = _function(function, signature)
    return self._functions[key]


def _function(function: Callable, signature: list) -> Callable:
  return tf.function(function, input_signature=signature, autograph=False)
