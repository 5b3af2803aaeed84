# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The baseline without BERT learns, repeats, and is chosen by the dev set."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn import linear_model
from sklearn import metrics
from sklearn.feature_extraction import text as text_lib

import tf_adapters
from tests import tiny
from tf_adapters import baseline
from tf_adapters import data
from tf_adapters.__main__ import main
from tf_adapters.baseline import Candidate
from tf_adapters.errors import InputError
from tf_adapters.training.reporting import Silent


def settings(files, **changes):
  train, dev = files
  return {
    "task.name": "mood", "data.train": train, "data.eval": dev,
    "data.test": train, **changes,
  }


def run(files, candidates=baseline.CANDIDATES, **changes):
  return tf_adapters.train_baseline(
    settings(files, **changes), candidates=candidates, reporter=Silent()
  )


@pytest.mark.parametrize("pair", [False, True])
def test_it_learns_and_repeats(tmp_path, pair):
  files = tiny.write_task(tmp_path, pair=pair)
  one, other = run(files), run(files)
  assert one.metrics["accuracy"] >= 0.95
  assert one.test_metrics["accuracy"] >= 0.95
  assert one.metrics == other.metrics and one.chosen == other.chosen
  names = {field.name for field in dataclasses.fields(tf_adapters.TrainResult)}
  assert names < {field.name for field in dataclasses.fields(one)}
  assert not (tmp_path / "store").exists()


def test_word_n_grams_are_scikit_learn_s(tmp_path):
  """Against the pieces put together by hand, on noisy labels."""
  random = np.random.default_rng(0)
  paths = []
  for name in ("train", "dev"):
    rows = [
      "\t".join([" ".join(random.choice(tiny.WORDS, 5)), str(label)])
      for label in random.integers(0, 2, 40)
    ]
    path = tmp_path / f"{name}.tsv"
    path.write_text("\n".join(["text\tlabel", *rows]))
    paths.append(str(path))
  result = run(paths, [Candidate("word", 10.0)])
  train, dev = (data.read(path, key="x") for path in paths)
  vectorizer = text_lib.TfidfVectorizer(
    ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True
  )
  model = linear_model.LogisticRegression(C=10.0, solver="liblinear")
  model.fit(vectorizer.fit_transform(train.texts), train.labels)
  answers = model.predict(vectorizer.transform(dev.texts))
  assert result.metrics["accuracy"] == metrics.accuracy_score(
    dev.labels, answers
  )
  assert result.metrics["f1_macro"] == pytest.approx(
    metrics.f1_score(dev.labels, answers, average="macro")
  )
  assert result.trainable_parameters == model.coef_.size + 1


def test_the_dev_set_chooses(tmp_path):
  """Of the candidates by themselves, the best dev score is taken."""
  files = tiny.write_task(tmp_path, rows=40, seed=3)
  candidates = [
    Candidate("word", 1e-6), Candidate("char", 1.0), Candidate("word", 1.0)
  ]
  alone = [run(files, [one]).metrics["accuracy"] for one in candidates]
  chosen = run(files, candidates)
  assert chosen.metrics["accuracy"] == max(alone)
  first = candidates[alone.index(max(alone))]
  assert chosen.chosen == dataclasses.asdict(first)


def test_a_regression_is_scored_in_the_targets_unit(tmp_path):
  rows = [
    f"{'good ' * (n % 5)}film\tthe {'film' if n % 2 else 'play'}\t{n % 5}"
    for n in range(60)
  ]
  path = tmp_path / "a.tsv"
  path.write_text("\n".join(["text\ttext_b\tlabel", *rows]))
  result = run((str(path), str(path)), **{"task.type": "regression"})
  assert result.metrics["pearson"] > 0.9
  assert result.metrics["mse"] < 1.0


def test_labels_of_a_table_that_the_training_set_lacks_are_never_answered(
  tmp_path
):
  rows = ["text\ttext_b\tlabel"] + [
    f"{w}\tx\t{label}"
    for w, label in (("good", "entailment"), ("bad", "neutral")) * 8
  ]
  train = tmp_path / "train.tsv"
  train.write_text("\n".join(rows))
  dev = tmp_path / "dev.tsv"
  dev.write_text("\n".join([*rows, "a\tx\tcontradiction"]))
  files = (str(train), str(dev))
  result = run(files, **{"data.form": "mnli_matched"})
  assert result.metrics["accuracy"] == pytest.approx(16 / 17)


@pytest.mark.parametrize(("content", "changes", "named"), [
  ("text\tlabel\na\tx\nb\ty\n", {"data.eval": ""}, "`data.eval`"),
  ("text\tlabel\n\tx\n\ty\n", {}, "n-grams"),
  ("text\tlabel\na\tx\nb\tx\n", {}, "'x'"),
  ("text\tlabel\na\t1\nb\t1\n", {"data.form": "sst2"}, "same label"),
  ("text\tlabel\na\tx\nb\ty\n", {"task.metric": "f1"}, "`task.positive`"),
  ("text\tlabel\na\tx\nb\ty\n", {"task.positive": "z"}, "`task.positive`"),
  ("text\tlabel\na\tx\nb\ty\n", {"task.metric": "pearson"}, "'pearson'"),
  (
    "text\tlabel\na\t1\nb\tnan\n", {"task.type": "regression"}, "line 3"
  ),
  (
    "text\tlabel\na\t1\nb\t2\n",
    {"task.type": "regression", "task.positive": "1"},
    "`task.positive`",
  ),
])
def test_bad_input_is_named(tmp_path, content, changes, named):
  path = tmp_path / "a.tsv"
  path.write_text(content)
  with pytest.raises(InputError) as caught:
    run((str(path), str(path)), **changes)
  assert named in str(caught.value)
  assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(("candidates", "named"), [
  ([], "`candidates`"),
  ([Candidate("words", 1.0)], "`ngrams` must be one of `word`, `char`"),
  ([Candidate("word", 1.0), Candidate("word", 0.0)], "`strength`"),
  ([Candidate("word", float("nan"))], "`strength`"),
])
def test_bad_candidates_are_named_before_anything_is_read(candidates, named):
  with pytest.raises(InputError, match=named):
    run(("no.tsv", "no.tsv"), candidates)


def test_the_largest_seed_is_scikit_learn_s(tmp_path):
  files, few = tiny.write_task(tmp_path), [Candidate("word", 1.0)]
  most = int(np.iinfo(np.uint32).max)
  found = run(files, few, **{"train.seed": most})
  assert found.metrics["accuracy"] >= 0.9
  with pytest.raises(InputError, match=f"`train.seed` .* {most};"):
    run(files, few, **{"train.seed": most + 1})


def test_the_command_prints_one_json_object(tmp_path, capsys):
  train, dev = tiny.write_task(tmp_path)
  words = ["baseline", f"data.train={train}", f"data.eval={dev}"]
  assert main([*words, "task.name=mood", "--json"]) == 0
  result = json.loads(capsys.readouterr().out.splitlines()[-1])
  assert result["metrics"]["accuracy"] >= 0.95
  assert result["chosen"]["ngrams"] in ("word", "char", "both")
  assert main([*words, "task.name=mood"]) == 0
  assert "without BERT" in capsys.readouterr().out
