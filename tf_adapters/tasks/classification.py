# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One label out of several for a text or a pair of texts."""

import dataclasses
from collections.abc import Sequence
from typing import Any
from typing import ClassVar

import numpy as np
import tensorflow as tf

from tf_adapters import metrics
from tf_adapters.config import metrics_of
from tf_adapters.data import Examples
from tf_adapters.errors import InputError
from tf_adapters.tasks.text_task import TextTask


@dataclasses.dataclass(frozen=True)
class Classification(TextTask):
  """Softmax over `labels`, cross entropy.

  Attributes:
    labels: As the task's table has them, otherwise in the order in which the
      training file first shows them.
    positive: The label whose F1 is scored as `f1`; None: there is none.
  """

  labels: tuple[str, ...]
  positive: str | None = None

  type: ClassVar[str] = "classification"

  def __post_init__(self):
    if not isinstance(self.labels, list | tuple) or not all(
      isinstance(label, str) for label in self.labels
    ):
      raise InputError(
        f"`labels` of a classification takes texts; got {self.labels!r}."
      )
    object.__setattr__(self, "labels", tuple(self.labels))
    if self.positive is not None and self.positive not in self.labels:
      raise InputError(
        f"`task.positive` must be one of {_shorten(self.labels)}; got "
        f"{self.positive!r}."
      )

  @classmethod
  def from_examples(
    cls,
    examples: Examples,
    labels: Sequence[str] = (),
    positive: str | None = None,
  ) -> "Classification":
    if labels:
      return cls(tuple(labels), positive)
    labels = tuple(dict.fromkeys(examples.labels))
    if len(labels) < 2:
      raise InputError(
        f"{examples.path}: every row has the label {labels[0]!r}; a "
        "classification needs at least two labels."
      )
    return cls(labels, positive)

  def to_dict(self) -> dict[str, Any]:
    tree = {"type": self.type, "labels": list(self.labels)}
    if self.positive is not None:
      tree["positive"] = self.positive
    return tree

  @property
  def metrics(self) -> tuple[str, ...]:
    """What `score` gives; the first chooses the epoch unless another is set."""
    return metrics_of(self.type, self.positive)

  @property
  def units(self) -> int:
    """Width of the head."""
    return len(self.labels)

  def targets(self, examples: Examples) -> np.ndarray:
    """Label indices, int32 `[examples]`."""
    index = {label: number for number, label in enumerate(self.labels)}
    for line, label in zip(examples.lines, examples.labels, strict=True):
      if label not in index:
        raise InputError(
          f"{examples.where(line)}: the label {label!r} is not among the "
          f"task's, {_shorten(self.labels)}."
        )
    return np.array([index[label] for label in examples.labels], np.int32)

  def loss(self, logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Cross entropy of each example, `[batch]`."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)

  def score(
    self, logits: np.ndarray, targets: np.ndarray
  ) -> dict[str, float | None]:
    positive = None
    if self.positive is not None:
      positive = self.labels.index(self.positive)
    return metrics.classification(logits.argmax(-1), targets, positive)

  def report(self, logits: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
    """`classes`: scores by label; `confusion`: counts by target and answer."""
    rows, matrix = metrics.by_class(logits.argmax(-1), targets, self.units)
    return {
      "classes": dict(zip(self.labels, rows, strict=True)),
      "confusion": {"labels": list(self.labels), "counts": matrix},
    }

  def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
    """`label` string `[batch]`, `score` `[batch]`, `probabilities`."""
    return answers(logits, tf.constant(self.labels))


def answers(logits: tf.Tensor, labels: tf.Tensor) -> dict[str, tf.Tensor]:
  """What classifications answer.

  Args:
    logits: float32 `[batch, labels]`.
    labels: string `[labels]`, or of each row `[batch, labels]`.

  Returns:
    `label` string `[batch]`; `score` float32 `[batch]`, its probability;
    `probabilities` float32 `[batch, labels]`.
  """
  probabilities = tf.nn.softmax(logits)
  best = tf.argmax(logits, axis=-1, output_type=tf.int32)
  return {
    "label": tf.gather(labels, best, batch_dims=labels.shape.rank - 1),
    "score": tf.reduce_max(probabilities, axis=-1),
    "probabilities": probabilities,
  }


def _shorten(labels: tuple[str, ...], most: int = 10) -> str:
  shown = ", ".join(repr(label) for label in labels[:most])
  rest = len(labels) - most
  return shown if rest <= 0 else f"{shown} and {rest} more"
