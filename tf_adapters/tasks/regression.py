# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One number for a text or a pair of texts."""

import dataclasses
import math
from typing import Any
from typing import ClassVar

import numpy as np
import tensorflow as tf

from tf_adapters import checks
from tf_adapters import metrics
from tf_adapters.config import METRICS
from tf_adapters.data import Examples
from tf_adapters.errors import InputError
from tf_adapters.tasks.text_task import TextTask

_FLOAT32 = np.finfo(np.float32)
_LEAST, _MOST = float(_FLOAT32.tiny), float(_FLOAT32.max)


@dataclasses.dataclass(frozen=True)
class Regression(TextTask):
  """value = mean + stddev · logit, squared error on the logit.

  Standardised targets let one learning rate fit any unit.

  Attributes:
    mean: Of the training targets.
    stddev: Of the training targets.
  """

  mean: float
  stddev: float

  type: ClassVar[str] = "regression"
  metrics: ClassVar[tuple[str, ...]] = METRICS[type]

  def __post_init__(self):
    checks.finite("mean", self.mean)
    checks.finite("stddev", self.stddev)

  @classmethod
  def from_examples(cls, examples: Examples) -> "Regression":
    values = _numbers(examples)
    if values.min() == values.max():
      raise InputError(
        f"{examples.path}: every row has the target {values[0]:g}; a "
        "regression needs at least two different ones."
      )
    with np.errstate(all="ignore"):
      mean, stddev = float(values.mean()), float(values.std())
    # Answers have 32 bits.
    if not (abs(mean) <= _MOST and _LEAST <= stddev <= _MOST):
      raise InputError(
        f"{examples.path}: the targets reach from {values.min():g} to "
        f"{values.max():g}; their mean and spread must be floating-point "
        "numbers of 32 bits."
      )
    return cls(mean, stddev)

  def to_dict(self) -> dict[str, Any]:
    return {"type": self.type, "mean": self.mean, "stddev": self.stddev}

  @property
  def units(self) -> int:
    """Width of the head."""
    return 1

  def targets(self, examples: Examples) -> np.ndarray:
    """Standardised targets, float32 `[examples]`, in which they are scored."""
    values = _numbers(examples)
    # One -1 may be a target; where all are, no correlation is defined anyway.
    if (values == -1).all():
      raise InputError(
        f"{examples.path}: every row has the target -1, which in TensorFlow "
        "Datasets and on the Hugging Face Hub stands for none; a score needs "
        "targets."
      )
    with np.errstate(over="ignore"):
      targets = ((values - self.mean) / self.stddev).astype(np.float32)
    for place in np.flatnonzero(~np.isfinite(targets)):
      raise InputError(
        f"{examples.where(examples.lines[place])}: the target must be near "
        f"those of the training (mean {self.mean:g}, standard deviation "
        f"{self.stddev:g}); got {examples.labels[place]!r}."
      )
    return targets

  def loss(self, logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Squared error of each example, `[batch]`."""
    return tf.square(logits[:, 0] - targets)

  def score(
    self, logits: np.ndarray, targets: np.ndarray
  ) -> dict[str, float | None]:
    return metrics.regression(
      self.mean + self.stddev * logits[:, 0].astype(np.float64),
      self.mean + self.stddev * targets.astype(np.float64),
    )

  def report(self, logits: np.ndarray, targets: np.ndarray) -> dict[str, Any]:
    """Nothing beyond the scores: there are no classes."""
    del logits, targets
    return {}

  def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
    """`value`, float32 `[batch]`."""
    return answers(logits, self.mean, self.stddev)


def answers(
  logits: tf.Tensor, mean: float | tf.Tensor, stddev: float | tf.Tensor
) -> dict[str, tf.Tensor]:
  """What regressions answer.

  Args:
    logits: float32 `[batch, 1]`.
    mean: Of the targets, or of each row `[batch]`.
    stddev: The same.

  Returns:
    `value`, float32 `[batch]`.
  """
  return {"value": mean + stddev * logits[:, 0]}


def _numbers(examples: Examples) -> np.ndarray:
  values = []
  for line, label in zip(examples.lines, examples.labels, strict=True):
    try:
      value = math.nan if "_" in label else float(label)
    except ValueError:
      value = math.nan
    if not math.isfinite(value):
      raise InputError(
        f"{examples.where(line)}: the target must be a finite number; "
        f"got {label!r}."
      )
    values.append(value)
  return np.array(values)
