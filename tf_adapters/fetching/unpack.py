# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Archives of strangers: what is wanted of a tar.gz, and nothing outside."""

import gzip
import pathlib
import shutil
import tarfile
import zlib
from collections.abc import Callable
from typing import BinaryIO

from tf_adapters.errors import InputError

LARGEST = 20 * 10**9  # bytes, unpacked


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
    InputError: if the archive is damaged or too large, or if anything in it,
      wanted or not, is neither a file nor a folder below its root.
  """
  try:
    with (
      gzip.open(archive) as stream,
      tarfile.open(fileobj=_Bounded(stream, name), mode="r|") as entries,
    ):
      for entry in entries:
        place = folder / _below_root(entry, name)
        if entry.isfile() and wanted(place.name):
          place.parent.mkdir(parents=True, exist_ok=True)
          with open(place, "xb") as file:
            shutil.copyfileobj(entries.extractfile(entry), file)
  except FileExistsError as error:
    twice = pathlib.Path(error.filename).relative_to(folder)
    raise InputError(f"`encoder`: {name} has {twice} twice.") from None
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
  # A sparse file may be small here and huge on the disk.
  if not (entry.isfile() or entry.isdir()) or entry.issparse():
    raise InputError(
      f"`encoder`: {name} has {entry.name!r}, which is neither a file nor a "
      "folder."
    )
  return path


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
