# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Files that are either whole or absent: written aside, flushed, renamed."""

import contextlib
import errno
import fcntl
import filecmp
import glob
import hashlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator


def sync_tree(folder: pathlib.Path) -> None:
  """Flushes every file and folder below `folder` to the disk."""
  for parent, _, names in os.walk(folder):
    for name in names:
      sync(os.path.join(parent, name))
    sync(parent)


def sync(path: str | os.PathLike) -> None:
  """Flushes one file, or the names in one folder, to the disk."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def write_file(path: pathlib.Path, content: bytes) -> None:
  """Replaces `path` by `content`, whole or not at all."""
  with file_aside(path) as aside:
    aside.write_bytes(content)


@contextlib.contextmanager
def file_aside(path: pathlib.Path) -> Iterator[pathlib.Path]:
  """Yields an empty file, which at the end replaces `path` or is gone."""
  with _naming(path):
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=_aside(path))
    os.close(descriptor)
    try:
      yield pathlib.Path(name)
      sync(name)
      os.chmod(name, 0o644)  # mkstemp's 0600 would shut out a server's user
      os.replace(name, path)
    except BaseException:
      os.unlink(name)
      raise
  sync(path.parent)


@contextlib.contextmanager
def _naming(path: pathlib.Path) -> Iterator[None]:
  """Names `path` in an `OSError` that names what is aside, or nothing.

  A full disk's names nothing.
  """
  try:
    yield
  except OSError as error:
    name = os.path.basename(error.filename or _aside(path))
    if name.startswith(_aside(path)):
      error.filename = str(path)
    raise


def _aside(path: pathlib.Path) -> str:
  """How names of what will be `path` begin."""
  return f".{path.name}."


@contextlib.contextmanager
def folder_aside(parent: pathlib.Path, name: str) -> Iterator[pathlib.Path]:
  """Yields an empty folder beside its later place; gone if not moved away.

  Its name starts with a dot, so that neither a store's listing nor a model
  server takes it for a finished one.
  """
  parent.mkdir(parents=True, exist_ok=True)
  aside = pathlib.Path(tempfile.mkdtemp(dir=parent, prefix=f".{name}.new-"))
  os.chmod(aside, 0o755)
  try:
    with _naming(parent / name):
      yield aside
  finally:
    shutil.rmtree(aside, ignore_errors=True)


def remove_left_aside(parent: pathlib.Path, name: str) -> None:
  """Removes what processes that were killed left of their `folder_aside`.

  The caller makes sure, by a lock, that none is being written now.
  """
  for left in parent.glob(f".{glob.escape(name)}.new-*"):
    shutil.rmtree(left, ignore_errors=True)


def publish(aside: pathlib.Path, place: pathlib.Path) -> None:
  """Flushes the folder `aside` and renames it to `place`.

  Raises:
    FileExistsError: if `place` is there already; it stays as it was.
  """
  sync_tree(aside)
  if place.exists():  # rename would silently replace an empty folder
    raise _taken(place)
  try:
    os.rename(aside, place)
  except OSError as error:
    if place.exists():
      raise _taken(place) from error
    raise
  sync(place.parent)


def _taken(place: pathlib.Path) -> FileExistsError:
  number = errno.EEXIST
  return FileExistsError(number, os.strerror(number), str(place))


def are_same(folder: pathlib.Path, other: pathlib.Path) -> bool:
  """Whether two folders hold files of the same names and bytes, and no more.

  Args:
    folder: One of files alone.
    other: Any other path.
  """
  names = sorted(os.listdir(folder))
  if not other.is_dir() or sorted(os.listdir(other)) != names:
    return False
  same, _, _ = filecmp.cmpfiles(folder, other, names, shallow=False)
  return same == names


@contextlib.contextmanager
def lock(
  path: pathlib.Path, wait: bool = True, shared: bool = False
) -> Iterator[None]:
  """Holds an advisory lock on `path`; a process that dies lets go of it.

  Args:
    path: A file that is made for it; not the file that is protected.
    wait: Whether to wait for others.
    shared: Whether others may hold it `shared` at the same time.

  Raises:
    BlockingIOError: if `wait` is false and another process holds it.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
  try:
    file = open(path, "ab")
  except PermissionError:  # another user's; to lock it, reading is enough
    file = open(path, "rb")
  with file:
    fcntl.flock(file, kind | (0 if wait else fcntl.LOCK_NB))
    yield


def sha256(path: pathlib.Path) -> str:
  """SHA-256 of a file's bytes, in hexadecimal."""
  digest = hashlib.sha256()
  with open(path, "rb") as file:
    while block := file.read(1 << 20):
      digest.update(block)
  return digest.hexdigest()
