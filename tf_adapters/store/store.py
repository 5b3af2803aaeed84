# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The store: one encoder and any number of task modules beside it.

    STORE/store.json           format, encoder (fingerprint, copy or reference)
    STORE/encoder/             a Hugging Face folder, unless referred to
    STORE/tasks/NAME/          one task module, whole or absent:
      module.json              what the task is and how it was made
      weights.safetensors      all variables that the task owns
    STORE/runs/NAME/           curves, and checkpoints of unfinished training

Adding a task reads no other task and writes to none.
"""

import contextlib
import os
import pathlib
import re
import shutil
import types
from collections.abc import Iterator
from typing import Any

from tf_adapters import files
from tf_adapters import json_files
from tf_adapters.errors import InputError
from tf_adapters.reserved import RESERVED
from tf_adapters.store import task_module
from tf_adapters.store.task_module import Module

_FORMAT = 1  # of store.json
_STORE_KEYS = ("format", "encoder")
_ENCODER_KEYS = types.MappingProxyType(
  {"fingerprint": str, "source": str, "copied": bool}
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def check_name(name: str, key: str = "`task.name`") -> None:
  """Raises `InputError` unless `name` can be a folder and a signature."""
  if not _NAME.fullmatch(name):
    raise InputError(
      f"{key} must be 1 to 64 letters, digits, `_` or `-`, starting with a "
      f"letter or digit; got {name!r}."
    )
  if name.lower() in RESERVED:
    raise InputError(
      f"{key} {name!r} is reserved; reserved are "
      + ", ".join(sorted(RESERVED))
      + "."
    )


class Store:
  """A folder with one encoder and its tasks.

  Every module is read and written as a whole, under a lock that processes
  share; `tf_adapters.store.store` shows what is where.

  Args:
    path: The folder; `create` makes it, the rest expects it.

  Raises:
    InputError: in each method, for what is missing, taken or damaged, naming
      the file.
  """

  def __init__(self, path: str | os.PathLike):
    self.path = pathlib.Path(path)

  @property
  def exists(self) -> bool:
    return (self.path / "store.json").exists()

  def create(self, encoder: dict[str, Any], write_copy) -> None:
    """Makes the store; does nothing where it is there already.

    Args:
      encoder: `fingerprint`, `source` and `copied`.
      write_copy: Called with an empty folder to fill with the encoder, if
        it is to be copied, else None.

    Raises:
      InputError: if a folder `encoder` is there that is not this copy; it
        stays as it was.
    """
    with self._lock():
      if self.exists:
        return
      if write_copy is not None:
        self._place_copy(encoder["source"], write_copy)
      tree = {"format": _FORMAT, "encoder": encoder}
      files.write_file(self.path / "store.json", json_files.encode(tree))

  def _place_copy(self, source: str, write_copy) -> None:
    """Writes `encoder/`; one that is there is never removed.

    A copy that a crash left without a store.json is whole, for it was
    renamed, and so the same to the byte as the one that is written now.
    """
    place = self.path / "encoder"
    is_source = pathlib.Path(source).resolve().is_relative_to(place.resolve())
    files.remove_left_aside(self.path, "encoder")
    with files.folder_aside(self.path, "encoder") as aside:
      write_copy(aside)
      if not place.exists():
        files.publish(aside, place)
      elif is_source or not files.are_same(aside, place):
        raise InputError(
          f"`store`: {str(place)!r} is there without a store.json, and is no "
          "copy of the encoder; name another folder, or move it away."
        )

  def encoder(self) -> dict[str, Any]:
    """`fingerprint`, `source` and `copied` of its encoder."""
    if not self.exists:
      raise InputError(f"there is no store in {str(self.path)!r}.")
    path = self.path / "store.json"
    encoder = task_module.read_json(path, _STORE_KEYS, _FORMAT)["encoder"]
    for key, kind in _ENCODER_KEYS.items():
      if not isinstance(encoder, dict) or type(encoder.get(key)) is not kind:
        raise InputError(f"{path}: lacks `encoder.{key}`.")
    return encoder

  def encoder_path(self) -> str:
    """What to pass to `load_encoder`."""
    encoder = self.encoder()
    copied = encoder["copied"]
    return str(self.path / "encoder") if copied else encoder["source"]

  def check_encoder(self, fingerprint: str) -> None:
    """Raises `InputError` unless the store was made with this encoder."""
    own = self.encoder()["fingerprint"]
    if own != fingerprint:
      raise InputError(
        f"the store {str(self.path)!r} was made with another encoder "
        f"(fingerprint {own[:12]}…, source {self.encoder()['source']!r}) than "
        f"the one given (fingerprint {fingerprint[:12]}…)."
      )

  def tasks(self) -> list[str]:
    """Names of its tasks, sorted."""
    self.encoder()
    with self._reading():
      return self._names()

  def _names(self) -> list[str]:
    folder = self.path / "tasks"
    if not folder.is_dir():
      return []
    return sorted(
      entry.name
      for entry in folder.iterdir()
      if _NAME.fullmatch(entry.name) and (entry / "module.json").exists()
    )

  def check_free(self, task: str, overwrite: bool = False) -> None:
    """Raises `InputError` if a task of this name may not be saved.

    Args:
      task: The name. One that differs from a task's only in case is taken.
      overwrite: Whether a task of exactly this name may be there.
    """
    if self.exists:
      with self._reading():
        self._check_free(task, overwrite)

  def _check_free(self, task: str, overwrite: bool) -> None:
    folder = self.path / "tasks"
    for name in sorted(entry.name for entry in folder.glob("[!.]*")):
      if name == task and not overwrite:
        raise InputError(
          f"the store {str(self.path)!r} has a task {name!r} already; "
          "`--overwrite` replaces a task of the same name."
        )
      if name != task and name.lower() == task.lower():
        raise InputError(
          f"the store {str(self.path)!r} has a task {name!r}, from which "
          f"`task.name` {task!r} differs only in case; give another name."
        )

  def save(self, module: Module, overwrite: bool = False) -> None:
    """Writes a task module, whole or not at all.

    Raises:
      InputError: as `check_free`.
    """
    check_name(module.task)
    folder = self.path / "tasks"
    place = folder / module.task
    # Written under the lock, so that what is there aside is of the dead.
    with self._lock():
      self._recover_locked()
      self._check_free(module.task, overwrite)
      files.remove_left_aside(folder, module.task)
      with files.folder_aside(folder, module.task) as aside:
        task_module.write(module, aside)
        if place.exists():
          files.sync_tree(aside)
          retired = folder / f".{module.task}.old"
          os.rename(place, retired)
          os.rename(aside, place)
          files.sync(folder)
          shutil.rmtree(retired)
        else:
          files.publish(aside, place)

  def describe(self, task: str) -> dict[str, Any]:
    """The content of `module.json`."""
    self.encoder()
    with self._reading():
      return task_module.describe(self._folder(task))

  def load(self, task: str) -> Module:
    """Reads a task module and checks that nothing of it is missing."""
    encoder = self.encoder()
    with self._reading():
      module = task_module.read(self._folder(task))
    if module.encoder_fingerprint != encoder["fingerprint"]:
      raise InputError(
        f"the task {task!r} was trained on another encoder than the store's."
      )
    return module

  def _folder(self, task: str) -> pathlib.Path:
    names = self._names()
    if task not in names:
      known = ", ".join(names) if names else "none"
      raise InputError(
        f"the store {str(self.path)!r} has no task {task!r}; it has: {known}."
      )
    return self.path / "tasks" / task

  def size(self, task: str) -> int:
    """Bytes of a task module on disk."""
    with self._reading():
      folder = self._folder(task)
      return sum(entry.stat().st_size for entry in folder.iterdir())

  def run_folder(self, task: str) -> pathlib.Path:
    """Where a task's training keeps its curves and checkpoints."""
    check_name(task)
    return self.path / "runs" / task

  def _lock(self, shared: bool = False):
    return files.lock(self.path / ".lock", shared=shared)

  @contextlib.contextmanager
  def _reading(self) -> Iterator[None]:
    """Keeps writers away for a moment, and mends what one left that died."""
    if not os.access(self.path, os.W_OK):
      yield  # a store that cannot be written to needs no lock
      return
    folder = self.path / "tasks"
    if folder.is_dir() and any(folder.glob(".*.old")):
      with self._lock():
        self._recover_locked()
    with self._lock(shared=True):
      yield

  def _recover_locked(self) -> None:
    """Undoes or completes an overwriting that died between two renames."""
    folder = self.path / "tasks"
    for retired in folder.glob(".*.old"):
      place = folder / retired.name[1 : -len(".old")]
      if place.exists():
        shutil.rmtree(retired)
      else:
        os.rename(retired, place)


