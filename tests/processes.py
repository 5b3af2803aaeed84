# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Other processes: one that has TensorFlow alone, and waiting for one."""

import json
import pathlib
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

# Only tensorflow and tensorflow-text, as a model server has them.
_SERVE = """
import json, sys
class Blocked:
  def find_spec(self, name, path=None, target=None):
    if name.split(".")[0] in ("tf_adapters", "official"):
      raise ImportError(name)
sys.meta_path.insert(0, Blocked())
import tensorflow as tf, tensorflow_text
model = tf.saved_model.load(sys.argv[1])
out = {}
for name, columns in json.loads(sys.argv[2]).items():
  found = model.signatures[name](
    **{key: tf.constant(value) for key, value in columns.items()})
  out[name] = {
    key: [v.decode() for v in value.numpy()]
    if value.dtype == tf.string else value.numpy().tolist()
    for key, value in found.items()}
print(json.dumps(out))
"""


def serve(version: pathlib.Path, questions: dict[str, dict]) -> dict[str, Any]:
  """What an export answers where this package cannot be imported.

  Args:
    version: Its folder.
    questions: Columns by signature.
  """
  done = subprocess.run(
    [sys.executable, "-c", _SERVE, str(version), json.dumps(questions)],
    stdout=subprocess.PIPE,
    check=True,
    timeout=300,
  )
  return json.loads(done.stdout.splitlines()[-1])


def wait_for(path: pathlib.Path) -> None:
  """Returns when another process has written `path`."""
  wait_until(path.exists, f"{path} does not come")


def wait_until(true: Callable[[], Any], otherwise: str) -> None:
  """Returns when `true` is; fails with `otherwise` after two minutes."""
  deadline = time.monotonic() + 120
  while not true():
    assert time.monotonic() < deadline, otherwise
    time.sleep(0.1)
