# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Tries an export as the server will, before anybody gets to see it."""

import os
from collections.abc import Iterable
from concurrent import futures

from tf_adapters.errors import ExportError
from tf_adapters.serving import lint
from tf_adapters.serving import oracle as oracle_lib
from tf_adapters.serving import warmup
from tf_adapters.serving.session import Refused

# That ask many records; each takes seconds to start, and holds the model.
_PROCESSES = 2
_MANY = 12


def check(
  folder: str | os.PathLike, records: Iterable[warmup.Record]
) -> None:
  """Passes a SavedModel that TensorFlow Serving will load and answer by.

  It is read for what the server refuses, see `lint.problems`; then it is
  loaded as the server does, see `oracle.Oracle`, and asked every record.

  Args:
    folder: Of the SavedModel.
    records: Requests: what the server will warm up by, see `warmup`, of
      which one that fails would keep it from loading the model, and others.

  Raises:
    ExportError: naming all that lint finds, or the first record that fails.
  """
  found = lint.problems(folder)
  if found:
    raise _refusal(" ".join(found))
  records = list(records)
  # A process makes one signature ready at a time.
  count = _PROCESSES if len(records) >= _MANY else 1
  shares = [records[i::count] for i in range(count)]
  with futures.ThreadPoolExecutor(count) as pool:
    for done in [pool.submit(_ask, folder, share) for share in shares]:
      done.result()


def _ask(folder: str | os.PathLike, records: list[warmup.Record]) -> None:
  """Asks a process of its own."""
  try:
    with oracle_lib.Oracle(folder) as oracle:
      for signature, columns in records:
        _try(oracle, signature, columns)
  except Refused as error:
    raise _refusal(f"it does not load: {_one_line(error)}.") from error


def _try(oracle: oracle_lib.Oracle, signature: str, columns) -> None:
  try:
    answer = oracle.ask(signature, columns, text=False)
  except Refused as error:
    words = f"the signature {signature!r} does not run: {_one_line(error)}."
    raise _refusal(words) from error
  rows = len(next(iter(columns.values())))
  for name, column in answer.items():
    size = len(column) if isinstance(column, list) else None
    if size != rows:
      raise _refusal(
        f"the signature {signature!r} answers {rows} rows by {size} of "
        f"{name!r}."
      )


def _refusal(words: str) -> ExportError:
  return ExportError(
    f"TensorFlow Serving would refuse this export, so it is not published: "
    f"{words} If the encoder is one that `load_encoder` reads, this is a "
    "defect of tf_adapters; please report it."
  )


def _one_line(error: Refused) -> str:
  return " ".join(str(error).split()).rstrip(".")
