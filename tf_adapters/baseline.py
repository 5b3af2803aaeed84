# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a task reaches without BERT: n-grams and a linear model.

Houlsby et al. 2019, Table 2, has a column "No BERT baseline" of searched
models; ours is the usual strong simple one, by scikit-learn, searched over
its few choices by the dev set as everything else is.
"""

import dataclasses
import time
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_adapters import checks
from tf_adapters import config as config_lib
from tf_adapters import data
from tf_adapters import metrics
from tf_adapters import settings as settings_lib
from tf_adapters.errors import InputError
from tf_adapters.training import memory
from tf_adapters.training import reporting
from tf_adapters.training import run_inputs
from tf_adapters.training.run_inputs import Inputs
from tf_adapters.training.runs import TrainResult


@dataclasses.dataclass(frozen=True)
class Candidate:
  """One choice of the search.

  Attributes:
    ngrams: `word` (1 to 2 words), `char` (2 to 5 characters within a word)
      or `both`.
    strength: C of scikit-learn's `LogisticRegression`: large is little
      regularisation. For a regression 1 / alpha of `Ridge`.
  """

  ngrams: str
  strength: float


NGRAMS = ("word", "char", "both")
CANDIDATES = tuple(
  Candidate(ngrams, strength)
  for ngrams in NGRAMS
  for strength in (1.0, 10.0, 100.0)
)


@dataclasses.dataclass(frozen=True)
class BaselineResult(TrainResult):
  """The result of a run without an encoder, an epoch and a store.

  Attributes:
    chosen: The candidate that the dev set chose.
  """

  chosen: dict[str, Any] = dataclasses.field(default_factory=dict)


def train_baseline(
  config: config_lib.Config | Mapping[str, Any],
  *,
  candidates: Sequence[Candidate] = CANDIDATES,
  reporter: reporting.Reporter | None = None,
) -> BaselineResult:
  """Fits n-grams without BERT on a run's data; nothing is stored.

  What stands for the column "No BERT baseline" of Houlsby et al., ICML 2019,
  Table 2, whose models were searched by AutoML.

  TF-IDF of n-grams into logistic regression, one label against the rest, or
  into ridge regression. A pair is a, b, |a - b| and a * b of its two vectors.

  Args:
    config: Of the run, from which `task`, `data` and `train.seed` are read.
    candidates: What is tried; the first of equal dev scores is taken.
    reporter: Who shows progress; None: lines on stderr.

  Returns:
    Scores as `train` gives them, the candidate that the dev set chose, and
    its parameters; of an encoder, an epoch and a store there are none.

  Raises:
    InputError: for data, a seed or candidates that are not allowed, or
      without a dev set.
  """
  began = time.perf_counter()
  config = settings_lib.checked(config)
  checks.at_most("train.seed", config.train.seed, 2**32 - 1)  # scikit-learn's
  _check_candidates(candidates)
  inputs = run_inputs.read(config, overwrite=True)
  _check(inputs)
  reporter = reporter or reporting.Reporter()
  best, chosen = None, None
  features: dict[str, dict[str, Any]] = {}
  for candidate in candidates:
    if candidate.ngrams not in features:
      features = {candidate.ngrams: _features(inputs, candidate.ngrams)}
    fitted = _fit(inputs, features[candidate.ngrams], candidate)
    value = metrics.rank(inputs.metric, fitted.scores["dev"][inputs.metric])
    reporter.say(
      f"{candidate.ngrams} n-grams, strength {candidate.strength:g}: "
      f"{inputs.metric} {fitted.scores['dev'][inputs.metric]}"
    )
    if best is None or value > best:
      best, chosen = value, (candidate, fitted)
  candidate, fitted = chosen
  return BaselineResult(
    task=config.task.name,
    metrics=fitted.scores["dev"],
    epoch=0,
    trainable_parameters=fitted.parameters,
    encoder_parameters=0,
    examples_per_s=None,
    seconds=time.perf_counter() - began,
    peak_memory_gb=memory.peak_gigabytes(),
    store="",
    test_metrics=fitted.scores.get("test", {}),
    metric=inputs.metric,
    chosen=dataclasses.asdict(candidate),
  )


def _check_candidates(candidates: Sequence[Candidate]) -> None:
  if not candidates:
    raise InputError("`candidates` must name at least one; got none.")
  for candidate in candidates:
    checks.one_of("ngrams", candidate.ngrams, NGRAMS)
    checks.positive("strength", candidate.strength)


def _check(inputs: Inputs) -> None:
  if "dev" not in inputs.examples:
    raise InputError(
      "`data.eval` must name a dev set, by which the baseline is chosen; got "
      "nothing."
    )
  targets = inputs.targets["train"]
  if inputs.task.type not in ("classification", "regression"):
    raise InputError(
      "the baseline is for classifications and regressions; got "
      f"`task.type={inputs.task.type}`."
    )
  if inputs.task.type == "classification" and len(set(targets.tolist())) < 2:
    raise InputError(
      f"{inputs.examples['train'].path}: every row has the same label; a "
      "baseline needs at least two."
    )


def _vectorizer(ngrams: str) -> Any:
  from sklearn import pipeline  # half a second to import
  from sklearn.feature_extraction import text

  parts = {
    "word": {
      "analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"\S+"
    },
    "char": {"analyzer": "char_wb", "ngram_range": (2, 5)},
  }
  names = list(parts) if ngrams == "both" else [ngrams]
  return pipeline.FeatureUnion([
    (name, text.TfidfVectorizer(sublinear_tf=True, **parts[name]))
    for name in names
  ])


def _features(inputs: Inputs, ngrams: str) -> dict[str, Any]:
  """Sparse `[examples, features]` of each set; the training set's n-grams."""
  train = inputs.examples["train"]
  vectorizer = _vectorizer(ngrams)
  try:
    vectorizer.fit([*train.texts, *(train.texts_b or [])])
  except ValueError:  # an empty vocabulary
    raise InputError(
      f"{train.path}: its texts hold no {ngrams} n-grams to learn from."
    ) from None
  return {
    name: _vectors(vectorizer, part) for name, part in inputs.examples.items()
  }


def _vectors(vectorizer: Any, examples: data.Examples) -> Any:
  from scipy import sparse

  first = vectorizer.transform(examples.texts)
  if examples.texts_b is None:
    return first
  second = vectorizer.transform(examples.texts_b)
  parts = [first, second, abs(first - second), first.multiply(second)]
  return sparse.hstack(parts, format="csr")


@dataclasses.dataclass(frozen=True)
class _Fitted:
  scores: dict[str, dict[str, float | None]]
  parameters: int


def _fit(inputs: Inputs, features: dict, candidate: Candidate) -> _Fitted:
  fit = _ridge if inputs.task.type == "regression" else _logistic
  logits, parameters = fit(inputs, features, candidate.strength)
  scores = {
    name: metrics.finite(inputs.task.score(values, inputs.targets[name]))
    for name, values in logits.items()
  }
  return _Fitted(scores, parameters)


def _ridge(inputs: Inputs, features: dict, strength: float):
  from sklearn import linear_model

  model = linear_model.Ridge(alpha=1 / strength, random_state=0)
  model.fit(features["train"], inputs.targets["train"])
  logits = {
    name: model.predict(features[name])[:, None] for name in _scored(features)
  }
  return logits, model.coef_.size + 1


def _logistic(inputs: Inputs, features: dict, strength: float):
  from sklearn import linear_model
  from sklearn import multiclass

  # liblinear, because many labels over many n-grams take it seconds.
  model = multiclass.OneVsRestClassifier(
    linear_model.LogisticRegression(
      C=strength,
      solver="liblinear",
      max_iter=1000,
      random_state=inputs.config.train.seed,
    )
  )
  model.fit(features["train"], inputs.targets["train"])
  logits = {}
  for name in _scored(features):
    # Labels of the table that the training set lacks are never answered.
    values = np.full((features[name].shape[0], inputs.task.units), -np.inf)
    values[:, model.classes_] = model.predict_proba(features[name])
    logits[name] = values
  parameters = sum(
    part.coef_.size + part.intercept_.size for part in model.estimators_
  )
  return logits, parameters


def _scored(features: dict) -> list[str]:
  return [name for name in features if name != "train"]
