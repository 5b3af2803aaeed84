# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""An export as bulk scoring sees it: what a task takes, and its answers."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_adapters import checks
from tf_adapters.bulk import places
from tf_adapters.client.signatures import OUTPUTS
from tf_adapters.errors import InputError

_MOST = 20  # tasks named in an error
_DESCRIPTION = "assets.extra/tasks.json"


@dataclasses.dataclass(frozen=True)
class Asked:
  """One task of an export.

  Attributes:
    folder: The version folder.
    sha256: Of all that is in it.
    task: The task's name, and its signature's.
    inputs: What the signature takes.
    outputs: What of its answers is written, in this order.
    labels: Names of `probabilities` in their order; empty where there are none.
  """

  folder: str
  sha256: str
  task: str
  inputs: tuple[str, ...]
  outputs: tuple[str, ...]
  labels: tuple[str, ...]


def find(export: str, task: str) -> Asked:
  """Reads what an export says of a task, without loading it.

  Args:
    export: A version folder as `tf_adapters.export` writes it, or the folder
      of its versions, of which the newest is taken.
    task: The task.

  Raises:
    InputError: if it is no export, or has no such task.
  """
  folder = _version(places.absolute(export), export)
  checks.literal("--export", folder)
  tasks = _tasks(places.join(folder, _DESCRIPTION))
  if task not in tasks:
    names = ", ".join(repr(name) for name in sorted(tasks)[:_MOST])
    more = f" and {len(tasks) - _MOST} more" if len(tasks) > _MOST else ""
    raise InputError(
      f"the export {folder} has no task {task!r}; it has {names}{more}."
    )
  said = tasks[task]
  return Asked(
    folder,
    _fingerprint(folder),
    task,
    tuple(said["inputs"]),
    OUTPUTS[said["type"]],
    tuple(said.get("labels", ())),
  )


def _version(folder: str, given: str) -> str:
  names = places.names(folder)
  if "saved_model.pb" in names:
    return folder
  versions = [name for name in names if name.isascii() and name.isdecimal()]
  if not versions:
    raise InputError(
      f"`--export` must be a folder that `tf-adapters export` wrote; got "
      f"{given!r}, which has no version in it."
    )
  newest = places.join(folder, max(versions, key=int))
  if not places.exists(places.join(newest, "saved_model.pb")):
    raise InputError(f"`--export`: {newest} has no saved_model.pb.")
  return newest


def _tasks(path: str) -> dict[str, dict[str, Any]]:
  """What the export says of each task."""
  try:
    tasks = json.loads(places.read(path))["tasks"]
    if all({"inputs", "type"} <= set(said) for said in tasks.values()):
      return tasks
  except (KeyError, OSError, TypeError, ValueError, AttributeError):
    pass
  raise InputError(
    f"`--export`: {path} is missing or of another version of tf_adapters; "
    "export the tasks anew."
  )


def _fingerprint(folder: str) -> str:
  """Of graph, weights and labels; a worker's warm-up records do not matter."""
  paths = ["saved_model.pb", _DESCRIPTION]
  for inner in ("variables", "assets"):
    names = places.names(places.join(folder, inner))
    paths += [f"{inner}/{name}" for name in sorted(names)]
  digest = hashlib.sha256()
  for path in paths:
    content = places.read(places.join(folder, path))
    digest.update(f"{path} {len(content)} ".encode())
    digest.update(content)
  return digest.hexdigest()


class Model:
  """A loaded export; threads may share it.

  Args:
    asked: The task that it answers.
  """

  def __init__(self, asked: Asked):
    import tensorflow as tf
    import tensorflow_text  # noqa: F401 (its ops are in the graph)

    self._asked = asked
    self._constant = tf.constant
    # The signature alone does not keep the variables alive.
    self._loaded = tf.saved_model.load(asked.folder)
    self._signature = self._loaded.signatures[asked.task]

  def answer(
    self, texts: Mapping[str, Sequence[str]], batch_size: int
  ) -> dict[str, list[Any]]:
    """Answers by name, one for each row.

    Texts of like length share a batch, so that little of it is padding.
    Which do depends on the texts alone: asked again, every bit is the same.

    Args:
      texts: By input; all as many.
      batch_size: Rows of a batch at most.

    Returns:
      Texts, whole numbers, floating-point numbers in the shortest decimals
      that float32 reads back, and `probabilities` as such by label.
    """
    rows = list(zip(*(texts[name] for name in self._asked.inputs), strict=True))
    order = sorted(range(len(rows)), key=lambda row: sum(map(len, rows[row])))
    found = [
      self._ask([rows[row] for row in order[first : first + batch_size]])
      for first in range(0, len(rows), batch_size)
    ]
    if not found:
      return {name: [] for name in self._asked.outputs}
    back = np.argsort(order)
    return {
      name: self._plain(np.concatenate([part[name] for part in found])[back])
      for name in self._asked.outputs
    }

  def _ask(self, rows: Sequence[tuple[str, ...]]) -> dict[str, np.ndarray]:
    columns = zip(*rows, strict=True)
    inputs = {
      name: self._constant([text.encode() for text in column])
      for name, column in zip(self._asked.inputs, columns, strict=True)
    }
    found = self._signature(**inputs)
    return {name: found[name].numpy() for name in self._asked.outputs}

  def _plain(self, values: np.ndarray) -> list[Any]:
    if values.ndim == 2:
      return [
        dict(zip(self._asked.labels, map(_shortest, row), strict=True))
        for row in values
      ]
    if values.dtype == object:
      return [value.decode("utf-8", "replace") for value in values]
    if values.dtype.kind == "f":
      return [_shortest(value) for value in values]
    return values.tolist()


def _shortest(value: np.float32) -> float:
  """0.1 and not 0.10000000149011612."""
  return float(str(value)) if math.isfinite(value) else float(value)
