# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""JSON objects in files: read with clear errors, written sorted."""

import json
import pathlib
from collections.abc import Mapping
from typing import Any

from tf_adapters.errors import InputError


def read(path: pathlib.Path) -> dict[str, Any]:
  """Reads a JSON object, UTF-8.

  Raises:
    InputError: naming the file, if it is missing or anything else.
  """
  try:
    tree = json.loads(path.read_bytes().decode("utf-8"))
  except (FileNotFoundError, NotADirectoryError):
    raise InputError(f"{path} is missing.") from None
  except IsADirectoryError:
    raise InputError(f"{path}: is a folder, not a file.") from None
  except (ValueError, RecursionError) as error:
    raise InputError(
      f"{path}: is cut short or damaged, it is not valid JSON: {error}."
    ) from None
  if not isinstance(tree, dict):
    raise InputError(f"{path}: must hold a JSON object.")
  return tree


def encode(tree: Mapping[str, Any]) -> bytes:
  """Sorted, readable JSON in UTF-8; refuses what JSON has no number for."""
  text = json.dumps(
    tree, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False
  )
  return (text + "\n").encode()
