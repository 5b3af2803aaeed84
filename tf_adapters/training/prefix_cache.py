# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What enters the lowest block that trains, computed once for a data set.

Source of the idea: Rücklé et al., "AdapterDrop: On the Efficiency of Adapters
in Transformers", EMNLP 2021, section 3.1.
"""

import hashlib
import os
import pathlib
import shutil

import numpy as np
import tensorflow as tf

from tf_adapters import files
from tf_adapters.errors import InputError
from tf_adapters.modeling.compute import Compute
from tf_adapters.modeling.model import TaskModel
from tf_adapters.tokens import batching
from tf_adapters.training import portions

_GIGABYTE = 10**9
_MOST_IN_MEMORY = _GIGABYTE


def outputs(
  model: TaskModel,
  tokens: batching.Tokenised,
  compute: Compute,
  folder: pathlib.Path,
  gigabytes: float,
) -> np.ndarray:
  """The prefix's output for every token.

  Args:
    model: Whose lowest blocks train nothing.
    tokens: Of the data set.
    compute: As in training.
    folder: Gets the array as a file if it is larger than 1 GB; a file of
      other tokens or other weights that lies there is dropped.
    gigabytes: Most that the array may take.

  Returns:
    float32 `[tokens, hidden]`.

  Raises:
    InputError: if there is no prefix, or its outputs take too much.
    OSError: if the disk is too small for them.
  """
  if not model.encoder.first_trained:
    raise InputError(
      "`train.cache_prefix` needs blocks below all that trains, as with "
      "`adapter.layers` without the lowest blocks; here block 0 trains."
    )
  shape = (len(tokens.ids), model.encoder.borrowed.hidden_size)
  size = 4 * shape[0] * shape[1]
  if size > gigabytes * _GIGABYTE:
    raise InputError(
      f"`train.cache_prefix` would take {size / _GIGABYTE:.1f} GB; "
      f"`train.cache_gigabytes` allows {gigabytes:g}."
    )
  if size <= _MOST_IN_MEMORY:
    values = np.empty(shape, np.float32)
    _fill(values, model, tokens, compute)
    return values
  return _on_disk(shape, model, tokens, compute, folder)


def _on_disk(shape, model, tokens, compute, folder):
  path = folder / f"{_key(model, tokens, compute)}.npy"
  if not path.exists():
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with files.file_aside(path) as aside:
      values = np.lib.format.open_memmap(aside, "w+", np.float32, shape)
      _allocate(aside)
      _fill(values, model, tokens, compute)
      values.flush()
  return np.load(path, mmap_mode="r")


def _allocate(path) -> None:
  """Has the disk keep a file's place: a full one kills who writes to a map."""
  with open(path, "rb+") as file:
    os.posix_fallocate(file.fileno(), 0, os.path.getsize(path))


def _key(model, tokens, compute) -> str:
  """Of everything that the outputs depend on."""
  digest = hashlib.sha256()
  exact = compute.parts is None
  digest.update(f"{model.encoder.first_trained} {exact}".encode())
  for array in (tokens.ids, tokens.starts, tokens.firsts):
    digest.update(np.ascontiguousarray(array))
  for _, variable in model.encoder.borrowed.named():
    digest.update(variable.numpy())
  return digest.hexdigest()


def _fill(values, model, tokens, compute) -> None:
  @tf.function
  def forward(batch):
    number = portions.count(*batch["input_mask"].shape)
    return portions.run(
      lambda part: model.encoder.prefix(part, compute), batch, number
    )

  for plan, batch in batching.one_pass(tokens, portions.SIDE_BY_SIDE):
    found = forward(
      {name: tf.constant(value) for name, value in batch.items()}
    ).numpy()
    for texts, row in zip(plan.texts, found, strict=True):
      begin = 0
      for text in texts[texts >= 0]:
        start, end = tokens.starts[text], tokens.starts[text + 1]
        values[start:end] = row[begin : begin + end - start]
        begin += end - start
