# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Rows of TSV, CSV, JSON Lines and Parquet files, each with its line."""

import csv
import dataclasses
import io
import json
import pathlib
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from tf_adapters.data import parquet
from tf_adapters.data import utf8
from tf_adapters.data.form import OWN
from tf_adapters.data.form import Form
from tf_adapters.data.long_fields import long_fields
from tf_adapters.errors import InputError

_KINDS = ("tsv", "csv", "jsonl", "parquet")


@dataclasses.dataclass(frozen=True)
class Records:
  """The rows of one source.

  Attributes:
    path: The source, for errors.
    rows: (number, row by column); the number counts `unit`s from 1.
    unit: What is counted: the `line` on which a row starts, or `row`.
  """

  path: str
  rows: Iterator[tuple[int, Mapping]]
  unit: str = "line"

  def where(self, number: int) -> str:
    """Names one row in an error."""
    return f"{self.path}, {self.unit} {number}"


def read(path: str, key: str, form: Form = OWN) -> Records:
  """Opens a file.

  TSV has no quoting: a tab always ends a field. CSV is RFC 4180. JSON Lines
  has an object a line. A byte order mark is no text.

  Args:
    path: Its suffix says what it is, unless `form` does.
    key: The setting or option that named it, for errors.
    form: Encoding, and the header where the file has none.

  Raises:
    InputError: now or when rows are taken, with file and line.
  """
  kind = _kind(path, form)
  if kind not in _KINDS:
    raise InputError(
      f"`{key}` must be a .tsv, .csv, .jsonl or .parquet file; got {path!r}."
    )
  raw = read_bytes(path, key)
  if kind == "parquet":
    file = parquet.opened(path, raw)
    _header(path, file.schema_arrow.names)
    return Records(path, parquet.rows(path, file), "row")
  text = utf8.decode(path, raw, form.encoding)
  if kind == "jsonl":
    return Records(path, _jsonl(path, text))
  records = (_tsv if kind == "tsv" else _csv)(path, text)
  return Records(path, _table(path, records, form))


def read_bytes(path: str, key: str) -> bytes:
  """The content of a file that `key`, a setting or option, names.

  Raises:
    InputError: if there is none, or a folder.
  """
  try:
    return pathlib.Path(path).read_bytes()
  except FileNotFoundError:
    raise InputError(f"`{key}`: there is no file {path!r}.") from None
  except IsADirectoryError:
    raise InputError(f"`{key}`: {path!r} is a folder, not a file.") from None


def _kind(path: str, form: Form) -> str:
  suffix = pathlib.Path(path).suffix.lower().removeprefix(".")
  if suffix in ("jsonl", "parquet"):
    return suffix  # unmistakable; what publishers call .csv may be TSV
  return form.format or suffix


def parse_json(where: str, text: str) -> Any:
  """What a JSON text says.

  Raises:
    InputError: naming `where`, for all that Python does not read, and for an
      object that has a key twice.
  """
  try:
    return load_json(text)
  except (ValueError, RecursionError) as error:
    raise InputError(f"{where}: is not valid JSON: {error}.") from None


def load_json(text: str) -> Any:
  """As `json.loads`, but with a `ValueError` for a key that is there twice."""
  return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
  tree = dict(pairs)
  if len(tree) < len(pairs):
    names = [name for name, _ in pairs]
    twice = next(name for name in names if names.count(name) > 1)
    raise ValueError(f"an object has `{twice}` more than once")
  return tree


def _lines(text: str) -> Iterator[tuple[int, str]]:
  """Lines ended by LF or CRLF alone: texts may hold U+2028 and the like."""
  lines = text.split("\n")
  if lines[-1] == "":
    lines.pop()
  for number, line in enumerate(lines, start=1):
    yield number, line.removesuffix("\r")


def _tsv(path: str, text: str) -> Iterator[tuple[int, list[str]]]:
  header = None
  for number, line in _lines(text):
    if line.endswith("\r") or (header is None and "\r" in line):
      raise InputError(
        f"{path}, line {number}: holds a carriage return where no text is; "
        "lines end with a line feed, or with one carriage return before it."
      )
    fields = line.split("\t")
    # In a file of one column an empty line is an empty text.
    if line or (header is not None and len(header) == 1):
      header = header or fields
      yield number, fields


def _csv(path: str, text: str) -> Iterator[tuple[int, list[str]]]:
  with long_fields(len(text) + 1):
    records = list(_parse_csv(path, text))  # at once, see `long_fields`
  yield from records


def _parse_csv(path: str, text: str) -> Iterator[tuple[int, list[str]]]:
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


def _table(
  path: str, records: Iterator[tuple[int, list[str]]], form: Form
) -> Iterator[tuple[int, dict]]:
  """Rows by column of lists of fields, of which the first may be a header."""
  header = None
  for number, fields in records:
    if header is None:
      if form.has_header(fields):
        header = _header(f"{path}, line {number}", fields)
        continue
      header = list(form.header)
    if form.skip_short and len(fields) < len(header):
      continue
    _check_width(path, number, header, fields)
    yield number, dict(zip(header, fields, strict=True))


def _header(where: str, fields: list[str]) -> list[str]:
  for name in fields:
    if fields.count(name) > 1:
      raise InputError(f"{where}: the header names `{name}` more than once.")
  return fields


def _check_width(path: str, line: int, header: list[str], fields: list[str]):
  if len(fields) != len(header):
    raise InputError(
      f"{path}, line {line}: has {len(fields)} fields where the header has "
      f"{len(header)}."
    )


def _jsonl(path: str, text: str) -> Iterator[tuple[int, dict]]:
  for number, line in _lines(text):
    if not line.strip():
      continue
    row = parse_json(f"{path}, line {number}", line)
    if not isinstance(row, dict):
      raise InputError(
        f"{path}, line {number}: must be a JSON object; got {line[:40]}."
      )
    yield number, row
