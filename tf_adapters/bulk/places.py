# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Files by their paths: here, or by `gs://` and the like through Beam.

Whatever is written is whole or absent, as in `tf_adapters.files`.
"""

import glob
import os
import pathlib
import uuid
from typing import BinaryIO

from tf_adapters import files


def is_remote(path: str) -> bool:
  """Whether it is no path of this machine's file system."""
  return "://" in path


def join(folder: str, name: str) -> str:
  """The path of a name in a folder."""
  return f"{folder.rstrip('/')}/{name}"


def absolute(path: str) -> str:
  """The same wherever a worker runs."""
  return path if is_remote(path) else os.path.abspath(path)


def expand(pattern: str) -> list[str]:
  """The files that a pattern matches, as `data/*.tsv`, or the one it names."""
  if is_remote(pattern):
    return _match(pattern)
  if os.path.isfile(pattern):  # its name may hold `[`
    return [absolute(pattern)]
  found = glob.glob(pattern, recursive=True)
  return sorted(absolute(path) for path in found if os.path.isfile(path))


def opened(path: str) -> BinaryIO:
  """The file for reading; it can seek."""
  if not is_remote(path):
    return open(path, "rb")
  systems, plain = _beam()
  return systems.open(path, compression_type=plain)


def read(path: str) -> bytes:
  """All that is in a file."""
  with opened(path) as file:
    return file.read()


def exists(path: str) -> bool:
  """Whether there is such a file, or a folder on this machine."""
  if not is_remote(path):
    return os.path.exists(path)
  systems, _ = _beam()
  return systems.exists(path)


def names(folder: str) -> list[str]:
  """Names of the files, and here of folders, in a folder; none if it is not."""
  if is_remote(folder):
    return [path.rpartition("/")[2] for path in _match(join(folder, "*"))]
  try:
    return sorted(os.listdir(folder))
  except FileNotFoundError:
    return []


def write(path: str, content: bytes) -> None:
  """Replaces a file, whole or not at all; makes its folder."""
  if not is_remote(path):
    place = pathlib.Path(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    files.write_file(place, content)
    return
  systems, plain = _beam()
  folder, _, name = path.rpartition("/")
  aside = join(folder, f".{name}.{uuid.uuid4().hex}")
  with systems.create(aside, compression_type=plain) as file:
    file.write(content)
  systems.rename([aside], [path])


def remove_left_aside(folder: str) -> None:
  """Removes what writers that were killed have left in a folder.

  The caller makes sure that none is writing now.
  """
  for name in names(folder):
    if name.startswith("._") or name.startswith(".part-"):
      path = join(folder, name)
      if is_remote(path):
        _beam()[0].delete([path])
      else:
        os.unlink(path)


def _match(pattern: str) -> list[str]:
  systems, _ = _beam()
  (found,) = systems.match([pattern])
  return sorted(entry.path for entry in found.metadata_list)


def _beam():
  """Beam's file systems, and its word for files as they are."""
  from apache_beam.io.filesystem import CompressionTypes
  from apache_beam.io.filesystems import FileSystems

  return FileSystems, CompressionTypes.UNCOMPRESSED
