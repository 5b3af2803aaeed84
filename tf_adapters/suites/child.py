# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One command in a process of its own, which ends when its suite does.

A process of its own gives its memory back, and one that crashes is a trial
that failed. However the suite ends, killed or not, the system closes the pipe
that it holds, and the child sees it: none trains on that nobody waits for.
"""

import contextlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from tf_adapters.errors import InputError


def run(arguments: Sequence[str]) -> dict[str, Any]:
  """Runs `tf-adapters` with `arguments`, `--json` among them.

  Returns:
    What it printed last.

  Raises:
    InputError: with the last line of its errors, if it failed.
  """
  with (
    tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
    _pipe() as end,
  ):
    done = subprocess.run(
      [sys.executable, "-m", "tf_adapters.suites.child", *arguments],
      stdin=end,
      stdout=subprocess.PIPE,
      stderr=errors,
      encoding="utf-8",
      env={**os.environ, "PYTHONIOENCODING": "utf-8"},
      check=False,
    )
    errors.seek(0)
    last = (errors.read().strip().splitlines() or ["it said nothing"])[-1]
  if done.returncode:
    raise InputError(f"exit status {done.returncode}: {last}")
  with contextlib.suppress(IndexError, ValueError):
    return json.loads(done.stdout.strip().splitlines()[-1])
  raise InputError("it printed no JSON.")


@contextlib.contextmanager
def _pipe() -> Iterator[int]:
  """The end to read of a pipe that nobody writes to while this is open."""
  ends = os.pipe()
  try:
    yield ends[0]
  finally:
    for end in ends:
      os.close(end)


def _end_with_the_suite() -> None:
  os.read(sys.stdin.fileno(), 1)  # returns when the suite has ended
  os._exit(1)  # as if killed, which a run survives: the main thread is busy


if __name__ == "__main__":
  threading.Thread(target=_end_with_the_suite, daemon=True).start()
  runpy.run_module("tf_adapters", run_name="__main__", alter_sys=True)
