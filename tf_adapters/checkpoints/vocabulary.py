# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Reads `vocab.txt`: one WordPiece a line, its number is its id."""

import pathlib

from tf_adapters.errors import InputError


def read(path: pathlib.Path) -> list[str]:
  """The WordPieces of a vocabulary file, UTF-8."""
  try:
    text = path.read_bytes().decode("utf-8")
  except FileNotFoundError:
    raise InputError(f"{path.parent} has no {path.name}.") from None
  except UnicodeDecodeError as error:
    raise InputError(f"{path}: is not UTF-8: {error}.") from None
  # Only LF ends a piece: some vocabularies hold U+2028 and U+0085.
  pieces = text.split("\n")
  if pieces[-1] == "":
    pieces.pop()
  return [piece.removesuffix("\r") for piece in pieces]
