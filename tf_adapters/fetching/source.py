# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What is fetched: a folder, and the address that will always mean it."""

import os
import pathlib
import re
from typing import NamedTuple

# What pins an address of the Hub, or of Kaggle, to one state of its files.
_PIN = re.compile(r"@[0-9a-f]{40}|/[0-9]+")


class Fetched(NamedTuple):
  """An encoder that is on this disk now.

  Attributes:
    folder: Its files.
    source: Its address with what pins it: a commit, a version, a checksum.
  """

  folder: pathlib.Path
  source: str


def is_address(path: str | os.PathLike) -> bool:
  """Whether `path` is to be fetched, and no folder or name."""
  return isinstance(path, str) and "://" in path


def is_pin_of(source: str, address: str) -> bool:
  """Whether `source` is `address`, or one state of it.

  An address without a revision means what is newest; a store that was made
  with it keeps to the state that it got.
  """
  if not is_address(address) or not source.startswith(address):
    return False
  rest = source[len(address) :]
  return not rest or _PIN.fullmatch(rest) is not None
