# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One task at a time: functions in the graph that all tasks of a form share.

A signature of a task only says which: which row of the stacks, and how long
its texts may be. See `stubs`.
"""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from tf_adapters.checkpoints.pretrained import Pretrained
from tf_adapters.modeling.layers import head as head_lib
from tf_adapters.serving import families as families_lib
from tf_adapters.serving import heads as heads_lib
from tf_adapters.serving import stubs
from tf_adapters.serving.families import Family
from tf_adapters.serving.heads import Heads
from tf_adapters.serving.loading import ServedTask
from tf_adapters.serving.weights import Weights
from tf_adapters.tokens import text as text_lib

Answers = dict[str, tf.Tensor]

_NUMBER = tf.TensorSpec([], tf.int32)
_TEXTS = tf.TensorSpec([None], tf.string)


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
    self, texts: tuple[tf.Tensor, ...], limit: tf.Tensor | int
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
    shared, numbers = self._of(place)
    specs = [
      tf.TensorSpec([None], tf.string, name) for name in place.served.inputs
    ]
    return _function(
      lambda *texts: stubs.call(shared, *_constants(numbers), *texts), specs
    )

  def answer(self, place: Place, *texts: tf.Tensor) -> Answers:
    """The task's answers to texts, string `[batch]`."""
    shared, numbers = self._of(place)
    return shared(*_constants(numbers), *texts)

  def _of(self, place: Place) -> tuple[Callable, list[int]]:
    """What answers for all tasks of a form, and the numbers of this one."""
    numbers = [place.row, place.head_row]
    if place.is_span:
      return self._span(place), numbers
    return self._texts(place), [*numbers, place.limit]

  def _texts(self, place: Place) -> Callable:
    family, heads = place.family, place.heads
    encode = self.encode(family, heads.reads)
    answer = self._answer(heads)

    def of_texts(row, head_row, limit, *texts):
      return answer(head_row, encode(row, self._tokens.of_texts(texts, limit)))

    specs = [_NUMBER] * 3 + [_TEXTS for _ in place.served.inputs]
    return self._shared((family, heads, len(specs)), of_texts, specs)

  def encode(self, family: Family, reads: str) -> Callable:
    """The function of a family's encoder, which its signatures share.

    Args:
      family: Of tasks.
      reads: What their heads read; with `prefix_output` among the tokens the
        function computes the blocks from `family.start` on.

    Returns:
      Of a task's row, int32 `[]`, and tokens: float32 `[batch, d]`.
    """

    def encode(row, tokens):
      outputs = family.encoder(
        tokens, output_range=1, compute=family.one(row)
      )
      return head_lib.features(outputs, reads)

    return self._shared((family, reads), encode, None)

  def _answer(self, heads: Heads) -> Callable:
    def answer(row, z):
      return heads.answers(heads.logits(z, row=row), row)

    width = heads.members[0].model.encoder.borrowed.hidden_size
    spec = tf.TensorSpec([None, width], tf.float32)
    return self._shared((heads,), answer, [_NUMBER, spec])

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
    return self._shared(key, answer, [_NUMBER, _NUMBER, _TEXTS, _TEXTS])

  def _shared(self, key, function, signature) -> Callable:
    if key not in self._functions:
      self._functions[key] = _function(function, signature)
    return self._functions[key]


def _function(function: Callable, signature: list | None) -> Callable:
  return tf.function(function, input_signature=signature, autograph=False)


def _constants(numbers: list[int]) -> list[tf.Tensor]:
  return [tf.constant(number) for number in numbers]
