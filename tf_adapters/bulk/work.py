# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a worker does with one part: reads its rows, writes its answers.

Of text files the bytes of a row are copied and the answers added behind them,
so that no other column can change.
"""

import csv
import dataclasses
import hashlib
import io
import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from tf_adapters.bulk import parquet
from tf_adapters.bulk import places
from tf_adapters.bulk import records
from tf_adapters.bulk.parts import Part
from tf_adapters.bulk.parts import Source
from tf_adapters.bulk.parts import changed
from tf_adapters.bulk.parts import still_there
from tf_adapters.data import examples
from tf_adapters.data.records import Records
from tf_adapters.errors import InputError


@dataclasses.dataclass(frozen=True)
class Work:
  """One part, with all that is needed to do it, as JSON can hold.

  Attributes:
    source: Its file.
    part: Its rows.
    columns: The column that is read, by input of the task.
    names: The column that is written, by name of the answer.
    labels: Names of `probabilities`.
    path: Where the answers go.
    rejected: Where bad rows go.
  """

  source: Source
  part: Part
  columns: dict[str, str]
  names: dict[str, str]
  labels: tuple[str, ...]
  path: str
  rejected: str

  def to_json(self) -> str:
    return json.dumps(dataclasses.asdict(self))

  @classmethod
  def from_json(cls, text: str) -> "Work":
    tree = json.loads(text)
    source, part = Source(**tree.pop("source")), Part(**tree.pop("part"))
    return cls(source=source, part=part, **tree)


@dataclasses.dataclass
class Filled:
  """A part with its rows.

  Attributes:
    work: The part.
    texts: Of good rows, by input of the task.
    kept: Bytes of good rows, or their numbers in `table`.
    rejected: Bad rows, each with file, line (or row) and reason.
    table: The rows of Parquet.
  """

  work: Work
  texts: dict[str, list[str]]
  kept: list[Any] = dataclasses.field(default_factory=list)
  rejected: list[dict[str, Any]] = dataclasses.field(default_factory=list)
  table: Any = None

  def add(self, line: int, kept: Any, values: dict[str, Any], problem: str):
    """Adds a row to the good ones or to the bad ones."""
    found, problem = _texts(self.work, line, values, problem)
    if problem:
      source = self.work.source
      self.rejected.append(
        {"file": source.path, source.unit: line, "reason": problem}
      )
      return
    self.kept.append(kept)
    for name, text in found.items():
      self.texts[name].append(text)


def read(work: Work) -> Filled:
  """Reads a part.

  Raises:
    InputError: if its file is not what it was when the run began; of Parquet
      `parts.check_whole` sees the rest.
  """
  filled = Filled(work, {name: [] for name in work.columns})
  with still_there(work.source):
    if work.source.kind == "parquet":
      _read_parquet(work, filled)
    else:
      _read_text(work, filled)
  if len(filled.kept) + len(filled.rejected) != work.part.rows:
    raise changed(work.source)
  return filled


def _read_text(work: Work, filled: Filled) -> None:
  with places.opened(work.source.path) as file:
    file.seek(work.part.start)
    content = file.read(work.part.size)
  if hashlib.sha256(content).hexdigest() != work.part.sha256:
    raise changed(work.source)
  kind = work.source.kind
  for record in records.read(io.BytesIO(content), kind, work.part.line):
    row = records.row_of(record, kind, work.source.columns)
    if row is not None:
      filled.add(row.line, row.content, row.values, row.problem)


def _read_parquet(work: Work, filled: Filled) -> None:
  part = work.part
  filled.table = parquet.read(
    work.source.path, part.start, part.rows, part.sha256
  )
  if filled.table is None:
    raise changed(work.source)
  read_columns = [
    parquet.cells(filled.table, column) for column in work.columns.values()
  ]
  for number, cells in enumerate(zip(*read_columns, strict=True)):
    values = dict(zip(work.columns.values(), cells, strict=True))
    wrong = [cell for cell in cells if isinstance(cell, ValueError)]
    problem = f"cannot be read: {wrong[0]}" if wrong else ""
    filled.add(part.line + number, number, values, problem)


def _texts(work: Work, line: int, values: dict, problem: str):
  """The texts of a row by input, or what is wrong with one."""
  if problem:
    return {}, problem
  where = Records(work.source.path, iter(()), work.source.unit)
  try:
    return {
      name: examples.cell(where, line, values, column)
      for name, column in work.columns.items()
    }, ""
  except InputError as error:
    reason = str(error).removeprefix(f"{where.where(line)}: ")
    return {}, reason.removesuffix(".")


def write(filled: Filled, answers: Mapping[str, Sequence[Any]]) -> None:
  """Writes bad rows, then the answers; with these the part is done."""
  work = filled.work
  if filled.rejected:
    lines = [json.dumps(row, ensure_ascii=False) for row in filled.rejected]
    text = "".join(f"{line}\n" for line in lines)
    # The line of a bad row may hold half of a surrogate pair.
    places.write(work.rejected, text.encode("utf-8", "backslashreplace"))
  places.write(work.path, _content(filled, answers))


def _content(filled: Filled, answers: Mapping[str, Sequence[Any]]) -> bytes:
  work = filled.work
  if work.source.kind == "parquet":
    return parquet.content(
      filled.table, filled.kept, answers, work.names, work.labels
    )
  add = {"tsv": _add_tsv, "csv": _add_csv, "jsonl": _add_json}[work.source.kind]
  names = list(work.names.values())
  pieces = []
  if work.source.header:
    pieces.append(add(work.source.header.encode(), names, names))
  columns = [answers[name] for name in work.names]
  rows = zip(*columns, strict=True) if columns[0] else ()
  for content, row in zip(filled.kept, rows, strict=True):
    pieces.append(add(content, names, row))
  return b"".join(pieces)


def _add_tsv(content: bytes, names: list[str], cells: Sequence[Any]) -> bytes:
  del names
  body, end = records.split_end(content)
  added = "".join(f"\t{_text(cell)}" for cell in cells)
  return body + added.encode() + (end or b"\n")


def _add_csv(content: bytes, names: list[str], cells: Sequence[Any]) -> bytes:
  del names
  body, end = records.split_end(content)
  sink = io.StringIO(newline="")
  # Of line breaks the writer quotes only those that it ends lines with itself.
  csv.writer(sink, lineterminator="\r\n").writerow(map(_text, cells))
  added = sink.getvalue().removesuffix("\r\n")
  return body + b"," + added.encode() + (end or b"\n")


def _add_json(content: bytes, names: list[str], cells: Sequence[Any]) -> bytes:
  body = content.rstrip(b" \t\r\n")
  end = content[len(body) :] or b"\n"
  tree = dict(zip(names, cells, strict=True))
  added = json.dumps(tree, ensure_ascii=False)[1:-1]
  return b"%b, %b}%b" % (body.removesuffix(b"}"), added.encode(), end)


def _text(cell: Any) -> str:
  """As a cell of a table; `probabilities` as a JSON object."""
  if isinstance(cell, str):
    return cell
  return json.dumps(cell, ensure_ascii=False)
