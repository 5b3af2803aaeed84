# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Fixtures that several test files share."""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

# Before a test file imports TensorFlow: what the package asks of it holds then
# in this process as in those that the tests start.
import tf_adapters
from tests import tiny


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory) -> pathlib.Path:
  """A tiny BERT in Hugging Face's form."""
  return tiny.write_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture(scope="session")
def made_store(tmp_path_factory, encoder_folder) -> str:
  """A store of random tasks: `mood`, the pairs `same`, `stars`, `where`."""
  from tests import stores

  encoder = tf_adapters.load_encoder(str(encoder_folder))
  store = stores.create(tmp_path_factory.mktemp("made") / "store", encoder)
  mood = {"type": "classification", "labels": ["neg", "pos", 'süß, "so"']}
  windows = {"data__doc_stride": 8, "data__max_question_length": 8}
  for name, definition, columns, given in (
    ("mood", mood, stores.TEXT, {}),
    ("same", stores.CLASSES, stores.PAIR, {}),
    ("stars", stores.NUMBER, stores.TEXT, {}),
    ("where", stores.SPAN, stores.QUESTION, windows),
  ):
    stores.add(store, encoder, name, definition, columns=columns, **given)
  return str(store.path)


@pytest.fixture(scope="session")
def made_export(tmp_path_factory, made_store) -> str:
  """A version folder with all of them."""
  from tf_adapters.training.reporting import Silent

  folder = tmp_path_factory.mktemp("exported") / "made"
  return tf_adapters.export(made_store, str(folder), reporter=Silent())


@pytest.fixture
def encoder(encoder_folder):
  """The tiny BERT, loaded afresh."""
  return tf_adapters.load_encoder(str(encoder_folder))


@pytest.fixture(scope="session")
def arithmetic(tmp_path_factory) -> pathlib.Path:
  """A SavedModel whose answers `served.truth` knows."""
  from tests import served

  return served.write_arithmetic(tmp_path_factory.mktemp("arithmetic") / "1")
