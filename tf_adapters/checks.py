# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Checks of single settings, which name the setting and what came."""

import math
import numbers
import os
import pathlib
from collections.abc import Iterable
from collections.abc import Sequence

from tf_adapters.errors import InputError


def one_of(key: str, value: str, allowed: Sequence[str]) -> None:
  """Raises `InputError` if a value is none of those allowed."""
  if value not in allowed:
    names = ", ".join(f"`{name}`" for name in allowed)
    raise InputError(f"`{key}` must be one of {names}; got {value!r}.")


def names(key: str, values: Iterable[str], what: str = "names") -> None:
  """Raises `InputError` for a single name, a sequence of letters, or no list.

  Args:
    key: The setting.
    values: Its value.
    what: The list is of.
  """
  if isinstance(values, str) or not isinstance(values, Iterable):
    raise InputError(f"`{key}` takes a list of {what}; got {values!r}.")


def whole(key: str, value: int) -> None:
  """Raises `InputError` if a value is no whole number."""
  if not isinstance(value, numbers.Integral) or isinstance(value, bool):
    raise InputError(f"`{key}` takes whole numbers; got {value!r}.")


def boolean(key: str, value: bool) -> None:
  """Raises `InputError` if a value is neither True nor False."""
  if not isinstance(value, bool):
    raise InputError(f"`{key}` takes True or False; got {value!r}.")


def at_least(key: str, value: int, least: int) -> None:
  """Raises `InputError` if a value is below `least`."""
  if value < least:
    raise InputError(f"`{key}` must be at least {least}; got {value}.")


def finite(key: str, value: float) -> None:
  """Raises `InputError` if a value is no finite number."""
  if not (_is_number(value) and math.isfinite(value)):
    raise InputError(f"`{key}` must be a finite number; got {value!r}.")


def at_most(key: str, value: int, most: int) -> None:
  """Raises `InputError` if a value is above `most`."""
  if value > most:
    raise InputError(f"`{key}` must be at most {most}; got {value}.")


def positive(key: str, value: float) -> None:
  """Raises `InputError` if a value is not finite and above 0."""
  if not (_is_number(value) and math.isfinite(value) and value > 0):
    raise InputError(f"`{key}` must be a finite number above 0; got {value!r}.")


def share(key: str, value: float) -> None:
  """Raises `InputError` if a value is not in [0, 1)."""
  if not (_is_number(value) and 0 <= value < 1):
    raise InputError(f"`{key}` must be at least 0 and below 1; got {value!r}.")


def _is_number(value: object) -> bool:
  return isinstance(value, numbers.Real) and not isinstance(value, bool)


def literal(key: str, path: str | os.PathLike) -> None:
  """Raises `InputError` for a path that TensorFlow cannot keep.

  One that is not UTF-8 it refuses, one that it reads as a pattern it would
  write variables to, and later find none or those of others.
  """
  try:
    str(path).encode()
  except UnicodeEncodeError:
    raise InputError(
      f"`{key}` must be a path in UTF-8; got {str(path)!r}."
    ) from None
  if any(letter in str(path) for letter in "*?[\\"):
    raise InputError(
      f"`{key}` must be a path without `*`, `?`, `[` and `\\`, by which "
      f"TensorFlow takes it for a pattern; got {str(path)!r}."
    )


def place(key: str, path: str) -> None:
  """Raises `InputError` if a file cannot be written there."""
  folder = pathlib.Path(path).parent
  if not (folder.is_dir() and os.access(folder, os.W_OK)):
    raise InputError(
      f"`{key}`: there is no folder {str(folder)!r} that can be written to."
    )
  if pathlib.Path(path).is_dir():
    raise InputError(f"`{key}` must be a file; got the folder {path!r}.")
