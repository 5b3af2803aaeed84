# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a task learns from labels and what it answers out of logits."""

import json
import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tf_adapters import data
from tf_adapters import tasks
from tf_adapters.config import TaskConfig
from tf_adapters.errors import InputError


def examples(labels, path="train.tsv") -> data.Examples:
  count = len(labels)
  return data.Examples(
    path=path,
    columns=data.Columns("text", None, "label"),
    texts=["a"] * count,
    texts_b=None,
    labels=list(labels),
    lines=list(range(2, count + 2)),
  )


def make(kind, labels):
  return tasks.from_examples(TaskConfig(type=kind), examples(labels))


def fails(function, *arguments) -> str:
  with pytest.raises(InputError) as caught:
    function(*arguments)
  assert len(str(caught.value).splitlines()) == 1
  return str(caught.value)


def softmax(logits) -> np.ndarray:
  powers = np.exp(logits - logits.max(-1, keepdims=True))
  return powers / powers.sum(-1, keepdims=True)


def logits_of(units):
  # TensorFlow takes subnormal numbers for zero.
  numbers = st.floats(-50, 50, width=32, allow_subnormal=False)
  return hnp.arrays(np.float32, (3, units), elements=numbers)


def test_labels_keep_the_order_in_which_they_first_appear():
  task = make("classification", ["b", "a", "b", "10", "ä", "a", "9"])
  assert task.labels == ("b", "a", "10", "ä", "9")
  assert task.units == 5
  targets = task.targets(examples(["9", "b", "ä"]))
  assert targets.tolist() == [4, 0, 3]
  assert targets.dtype == np.int32


@pytest.mark.parametrize("labels", [["spam"], ["spam"] * 5])
def test_one_label_only_is_named(labels):
  message = fails(make, "classification", labels)
  assert "train.tsv" in message and "'spam'" in message


def test_a_label_unseen_in_training_is_named_with_file_and_line():
  task = make("classification", ["ham", "spam"])
  message = fails(task.targets, examples(["ham", "Spam"], "dev.csv"))
  assert "dev.csv" in message and "line 3" in message
  for label in ("'Spam'", "'ham'", "'spam'"):
    assert label in message


def test_a_thousand_labels_are_not_all_listed():
  task = make("classification", [str(label) for label in range(1000)])
  message = fails(task.targets, examples(["x"]))
  assert "'9'" in message and "'999'" not in message and len(message) < 300


@pytest.mark.parametrize("label", [
  "abc", "nan", "inf", "-inf", "1e400", "1,5", "", "0x10", "1 2", "1_000",
])
@pytest.mark.parametrize("place", [0, 2])
def test_a_target_that_is_no_finite_number_is_named(label, place):
  labels = ["1", "2.5", "-3e2"]
  labels[place] = label
  message = fails(make, "regression", labels)
  assert "train.tsv" in message and f"line {place + 2}" in message
  assert repr(label) in message
  task = make("regression", ["1", "2"])
  assert f"line {place + 2}" in fails(task.targets, examples(labels))


@pytest.mark.parametrize("labels", [["3"], ["3", "3.0", "0.3e1"]])
def test_constant_targets_are_named(labels):
  message = fails(make, "regression", labels)
  assert "train.tsv" in message and "3" in message


@pytest.mark.parametrize("labels", [
  ["1e200", "-1e200"], ["0", "5e-324"], ["1e39", "-1e39"], ["0", "1e-40"],
])
def test_targets_whose_spread_is_beyond_floats_are_named(labels):
  assert "train.tsv" in fails(make, "regression", labels)


@pytest.mark.parametrize("label", ["1e300", "-1.7e308", "1e39"])
def test_a_target_out_of_reach_is_named(label):
  """Float32, in which losses are, ends at 3.4e38."""
  task = make("regression", ["1", "2"])
  message = fails(task.targets, examples(["1", label, "2"], "dev.tsv"))
  assert "dev.tsv, line 3" in message and repr(label) in message
  assert task.targets(examples(["1e38"])) == pytest.approx(2e38)


def test_targets_that_all_stand_for_none_are_named():
  """GLUE's test set of STS-B is so in TFDS and on the Hugging Face Hub."""
  task = make("regression", ["-1", "2"])
  message = fails(task.targets, examples(["-1.0", "-1"], "test.tsv"))
  assert "test.tsv" in message and "-1" in message
  targets = task.targets(examples(["-1", "2", "-1"]))
  np.testing.assert_allclose(targets, [-1, 1, -1])


@settings(max_examples=50, deadline=None)
@given(
  st.lists(st.integers(-10**6, 10**6), min_size=2, max_size=30, unique=True)
)
def test_targets_of_a_regression_are_standardised(values):
  task = make("regression", [str(value / 8) for value in values])
  array = np.array(values) / 8
  assert task.units == 1
  assert task.mean == pytest.approx(array.mean(), rel=1e-12, abs=1e-9)
  spread = math.sqrt(np.mean((array - array.mean()) ** 2))
  assert task.stddev == pytest.approx(spread, rel=1e-9)
  targets = task.targets(examples(["0.5", "-2"]))
  expected = (np.array([0.5, -2]) - array.mean()) / spread
  np.testing.assert_allclose(targets, expected, rtol=1e-5, atol=1e-5)
  assert targets.dtype == np.float32


@pytest.mark.parametrize("task", [
  tasks.Classification(("b", "a", "ä\n\"'")),
  tasks.Regression(0.1 + 0.2, 1 / 3),
])
def test_a_task_survives_dict_and_json(task):
  tree = task.to_dict()
  assert tree["type"] == task.type
  assert tasks.from_dict(tree) == task
  assert tasks.from_dict(json.loads(json.dumps(tree))) == task
  assert tree == task.to_dict(), "from_dict must leave its argument alone"


@pytest.mark.parametrize("tree", [
  {"type": "ranking"}, {"labels": ["a", "b"]}, {"type": None},
])
def test_an_unknown_type_is_named_with_what_is_known(tree):
  message = fails(tasks.from_dict, tree)
  assert repr(tree.get("type")) in message
  assert "'classification'" in message and "'regression'" in message


@settings(max_examples=40, deadline=None)
@given(logits_of(4))
def test_answers_of_a_classification_are_softmax_and_argmax(logits):
  labels = ("d", "ä", "b", "")
  task = tasks.Classification(labels)
  answers = task.answers(tf.constant(logits))
  expected = softmax(logits.astype(np.float64))
  assert answers.keys() == {"label", "score", "probabilities"}
  np.testing.assert_allclose(answers["probabilities"], expected, atol=1e-6)
  np.testing.assert_allclose(answers["score"], expected.max(-1), atol=1e-6)
  shown = [label.decode() for label in answers["label"].numpy()]
  assert shown == [labels[best] for best in logits.argmax(-1)]


@settings(max_examples=40, deadline=None)
@given(logits_of(1), st.floats(-100, 100), st.floats(0.125, 100))
def test_answers_of_a_regression_are_in_the_targets_unit(logits, mean, stddev):
  answers = tasks.Regression(mean, stddev).answers(tf.constant(logits))
  assert answers.keys() == {"value"}
  expected = mean + stddev * logits[:, 0].astype(np.float64)
  np.testing.assert_allclose(answers["value"], expected, rtol=1e-5, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(logits_of(3), st.lists(st.integers(0, 2), min_size=3, max_size=3))
def test_loss_of_a_classification_is_cross_entropy(logits, targets):
  task = tasks.Classification(("a", "b", "c"))
  loss = task.loss(tf.constant(logits), tf.constant(targets, tf.int32))
  wide = logits.astype(np.float64)
  chosen = wide[np.arange(3), targets]
  top = wide.max(-1)
  expected = top + np.log(np.exp(wide - top[:, None]).sum(-1)) - chosen
  np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-5)


def test_loss_of_a_regression_is_the_squared_error_of_each_example():
  logits, targets = np.float32([[1], [2], [-3]]), np.float32([1, 0, 1])
  loss = tasks.Regression(10.0, 2.0).loss(logits, targets)
  assert loss.numpy().tolist() == [0, 4, 16]


def test_scores_of_a_classification_are_those_of_the_largest_logits():
  task = tasks.Classification(("a", "b", "c"))
  logits = np.array([[9, 1, 2], [0, 5, 1], [0, 1, 0], [3, 2, 1]], np.float32)
  scores = task.score(logits, np.array([0, 1, 2, 0], np.int32))
  assert scores.keys() == set(task.metrics)
  assert scores["accuracy"] == pytest.approx(3 / 4)
  assert scores["f1_macro"] == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_scores_of_a_regression_are_in_the_targets_unit():
  task = make("regression", ["10", "20", "60"])
  logits = task.targets(examples(["12", "20", "57"]))[:, None]
  scores = task.score(logits, task.targets(examples(["10", "20", "60"])))
  assert scores.keys() == set(task.metrics)
  assert scores["mse"] == pytest.approx((4 + 0 + 9) / 3, rel=1e-4)
  assert scores["pearson"] == pytest.approx(
    np.corrcoef([12, 20, 57], [10, 20, 60])[0, 1], rel=1e-6
  )
  assert scores["spearman"] == pytest.approx(1.0)
