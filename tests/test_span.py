# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A span task's loss, scores and answers, against the formulas and Google's.

`official.nlp.data.squad_lib` is Model Garden's copy of BERT's run_squad.py.
"""

import types

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from official.nlp.data import squad_lib
from official.nlp.tools import squad_evaluate_v1_1 as official_squad
from official.nlp.tools import tokenization

import tf_adapters
from tests import test_windows
from tests import tiny
from tf_adapters import metrics
from tf_adapters import tasks
from tf_adapters.config import TaskConfig
from tf_adapters.modeling import tuning
from tf_adapters.spans import answers
from tf_adapters.spans import dataset
from tf_adapters.spans import squad
from tf_adapters.spans import windows
from tf_adapters.tasks.span import Span
from tf_adapters.tokens import batching
from tf_adapters.tokens import packing
from tf_adapters.tokens.text import Tokenizer
from tf_adapters.training import inference


def random_logits(*shape, seed=0):
  return np.random.default_rng(seed).normal(0, 3, shape).astype(np.float32)


def test_it_comes_back_from_its_dictionary():
  task = Span(n_best_size=5, max_answer_length=7)
  assert tasks.from_dict(task.to_dict()) == task
  default = TaskConfig(type="span")
  assert tasks.from_examples(default, None) == Span(20, 30)
  own = TaskConfig(type="span", n_best_size=5, max_answer_length=7)
  assert tasks.from_examples(own, None) == task


# --- Loss ----------------------------------------------------------------


def expected_loss(logits, targets):
  start, end, first, last = targets
  places = [0, *range(first, last)]
  losses = []
  for column, place in enumerate((start, end)):
    row = logits[places, column].astype(np.float64)
    total = np.log(np.exp(row - row.max()).sum()) + row.max()
    losses.append(total - row[places.index(place)])
  return np.mean(losses)


TARGETS = [[4, 6, 3, 9], [0, 0, 5, 11], [2, 2, 2, 3], [10, 11, 4, 12]]


def test_loss_is_the_cross_entropy_over_context_and_cls():
  logits = random_logits(4, 12, 2)
  found = Span().loss(tf.constant(logits), tf.constant(TARGETS)).numpy()
  for row, targets in enumerate(TARGETS):
    expected = expected_loss(logits[row], targets)
    np.testing.assert_allclose(found[row], expected, rtol=1e-5)


def test_question_and_padding_have_no_part_in_the_loss():
  logits = tf.constant(random_logits(4, 12, 2))
  with tf.GradientTape() as tape:
    tape.watch(logits)
    loss = Span().loss(logits, tf.constant(TARGETS))
  gradient = tape.gradient(loss, logits).numpy()
  for row, (_, _, first, last) in enumerate(TARGETS):
    inside = np.isin(np.arange(12), [0, *range(first, last)])
    assert (gradient[row, ~inside] == 0).all()
    assert (gradient[row, inside] != 0).all()


# --- The encoder under the head ------------------------------------------


def tokens_of(folder) -> tuple[squad.Questions, dataset.Tokenised]:
  questions = squad.read(tiny.write_squad(folder), key="data")
  tokenizer = windows.WindowTokenizer(
    Tokenizer(tiny.VOCABULARY, True, 24), 8, 6
  )
  return questions, dataset.tokenise(
    tokenizer, questions.texts, questions.texts_b
  )


def span_model(encoder, strategy="adapter"):
  head = tf_adapters.Head(2, input="every_token", dropout=0.0, seed=1)
  options = {"size": 4} if strategy == "adapter" else {"length": 3}
  return tf_adapters.build(
    encoder, strategy=strategy, head=head, seed=1, **options
  )


@pytest.mark.parametrize("strategy", ["adapter", "prefix", "prompt"])
def test_windows_that_share_a_row_have_the_logits_they_have_alone(
  encoder, tmp_path, strategy
):
  _, tokens = tokens_of(tmp_path)
  model = span_model(encoder, strategy)
  lengths = tokens.lengths
  packed = next(packing.whole(lengths, rows=len(lengths), length=64))
  assert (packed.texts >= 0).sum(axis=1).max() > 1
  batch = batching.assemble(tokens, packed)
  together = model({k: tf.constant(v) for k, v in batch.items()}).numpy()
  assert together.shape == (packed.texts.size, 64, 2)
  for place, window in enumerate(packed.texts.reshape(-1)):
    if window < 0:
      continue
    ids = tokens.ids[tokens.starts[window] : tokens.starts[window + 1]]
    types = np.arange(len(ids)) >= tokens.firsts[window]
    alone = model({
      "input_word_ids": tf.constant(ids[None]),
      "input_mask": tf.ones([1, len(ids)], tf.int32),
      "input_type_ids": tf.constant(types[None].astype(np.int32)),
    })
    np.testing.assert_allclose(
      together[place, : len(ids)], alone[0], atol=2e-5
    )


def test_predictor_gives_every_window_its_logits(encoder, tmp_path):
  _, tokens = tokens_of(tmp_path)
  model = span_model(encoder)
  found = inference.Predictor(model).logits(tokens)
  length = packing.row_length(tokens.lengths)
  assert found.shape == (len(tokens.lengths), length, 2)
  one = packing.Plan(np.arange(len(tokens.lengths))[:, None], length)
  batch = batching.assemble(tokens, one)
  expected = model({k: tf.constant(v) for k, v in batch.items()}).numpy()
  inside = np.arange(length) < tokens.lengths[:, None]
  np.testing.assert_allclose(found[inside], expected[inside], atol=2e-5)


def test_head_is_the_formula_at_every_token(encoder):
  model = span_model(encoder)
  inputs = {
    "input_word_ids": tf.constant([[2, 5, 6, 3]]),
    "input_mask": tf.ones([1, 4], tf.int32),
    "input_type_ids": tf.zeros([1, 4], tf.int32),
  }
  z = model.encoder(inputs)["sequence_output"].numpy()
  kernel, bias = model.head.kernel.numpy(), model.head.bias.numpy()
  np.testing.assert_allclose(model(inputs), z @ kernel + bias, atol=1e-5)
  names = {item.name for item in tuning.task_variables(model)}
  assert {"head/kernel", "head/bias"} <= names
  listed = model(list(inputs.values()))
  np.testing.assert_array_equal(listed, model(inputs))


# --- Answers -------------------------------------------------------------


def brute_force(logits, places, longest):
  """All spans as (sum, begin, end), the largest first."""
  begins, ends, central = places
  found = []
  for window in range(len(logits)):
    for i in np.flatnonzero(central[window]):
      for j in range(i, min(i + longest, logits.shape[1])):
        if begins[window, j] >= 0:
          total = logits[window, i, 0] + logits[window, j, 1]
          found.append((total, begins[window, i], ends[window, j]))
  return sorted(found, reverse=True)


@settings(max_examples=25, deadline=None)
@given(
  seed=st.integers(0, 1 << 30),
  longest=st.integers(1, 12),
  count=st.integers(1, 30),
)
def test_answers_are_the_best_of_all_spans_of_all_windows(
  seed, longest, count
):
  random = np.random.default_rng(seed)
  tokenizer = windows.WindowTokenizer(
    Tokenizer(test_windows.VOCABULARY, True, 16), 4, 5
  )
  contexts = [
    " ".join(random.choice(test_windows.WORDS, size))
    for size in random.integers(0, 40, 5)
  ]
  asked = [
    " ".join(random.choice(test_windows.WORDS, size))
    for size in random.integers(0, 9, 5)
  ]
  tokens = dataset.tokenise(tokenizer, asked, contexts)
  logits = random_logits(len(tokens.lengths), 20, 2, seed=seed)
  found = Span(count, longest).predictions(logits, tokens, contexts)
  _, places = next(tokens.padded(20, len(logits)))
  for question, context in enumerate(contexts):
    own = tokens.owners == question
    spans = brute_force(logits[own], [part[own] for part in places], longest)
    start, end = found["start"][question], found["end"][question]
    if not spans:
      assert (start, end, found["score"][question]) == (-1, -1, 0)
      assert found["answer"][question] == "" == context
      continue
    assert (start, end) == spans[0][1:]
    assert found["answer"][question] == context[start:end]
    sums = np.array([span[0] for span in spans[:count]], np.float64)
    share = 1 / np.exp(sums - sums[0]).sum()
    np.testing.assert_allclose(found["score"][question], share, rtol=1e-4)


def test_answers_are_googles_on_the_same_logits(tmp_path):
  """With so many best starts and ends that theirs are all spans, too."""
  sizes = [1, 3, 12, 18, 30, 45, 90]
  path = test_windows.write(tmp_path, sizes, seed=5)
  vocabulary = tmp_path / "vocab.txt"
  vocabulary.write_text("\n".join(test_windows.VOCABULARY) + "\n")
  examples = squad_lib.read_squad_examples(path, True, False)
  features = []
  squad_lib.convert_examples_to_features(
    examples,
    tokenization.FullTokenizer(str(vocabulary), do_lower_case=True),
    24, 8, 6, True, features.append,
  )
  questions, tokens = test_windows.tokenise(path, 24, 8, 6)
  logits = random_logits(len(features), 24, 2)
  results = [
    types.SimpleNamespace(
      unique_id=feature.unique_id,
      start_logits=row[:, 0].tolist(),
      end_logits=row[:, 1].tolist(),
    )
    for feature, row in zip(features, logits, strict=True)
  ]
  theirs, best, _ = squad_lib.postprocess_output(
    examples, features, results, 1000, 5, do_lower_case=True
  )
  found = Span(1000, 5).predictions(logits, tokens, questions.texts_b)
  for index, name in enumerate(questions.ids):
    whole = questions.texts_b[index]
    assert found["answer"][index] == theirs[name] != ""
    assert found["answer"][index] in whole
    # They count a text once, so that only the best has surely their share.
    if len({entry["text"] for entry in best[name]}) == len(best[name]):
      share = best[name][0]["probability"]
      np.testing.assert_allclose(found["score"][index], share, rtol=0.05)


def test_no_windows_and_windows_without_tokens_have_no_answer():
  found = answers.best_of_questions(
    tf.zeros([0, 3]),
    tf.zeros([0, 3], tf.int32),
    tf.zeros([0, 3], tf.int32),
    tf.zeros([0], tf.int64),
  )
  assert {value.shape[0] for value in found.values()} == {0}
  sums, begins, ends = answers.best_of_windows(
    tf.zeros([2, 3, 2]),
    -tf.ones([2, 3], tf.int32),
    -tf.ones([2, 3], tf.int32),
    tf.zeros([2, 3], tf.bool),
    longest=4,
    count=50,
  )
  assert sums.shape == begins.shape == ends.shape == (2, 50)
  assert np.isneginf(sums).all()


# --- Scores --------------------------------------------------------------

TEXTS = st.text(st.sampled_from("aAbthe, .the-éß1"), max_size=12)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(TEXTS, st.lists(TEXTS, min_size=1)), min_size=1))
def test_scores_are_the_official_ones(pairs):
  predicted = {str(n): text for n, (text, _) in enumerate(pairs)}
  right = {str(n): texts for n, (_, texts) in enumerate(pairs)}
  tree = [
    {"paragraphs": [{"qas": [
      {"id": name, "answers": [{"text": text} for text in texts]}
    ]}]}
    for name, texts in right.items()
  ]
  official = official_squad.evaluate(tree, predicted)
  assert metrics.spans(predicted, right) == {
    "f1": official["final_f1"],
    "exact_match": official["exact_match"],
  }


def test_scores_of_an_example_worked_by_hand():
  right = {"a": ["the Denver Broncos"], "b": ["x", "gold and red"]}
  predicted = {"a": "Denver  broncos!", "b": "red"}
  # b: one of one token right, one of three found.
  assert metrics.spans(predicted, right) == {
    "f1": pytest.approx((1 + 2 * 1 / 3 / (1 + 1 / 3)) / 2),
    "exact_match": 0.5,
  }
