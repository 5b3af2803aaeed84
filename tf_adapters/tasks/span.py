# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Extractive question answering: a part of a context answers a question."""

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import ClassVar

import numpy as np
import tensorflow as tf

from tf_adapters import data
from tf_adapters import metrics
from tf_adapters.config import METRICS
from tf_adapters.config import DataConfig
from tf_adapters.spans import answers as answers_lib
from tf_adapters.spans import dataset
from tf_adapters.spans import squad
from tf_adapters.spans import windows as windows_lib
from tf_adapters.tokens import text as text_lib

_EXCLUDED = -1e9  # as on attention: its exponential is 0
_WINDOWS = 16  # answered at a time, so that no context takes all the memory


@dataclasses.dataclass(frozen=True)
class Span:
  """Two softmaxes over a window's tokens: the answer's first and its last.

  As BERT does it on SQuAD v1.1 (Devlin et al., NAACL 2019, section 4.2).
  Contexts that are too long go through in windows; in training, a window that
  does not hold all of the answer points to [CLS] twice.

  Attributes:
    n_best_size: How many of the best spans share the probability.
    max_answer_length: Longest answer in tokens.
  """

  n_best_size: int = 20
  max_answer_length: int = 30

  type: ClassVar[str] = "span"
  metrics: ClassVar[tuple[str, ...]] = METRICS[type]
  units: ClassVar[int] = 2
  reads: ClassVar[str | None] = "every_token"

  @staticmethod
  def read(source: str | data.Split, **options: Any) -> squad.Questions:
    """Reads a file as `squad.read` does."""
    return squad.read(source, **options)

  def to_dict(self) -> dict[str, Any]:
    return {"type": self.type, **dataclasses.asdict(self)}

  @staticmethod
  def inputs(columns: data.Columns) -> tuple[str, ...]:
    """Names of what a signature takes."""
    return (columns.text, columns.text_b)

  @staticmethod
  def tokenizer(
    vocabulary: Sequence[str], lower_case: bool, config: DataConfig
  ) -> windows_lib.WindowTokenizer:
    """From questions and contexts to windows."""
    tokenizer = text_lib.Tokenizer(vocabulary, lower_case, config.max_length)
    return windows_lib.WindowTokenizer(
      tokenizer, config.doc_stride, config.max_question_length
    )

  @staticmethod
  def tokenise(
    tokenizer: windows_lib.WindowTokenizer,
    texts: Sequence[str],
    texts_b: Sequence[str],
  ) -> dataset.Tokenised:
    """The windows of many questions."""
    return dataset.tokenise(tokenizer, texts, texts_b)

  # --- Training and scores -----------------------------------------------

  def targets(self, examples: squad.Questions) -> squad.Questions:
    """The answers; `place` finds them in the windows."""
    return examples

  def place(
    self, targets: squad.Questions, tokens: dataset.Tokenised
  ) -> dataset.Targets:
    """Where the answers are, as `dataset.place` says."""
    return dataset.place(targets, tokens)

  def loss(self, logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Mean cross entropy of start and end over the context and [CLS].

    Args:
      logits: float32 `[windows, tokens, 2]`.
      targets: int32 `[windows, 4]`, `dataset.Targets.positions`.

    Returns:
      float32 `[windows]`.
    """
    targets = tf.convert_to_tensor(targets)
    places = tf.range(tf.shape(logits)[1])
    context = (places >= targets[:, 2:3]) & (places < targets[:, 3:])
    allowed = context | (places == 0)
    logits = tf.where(allowed[:, :, None], logits, _EXCLUDED)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
      targets[:, :2], tf.transpose(logits, [0, 2, 1])
    )
    return tf.reduce_mean(losses, axis=1)

  def score(
    self, logits: np.ndarray, targets: dataset.Targets
  ) -> dict[str, float]:
    """F1 and exact match, 0 to 1, by SQuAD's official evaluation."""
    questions = targets.questions
    found = self.predictions(logits, targets.tokens, questions.texts_b)
    return metrics.spans(
      dict(zip(questions.ids, found["answer"].tolist(), strict=True)),
      {
        name: [answer.text for answer in answers]
        for name, answers in zip(questions.ids, questions.labels, strict=True)
      },
    )

  def report(
    self, logits: np.ndarray, targets: dataset.Targets
  ) -> dict[str, Any]:
    """Nothing beyond the scores: there are no classes."""
    del logits, targets
    return {}

  # --- Answers -----------------------------------------------------------

  def predictions(
    self,
    logits: np.ndarray,
    tokens: dataset.Tokenised,
    texts_b: Sequence[str],
  ) -> dict[str, np.ndarray]:
    """The answers to all questions by name, as a signature gives them.

    Args:
      logits: float32 `[windows, tokens, 2]`.
      tokens: The windows.
      texts_b: The contexts.
    """
    chunks = [
      self._best_of_windows(logits[part], *places)
      for part, places in tokens.padded(logits.shape[1], _WINDOWS)
    ]
    best = [tf.concat(values, axis=0) for values in zip(*chunks, strict=True)]
    found = answers_lib.best_of_questions(*best, tf.constant(tokens.counts))
    found = {name: value.numpy() for name, value in found.items()}
    spans = zip(texts_b, found["start"], found["end"], strict=True)
    texts = [text[max(start, 0) : max(end, 0)] for text, start, end in spans]
    return {"answer": np.array(texts, object), **found}

  def serve(
    self,
    model: Callable,
    tokenizer: Callable,
    question: tf.Tensor,
    context: tf.Tensor,
  ) -> dict[str, tf.Tensor]:
    """The answers in a graph, from texts string `[batch]`.

    Returns:
      `answer`, string `[batch]`: the part of `context` from `start` to before
      `end`, int32 `[batch]`, in characters (Unicode code points); `score`
      float32 `[batch]`, 0 to 1. Where the context has no token that could
      be an answer: "", -1, -1 and 0.
    """
    windows, batch = tokenizer(question, context)
    count = tf.size(windows.firsts)

    def answer_some(first, *found):
      part = slice(first, first + _WINDOWS)
      logits = model(
        {name: value[part] for name, value in batch.items()}, training=False
      )
      shape = tf.shape(logits)[:2]
      best = self._best_of_windows(
        logits,
        windows.begins[part].to_tensor(-1, shape=shape),
        windows.ends[part].to_tensor(-1, shape=shape),
        windows.central[part].to_tensor(False, shape=shape),
      )
      return (
        first + _WINDOWS,
        *(tf.concat(pair, axis=0) for pair in zip(found, best, strict=True)),
      )

    none = [
      tf.zeros([0, self.n_best_size], dtype)
      for dtype in (tf.float32, tf.int32, tf.int32)
    ]
    any_number = tf.TensorShape([None, self.n_best_size])
    _, *best = tf.while_loop(
      lambda first, *_: first < count,
      answer_some,
      [tf.constant(0), *none],
      shape_invariants=[tf.TensorShape([]), *[any_number] * 3],
      parallel_iterations=1,
    )
    found = answers_lib.best_of_questions(*best, windows.counts)
    start = tf.maximum(found["start"], 0)
    answer = tf.strings.substr(
      text_lib.decoded(context),
      start,
      tf.maximum(found["end"], 0) - start,
      unit="UTF8_CHAR",
    )
    return {"answer": answer, **found}

  def _best_of_windows(self, logits, begins, ends, central):
    return answers_lib.best_of_windows(
      logits,
      begins,
      ends,
      central,
      longest=self.max_answer_length,
      count=self.n_best_size,
    )
