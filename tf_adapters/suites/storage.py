# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Where Optuna keeps trials: a journal in a folder, or a database."""

import contextlib
import os
import pathlib
import uuid
from typing import Any

from tf_adapters import files
from tf_adapters.errors import InputError

_OWNER = "folder"  # attribute of a study


def import_optuna() -> Any:
  """Optuna, which an extra brings."""
  try:
    import optuna
  except ImportError as error:
    raise InputError(
      "`suite` needs Optuna: pip install 'tf-adapters[suite]'."
    ) from error
  optuna.logging.set_verbosity(optuna.logging.WARNING)
  return optuna


def open_storage(folder: pathlib.Path, url: str) -> Any:
  """A database by its URL; empty: the journal in `folder`.

  Raises:
    InputError: for a database that cannot be opened, or a damaged journal.
  """
  storages = import_optuna().storages
  if not url:
    path = folder / "journal.log"
    lock = _JournalLock(path, folder / "locks" / ".journal")
    journal = storages.journal.JournalFileBackend(str(path), lock)
    try:
      return storages.JournalStorage(journal)
    except ValueError as error:
      raise InputError(f"{path}: is damaged: {error}.") from error
  import sqlalchemy  # which Optuna brings

  try:
    with choosing(folder):  # or two processes would make the same tables
      return storages.get_storage(url)
  except (  # RuntimeError: of another version of Optuna
    sqlalchemy.exc.SQLAlchemyError, ImportError, RuntimeError, ValueError
  ) as error:
    reason = str(error).partition("\n")[0]
    raise InputError(
      "`storage` must be the URL of a database that can be opened, as "
      f"sqlite:///suite.db; got {url!r}: {reason}."
    ) from error


class _JournalLock:
  """Held while Optuna writes to its journal; goes with the process.

  Optuna's own lock is a link, which stays when its process is killed. Who
  holds this one first cuts off a line that a kill or a full disk has left
  unfinished, or the next line would be one with it.

  Args:
    journal: The file.
    place: Of the lock.
  """

  def __init__(self, journal: pathlib.Path, place: pathlib.Path):
    self._journal, self._place = journal, place
    self._held = contextlib.ExitStack()

  def acquire(self) -> bool:
    self._held.enter_context(files.lock(self._place))
    _cut_unfinished(self._journal)
    return True

  def release(self) -> None:
    self._held.close()


def _cut_unfinished(path: pathlib.Path) -> None:
  with path.open("rb+") as file:
    end = file.seek(0, os.SEEK_END)
    if not end:
      return
    file.seek(end - 1)
    if file.read() == b"\n":
      return
    file.seek(0)
    file.truncate(file.read().rfind(b"\n") + 1)


def choosing(folder: pathlib.Path):
  """Held by the one process that makes or chooses trials."""
  return files.lock(folder / "locks" / ".choice")


def claim(
  study: Any, folder: pathlib.Path, running: bool, take_over: bool
) -> None:
  """Sees that all who run trials of a database have their locks in one folder.

  Processes with folders of their own would take each other's trials for those
  of processes that have ended. The caller holds `choosing`.

  Args:
    study: Of Optuna.
    folder: Of this process.
    running: Whether a trial of the study is being run.
    take_over: Whether it is no longer, if its folder is another.

  Raises:
    InputError: if a trial is run from another folder.
  """
  path = folder / "locks" / ".id"
  if not path.exists():
    files.write_file(path, uuid.uuid4().hex.encode())
  own, owner = path.read_text(), study.user_attrs.get(_OWNER)
  if owner == own:
    return
  if owner is not None and running and not take_over:
    raise InputError(
      f"a process with another `output` is running trials of {study.study_name}"
      f" in this `storage`, and those that share it share both; got {folder}. "
      "If that process has ended, `--retry` runs its trials again."
    )
  study.set_user_attr(_OWNER, own)
