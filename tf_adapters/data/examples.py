# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Examples: the columns of a source that a task reads, cell by cell checked."""

import dataclasses
import decimal
import hashlib
import itertools
import json
import math
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from tf_adapters import files
from tf_adapters.config import DataConfig
from tf_adapters.data import records as records_lib
from tf_adapters.data import tfds
from tf_adapters.data import utf8
from tf_adapters.data.form import OWN
from tf_adapters.data.form import Form
from tf_adapters.data.records import Records
from tf_adapters.errors import InputError

_DEFAULT = DataConfig()

Source = str | os.PathLike | tfds.Split  # a file, or a split of a data set


@dataclasses.dataclass(frozen=True)
class Columns:
  """Which columns of a file are read; `text_b` is None for single texts."""

  text: str
  text_b: str | None
  label: str


@dataclasses.dataclass(frozen=True)
class Examples:
  """The rows of one source.

  Attributes:
    path: The file, or the name and the split of a data set.
    columns: Its columns that were read.
    texts: One text a row; may be empty.
    texts_b: The second texts, or None.
    labels: The labels as written, or None where they were not asked for.
    lines: The line on which each row starts, counted from 1; what `unit`
      says of a source without lines.
    unit: `line`, `row` of a Parquet file or `example` of a TFDS split.
    digest: SHA-256 of what was read where the source is no file.
    indices: The number of each row where a form has such a column.
  """

  path: str
  columns: Columns
  texts: list[str]
  texts_b: list[str] | None
  labels: list[str] | None
  lines: list[int]
  unit: str = "line"
  digest: str = ""
  indices: list[str] | None = None

  def __len__(self) -> int:
    return len(self.texts)

  def where(self, line: int) -> str:
    """Names one row in an error."""
    return f"{self.path}, {self.unit} {line}"

  def checksum(self) -> str:
    """SHA-256 of the file, or of what was read."""
    return self.digest or files.sha256(pathlib.Path(self.path))


def read(
  source: Source,
  *,
  key: str,
  columns: Columns | None = None,
  config: DataConfig | None = None,
  form: Form = OWN,
  labelled: bool = True,
) -> Examples:
  """Reads a file or a split of a TFDS data set.

  Texts may be empty and of any length and script.

  Args:
    source: A `.tsv`, `.csv`, `.jsonl` or `.parquet` file with a header
      (JSONL: an object a line), UTF-8, or a `Split`.
    key: The setting or option that named it, for errors.
    columns: The columns to read; None finds them by `config` and `form`.
    config: Names of columns where they are set.
    form: In which the source is.
    labelled: Whether to read labels; without, no row is left out.

  Raises:
    InputError: with file and line, for whatever cannot be read.
  """
  if not labelled and form is not OWN:  # every row is to be answered
    form = dataclasses.replace(form, skip_short=False, skip_empty=False)
  if isinstance(source, os.PathLike):
    source = os.fspath(source)
  if isinstance(source, str):
    records = records_lib.read(source, key, form)
  elif isinstance(source, tfds.Split):
    records = tfds.read(source, key)
  else:
    raise InputError(
      f"`{key}` takes a file or a `Split`; got {type(source).__name__}."
    )
  rows = iter(records.rows)
  first = next(rows, None)
  if first is None:
    raise InputError(f"`{key}`: {records.path} has no examples.")
  rows = itertools.chain([first], rows)
  if columns is None:
    config = config or _DEFAULT
    columns = find_columns(
      records.path, list(first[1]), config, form, labelled
    )
    if columns.text_b is None and config.text_b is None:
      rows = _single(records, rows, form.text_b)
  examples = _pick(records, rows, columns, form, labelled)
  if not examples:
    raise InputError(f"`{key}`: {records.path} has no examples.")
  if isinstance(source, str):
    return examples
  return dataclasses.replace(examples, digest=_digest(examples))


def find_columns(
  path: str,
  header: Sequence[str],
  config: DataConfig,
  form: Form = OWN,
  labelled: bool = True,
) -> Columns:
  """Picks the columns of a source by the settings, then by its form."""
  text_b = config.text_b
  if text_b is None:
    text_b = next((name for name in form.text_b if name in header), None)
    if text_b is None and form.text_b and form is not OWN:
      text_b = form.text_b[0]  # a form of pairs: say that it is missing
  columns = Columns(
    config.text or _first_of(form.text, header),
    text_b or None,
    config.label or _first_of(form.label, header),
  )
  for key, name in dataclasses.asdict(columns).items():
    if key == "label" and not labelled:
      continue
    if name is not None and name not in header:
      raise InputError(
        f"{path} has no column `{name}` (`data.{key}`); its columns are "
        + ", ".join(f"`{column}`" for column in header)
        + "."
      )
  return columns


def _first_of(names: Sequence[str], header: Sequence[str]) -> str:
  return next((name for name in names if name in header), names[0])


def _single(
  records: Records, rows: Iterable[tuple[int, Mapping]], names: Sequence[str]
) -> Iterator[tuple[int, Mapping]]:
  """The rows, none of which has a second text that the first had not."""
  for line, row in rows:
    for name in names:
      if name in row:
        raise InputError(
          f"{records.where(line)}: has `{name}`, which the first row lacks; "
          "give it to every row, or set `data.text_b=` to read single texts."
        )
    yield line, row


def _pick(
  records: Records,
  rows: Iterable[tuple[int, Mapping]],
  columns: Columns,
  form: Form,
  labelled: bool,
) -> Examples:
  texts, texts_b, labels, lines, indices = [], [], [], [], []
  index = None
  for line, row in rows:
    if not lines:
      index = next((name for name in form.index if name in row), None)
    text = cell(records, line, row, columns.text)
    if form.skip_empty and not text.strip():
      continue
    if labelled:
      label = cell(records, line, row, columns.label)
      if label in form.skip:
        continue
      _check_label(records, line, columns.label, label)
      labels.append(form.values.get(label, label))
    lines.append(line)
    texts.append(text)
    if columns.text_b is not None:
      texts_b.append(cell(records, line, row, columns.text_b))
    if index is not None:
      indices.append(cell(records, line, row, index))
  return Examples(
    records.path,
    columns,
    texts,
    texts_b if columns.text_b else None,
    labels if labelled else None,
    lines,
    records.unit,
    indices=None if index is None else indices,
  )


def _check_label(records: Records, line: int, name: str, label: str) -> None:
  if not label.strip():
    raise InputError(
      f"{records.where(line)}: the label in column `{name}` is empty."
    )


def cell(records: Records, line: int, row: Mapping, name: str) -> str:
  """The text in one column of a row; a number is the text of it.

  Raises:
    InputError: naming the row, for whatever is no text.
  """
  if name not in row:
    raise InputError(
      f"{records.where(line)}: there is no column `{name}`; found "
      + ", ".join(f"`{column}`" for column in row)
      + "."
    )
  value = row[name]
  if isinstance(value, float) and not math.isfinite(value):
    raise InputError(
      f"{records.where(line)}: `{name}` must be text or a finite number; got "
      f"{value}."
    )
  if isinstance(value, bool | int | float):
    return json.dumps(value)
  if isinstance(value, decimal.Decimal):  # of Parquet
    return f"{value:f}"
  if not isinstance(value, str):
    raise InputError(
      f"{records.where(line)}: `{name}` must be text or a number; got "
      f"{_show(value)}."
    )
  utf8.encode(f"{records.where(line)}: `{name}`", value)
  return value


def _show(value: Any) -> str:
  return json.dumps(value, default=str)[:40]


def _digest(examples: Examples) -> str:
  columns = (examples.texts, examples.texts_b, examples.labels)
  return hashlib.sha256(json.dumps(columns).encode()).hexdigest()
