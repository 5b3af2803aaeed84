# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Scores of predictions, by scikit-learn and SciPy, as plain numbers."""

import warnings

import numpy as np


def classification(
  predicted: np.ndarray, targets: np.ndarray
) -> dict[str, float]:
  """Accuracy, macro F1 and Matthews correlation of class indices.

  F1 is the mean over the classes that occur among targets or predictions.
  Matthews is 0 where one side is constant, as scikit-learn defines it.
  """
  from sklearn import metrics  # half a second to import

  with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # of a single class
    return {
      "accuracy": float(metrics.accuracy_score(targets, predicted)),
      "f1_macro": float(
        metrics.f1_score(targets, predicted, average="macro", zero_division=0)
      ),
      "matthews": float(metrics.matthews_corrcoef(targets, predicted)),
    }


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
