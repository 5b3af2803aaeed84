# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Checks of what a `Client` is made with."""

import math
import pathlib
import re
import types
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from tf_adapters import checks
from tf_adapters import json_files
from tf_adapters.errors import InputError


class _Headers(NamedTuple):
  """What a protocol can carry."""

  name: str  # regular expressions
  text: str
  words: str


_HEADERS = types.MappingProxyType({
  # A token of RFC 9110; texts as `http.client` encodes them.
  "rest": _Headers(
    r"[!#$%&'*+.^_`|~0-9A-Za-z-]+",
    r"[ -~\x80-\xff]*",
    "of one line in Latin-1; names of ASCII letters, digits and "
    "!#$%&'*+-.^_`|~",
  ),
  # gRPC over HTTP2, "Custom-Metadata"; names go in lower case, and those that
  # end in -bin are of bytes.
  "grpc": _Headers(
    r"(?!.*-[Bb][Ii][Nn]$)[0-9A-Za-z_.-]+",
    r"[ -~]*",
    "of one line in ASCII for gRPC; names of letters, digits and _.-, not "
    "ending in -bin",
  ),
})


def check_numbers(timeout: float, retries: int, batch_size: int) -> None:
  """Raises `InputError` for a number that cannot be."""
  if isinstance(timeout, bool) or not isinstance(timeout, int | float):
    raise InputError(f"`timeout` must be a number of seconds; got {timeout!r}.")
  if not (math.isfinite(timeout) and timeout > 0):
    raise InputError(
      f"`timeout` must be a finite number above 0; got {timeout}."
    )
  checks.whole("retries", retries)
  checks.at_least("retries", retries, 0)
  checks.whole("batch_size", batch_size)
  checks.at_least("batch_size", batch_size, 1)


def check_headers(headers: Mapping[str, str], protocol: str) -> None:
  """Raises `InputError` unless `rest` or `grpc` can send them all."""
  if not isinstance(headers, Mapping):
    raise InputError(f"`headers` must be texts by name; got {headers!r}.")
  allowed = _HEADERS[protocol]
  for name, text in headers.items():
    if not (_matches(allowed.name, name) and _matches(allowed.text, text)):
      raise InputError(
        f"`headers` must be texts by name, {allowed.words}; got {name!r}: "
        f"{text!r}."
      )


def _matches(pattern: str, text: Any) -> bool:
  return isinstance(text, str) and re.fullmatch(pattern, text) is not None


def labels_of(
  labels: str | pathlib.Path | Mapping[str, Sequence[str]] | None,
) -> dict[str, list[str]]:
  """Labels by task, from the description beside an export or as they are.

  Raises:
    InputError: for a file that is no such description, and other values.
  """
  if labels is None:
    return {}
  if isinstance(labels, Mapping):
    return {task: _labels(task, found) for task, found in labels.items()}
  if not isinstance(labels, str | pathlib.Path):
    raise InputError(
      f"`labels` must be a file or lists of labels by task; got {labels!r}."
    )
  tasks = json_files.read(pathlib.Path(labels)).get("tasks")
  if not isinstance(tasks, dict):
    raise InputError(
      f"{labels}: has no `tasks`; `labels` takes the file "
      "`assets.extra/tasks.json` of an export."
    )
  return {
    task: _labels(task, tree["labels"])
    for task, tree in tasks.items()
    if isinstance(tree, dict) and "labels" in tree
  }


def _labels(task: str, labels: Any) -> list[str]:
  known = isinstance(labels, list | tuple)
  if not known or not all(isinstance(label, str) for label in labels):
    raise InputError(
      f"`labels` of the task {task!r} must be a list of texts; got {labels!r}."
    )
  return list(labels)
