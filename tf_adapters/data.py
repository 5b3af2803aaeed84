# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Reads examples from TSV, CSV and JSON Lines files, line by line checked."""

import csv
import dataclasses
import io
import json
import pathlib
from collections.abc import Iterator

from tf_adapters import files
from tf_adapters.config import DataConfig
from tf_adapters.errors import InputError

_TEXT_COLUMNS = ("text", "text_a", "sentence")


@dataclasses.dataclass(frozen=True)
class Columns:
  """Which columns of a file are read; `text_b` is None for single texts."""

  text: str
  text_b: str | None
  label: str


@dataclasses.dataclass(frozen=True)
class Examples:
  """The rows of one file.

  Attributes:
    path: The file.
    columns: Its columns that were read.
    texts: One text a row; may be empty.
    texts_b: The second texts, or None.
    labels: The labels as written, or None where they were not asked for.
    lines: The line on which each row starts, counted from 1.
  """

  path: str
  columns: Columns
  texts: list[str]
  texts_b: list[str] | None
  labels: list[str] | None
  lines: list[int]

  def __len__(self) -> int:
    return len(self.texts)

  def checksum(self) -> str:
    """SHA-256 of the file."""
    return files.sha256(pathlib.Path(self.path))


def read(
  path: str,
  *,
  key: str,
  columns: Columns | None = None,
  config: DataConfig | None = None,
  labelled: bool = True,
) -> Examples:
  """Reads a `.tsv`, `.csv` or `.jsonl` file.

  TSV has no quoting: a tab always ends a field. CSV is RFC 4180. Texts may
  be empty and of any length and script.

  Args:
    path: The file, UTF-8, with a header (JSONL: an object a line).
    key: The setting or option that named the file, for errors.
    columns: The columns to read; None finds them by `config`.
    config: Names of columns where they are set.
    labelled: Whether to read labels.

  Raises:
    InputError: with file and line, for whatever cannot be read.
  """
  rows = _rows(path, key)
  first = next(rows, None)
  if first is None:
    raise InputError(f"`{key}`: {path} has no examples.")
  columns = columns or find_columns(
    path, list(first[1]), config or DataConfig()
  )
  names = [columns.text, columns.text_b, columns.label if labelled else None]
  picked: list[list[str]] = [[], [], []]
  lines = []
  for line, row in _chain(first, rows):
    lines.append(line)
    for name, values in zip(names, picked, strict=True):
      if name is not None:
        values.append(_cell(path, line, row, name))
  texts, texts_b, labels = picked
  if labelled:
    for line, label in zip(lines, labels, strict=True):
      if not label.strip():
        raise InputError(
          f"{path}, line {line}: the label in column `{columns.label}` is "
          "empty."
        )
  return Examples(
    path,
    columns,
    texts,
    texts_b if columns.text_b else None,
    labels if labelled else None,
    lines,
  )


def find_columns(path: str, header: list[str], config: DataConfig) -> Columns:
  """Picks the columns of a file with this header by the settings."""
  text = config.text or next(
    (name for name in _TEXT_COLUMNS if name in header), _TEXT_COLUMNS[0]
  )
  text_b = config.text_b
  if text_b is None and "text_b" in header:
    text_b = "text_b"
  columns = Columns(text, text_b or None, config.label)
  for key, name in dataclasses.asdict(columns).items():
    if name is not None and name not in header:
      raise InputError(
        f"{path} has no column `{name}` (`data.{key}`); its columns are "
        + ", ".join(f"`{column}`" for column in header)
        + "."
      )
  return columns


def _chain(first, rest):
  yield first
  yield from rest


def _cell(path: str, line: int, row: dict, name: str) -> str:
  if name not in row:
    raise InputError(
      f"{path}, line {line}: there is no column `{name}`; found "
      + ", ".join(f"`{column}`" for column in row)
      + "."
    )
  value = row[name]
  if isinstance(value, bool | int | float):
    return json.dumps(value)
  if not isinstance(value, str):
    raise InputError(
      f"{path}, line {line}: `{name}` must be text or a number; got "
      f"{json.dumps(value)[:40]}."
    )
  try:
    value.encode("utf-8")
  except UnicodeEncodeError:
    raise InputError(
      f"{path}, line {line}: `{name}` holds half of a surrogate pair, which "
      "no UTF-8 text can."
    ) from None
  return value


def _rows(path: str, key: str) -> Iterator[tuple[int, dict]]:
  """Yields (line number, row by column) of a file."""
  suffix = pathlib.Path(path).suffix.lower()
  readers = {".tsv": _tsv, ".csv": _csv, ".jsonl": _jsonl}
  if suffix not in readers:
    raise InputError(
      f"`{key}` must be a .tsv, .csv or .jsonl file; got {path!r}."
    )
  try:
    raw = pathlib.Path(path).read_bytes()
  except FileNotFoundError:
    raise InputError(f"`{key}`: there is no file {path!r}.") from None
  except IsADirectoryError:
    raise InputError(f"`{key}`: {path!r} is a folder, not a file.") from None
  try:
    text = raw.decode("utf-8-sig")
  except UnicodeDecodeError as error:
    line = raw.count(b"\n", 0, error.start) + 1
    raise InputError(
      f"{path}, line {line}: is not UTF-8 (byte 0x{raw[error.start]:02x})."
    ) from None
  return readers[suffix](path, text)


def _lines(text: str) -> Iterator[tuple[int, str]]:
  """Lines ended by LF or CRLF alone: texts may hold U+2028 and the like."""
  lines = text.split("\n")
  if lines[-1] == "":
    lines.pop()
  for number, line in enumerate(lines, start=1):
    yield number, line.removesuffix("\r")


def _tsv(path: str, text: str) -> Iterator[tuple[int, dict]]:
  header = None
  for number, line in _lines(text):
    fields = line.split("\t")
    if header is None:
      if line:
        header = _header(path, number, fields)
      continue
    if not line and len(header) > 1:
      continue  # in a file of one column it is an empty text
    _check_width(path, number, header, fields)
    yield number, dict(zip(header, fields, strict=True))


def _csv(path: str, text: str) -> Iterator[tuple[int, dict]]:
  # Read at once: the limit on a field's length is Python's, not the file's.
  limit = csv.field_size_limit(max(len(text) + 1, csv.field_size_limit()))
  try:
    records = list(_csv_records(path, text))
  finally:
    csv.field_size_limit(limit)
  header = None
  for number, fields in records:
    if header is None:
      header = _header(path, number, fields)
      continue
    _check_width(path, number, header, fields)
    yield number, dict(zip(header, fields, strict=True))


def _csv_records(path: str, text: str) -> Iterator[tuple[int, list[str]]]:
  reader = csv.reader(io.StringIO(text, newline=""), strict=True)
  number = 1
  try:
    for fields in reader:
      if fields:
        yield number, fields
      number = reader.line_num + 1
  except csv.Error as error:
    raise InputError(
      f"{path}, line {number}: is not valid CSV: {error}."
    ) from None


def _jsonl(path: str, text: str) -> Iterator[tuple[int, dict]]:
  for number, line in _lines(text):
    if not line.strip():
      continue
    try:
      row = json.loads(line)
    except (ValueError, RecursionError) as error:
      raise InputError(
        f"{path}, line {number}: is not valid JSON: {error}."
      ) from None
    if not isinstance(row, dict):
      raise InputError(
        f"{path}, line {number}: must be a JSON object; got {line[:40]}."
      )
    yield number, row


def _header(path: str, line: int, fields: list[str]) -> list[str]:
  for name in fields:
    if fields.count(name) > 1:
      raise InputError(
        f"{path}, line {line}: the header names `{name}` more than once."
      )
  return fields


def _check_width(path: str, line: int, header: list[str], fields: list[str]):
  if len(fields) != len(header):
    raise InputError(
      f"{path}, line {line}: has {len(fields)} fields where the header has "
      f"{len(header)}."
    )
