# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Builds and installs tf_adapters: `pip install .`"""

import pathlib
import re

import setuptools

HERE = pathlib.Path(__file__).parent
VERSION = re.search(
  r'__version__ = "(.+)"', (HERE / "tf_adapters/version.py").read_text()
).group(1)

# Where the sources are, which the notebooks of colab/ install and link to.
# YOUR_ORGANISATION stands for whoever publishes them; a test keeps all alike.
REPOSITORY = "https://github.com/YOUR_ORGANISATION/tf_adapters"

# One minor version of TensorFlow and of what is built on it.
TENSORFLOW = [
  "tensorflow>=2.20,<2.21",
  "tensorflow-text>=2.20,<2.21",
  "tf-keras>=2.20,<2.21",
  "tf-models-official>=2.20,<2.21",
  # tensorflow-hub, which tf-models-official imports, needs pkg_resources.
  "setuptools<82",
]

setuptools.setup(
  name="tf-adapters",
  version=VERSION,
  description="Adapter tuning of BERT with TensorFlow: many tasks, one encoder",
  long_description=(HERE / "README.md").read_text(encoding="utf-8"),
  long_description_content_type="text/markdown",
  url=REPOSITORY,
  license="Apache-2.0",
  python_requires=">=3.10,<3.13",
  packages=setuptools.find_packages(include=["tf_adapters", "tf_adapters.*"]),
  package_data={
    "tf_adapters": ["samples/*/*", "tasks/*.yaml", "studies/*.yaml"]
  },
  install_requires=[
    *TENSORFLOW,
    "importlib-resources",  # which tensorflow-datasets imports, unnamed
    "numpy",
    "pyyaml",  # configurations
    "rich",  # tables and progress bars, in terminals and notebooks
    "safetensors",  # weights on disk without pickle
    "scikit-learn",  # metrics
    "scipy",  # correlations
    "tensorboard",  # curves
    "tensorflow-datasets",  # data sets by name
    # Requests for the server to warm up by, in each export, and `Client` over
    # gRPC; newer ones need a newer TensorFlow.
    "tensorflow-serving-api==2.20.0",
  ],
  extras_require={
    # Grids that several processes share, kept in a file or a database.
    "suite": ["optuna>=4"],
    # Bulk scoring: RunInference, on this machine, Flink, Spark or Dataflow.
    "beam": ["apache-beam>=2.70", "pyarrow"],
    # Pictures on paper and screen, and in a window nowhere.
    "picture": ["matplotlib"],
    # What the notebooks of colab/ take, draw and slide with.
    "notebook": [
      "huggingface_hub>=1", "ipywidgets", "matplotlib", "optuna>=4"
    ],
    "parquet": ["pyarrow"],  # which tensorflow-datasets may stop bringing
    # The Hub's own client, for its cache, tokens and mirrors: encoder=hf://….
    "hub": ["huggingface_hub>=1"],
    # Kaggle's own client, likewise: encoder=kaggle://….
    "kaggle": ["kagglehub"],
    # The API page from the docstrings alone, without a configuration.
    "docs": ["pdoc"],
  },
  entry_points={"console_scripts": ["tf-adapters=tf_adapters.__main__:main"]},
)
