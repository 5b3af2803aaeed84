# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The versions of a served model: numbered folders that appear whole."""

import contextlib
import dataclasses
import pathlib
import shutil
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from tf_adapters import checks
from tf_adapters import files
from tf_adapters import json_files
from tf_adapters.errors import InputError

_LAST = 2**63 - 1  # the server keeps versions in 64 bits
_LEFT = ".{}.old"  # a version on its way out of a server's sight


@dataclasses.dataclass(frozen=True)
class Change:
  """The tasks of a served model's newest version, but for these.

  Attributes:
    add: Tasks to add, or to take anew from the store.
    remove: Tasks to leave out.

  Raises:
    InputError: for a name where a list of names belongs.
  """

  add: Sequence[str] = ()
  remove: Sequence[str] = ()

  def __post_init__(self):
    checks.names("add", self.add)
    checks.names("remove", self.remove)


@dataclasses.dataclass(frozen=True)
class Version:
  """A version that is there.

  Attributes:
    number: Its number.
    path: Its folder.
    said: What its `tasks.json` says.
  """

  number: int
  path: pathlib.Path
  said: dict[str, Any]


def found(base: pathlib.Path) -> dict[int, pathlib.Path]:
  """The versions that are whole, by number and in order, as a server sees them.

  A server takes a folder whose name is a number, with zeros before it or not.
  """
  paths = {
    int(entry.name): entry
    for entry in (base.iterdir() if base.is_dir() else ())
    if _is_number(entry.name) and (entry / "saved_model.pb").is_file()
  }
  return {number: paths[number] for number in sorted(paths) if number <= _LAST}


def newest(base: pathlib.Path) -> Version:
  """The newest version.

  Raises:
    InputError: if there is none, or it is not of this package.
  """
  numbered = found(base)
  if not numbered:
    raise InputError(
      f"there is no version in {str(base)!r} whose tasks could be added to or "
      "removed from."
    )
  number, path = numbered.popitem()
  path_said = path / "assets.extra" / "tasks.json"
  said = json_files.read(path_said)
  tasks = said.get("tasks")
  if not isinstance(tasks, dict) or not all(
    isinstance(task, dict) and isinstance(task.get("weights_sha256"), str)
    for task in tasks.values()
  ):
    raise InputError(
      f"{path_said}: is not of this version of tf_adapters; export all tasks "
      "anew."
    )
  return Version(number, path, said)


def changed(before: Version, change: Change) -> dict[str, str | None]:
  """The tasks after a change.

  Returns:
    By name the checksum of its weights that a task must have, since it was
    served before; None for one that may be any.
  """
  served = before.said["tasks"]
  for name in change.remove:
    if name not in served:
      raise InputError(
        f"the newest version in {str(before.path.parent)!r} has no task "
        f"{name!r} to remove; it has: {', '.join(sorted(served))}."
      )
  kept = {
    name: task["weights_sha256"]
    for name, task in served.items()
    if name not in change.remove
  }
  return dict(sorted({**kept, **dict.fromkeys(change.add)}.items()))


@contextlib.contextmanager
def folder_aside(
  base: pathlib.Path, before: Version | None
) -> Iterator[pathlib.Path]:
  """Yields an empty folder for a version, and keeps other exports out.

  Args:
    base: Base folder of the model.
    before: The version that the new one changes; None: it changes none.

  Raises:
    InputError: if `before` is no longer the newest, of whose tasks the new
      one would know nothing.
  """
  with files.lock(base / ".lock"):
    if before is not None and max(found(base), default=0) != before.number:
      raise InputError(
        f"another export has written to {str(base)!r} since this one began; "
        "start it again, so that it changes what is newest now."
      )
    _remove_left(base)
    with files.folder_aside(base, "version") as aside:
      yield aside


def publish(aside: pathlib.Path, base: pathlib.Path) -> pathlib.Path:
  """Renames a finished folder to the next number.

  Raises:
    InputError: if there is no next number.
  """
  taken = [int(e.name) for e in base.iterdir() if _is_number(e.name)]
  number = max(taken, default=0) + 1
  if number > _LAST:
    raise InputError(
      f"a version is at most {_LAST}, and {str(base)!r} has {number - 1}."
    )
  place = base / str(number)
  files.publish(aside, place)
  return place


def keep(base: pathlib.Path, count: int) -> None:
  """Removes all versions but the newest `count`."""
  for number, path in list(found(base).items())[:-count]:
    # First out of a server's sight, so that it never sees half of one.
    path.rename(base / _LEFT.format(number))
  _remove_left(base)


def _remove_left(base: pathlib.Path) -> None:
  """Removes what is on its way out, or was when an export was killed."""
  files.remove_left_aside(base, "version")
  for left in base.glob(_LEFT.format("[0-9]*")):
    if left.is_symlink():
      left.unlink()
    else:
      shutil.rmtree(left)


def _is_number(name: str) -> bool:
  return name.isascii() and name.isdecimal()
