# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Rows of Parquet files: read by their numbers, written with answers."""

import contextlib
import hashlib
import io
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from tf_adapters.bulk import places
from tf_adapters.data.parquet import naming_damage

_BATCH = 1024  # rows that are decoded at a time
_TAIL = 8  # bytes behind the footer: its length and `PAR1`


def describe(path: str) -> tuple[tuple[str, ...], int, str]:
  """Names of the columns, how many rows there are, sha256 of the footer.

  Raises:
    InputError: if it is no Parquet file, or PyArrow is not there.
  """
  with _opened(path) as (file, footer):
    return tuple(file.schema_arrow.names), file.metadata.num_rows, footer


def read(path: str, start: int, rows: int, sha256: str) -> Any:
  """Rows from number `start`, counted from 0, as a `pyarrow.Table`.

  Or None, if the footer has another digest: columns, types, or sizes or places
  of something in the file are not those that they were.
  """
  import pyarrow

  with _opened(path) as (file, footer):
    if footer != sha256:
      return None
    groups, skipped = _groups(file.metadata, start, start + rows)
    start -= skipped
    pieces = []
    for batch in file.iter_batches(_BATCH, row_groups=groups):
      first = min(start, len(batch))
      pieces.append(batch.slice(first, rows))
      start -= first
      rows -= len(pieces[-1])
      if not rows:
        break
    return pyarrow.Table.from_batches(pieces, file.schema_arrow)


def _groups(metadata, start: int, end: int) -> tuple[list[int], int]:
  """The row groups that have rows of [start, end); rows before them."""
  groups, before, skipped = [], 0, 0
  for group in range(metadata.num_row_groups):
    after = before + metadata.row_group(group).num_rows
    if before < end and start < after:
      groups.append(group)
    elif after <= start:
      skipped = after
    before = after
  return groups, skipped


def cells(table: Any, name: str) -> Iterator[Any]:
  """The values of a column; a `ValueError` for one that is no UTF-8, say."""
  for value in table.column(name):
    try:
      yield value.as_py()
    except ValueError as error:
      yield error


def content(
  table: Any,
  kept: Sequence[int],
  answers: Mapping[str, Sequence[Any]],
  names: Mapping[str, str],
  labels: Sequence[str],
) -> bytes:
  """A file of some of the rows, each with its answers.

  Args:
    table: All rows.
    kept: Numbers of those that are written.
    answers: By name, one for each of them.
    names: The columns that the answers become.
    labels: Of `probabilities`, which are a struct.
  """
  import pyarrow
  import pyarrow.parquet

  number = pyarrow.float32()
  types = {
    "label": pyarrow.string(),
    "answer": pyarrow.string(),
    "start": pyarrow.int32(),
    "end": pyarrow.int32(),
    "probabilities": pyarrow.struct([(label, number) for label in labels]),
  }
  table = table.take(pyarrow.array(kept, pyarrow.int64()))
  for name, column in names.items():
    values = pyarrow.array(answers[name], types.get(name, number))
    table = table.append_column(column, values)
  sink = io.BytesIO()
  pyarrow.parquet.write_table(table, sink)
  return sink.getvalue()


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tuple[Any, str]]:
  """The file and the digest of its footer."""
  with places.opened(path) as stream, naming_damage(path):
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(stream)
    stream.seek(-file.metadata.serialized_size - _TAIL, io.SEEK_END)
    yield file, hashlib.sha256(stream.read()).hexdigest()
