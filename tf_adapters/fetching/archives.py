# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`https://…/NAME.tar.gz#sha256=CHECKSUM`: archives as Model Garden has them.

    CACHE/archives/CHECKSUM/          the files of one archive, whole or absent
    CACHE/archives/.CHECKSUM.part     what has come of one so far

CACHE is $TF_ADAPTERS_CACHE, or tf_adapters in $XDG_CACHE_HOME or ~/.cache.
"""

import fnmatch
import os
import pathlib
import re

from tf_adapters import files
from tf_adapters.errors import InputError
from tf_adapters.fetching import download
from tf_adapters.fetching import unpack
from tf_adapters.fetching.source import Fetched

_ADDRESS = re.compile(
  r"(?P<url>https?://[^#]+)#sha256=(?P<checksum>[0-9a-fA-F]{64})"
)
# All that the readers of encoders open; nothing else is unpacked.
_WANTED = (
  "config.json", "bert_config.json", "tokenizer_config.json", "vocab.txt",
  "model.safetensors", "*.index", "*.data-?????-of-?????",
)
# One of these is in the folder of an encoder.
_MARKS = ("config.json", "bert_config.json", "variables/variables.index")


def fetch(address: str) -> Fetched:
  """Fetches and unpacks an archive, or finds it in the cache.

  Args:
    address: Of a tar.gz, with the SHA-256 of its bytes in 64 hexadecimal
      digits, small or capital.

  Raises:
    InputError: for an address without a checksum, an archive that has another
      one, holds what leaves its folder, or holds no encoder, one that is
      neither in the cache nor can be reached, and one that was damaged there.
  """
  match = _ADDRESS.fullmatch(address)
  if not match:
    raise InputError(
      "`encoder`: an archive needs its checksum, https://…/NAME.tar.gz#sha256= "
      f"and 64 hexadecimal digits (`sha256sum` prints them); got {address!r}."
    )
  parent = cache_folder() / "archives"
  place = parent / match["checksum"].lower()
  if not place.exists():
    with files.lock(parent / f".{place.name}.lock"):
      if not place.exists():  # another process may have been first
        _fetch_into(place, match["url"])
  found = _model_folders(place)
  if len(found) != 1:  # as the archive had when it came
    raise InputError(
      f"`encoder`: {place}, where {address} was kept, must hold one folder "
      f"with one of {', '.join(_MARKS)}; it has {len(found)}; remove it, and "
      "the archive is fetched anew."
    )
  return Fetched(found[0], address)


def cache_folder() -> pathlib.Path:
  """Where fetched archives are kept."""
  own = os.environ.get("TF_ADAPTERS_CACHE")
  if own:
    return pathlib.Path(own)
  everybodys = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
  return pathlib.Path(everybodys).expanduser() / "tf_adapters"


def _fetch_into(place: pathlib.Path, url: str) -> None:
  part = place.with_name(f".{place.name}.part")
  download.download(url, part)
  found = files.sha256(part)
  if found != place.name:
    part.unlink()
    raise InputError(
      f"`encoder`: {url} has SHA-256 {found}, not {place.name}; what came was "
      "thrown away."
    )
  files.remove_left_aside(place.parent, place.name)
  with files.folder_aside(place.parent, place.name) as aside:
    unpack.unpack(part, aside, _is_wanted, url)
    found = len(_model_folders(aside))
    if found != 1:
      raise InputError(
        f"`encoder`: {url} must hold one folder with one of "
        f"{', '.join(_MARKS)}; it has {found}."
      )
    files.publish(aside, place)
  part.unlink()


def _is_wanted(name: str) -> bool:
  return any(fnmatch.fnmatchcase(name, pattern) for pattern in _WANTED)


def _model_folders(place: pathlib.Path) -> list[pathlib.Path]:
  """The folders that have an encoder; an archive that is taken has one."""
  folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
  return [
    folder
    for folder in folders
    if any((folder / mark).is_file() for mark in _MARKS)
  ]
