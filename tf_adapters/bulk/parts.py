# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Which rows a part has: every file is cut alike, whenever it is read."""

import contextlib
import dataclasses
import hashlib
import pathlib
from collections.abc import Iterator
from collections.abc import Sequence

from tf_adapters.bulk import parquet
from tf_adapters.bulk import places
from tf_adapters.bulk import records
from tf_adapters.errors import InputError

KINDS = ("tsv", "csv", "jsonl", "parquet")
_MOST_BYTES = 1 << 25  # of a part, which a worker has in memory


@dataclasses.dataclass(frozen=True)
class Source:
  """A file that is answered.

  Attributes:
    path: Where it is.
    kind: One of `KINDS`.
    sha256: Of its bytes.
    columns: Of its header; of JSON Lines all that any row has.
    header: The header as it stands there; empty where there is none.
  """

  path: str
  kind: str
  sha256: str
  columns: tuple[str, ...]
  header: str = ""

  @property
  def unit(self) -> str:
    """What `line` of a row counts."""
    return "row" if self.kind == "parquet" else "line"


@dataclasses.dataclass(frozen=True)
class Part:
  """Consecutive rows of one file.

  Attributes:
    start: Its first byte in the file; of Parquet its first row, from 0.
    size: How many bytes it has; of Parquet how many rows.
    line: The line on which it starts, or the row, from 1.
    rows: How many rows it has.
    sha256: Of its bytes; of Parquet of the file's footer.
  """

  start: int
  size: int
  line: int
  rows: int
  sha256: str


def kind_of(path: str) -> str:
  """By the suffix.

  Raises:
    InputError: if it is none of those that are read.
  """
  kind = pathlib.PurePath(path).suffix.lower().removeprefix(".")
  if kind not in KINDS:
    raise InputError(
      "`--input` must be .tsv, .csv, .jsonl or .parquet files; got "
      f"{path!r}."
    )
  return kind


def cut(path: str, most_rows: int) -> tuple[Source, list[Part]]:
  """Reads a file from beginning to end, and cuts it.

  Args:
    path: The file.
    most_rows: Of a part; all but the last of a file have as many, unless
      their texts are very long.

  Raises:
    InputError: if it has no header, or one that cannot be.
  """
  kind = kind_of(path)
  if kind != "parquet":
    return _cut_text(path, kind, most_rows)
  columns, rows, footer = parquet.describe(path)
  _check_header(path, columns)
  parts = [
    Part(start, min(most_rows, rows - start), start + 1,
         min(most_rows, rows - start), footer)
    for start in range(0, rows, most_rows)
  ]
  return Source(path, kind, _sha256(path), columns), parts


def check_whole(source: Source) -> None:
  """Raises `InputError` if a Parquet file is not what it was when it was cut.

  Of other files a part knows its own bytes. Of Parquet it knows the footer,
  which may stay as it is where a text makes place for one as long.
  """
  with still_there(source):
    if source.kind == "parquet" and _sha256(source.path) != source.sha256:
      raise changed(source)


@contextlib.contextmanager
def still_there(source: Source) -> Iterator[None]:
  """A file that is gone has changed, too."""
  try:
    yield
  except FileNotFoundError:
    raise changed(source) from None


def changed(source: Source) -> InputError:
  """The error of a file that is not what it was when it was cut."""
  return InputError(
    f"`--input`: {source.path} has changed since the run began."
  )


def _cut_text(path, kind, most_rows) -> tuple[Source, list[Part]]:
  columns: dict[str, None] = {}
  header = ""
  with places.opened(path) as stream:
    start = _skip_mark(stream)
    whole = hashlib.sha256(records.MARK[:start])
    cutter = _Cutter(start, most_rows)
    for record in records.read(stream, kind):
      whole.update(record.content)
      if kind != "jsonl" and not columns:
        columns = dict.fromkeys(_header(path, record))
        header = record.content.decode() if columns else ""
        cutter.skip(record)
        continue
      row = records.row_of(record, kind, tuple(columns))
      if kind == "jsonl" and row is not None:
        columns.update(dict.fromkeys(row.values))
      cutter.add(record, row is not None)
  source = Source(path, kind, whole.hexdigest(), tuple(columns), header)
  return source, list(cutter.parts())


class _Cutter:
  """Cuts what comes after one another."""

  def __init__(self, start: int, most_rows: int):
    self._most_rows = most_rows
    self._done: list[Part] = []
    self._start = start
    self._begin(0)

  def _begin(self, line: int) -> None:
    self._size = self._rows = 0
    self._line = line
    self._sha256 = hashlib.sha256()

  def skip(self, record: records.Record) -> None:
    """Leaves out what is before the first row."""
    self._start += len(record.content)

  def add(self, record: records.Record, is_row: bool) -> None:
    if self._rows == self._most_rows or self._size >= _MOST_BYTES:
      self._end()
    if not self._size:
      self._begin(record.line)
    self._size += len(record.content)
    self._rows += is_row
    self._sha256.update(record.content)

  def _end(self) -> None:
    if self._rows:
      self._done.append(
        Part(
          self._start, self._size, self._line, self._rows,
          self._sha256.hexdigest(),
        )
      )
    self._start += self._size
    self._begin(0)

  def parts(self) -> Iterator[Part]:
    """Those that have rows; blank lines need no part."""
    self._end()
    yield from self._done


def _skip_mark(stream) -> int:
  if stream.read(len(records.MARK)) == records.MARK:
    return len(records.MARK)
  stream.seek(0)
  return 0


def _header(path: str, record: records.Record) -> Sequence[str]:
  if record.problem:
    raise InputError(f"{path}, line {record.line}: {record.problem}.")
  _check_header(f"{path}, line {record.line}", record.fields)
  return record.fields


def _check_header(where: str, columns: Sequence[str]) -> None:
  for name in columns:
    if columns.count(name) > 1:
      raise InputError(
        f"{where}: the header names `{name}` more than once."
      )


def _sha256(path: str) -> str:
  digest = hashlib.sha256()
  with places.opened(path) as file:
    while block := file.read(1 << 20):
      digest.update(block)
  return digest.hexdigest()
