# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Scores of predictions, by well-known libraries, as plain numbers."""

import warnings
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

ERRORS = ("mse",)  # of which less is better, and which are no shares


def classification(
  predicted: np.ndarray, targets: np.ndarray, positive: int | None = None
) -> dict[str, float]:
  """Accuracy, macro F1 and Matthews correlation of class indices, and F1.

  `f1_macro` is the mean over the classes that occur among targets or
  predictions, `f1` is that of the class `positive` (left out for None), 0
  where it occurs on neither side. Matthews is 0 where one side is constant,
  as scikit-learn defines it.
  """
  from sklearn import metrics  # half a second to import

  with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # of a single class
    scores = {
      "accuracy": float(metrics.accuracy_score(targets, predicted)),
      "f1_macro": float(
        metrics.f1_score(targets, predicted, average="macro", zero_division=0)
      ),
      "matthews": float(metrics.matthews_corrcoef(targets, predicted)),
    }
  if positive is not None:
    sides = targets == positive, predicted == positive
    scores["f1"] = float(metrics.f1_score(*sides, zero_division=0))
  return scores


def by_class(
  predicted: np.ndarray, targets: np.ndarray, classes: int
) -> tuple[list[dict[str, float]], list[list[int]]]:
  """What lies behind the scores: each class, and what was taken for what.

  Args:
    predicted: Class indices, `[examples]`.
    targets: The same.
    classes: How many there are; some may occur on neither side.

  Returns:
    Precision, recall, F1 and examples of each class (0 where a denominator
    is), and the confusion matrix `[target][prediction]` of counts.
  """
  from sklearn import metrics

  every = np.arange(classes)
  columns = metrics.precision_recall_fscore_support(
    targets, predicted, labels=every, zero_division=0
  )
  rows = [
    {
      "precision": float(precision),
      "recall": float(recall),
      "f1": float(f1),
      "examples": int(count),
    }
    for precision, recall, f1, count in zip(*columns, strict=True)
  ]
  matrix = metrics.confusion_matrix(targets, predicted, labels=every)
  return rows, matrix.tolist()


def spans(
  predicted: Mapping[str, str], answers: Mapping[str, Sequence[str]]
) -> dict[str, float]:
  """F1 and exact match, 0 to 1, by the official evaluation of SQuAD v1.1.

  Each question counts with the best of its answers. Source: Rajpurkar et
  al., EMNLP 2016, section 6.1; the code is Model Garden's copy of theirs.

  Args:
    predicted: By the ids of the questions.
    answers: The right ones, at least one, by the same ids.
  """
  from official.nlp.tools import squad_evaluate_v1_1 as official_squad

  questions = [
    {"id": name, "answers": [{"text": text} for text in texts]}
    for name, texts in answers.items()
  ]
  scores = official_squad.evaluate(
    [{"paragraphs": [{"qas": questions}]}], predicted
  )
  return {"f1": scores["final_f1"], "exact_match": scores["exact_match"]}


def regression(
  predicted: np.ndarray, targets: np.ndarray
) -> dict[str, float | None]:
  """Pearson and Spearman correlation and mean squared error.

  A correlation with a constant is undefined and given as None.
  """
  from scipy import stats

  scores: dict[str, float | None] = {}
  with warnings.catch_warnings():
    warnings.simplefilter("ignore", stats.ConstantInputWarning)
    warnings.simplefilter("ignore", stats.NearConstantInputWarning)
    for name, function in (
      ("pearson", stats.pearsonr), ("spearman", stats.spearmanr)
    ):
      defined = len(targets) > 1
      value = float(function(predicted, targets)[0]) if defined else np.nan
      scores[name] = value if np.isfinite(value) else None
  error = predicted.astype(np.float64) - targets
  scores["mse"] = float(np.mean(np.square(error)))
  return scores


def finite(scores: Mapping[str, float | None]) -> dict[str, float | None]:
  """The same as plain numbers, with None for what is not a finite one."""
  return {
    name: None if value is None or not np.isfinite(value) else float(value)
    for name, value in scores.items()
  }


def rank(name: str, value: float | None) -> float:
  """The score as a number of which more is better; undefined is the least."""
  if value is None or not np.isfinite(value):
    return -np.inf
  return -value if name in ERRORS else float(value)
