# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Scores equal their formulas, and what is undefined is said to be."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tf_adapters import metrics

PAIRS = st.lists(
  st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40
)
NUMBERS = st.floats(-1e3, 1e3).map(lambda value: round(value, 3))


def confusion(predicted, targets) -> np.ndarray:
  """Counts by (target, prediction) over the classes that occur."""
  classes = sorted({*predicted, *targets})
  matrix = np.zeros((len(classes), len(classes)))
  for answer, target in zip(predicted, targets, strict=True):
    matrix[classes.index(target), classes.index(answer)] += 1
  return matrix


def macro_f1(matrix) -> float:
  hits = np.diag(matrix)
  # Every class occurs on one side at least, so no denominator is 0.
  return float(np.mean(2 * hits / (matrix.sum(0) + matrix.sum(1))))


def matthews(matrix) -> float:
  """Gorodkin's R_K (2004), equation 8, as covariances of indicators."""
  total, hits = matrix.sum(), np.trace(matrix)
  answers, targets = matrix.sum(0), matrix.sum(1)
  spread = (total**2 - answers @ answers) * (total**2 - targets @ targets)
  if spread == 0:
    return 0.0
  return (hits * total - answers @ targets) / math.sqrt(spread)


def pearson(first, second) -> float:
  first, second = first - first.mean(), second - second.mean()
  return float(first @ second / math.sqrt((first @ first) * (second @ second)))


def ranks(values) -> np.ndarray:
  """Ranks from 1; equal values share the mean of theirs."""
  less = (values[:, None] > values[None]).sum(1)
  equal = (values[:, None] == values[None]).sum(1)
  return less + (equal + 1) / 2


@given(st.dictionaries(st.text(), st.none() | st.floats()))
def test_what_is_no_finite_number_is_undefined(scores):
  found = metrics.finite(scores)
  assert list(found) == list(scores)
  for name, value in scores.items():
    if value is None or value != value or abs(value) == math.inf:
      assert found[name] is None
    else:
      assert found[name] == value


@settings(max_examples=150, deadline=None)
@given(PAIRS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_classification_scores_equal_the_formulas(pairs):
  predicted, targets = np.array(pairs).T
  scores = metrics.classification(predicted, targets)
  matrix = confusion(predicted.tolist(), targets.tolist())
  assert scores == {
    "accuracy": pytest.approx(np.mean(predicted == targets)),
    "f1_macro": pytest.approx(macro_f1(matrix)),
    "matthews": pytest.approx(matthews(matrix), abs=1e-9),
  }
  assert all(type(value) is float for value in scores.values())


def test_binary_scores_of_an_example_worked_by_hand():
  # TP 3, TN 2, FP 1, FN 2.
  targets = np.array([1, 1, 1, 1, 1, 0, 0, 0])
  predicted = np.array([1, 1, 1, 0, 0, 0, 0, 1])
  scores = metrics.classification(predicted, targets)
  assert scores["accuracy"] == pytest.approx(5 / 8)
  assert scores["f1_macro"] == pytest.approx((2 / 3 + 4 / 7) / 2)
  expected = (3 * 2 - 1 * 2) / math.sqrt(4 * 5 * 3 * 4)
  assert scores["matthews"] == pytest.approx(expected)


@pytest.mark.parametrize(("predicted", "targets"), [
  ([1, 1, 1], [0, 1, 2]), ([0, 1, 2], [1, 1, 1]), ([0, 0], [1, 1]),
])
def test_matthews_is_zero_where_a_side_is_constant(predicted, targets):
  scores = metrics.classification(np.array(predicted), np.array(targets))
  assert scores["matthews"] == 0.0


@pytest.mark.parametrize(("answers", "accuracy"), [
  ([3], 1.0), ([0], 0.0), ([3, 3], 1.0),
])
def test_few_examples_of_one_class_are_scored_without_a_warning(
  answers, accuracy
):
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    scores = metrics.classification(
      np.array(answers), np.array([3] * len(answers))
    )
  assert scores == {
    "accuracy": accuracy, "f1_macro": accuracy, "matthews": 0.0
  }


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=40))
def test_regression_scores_equal_the_formulas(pairs):
  predicted, targets = np.array(pairs).T
  scores = metrics.regression(predicted, targets)
  squares = np.mean((predicted - targets) ** 2)
  assert scores["mse"] == pytest.approx(squares, rel=1e-9)
  if np.ptp(predicted) == 0 or np.ptp(targets) == 0:
    assert scores["pearson"] is None and scores["spearman"] is None
  else:
    assert scores["pearson"] == pytest.approx(
      pearson(predicted, targets), abs=1e-6
    )
    assert scores["spearman"] == pytest.approx(
      pearson(ranks(predicted), ranks(targets)), abs=1e-9
    )


@pytest.mark.parametrize(("predicted", "targets"), [
  ([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]),
  ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]),
  ([2.0, 2.0], [2.0, 2.0]),
  ([1.0], [3.0]),
  ([1.0], [1.0]),
])
def test_a_correlation_with_a_constant_is_none_without_a_warning(
  predicted, targets
):
  with warnings.catch_warnings():
    warnings.simplefilter("error")
    scores = metrics.regression(np.array(predicted), np.array(targets))
  assert scores["pearson"] is None and scores["spearman"] is None
  gaps = [a - b for a, b in zip(predicted, targets, strict=True)]
  assert scores["mse"] == sum(gap**2 for gap in gaps) / len(gaps)


def test_a_prediction_that_is_no_number_leaves_correlations_undefined():
  scores = metrics.regression(
    np.array([math.nan, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])
  )
  assert scores["pearson"] is None and scores["spearman"] is None
  assert math.isnan(scores["mse"])


def test_float32_predictions_lose_nothing_more_in_the_squared_error():
  predicted = np.array([4096.5, 4097.0], np.float32)
  scores = metrics.regression(predicted, np.array([4096.0, 4097.25]))
  assert scores["mse"] == (0.5**2 + 0.25**2) / 2


@settings(max_examples=100, deadline=None)
@given(PAIRS, st.integers(0, 4))
def test_f1_of_one_class_is_its_formula(pairs, positive):
  predicted, targets = np.array(pairs).T
  scores = metrics.classification(predicted, targets, positive)
  hits = int(np.sum((predicted == positive) & (targets == positive)))
  sides = int(np.sum(predicted == positive) + np.sum(targets == positive))
  assert scores["f1"] == pytest.approx(2 * hits / sides if sides else 0.0)
  del scores["f1"]
  assert scores == metrics.classification(predicted, targets)


@settings(max_examples=60, deadline=None)
@given(PAIRS)
@pytest.mark.filterwarnings("ignore")
def test_what_lies_behind_the_scores_adds_up(pairs):
  predicted, targets = np.array(pairs).T
  rows, matrix = metrics.by_class(predicted, targets, 6)
  matrix = np.array(matrix)
  assert matrix.shape == (6, 6) and matrix.sum() == len(pairs)
  scores = metrics.classification(predicted, targets)
  assert np.trace(matrix) / len(pairs) == pytest.approx(scores["accuracy"])
  for number, row in enumerate(rows):
    hits = matrix[number, number]
    answered, wanted = matrix[:, number].sum(), matrix[number].sum()
    assert row["examples"] == wanted
    assert row["precision"] == pytest.approx(hits / answered if answered else 0)
    assert row["recall"] == pytest.approx(hits / wanted if wanted else 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(
  st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30
))
@pytest.mark.filterwarnings("ignore")
def test_correlations_with_ties_are_scipy_s(pairs):
  from scipy import stats

  predicted, targets = np.array(pairs, np.float64).T
  scores = metrics.regression(predicted, targets)
  for name, function in (
    ("pearson", stats.pearsonr), ("spearman", stats.spearmanr)
  ):
    value = float(function(predicted, targets).statistic)
    expected = None if math.isnan(value) else pytest.approx(value)
    assert scores[name] == expected


@pytest.mark.parametrize(("name", "values"), [
  ("accuracy", [None, 0.0, 0.5, 1.0]),
  ("matthews", [math.nan, -1.0, 0.0, 1.0]),
  ("mse", [None, 9.0, 1.0, 0.0]),
])
def test_scores_are_ranked_from_undefined_to_best(name, values):
  ranks_ = [metrics.rank(name, value) for value in values]
  assert ranks_ == sorted(ranks_) and len(set(ranks_)) == len(values)
