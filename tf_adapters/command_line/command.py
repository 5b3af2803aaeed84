# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a command is, and what several of them say alike."""

import argparse
import json
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

from tf_adapters.errors import InputError


class Command(NamedTuple):
  """One command of `tf-adapters`.

  Attributes:
    name: As people type it.
    help: In one sentence.
    add_arguments: Gives a parser the command's own.
    run: Yields the lines of stdout, text, or JSON with `--json`.
  """

  name: str
  help: str
  add_arguments: Callable[[argparse.ArgumentParser], None]
  run: Callable[[argparse.Namespace], Iterator[str]]


def add_store(parser: argparse.ArgumentParser) -> None:
  """The store that a command works on."""
  parser.add_argument("--store", required=True, metavar="DIR")


def scores(metrics: dict[str, float | None]) -> str:
  """As `accuracy 0.9000  f1 0.8000`."""
  return "  ".join(
    f"{name} {'undefined' if value is None else f'{value:.4f}'}"
    for name, value in metrics.items()
  )


def flag(name: str) -> str:
  """An option as people type it."""
  return f"`--{name.replace('_', '-')}`"


def runs_failed(path: str, count: int, reasons: object) -> InputError:
  """Says that runs of a file failed, and where the reasons are."""
  return InputError(
    f"runs of {path} failed: {count}; {reasons} says why, and `--retry` runs "
    "them again."
  )


def json_line(tree: dict[str, Any]) -> str:
  """An object on one line.

  Raises:
    InputError: for a number that JSON does not have.
  """
  try:
    return json.dumps(
      tree, ensure_ascii=False, sort_keys=True, allow_nan=False
    )
  except ValueError:
    raise InputError(
      "`--json` has finite numbers only, and one of the results is none; "
      "without it they are shown."
    ) from None


def tab_line(fields: Iterable[str]) -> str:
  """Between tabs on one line; blanks stand for tabs and line ends inside."""
  return "\t".join(
    " ".join(field.replace("\t", " ").splitlines()) for field in fields
  )
