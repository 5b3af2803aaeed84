# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Records of TSV, CSV and JSON Lines, one by one, each with its own bytes.

What is a record and what is in it is as `tf_adapters.data.read` says; but a
file is read as it goes, and a damaged record spoils no other.
"""

import csv
import io
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import BinaryIO
from typing import NamedTuple

from tf_adapters.data.long_fields import long_fields
from tf_adapters.data.records import load_json

MARK = b"\xef\xbb\xbf"  # the byte order mark, which is no text
# Characters of a CSV field. Without an end, a quotation mark that is never
# closed would take the rest of the file into one record.
_LONGEST = 1 << 24


class Record(NamedTuple):
  """One record.

  Attributes:
    line: The line on which it starts, counted from 1.
    content: Its bytes, the end of its last line included.
    fields: A list, or the object of JSON Lines; an empty list on blank lines.
    problem: What is wrong with it, as the end of a sentence; else empty.
  """

  line: int
  content: bytes
  fields: list[str] | dict[str, Any]
  problem: str


class Row(NamedTuple):
  """A record that is a row of a table.

  Attributes:
    line: As of the record.
    content: As of the record.
    values: By column; empty if there is a problem.
    problem: As of the record, or that it does not fit the header.
  """

  line: int
  content: bytes
  values: dict[str, Any]
  problem: str


def read(stream: BinaryIO, kind: str, line: int = 1) -> Iterator[Record]:
  """The records from where a stream stands to its end, blank lines too.

  Their bytes together are those of the stream.

  Args:
    stream: Of UTF-8; records that are not have a problem.
    kind: `tsv`, `csv` or `jsonl`.
    line: The number of the line on which it stands.
  """
  # Lone surrogates stand for the bytes that are no UTF-8, and turn back into
  # them. CSV may end lines in any way; a text of the others may hold `\r`.
  lines = io.TextIOWrapper(
    stream, "utf-8", "surrogateescape", newline="" if kind == "csv" else "\n"
  )
  parse = {"tsv": _tsv, "csv": _csv, "jsonl": _jsonl}[kind]
  for taken, fields, problem in parse(lines):
    content = "".join(taken).encode("utf-8", "surrogateescape")
    yield Record(line, content, fields, _undecodable(content) or problem)
    line += len(taken)


def row_of(record: Record, kind: str, header: Sequence[str]) -> Row | None:
  """The record as a row, or None for blank lines.

  Args:
    record: Any but the header.
    kind: As of `read`.
    header: The columns of TSV and CSV.
  """
  fields, problem = record.fields, record.problem
  if fields == [] and not problem:
    if kind != "tsv" or len(header) != 1:
      return None
    fields = [""]  # in a file of one column an empty line is an empty text
  if not problem and kind != "jsonl":
    if len(fields) != len(header):
      problem = (
        f"has {len(fields)} fields where the header has {len(header)}"
      )
    else:
      fields = dict(zip(header, fields, strict=True))
  values = {} if problem else fields
  return Row(record.line, record.content, values, problem)


def split_end(content: bytes) -> tuple[bytes, bytes]:
  """A record's bytes without the end of its line, and that."""
  for end in (b"\r\n", b"\n", b"\r"):
    if content.endswith(end):
      return content.removesuffix(end), end
  return content, b""


def _undecodable(content: bytes) -> str:
  try:
    content.decode("utf-8")
  except UnicodeDecodeError as error:
    return f"is not UTF-8 (byte 0x{content[error.start]:02x})"
  return ""


def _tsv(lines: Iterator[str]):
  for line in lines:
    text = line.removesuffix("\n").removesuffix("\r")
    yield [line], text.split("\t") if text else [], ""


def _jsonl(lines: Iterator[str]):
  for line in lines:
    if not line.strip():
      yield [line], [], ""
      continue
    try:
      row = load_json(line)
    except (ValueError, RecursionError) as error:
      yield [line], {}, f"is not valid JSON: {error}"
      continue
    if isinstance(row, dict):
      yield [line], row, ""
    else:
      yield [line], {}, f"must be a JSON object; got {line.strip()[:40]}"


def _csv(lines: Iterator[str]):
  taken: list[str] = []

  def feed() -> Iterator[str]:
    for line in lines:
      taken.append(line)
      yield line

  # The reader takes no more lines than its next record has.
  reader = csv.reader(feed(), strict=True)
  while True:
    taken.clear()
    try:
      with long_fields(_LONGEST):
        fields, problem = next(reader), ""
    except StopIteration:
      return
    except csv.Error as error:
      fields, problem = [], f"is not valid CSV: {error}{_span(taken)}"
    yield list(taken), fields, problem


def _span(taken: list[str]) -> str:
  return f" (in a record of {len(taken)} lines)" if len(taken) > 1 else ""
