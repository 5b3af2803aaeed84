# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Fixtures that several test files share."""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from tests import tiny


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory) -> pathlib.Path:
  """A tiny BERT in Hugging Face's form."""
  return tiny.write_encoder(tmp_path_factory.mktemp("encoder") / "tiny")


@pytest.fixture(scope="session")
def made_store(tmp_path_factory, encoder_folder) -> str:
  """A store with the tasks of `made_store.TASKS`."""
  from tests import made_store as store_lib

  folder = tmp_path_factory.mktemp("made") / "store"
  return store_lib.write(folder, encoder_folder)


@pytest.fixture(scope="session")
def made_export(tmp_path_factory, made_store) -> str:
  """A version folder with all of them."""
  import tf_adapters
  from tf_adapters.reporting import Silent

  folder = tmp_path_factory.mktemp("exported") / "made"
  return tf_adapters.export(made_store, str(folder), reporter=Silent())


@pytest.fixture
def encoder(encoder_folder):
  """The tiny BERT, loaded afresh."""
  import tf_adapters

  return tf_adapters.load_encoder(str(encoder_folder))
