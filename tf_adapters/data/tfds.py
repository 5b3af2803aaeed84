# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Rows of a split of a data set of TensorFlow Datasets."""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from tf_adapters.data.records import Records
from tf_adapters.errors import InputError

_BATCH = 1024


@dataclasses.dataclass(frozen=True)
class Split:
  """A split of a data set.

  Attributes:
    name: Of the data set with its configuration, as `glue/sst2`.
    split: As `train`, `validation` or `train[:80%]`.
    folder: Where data sets are and new ones go; None: TFDS' own place,
      which the environment variable `TFDS_DATA_DIR` sets.
  """

  name: str
  split: str
  folder: str | None = None

  def __str__(self) -> str:
    return f"{self.name}, split {self.split}"


def read(source: Split, key: str) -> Records:
  """Opens a split; downloads and prepares the data set if it is not there.

  Labels come as their names, texts as text, numbers as TFDS holds them; the
  label -1, by which TFDS marks examples without one, as None.

  Args:
    source: What to read, in the order of its files.
    key: The setting or option that named it, for errors.

  Raises:
    InputError: now for a data set or a split that there is not, or that
      cannot be downloaded; when rows are taken for damaged files.
  """
  # It tells on stdout what it does; stdout is for results.
  with contextlib.redirect_stdout(sys.stderr):
    builder = _builder(source, key)
    _prepare(builder, source, key)
    columns = _columns(builder, source, key)
    data = _open(builder, source, key)
  data = data.map(lambda row: {name: row[name] for name in columns})
  batches = _batches(builder, source, data.batch(_BATCH))
  return Records(str(source), _rows(columns, batches), "example")


def _builder(source: Split, key: str) -> Any:
  import tensorflow_datasets as tfds  # after the lines that need no data

  # TFDS would list the whole Hub, and needs a package that we do not.
  if source.name.startswith("huggingface:"):
    raise InputError(
      f"`{key}` takes what TensorFlow Datasets has itself; got "
      f"{source.name!r}, which is on the Hugging Face Hub: fetch its Parquet "
      "files and name these."
    )
  try:
    return tfds.builder(source.name, data_dir=source.folder)
  # It has no error of its own for an unknown configuration (ValueError),
  # version (AssertionError) or argument (TypeError).
  except (ValueError, AssertionError, TypeError) as error:
    raise InputError(
      f"`{key}`: there is no data set {source.name!r} in TensorFlow Datasets"
      f"{_place(source)}{_reason(error)}."
    ) from None


def _place(source: Split) -> str:
  return "" if source.folder is None else f" or in {source.folder!r}"


def _reason(error: Exception) -> str:
  """What the library says beyond our own sentence, in one line."""
  text = " ".join(str(error).split())
  for begin in ("BuilderConfig ", "cannot be loaded at version "):
    if begin in text:
      text = text[text.index(begin) :]
      return f": {text.split(' Here are ')[0].rstrip('.')}"
  return ""


def _prepare(builder: Any, source: Split, key: str) -> None:
  from tensorflow_datasets.core import download

  try:
    builder.download_and_prepare()
  except (
    OSError,
    ImportError,  # of those that need further packages
    AssertionError,  # of those that have to be fetched by hand
    download.DownloadError,
    download.download_manager.NonMatchingChecksumError,
    download.extractor.ExtractError,
  ) as error:
    reason = " ".join(str(error).split())
    raise InputError(
      f"`{key}`: the data set {source.name!r} is not in "
      f"{str(builder.data_dir)!r} and cannot be brought there: {reason}"
    ) from error


def _open(builder: Any, source: Split, key: str) -> Any:
  import tensorflow_datasets as tfds

  config = tfds.ReadConfig(interleave_cycle_length=1)  # file after file
  try:
    # Below 0 where a slice ends before it begins.
    if builder.info.splits[source.split].num_examples > 0:
      return builder.as_dataset(split=source.split, read_config=config)
  # It has no error of its own: ValueError is a name that is not there, what is
  # no slice, or one beyond the end; NotImplementedError is a slice of `all`.
  except (ValueError, AssertionError, NotImplementedError) as error:
    if "Requested slice" not in str(error):
      raise _no_split(builder, source, key, "is not there") from None
  raise _no_split(builder, source, key, "is empty or reaches beyond the end")


def _no_split(
  builder: Any, source: Split, key: str, fault: str
) -> InputError:
  splits = ", ".join(
    f"`{name}` of {split.num_examples} examples"
    for name, split in builder.info.splits.items()
  )
  return InputError(
    f"`{key}`: the split {source.split!r} of the data set {source.name!r} "
    f"{fault}; it has {splits}."
  )


def _columns(builder: Any, source: Split, key: str) -> dict[str, Any]:
  """The features that are one text or number an example, by name."""
  features = dict(builder.info.features.items())
  columns = {
    name: feature
    for name, feature in features.items()
    if feature.shape == () and hasattr(feature, "np_dtype")
  }
  if not columns:
    raise InputError(
      f"`{key}`: the data set {source.name!r} has no column of texts or "
      f"numbers; it has {', '.join(f'`{name}`' for name in features)}."
    )
  return columns


def _batches(builder: Any, source: Split, data: Any) -> Iterator[dict]:
  import tensorflow as tf
  import tensorflow_datasets as tfds

  try:
    yield from tfds.as_numpy(data)
  except tf.errors.OpError as error:
    # Without the names of the op before and after.
    reason = error.message.split("}} ")[-1].split(" [Op:")[0]
    raise InputError(
      f"{source}: a file in {str(builder.data_dir)!r} is missing, cut short "
      f"or damaged: {reason}."
    ) from None


def _rows(
  columns: dict[str, Any], batches: Iterator[dict]
) -> Iterator[tuple[int, dict]]:
  number = 0
  for batch in batches:
    values = [
      _values(feature, batch[name]) for name, feature in columns.items()
    ]
    for row in zip(*values, strict=True):
      number += 1
      yield number, dict(zip(columns, row, strict=True))


def _values(feature: Any, values: np.ndarray) -> list[Any]:
  names = getattr(feature, "names", None)
  if names is not None:
    return [None if value < 0 else names[value] for value in values]
  if values.dtype == object:
    return [value.decode("utf-8", "replace") for value in values]
  if values.dtype.kind == "f":  # 3.8 and not 3.799999952316284
    return [float(str(value)) for value in values]
  return values.tolist()
