# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Stores with tasks of random weights: nothing is trained."""

import pathlib
from typing import Any

import numpy as np

import tf_adapters
from tf_adapters import settings
from tf_adapters import tasks
from tf_adapters.checkpoints import pretrained
from tf_adapters.modeling import tuning
from tf_adapters.store import modules
from tf_adapters.store.store import Module

CLASSES = {"type": "classification", "labels": ["neg", "pos"]}
THREE = {"type": "classification", "labels": ["a", "b", "c"]}
NUMBER = {"type": "regression", "mean": 2.5, "stddev": 1.5}
SPAN = {"type": "span", "n_best_size": 3, "max_answer_length": 4}
TEXT = {"text": "text", "text_b": None, "label": "label"}
PAIR = {**TEXT, "text_b": "text_b"}
QUESTION = {"text": "question", "text_b": "context", "label": "answers"}


def create(folder: pathlib.Path, encoder) -> tf_adapters.Store:
  """An empty store that refers to an encoder."""
  store = tf_adapters.Store(folder)
  info = pretrained.of(encoder)
  store.create(
    {
      "fingerprint": info.fingerprint,
      "source": str(info.source),
      "copied": False,
    },
    None,
  )
  return store


def add(
  store: tf_adapters.Store,
  encoder,
  name: str,
  definition: dict[str, Any],
  *,
  columns: dict[str, str | None] | None = None,
  seed: int = 0,
  overwrite: bool = False,
  **given: Any,
) -> None:
  """Adds a task whose every variable is random.

  Args:
    store: The store.
    encoder: Its encoder.
    name: Of the task.
    definition: As `Task.to_dict` gives it.
    columns: That it reads.
    seed: Of the weights.
    overwrite: Whether to replace a task.
    **given: Settings, with `__` for dots.
  """
  tree = {"task.name": name, "adapter.size": 4, "data.max_length": 24}
  tree |= {key.replace("__", "."): value for key, value in given.items()}
  config = settings.from_dict(tree)
  task = tasks.from_dict(definition)
  model = modules.new_model(encoder, task, config)
  random = np.random.default_rng([seed, *name.encode()])
  weights = {}
  for item in tuning.task_variables(model):
    values = random.normal(0, 0.3, item.variable.shape)
    if item.name.endswith("gamma"):
      values += 1
    weights[item.name] = values.astype(np.float32)
  store.save(
    Module(
      task=name,
      definition=definition,
      columns=columns or TEXT,
      config=settings.to_dict(config),
      encoder_fingerprint=pretrained.of(encoder).fingerprint,
      data={},
      metrics={"accuracy": 0.5},
      parameters=tuning.trainable_parameters(model),
      weights=weights,
    ),
    overwrite=overwrite,
  )
