# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A task of a store in this process: `load_task`, `evaluate`, `predict`."""

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from collections.abc import Sized
from typing import Any

import numpy as np
import tf_keras

from tf_adapters import data as data_lib
from tf_adapters import metrics
from tf_adapters import settings as settings_lib
from tf_adapters.checkpoints import pretrained
from tf_adapters.checkpoints.load import load_encoder
from tf_adapters.errors import InputError
from tf_adapters.store import modules
from tf_adapters.store.store import Store
from tf_adapters.tasks import tables
from tf_adapters.tokens import batching
from tf_adapters.training import inference


class LoadedTask:
  """A trained task, ready to answer; made by `load_task`.

  Args:
    store: That has the task.
    name: Of the task.
    encoder: The store's, loaded.

  Attributes:
    name: Its name in the store.
    task: Its definition, with `labels` for a classification.
    model: From token ids to logits `[batch, units]`, of a span task
      `[batch, seq, 2]`.
    columns: Which columns of its training file it read.
    config: Of its training.
    settings: Of its data, as `Config.data`.

  Raises:
    InputError: for a task that is not there or damaged, another encoder than
      the store's, and in each method for texts, or a file, that it does not
      take.
  """

  def __init__(self, store: Store, name: str, encoder: tf_keras.layers.Layer):
    module = store.load(name)
    info = pretrained.of(encoder)
    store.check_encoder(info.fingerprint)
    self.name = name
    self.model, self.task = modules.restore(encoder, module)
    self.columns = data_lib.Columns(**module.columns)
    self.config = settings_lib.from_dict(module.config)
    self.settings = self.config.data
    self._predictor = inference.Predictor(self.model)
    self._tokenizer = self.task.tokenizer(
      info.vocabulary, info.lower_case, self.settings
    )

  def logits(
    self, texts: Sequence[str], texts_b: Sequence[str] | None = None
  ) -> np.ndarray:
    """What the head computes before any softmax.

    Args:
      texts: Texts; the questions of a span task.
      texts_b: The second texts of pairs; the contexts of a span task.

    Returns:
      Float32 `[texts, units]`; of a span task `[windows, tokens, 2]`, starts
      and ends of each window of the contexts.
    """
    return self._logits(texts, texts_b)[0]

  def _logits(self, texts, texts_b):
    """Logits and the tokens they are of."""
    self._check(texts, texts_b)
    tokens = self.task.tokenise(self._tokenizer, texts, texts_b)
    return self._predictor.logits(tokens), tokens

  def predict(
    self, texts: Sequence[str], texts_b: Sequence[str] | None = None
  ) -> list[dict[str, Any]]:
    """An answer a text.

    Args:
      texts: Texts; the questions of a span task.
      texts_b: The second texts of pairs; the contexts of a span task.

    Returns:
      For a classification `label`, `score` and `probabilities` by label, for
      a regression `value`; for a span task, whose `texts` are questions and
      whose `texts_b` are contexts, `answer`, `score`, and `start` and `end`
      in characters of the context, -1 where nothing can be an answer.
    """
    logits, tokens = self._logits(texts, texts_b)
    columns = self.task.predictions(logits, tokens, texts_b)
    return [
      {name: self._plain(value[row]) for name, value in columns.items()}
      for row in range(len(texts))
    ]

  def read(
    self,
    source: data_lib.Source,
    key: str,
    labelled: bool = True,
    form: str | None = None,
  ) -> Any:
    """Examples of this task, as it reads them.

    Args:
      source: A file with the columns of the training file, or in the form
        of the training set (`data.form`), or a split of TFDS.
      key: The option that named a file, for errors; a split's is `--split`.
      labelled: Whether to read labels.
      form: Another form; None takes that of the training set.
    """
    name = self.settings.form if form is None else form
    examples = self.task.read(
      source,
      key="--split" if isinstance(source, data_lib.Split) else key,
      columns=None if name else self.columns,
      config=self.settings,
      form=tables.form(name),
      labelled=labelled,
    )
    self._check(examples.texts, examples.texts_b)
    return examples

  def labelled(
    self, source: data_lib.Source
  ) -> tuple[batching.Tokenised, Any]:
    """Tokens of a labelled file or split, and targets as `task.score` has them.
    """
    examples = self.read(source, "--data")
    targets = self.task.targets(examples)
    tokens = self.task.tokenise(
      self._tokenizer, examples.texts, examples.texts_b
    )
    return tokens, self.task.place(targets, tokens)

  def evaluate(self, source: data_lib.Source) -> dict[str, float | None]:
    """Scores on a labelled file or split; `read` says what it may be.

    Returns:
      By metric: shares from 0 to 1 (`f1` and `exact_match` of spans too),
      correlations from -1 to 1; None where a metric is not defined.
    """
    return self.report(source)["metrics"]

  def report(self, source: data_lib.Source) -> dict[str, Any]:
    """`metrics` as `evaluate` gives them, and what lies behind them.

    For a classification `classes`, with precision, recall, F1 and examples by
    label, and `confusion`, with `labels` and `counts` `[target][answer]`.
    """
    tokens, targets = self.labelled(source)
    logits = self._predictor.logits(tokens)
    return {
      "metrics": metrics.finite(self.task.score(logits, targets)),
      **self.task.report(logits, targets),
    }

  def _check(self, texts, texts_b) -> None:
    _check_list("texts", texts)
    if texts_b is not None:
      _check_list("texts_b", texts_b)
    if (texts_b is not None) != (self.columns.text_b is not None):
      wants = "pairs of texts" if self.columns.text_b else "single texts"
      raise InputError(f"the task {self.name!r} takes {wants}.")
    if texts_b is not None and len(texts) != len(texts_b):
      raise InputError(
        f"`texts` and `texts_b` must be as many; got {len(texts)} and "
        f"{len(texts_b)}."
      )

  def _plain(self, value: Any) -> Any:
    if isinstance(value, bytes):
      return value.decode("utf-8")
    if isinstance(value, np.ndarray):
      labels = self.task.labels
      return dict(zip(labels, value.tolist(), strict=True))
    return value if isinstance(value, str) else value.item()


def _check_list(name: str, texts: Any) -> None:
  if isinstance(texts, str | bytes):
    raise InputError(f"`{name}` must be a list of texts; got one text.")
  sized = isinstance(texts, Sized) and isinstance(texts, Iterable)
  if not sized or isinstance(texts, Mapping):
    raise InputError(
      f"`{name}` must be a list of texts, or a sequence like one; got "
      f"{texts!r:.60}."
    )


def load_task(
  store: str, name: str, encoder: tf_keras.layers.Layer | None = None
) -> LoadedTask:
  """Loads a task of a store.

  Args:
    store: Folder of the store.
    name: The task.
    encoder: The store's encoder where it is loaded already, so that many
      tasks share one; None loads it.

  Returns:
    The task, which keeps its tokenizer and its compiled functions.

  Raises:
    InputError: for a store, a task or an encoder that is not there, is
      damaged, or does not belong to the others.
  """
  source = Store(store)
  source.describe(name)  # fails before the encoder is loaded
  if encoder is None:
    encoder = load_encoder(source.encoder_path())
  return LoadedTask(source, name, encoder)


def evaluate(
  store: str, task: str, data: data_lib.Source
) -> dict[str, float | None]:
  """Scores of a task of a store on a labelled file.

  Args:
    store: Folder of the store.
    task: Name of the task.
    data: A file with the columns of the training file, or what else
      `LoadedTask.read` takes; a .json file in the form of SQuAD v1.1 for a
      span task.

  Returns:
    By metric, as `LoadedTask.evaluate` gives them.

  Raises:
    InputError: for a task that is not there, or data that it does not take.
  """
  return load_task(store, task).evaluate(data)


def predict(
  store: str,
  task: str,
  texts: Sequence[str],
  texts_b: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
  """Answers of a task of a store.

  Args:
    store: Folder of the store.
    task: Name of the task.
    texts: Texts; the questions of a span task.
    texts_b: The second texts of pairs; the contexts of a span task.

  Returns:
    An answer a text, as `LoadedTask.predict` gives them.

  Raises:
    InputError: for a task that is not there, or texts that it does not take.
  """
  return load_task(store, task).predict(texts, texts_b)
