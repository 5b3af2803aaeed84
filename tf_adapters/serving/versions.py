# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The versions of a served model: numbered folders that appear whole."""

import dataclasses
import os
import pathlib
import shutil
from collections.abc import Sequence
from typing import Any

from tf_adapters import files
from tf_adapters import json_files
from tf_adapters.errors import InputError


@dataclasses.dataclass(frozen=True)
class Change:
  """The tasks of a served model's newest version, but for these.

  Attributes:
    add: Tasks to add, or to take anew from the store.
    remove: Tasks to leave out.
  """

  add: Sequence[str] = ()
  remove: Sequence[str] = ()


def numbers(base: pathlib.Path) -> list[int]:
  """The versions there are, in their order."""
  if not base.is_dir():
    return []
  return sorted(
    int(entry.name) for entry in base.iterdir() if entry.name.isdecimal()
  )


def newest(base: pathlib.Path) -> dict[str, Any]:
  """What `tasks.json` of the newest version says."""
  found = numbers(base)
  if not found:
    raise InputError(
      f"there is no version in {str(base)!r} whose tasks could be added to or "
      "removed from."
    )
  path = base / str(found[-1]) / "assets.extra" / "tasks.json"
  tree = json_files.read(path)
  tasks = tree.get("tasks")
  if not isinstance(tasks, dict) or not all(
    isinstance(task, dict) and isinstance(task.get("weights_sha256"), str)
    for task in tasks.values()
  ):
    raise InputError(
      f"{path}: is not of this version of tf_adapters; export all tasks anew."
    )
  return tree


def changed(base: pathlib.Path, change: Change) -> dict[str, str | None]:
  """The tasks after a change.

  Returns:
    By name the checksum of its weights that a task must have, since it was
    served before; None for one that may be any.
  """
  before = newest(base)["tasks"]
  for name in change.remove:
    if name not in before:
      raise InputError(
        f"the newest version in {str(base)!r} has no task {name!r} to remove; "
        f"it has: {', '.join(sorted(before))}."
      )
  kept = {
    name: task["weights_sha256"]
    for name, task in before.items()
    if name not in change.remove
  }
  return dict(sorted({**kept, **dict.fromkeys(change.add)}.items()))


def publish(aside: pathlib.Path, base: pathlib.Path) -> pathlib.Path:
  """Renames a finished folder to the next number."""
  while True:
    place = base / str(max(numbers(base), default=0) + 1)
    try:
      files.publish(aside, place)
    except FileExistsError:
      continue  # another export was faster; take the number after its
    return place


def keep(base: pathlib.Path, count: int) -> None:
  """Removes all versions but the newest `count`."""
  for number in numbers(base)[:-count]:
    retired = base / f".{number}.old"
    # First out of a server's sight, so that it never sees half of one.
    os.rename(base / str(number), retired)
    shutil.rmtree(retired)
