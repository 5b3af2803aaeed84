# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One task on disk: `module.json` and `weights.safetensors` in a folder."""

import dataclasses
import pathlib
import types
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from tf_adapters import files
from tf_adapters import json_files
from tf_adapters.errors import InputError

FORMAT = 2
_KEYS = types.MappingProxyType({
  "format": int,
  "package_version": str,
  "task": str,
  "definition": dict,
  "columns": dict,
  "config": dict,
  "encoder_fingerprint": str,
  "data": dict,
  "metrics": dict,
  "parameters": int,
  "weights_sha256": str,
})
_JSON = types.MappingProxyType({int: "number", str: "string", dict: "object"})


@dataclasses.dataclass(frozen=True)
class Module:
  """All that one task owns.

  Attributes:
    task: Its name.
    definition: `Task.to_dict`: type, labels or scale.
    columns: Which columns of a file it reads: `text`, `text_b`, `label`.
    config: The whole configuration of its training.
    encoder_fingerprint: Of the encoder it belongs to.
    data: Names and SHA-256 checksums of its training and dev files.
    metrics: Dev scores.
    parameters: How many it trains.
    weights: Its variables by name.
    package_version: That wrote it.
    weights_sha256: Checksum of the weights' file, where it was read from one.
    test_metrics: Scores on a test set, where there was one.
  """

  task: str
  definition: dict[str, Any]
  columns: dict[str, str | None]
  config: dict[str, Any]
  encoder_fingerprint: str
  data: dict[str, Any]
  metrics: dict[str, float | None]
  parameters: int
  weights: dict[str, np.ndarray] = dataclasses.field(repr=False)
  package_version: str = ""
  weights_sha256: str = ""
  test_metrics: dict[str, float | None] = dataclasses.field(
    default_factory=dict
  )


def describe(folder: pathlib.Path) -> dict[str, Any]:
  """The content of `module.json`, checked to be of this folder's task."""
  path = folder / "module.json"
  tree = read_json(path, tuple(_KEYS), FORMAT)
  for key, kind in (*_KEYS.items(), ("test_metrics", dict)):
    if key in tree and type(tree[key]) is not kind:
      raise InputError(
        f"{path}: `{key}` must be a JSON {_JSON[kind]}; got {tree[key]!r}."
      )
  if tree["task"] != folder.name:
    raise InputError(f"{path}: is the module of the task {tree['task']!r}.")
  if tree["format"] == 1:
    _unset_label(tree["config"])
  return tree


def _unset_label(config: dict[str, Any]) -> None:
  """In format 1 a `data.label` that nobody had set was kept as `label`."""
  data = config.get("data")
  if isinstance(data, dict) and data.get("label") == "label":
    data["label"] = None


def read(folder: pathlib.Path) -> Module:
  """Reads a module and checks that its weights are as they were written."""
  tree = describe(folder)
  path = folder / "weights.safetensors"
  if not path.is_file():
    raise InputError(f"{path} is missing.")
  try:
    weights = safetensors.numpy.load_file(path)
  except safetensors.SafetensorError as error:
    raise InputError(f"{path}: is cut short or damaged: {error}.") from None
  if files.sha256(path) != tree["weights_sha256"]:
    raise InputError(
      f"{path}: its SHA-256 is not the one in module.json; the file was "
      "changed after it was written."
    )
  fields = {field.name for field in dataclasses.fields(Module)}
  known = {key: value for key, value in tree.items() if key in fields}
  return Module(**known, weights=weights)


def write(module: Module, folder: pathlib.Path) -> None:
  """Fills the empty `folder`."""
  weights = folder / "weights.safetensors"
  arrays = {k: np.array(v, order="C") for k, v in module.weights.items()}
  weights.write_bytes(safetensors.numpy.save(arrays))
  tree = {
    field.name: getattr(module, field.name)
    for field in dataclasses.fields(Module)
    if field.name != "weights"
  }
  if not module.test_metrics:
    del tree["test_metrics"]  # as written before there were test sets
  tree["format"] = FORMAT
  tree["weights_sha256"] = files.sha256(weights)
  (folder / "module.json").write_bytes(json_files.encode(tree))


def read_json(
  path: pathlib.Path, keys: tuple[str, ...], newest: int
) -> dict[str, Any]:
  """Reads a JSON object of a format up to `newest` that has `keys`."""
  tree = json_files.read(path)
  if not isinstance(tree.get("format"), int):
    raise InputError(f"{path}: is not a file of this package.")
  if tree["format"] > newest:
    raise InputError(
      f"{path}: has format {tree['format']}; this version of tf_adapters "
      f"reads up to {newest}."
    )
  for key in keys:
    if key not in tree:
      raise InputError(f"{path}: lacks `{key}`.")
  return tree
