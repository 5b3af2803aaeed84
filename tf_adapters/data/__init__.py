# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Examples out of files and of TensorFlow Datasets, each fault named."""

from tf_adapters.data.examples import Columns
from tf_adapters.data.examples import Examples
from tf_adapters.data.examples import Source
from tf_adapters.data.examples import find_columns
from tf_adapters.data.examples import read
from tf_adapters.data.form import OWN
from tf_adapters.data.form import Form
from tf_adapters.data.tfds import Split

__all__ = [
  "OWN",
  "Columns",
  "Examples",
  "Form",
  "Source",
  "Split",
  "find_columns",
  "read",
]
