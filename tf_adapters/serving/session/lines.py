# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One line of JSON, in which bytes are `{"b64": …}`."""

import base64
import json
from typing import Any


def dump(tree: Any) -> str:
  """The line, ASCII; NaN and Infinity stand as such."""
  return json.dumps(tree, default=_encode) + "\n"


def load(line: bytes) -> Any:
  """What `dump` wrote.

  Raises:
    ValueError: if it is no JSON.
  """
  try:
    return json.loads(line, object_hook=_decode)
  except RecursionError:
    raise ValueError("it is nested too deep") from None


def _encode(raw: Any) -> dict[str, str]:
  return {"b64": base64.b64encode(raw).decode("ascii")}


def _decode(tree: dict[str, Any]) -> Any:
  if set(tree) == {"b64"} and isinstance(tree["b64"], str):
    return base64.b64decode(tree["b64"], validate=True)
  return tree
