# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Answers lines of JSON on stdin by lines of JSON on stdout.

  python -I -S tf_adapters/serving/session MODEL --site-packages DIR

The first line says what there is, `{"signatures": {NAME: [inputs, outputs,
method]}}`. Then a line `{NAME: {INPUT: column}}` runs these signatures in one
go and is answered by `{"answers": {NAME: {OUTPUT: column}}}`. Where TensorFlow
refuses the model or a line, the answer is `{"error": words, "code": number}`.
Strings come as `{"b64": …}`, and may go so.
"""

import argparse
import os
import sys
from typing import Any

if not __package__:  # run by its path, which -I leaves out of the search
  sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
  __package__ = "session"

from . import lines
from .library import INVALID_ARGUMENT
from .library import Refused
from .runner import Session


def main() -> int:
  """Answers until stdin ends; returns the exit status."""
  parser = argparse.ArgumentParser(prog="session")
  parser.add_argument("model")
  parser.add_argument("--site-packages", required=True)
  options = parser.parse_args()
  answers = os.fdopen(os.dup(1), "w", encoding="ascii")
  os.dup2(2, 1)  # what libraries print is no answer

  def write(tree: dict[str, Any]) -> None:
    answers.write(lines.dump(tree))
    answers.flush()

  try:
    session = Session(options.model, options.site_packages)
  except Refused as error:
    write({"error": str(error), "code": error.code})
    return 1
  with session:
    write({"signatures": session.signatures})
    for line in sys.stdin.buffer:
      try:
        write({"answers": session.run_all(_read(line), text=False)})
      except Refused as error:
        write({"error": str(error), "code": error.code})
  return 0


def _read(line: bytes) -> dict[str, dict[str, Any]]:
  try:
    questions = lines.load(line)
  except ValueError as error:
    raise Refused(INVALID_ARGUMENT, f"no JSON: {error}") from None
  columns = questions.values() if isinstance(questions, dict) else [None]
  if not all(isinstance(item, dict) for item in columns):
    raise Refused(INVALID_ARGUMENT, "no columns by signature")
  return questions


if __name__ == "__main__":
  sys.exit(main())
