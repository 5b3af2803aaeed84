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


@pytest.fixture
def encoder(encoder_folder):
  """The tiny BERT, loaded afresh."""
  import tf_adapters

  return tf_adapters.load_encoder(str(encoder_folder))


@pytest.fixture(scope="session")
def arithmetic(tmp_path_factory) -> pathlib.Path:
  """A SavedModel whose answers `served.truth` knows."""
  from tests import served

  return served.write_arithmetic(tmp_path_factory.mktemp("arithmetic") / "1")
