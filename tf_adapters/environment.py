# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Checks at import that the installed TensorFlow parts fit together."""

import importlib.metadata
import os
import platform
import sys

_PARTS = ("tensorflow", "tf-keras", "tensorflow-text", "tf-models-official")
_MINOR = "2.20"  # of all of them, as in setup.py
_X86 = ("x86_64", "AMD64")


def check() -> None:
  """Raises `ImportError` with the remedy where TensorFlow's parts disagree.

  Also asks for Keras 2 (`tf_keras`), on which Model Garden is built, as long
  as TensorFlow has not been imported, and for oneDNN's kernels, which
  TensorFlow itself leaves out on x86 processors without AVX512-VNNI though
  they are faster there, too.
  """
  minors = {part: _minor(part) for part in _PARTS}
  # A TPU's build of TensorFlow comes under another name.
  if minors["tensorflow"] is None and _minor("tensorflow-tpu") is not None:
    del minors["tensorflow"]
    minors["tensorflow-tpu"] = _minor("tensorflow-tpu")
  if set(minors.values()) != {_MINOR}:
    found = ", ".join(f"{part} {minor}" for part, minor in minors.items())
    command = " ".join(f"'{part}=={_MINOR}.*'" for part in minors)
    raise ImportError(
      f"tf_adapters needs TensorFlow's parts in version {_MINOR}; found "
      f"{found}. Run: pip install {command}"
    )
  if "tensorflow" not in sys.modules:
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    if platform.machine() in _X86:
      os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


def _minor(distribution: str) -> str | None:
  try:
    version = importlib.metadata.version(distribution)
  except importlib.metadata.PackageNotFoundError:
    return None
  return ".".join(version.split(".")[:2])
