# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Checks at import that the installed TensorFlow parts fit together."""

import importlib.metadata
import os
import platform
import sys

_PARTS = ("tensorflow", "tf-keras", "tensorflow-text", "tf-models-official")
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
  if minors["tensorflow"] is None:
    minors["tensorflow"] = _minor("tensorflow-tpu")
  if len(set(minors.values())) > 1:
    found = ", ".join(f"{part} {minor}" for part, minor in minors.items())
    wanted = minors["tensorflow"] or "2.20"
    command = " ".join(f"'{part}=={wanted}.*'" for part in _PARTS)
    raise ImportError(
      f"tf_adapters needs one minor version of TensorFlow's parts; found "
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
