# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Archives of strangers: what is wanted of a tar.gz, and nothing outside."""

import errno
import gzip
import pathlib
import shutil
import tarfile
import zlib
from collections.abc import Callable
from typing import BinaryIO

from tf_adapters.errors import InputError

LARGEST = 20 * 10**9  # bytes, unpacked
_DEEPEST = 100  # folders in one another; Python itself ends before 1,000


def unpack(
  archive: pathlib.Path,
  folder: pathlib.Path,
  wanted: Callable[[str], bool],
  name: str,
) -> None:
  """Unpacks some files of a tar.gz into an empty folder.

  Args:
    archive: Read once, from its beginning to its end.
    folder: Gets the files where they are in the archive.
    wanted: Whether to unpack a file of that name.
    name: What the archive is called in errors.

  Raises:
    InputError: if the archive is damaged or too large, if anything in it,
      wanted or not, is neither a file nor a folder below its root, or if what
      is wanted has a name that is taken or too long.
  """
  try:
    with (
      gzip.open(archive) as stream,
      tarfile.open(fileobj=_Bounded(stream, name), mode="r|") as entries,
    ):
      for entry in entries:
        path = _below_root(entry, name)
        if entry.isfile() and wanted(path.name):
          with _create(folder, path, name) as file:
            shutil.copyfileobj(entries.extractfile(entry), file)
  except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
    # Of `OSError` those of gzip, which name no file; not those of the disk.
    if isinstance(error, OSError) and error.errno is not None:
      raise
    raise InputError(
      f"`encoder`: {name} is no whole tar.gz: {error}."
    ) from None


def _below_root(entry: tarfile.TarInfo, name: str) -> pathlib.PurePosixPath:
  """Where an entry goes, relative to the folder."""
  path = pathlib.PurePosixPath(entry.name)
  if path.is_absolute() or ".." in path.parts:
    raise InputError(
      f"`encoder`: {name} has {entry.name!r}, outside its own folder."
    )
  if "\0" in entry.name:
    raise InputError(
      f"`encoder`: {name} has {entry.name!r}, a name with a zero byte."
    )
  # A sparse file may be small here and huge on the disk.
  if not (entry.isfile() or entry.isdir()) or entry.issparse():
    raise InputError(
      f"`encoder`: {name} has {entry.name!r}, which is neither a file nor a "
      "folder."
    )
  return path


def _create(
  folder: pathlib.Path, path: pathlib.PurePosixPath, name: str
) -> BinaryIO:
  """Opens a new file at `path` in the folder, for writing."""
  place = folder / path
  try:
    if len(path.parts) <= _DEEPEST:
      place.parent.mkdir(parents=True, exist_ok=True)
      return open(place, "xb")
    fault = f", a name that is too long, of more than {_DEEPEST} folders"
  except (FileExistsError, NotADirectoryError):
    fault = ", for which a file would have to be a folder as well"
    if place.is_file():
      fault = " twice"
  except OSError as error:
    if error.errno != errno.ENAMETOOLONG:
      raise
    fault = ", a name that is too long for the disk of the cache"
  raise InputError(f"`encoder`: {name} has {str(path)!r}{fault}.")


class _Bounded:
  """Bytes of a stream, of which there may be no more than `LARGEST`."""

  def __init__(self, stream: BinaryIO, name: str):
    self._stream = stream
    self._name = name
    self._left = LARGEST

  def read(self, size: int) -> bytes:
    block = self._stream.read(size)
    self._left -= len(block)
    if self._left < 0:
      raise InputError(
        f"`encoder`: {self._name} has more than {LARGEST:,} bytes, the most "
        "that is unpacked."
      )
    return block
