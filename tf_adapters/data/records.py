# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Rows of TSV, CSV, JSON Lines and Parquet files, each with its line."""

import csv
import dataclasses
import io
import json
import pathlib
from collections.abc import Iterator
from typing import Any

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
  rows: Iterator[tuple[int, dict]]
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
    return Records(path, _parquet(path, raw), "row")
  text = decode(path, raw, form.encoding)
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


def decode(path: str, raw: bytes, encoding: str = "utf-8") -> str:
  """The text of a file, without a byte order mark.

  Raises:
    InputError: for bytes that are not UTF-8, with file and line.
  """
  if encoding != "utf-8":
    try:  # a copy that was saved anew as UTF-8 is read as such
      return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
      return raw.decode(encoding)
  try:
    return raw.decode("utf-8-sig")
  except UnicodeDecodeError as error:
    line = raw.count(b"\n", 0, error.start) + 1
    raise _not_utf8(f"{path}, line {line}", error) from None


def _not_utf8(where: str, error: UnicodeDecodeError) -> InputError:
  byte = error.object[error.start]
  return InputError(f"{where}: is not UTF-8 (byte 0x{byte:02x}).")


def encode(what: str, text: str) -> bytes:
  """A text in UTF-8.

  Raises:
    InputError: saying of `what` that it holds what UTF-8 cannot.
  """
  try:
    return text.encode()
  except UnicodeEncodeError as error:
    raise InputError(
      f"{what} holds U+{ord(text[error.start]):X}, half of a surrogate pair, "
      "which no UTF-8 text can."
    ) from None


def parse_json(where: str, text: str) -> Any:
  """What a JSON text says.

  Raises:
    InputError: naming `where`, for all that Python does not read.
  """
  try:
    return json.loads(text)
  except (ValueError, RecursionError) as error:
    raise InputError(f"{where}: is not valid JSON: {error}.") from None


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
    fields = line.split("\t")
    # In a file of one column an empty line is an empty text.
    if line or (header is not None and len(header) == 1):
      header = header or fields
      yield number, fields


def _csv(path: str, text: str) -> Iterator[tuple[int, list[str]]]:
  # Read at once: the limit on a field's length is Python's, not the file's.
  with long_fields(len(text) + 1):
    records = list(_parse_csv(path, text))
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


def _parquet(path: str, raw: bytes) -> Iterator[tuple[int, dict]]:
  try:
    import pyarrow
    import pyarrow.parquet
  except ImportError:
    raise InputError(
      f"{path}: Parquet files need PyArrow: pip install pyarrow."
    ) from None
  number = 0
  try:
    file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(raw))
    _header(path, file.schema_arrow.names)
    for batch in file.iter_batches():
      for row in _decode_batch(path, number + 1, batch):
        number += 1
        yield number, row
  except (pyarrow.ArrowException, OSError) as error:
    reason = " ".join(str(error).split())
    raise InputError(
      f"{path}: is cut short or damaged, it is not valid Parquet: {reason}."
    ) from None


def _decode_batch(path: str, first: int, batch: Any) -> list[dict]:
  """The rows of a part of a Parquet file, which begins with row `first`."""
  try:
    return batch.to_pylist()
  except UnicodeDecodeError as error:  # somewhere: look for it in each half
    half = batch.num_rows // 2
    if not half:
      raise _not_utf8(f"{path}, row {first}", error) from None
    rows = _decode_batch(path, first, batch.slice(0, half))
    return rows + _decode_batch(path, first + half, batch.slice(half))
