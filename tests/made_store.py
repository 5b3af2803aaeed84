# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A store of tasks that nobody trained: quick to make, and each answers."""

import pathlib

import numpy as np

import tf_adapters
from tf_adapters import config as config_lib
from tf_adapters import modules
from tf_adapters import settings
from tf_adapters import tasks
from tf_adapters.checkpoints import pretrained
from tf_adapters.store import Module

_TEXT = {"text": "text", "text_b": None, "label": "label"}
_PAIR = {"text": "text", "text_b": "text_b", "label": "label"}
_SPAN = {"text": "question", "text_b": "context", "label": "answers"}
_SETTINGS = ("adapter.size=4", "data.max_length=24")
_MORE = {
  "where": ("task.type=span", "data.doc_stride=8", "data.max_question_length=6")
}
# Name: definition, and columns of the file that it was trained on.
TASKS = {
  "mood": (
    {"type": "classification", "labels": ["neg", "pos", "süß, \"so\""]}, _TEXT
  ),
  "same": ({"type": "classification", "labels": ["no", "yes"]}, _PAIR),
  "stars": ({"type": "regression", "mean": 3.0, "stddev": 1.5}, _TEXT),
  "where": ({"type": "span"}, _SPAN),
}


def write(folder: pathlib.Path, encoder_folder: pathlib.Path) -> str:
  """Writes the store with `TASKS`; returns its path."""
  encoder = tf_adapters.load_encoder(str(encoder_folder))
  fingerprint = pretrained.of(encoder).fingerprint
  store = tf_adapters.Store(folder)
  store.create(
    {
      "fingerprint": fingerprint,
      "source": str(encoder_folder),
      "copied": False,
    },
    None,
  )
  for seed, (name, (definition, columns)) in enumerate(TASKS.items()):
    config = settings.load(None, [*_SETTINGS, *_MORE.get(name, ())])
    store.save(
      Module(
        task=name,
        definition=definition,
        columns=columns,
        config=settings.to_dict(config),
        encoder_fingerprint=fingerprint,
        data={},
        metrics={},
        parameters=0,
        weights=_weights(encoder, definition, config, seed),
        package_version=tf_adapters.__version__,
      )
    )
  return str(folder)


def _weights(encoder, definition, config: config_lib.Config, seed: int) -> dict:
  """Far enough from each other that texts are answered differently."""
  random = np.random.default_rng(seed)
  model = modules.new_model(encoder, tasks.from_dict(definition), config)
  return {
    name: value + random.normal(0, 0.3, value.shape).astype(np.float32)
    for name, value in modules.weights(model).items()
  }
