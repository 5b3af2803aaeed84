# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Rows of Parquet files, of which only what is asked for is decoded."""

import contextlib
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from tf_adapters.data import utf8
from tf_adapters.errors import InputError


def opened(path: str, raw: bytes) -> Any:
  """The `pyarrow.parquet.ParquetFile` of some bytes; `path` is for errors.

  Raises:
    InputError: if it is none, or PyArrow is not there.
  """
  with naming_damage(path):
    import pyarrow
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(pyarrow.BufferReader(raw))


def rows(path: str, file: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
  """The rows of what `opened` gives, with their numbers from 1.

  A column that nobody reads may hold what Python has no value for, as a date
  of the year 30,000.

  Raises:
    InputError: for a damaged file; and when a cell is read, naming the first
      row whose cell cannot be.
  """
  first = 1
  with naming_damage(path):
    for batch in file.iter_batches():
      columns = _Columns(path, first, batch)
      for place in range(batch.num_rows):
        yield first + place, _Row(columns, place)
      first += batch.num_rows


@contextlib.contextmanager
def naming_damage(path: str) -> Iterator[None]:
  """Raises `InputError` where PyArrow is not there, or says that a file is bad.

  Args:
    path: The file that is read meanwhile; for errors.
  """
  try:
    import pyarrow.parquet
  except ImportError:
    raise InputError(
      f"{path}: Parquet files need PyArrow: pip install pyarrow."
    ) from None
  try:
    yield
  except UnicodeDecodeError as error:
    raise utf8.not_utf8(f"{path}, the name of a column", error) from None
  except (pyarrow.ArrowException, OSError) as error:
    reason = " ".join(str(error).split())
    raise InputError(
      f"{path}: is cut short or damaged, it is not valid Parquet: {reason}."
    ) from None


class _Columns:
  """The columns of some rows, of which row `first` is the first.

  Each is decoded as a whole when it is first read.
  """

  def __init__(self, path: str, first: int, batch: Any):
    self._path, self._first, self._batch = path, first, batch
    self._decoded: dict[str, list[Any]] = {}
    self.names = batch.schema.names

  def cells(self, name: str) -> list[Any]:
    if name not in self._decoded:
      column = self._batch.column(name)
      if hasattr(column, "dictionary_decode"):
        column = column.dictionary_decode()
      self._decoded[name] = [
        self._cell(name, place, value) for place, value in enumerate(column)
      ]
    return self._decoded[name]

  def _cell(self, name: str, place: int, value: Any) -> Any:
    where = f"{self._path}, row {self._first + place}"
    try:
      cell = value.as_py()
    except UnicodeDecodeError as error:
      raise utf8.not_utf8(where, error) from None
    # LookupError: of a time zone that there is not.
    except (ValueError, OverflowError, LookupError) as error:
      raise InputError(f"{where}: `{name}` cannot be read: {error}.") from None
    if isinstance(cell, float):  # 3.8 and not 3.799999952316284
      return float(str(value.type.to_pandas_dtype()(cell)))
    return cell


class _Row(Mapping):
  """One row of `columns`."""

  def __init__(self, columns: _Columns, place: int):
    self._columns, self._place = columns, place

  def __getitem__(self, name: str) -> Any:
    return self._columns.cells(name)[self._place]

  def __contains__(self, name: object) -> bool:
    return name in self._columns.names  # without decoding

  def __iter__(self) -> Iterator[str]:
    return iter(self._columns.names)

  def __len__(self) -> int:
    return len(self._columns.names)
