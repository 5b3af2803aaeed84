# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Plain values, as YAML and a command line have them, as the types of settings.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from tf_adapters.config import Config
from tf_adapters.errors import InputError


def parse(cls: type, tree: Any, prefix: str) -> Any:
  """Makes a dataclass of settings of nested keys.

  Args:
    cls: The dataclass.
    tree: Its fields by name; what it does not hold has its default.
    prefix: What stands before the names in errors, as `train.`.

  Raises:
    InputError: for an unknown key, or a value that its type cannot have.
  """
  if not isinstance(tree, Mapping):
    raise InputError(
      f"`{prefix.rstrip('.')}` holds settings; got {tree!r}. Write "
      f"`{prefix}key=value`."
    )
  hints = typing.get_type_hints(cls)
  unknown = [key for key in tree if key not in hints]
  if unknown:
    raise InputError(
      f"unknown key `{prefix}{unknown[0]}`; allowed are "
      + ", ".join(f"`{prefix}{key}`" for key in hints)
      + "."
    )
  values = {}
  for key, value in tree.items():
    if dataclasses.is_dataclass(hints[key]):
      values[key] = parse(hints[key], value, f"{prefix}{key}.")
    else:
      values[key] = _convert(hints[key], value, f"{prefix}{key}")
  return cls(**values)


def converted(name: str, value: Any) -> Any:
  """A value as the type of its dotted setting, which may be written as text.

  Raises:
    InputError: if it cannot be.
  """
  hint = _hint(name.split("."))
  if hint is None or dataclasses.is_dataclass(hint):
    return value  # there is no such setting; who reads it says so
  return _convert(hint, value, name)


def may_be_none(path: Sequence[str]) -> bool:
  """Whether the setting of that path, as `train`, `seed`, takes None."""
  return type(None) in typing.get_args(_hint(path))


def _hint(path: Sequence[str]) -> Any:
  """The type of a setting; None: there is no such setting."""
  hint: Any = Config
  for part in path:
    if not dataclasses.is_dataclass(hint):
      return None
    hint = typing.get_type_hints(hint).get(part)
  return hint


def _convert(hint: Any, value: Any, key: str) -> Any:
  """Converts a YAML value or a command-line string to the field's type."""
  options = typing.get_args(hint) if _is_union(hint) else (hint,)
  if type(None) in options and value is None:
    return None
  target = next(option for option in options if option is not type(None))
  if target == tuple[str, ...]:
    return _convert_names(value, key)
  if typing.get_origin(target) is tuple:
    return _convert_indices(value, key)
  try:
    return _CONVERTERS[target](value)
  except (TypeError, ValueError, OverflowError):
    raise InputError(
      f"`{key}` takes {_KINDS[target]}; got {value!r}."
    ) from None


def _is_union(hint: Any) -> bool:
  return isinstance(hint, types.UnionType)


def _convert_names(value: Any, key: str) -> tuple[str, ...]:
  items = value.split(",") if isinstance(value, str) else value
  if not isinstance(items, list | tuple) or not all(
    isinstance(item, str) for item in items
  ):
    raise InputError(f"`{key}` takes names, as `query,value`; got {value!r}.")
  return tuple(item.strip() for item in items)


def _convert_indices(value: Any, key: str) -> tuple[int, ...]:
  items = value.split(",") if isinstance(value, str) else value
  try:
    if isinstance(items, int) and not isinstance(items, bool):
      return (items,)
    if not isinstance(items, list | tuple):
      raise TypeError
    return tuple(_to_int(item) for item in items)
  except (TypeError, ValueError):
    raise InputError(
      f"`{key}` takes block numbers, as `0,1,2`; got {value!r}."
    ) from None


def _to_int(value: Any) -> int:
  if isinstance(value, bool) or isinstance(value, float):
    raise TypeError
  return int(value)


def _to_float(value: Any) -> float:
  if isinstance(value, bool):
    raise TypeError
  return float(value)


def _to_bool(value: Any) -> bool:
  if isinstance(value, bool):
    return value
  return {"true": True, "false": False}[str(value).lower()]


def _to_str(value: Any) -> str:
  if isinstance(value, bool | dict | list):
    raise TypeError
  text = "" if value is None else str(value)
  text.encode()  # the bytes of a path may be no UTF-8, which nothing can keep
  return text


def _bool_or_raise(value: Any) -> bool:
  try:
    return _to_bool(value)
  except KeyError:
    raise ValueError from None


_CONVERTERS = types.MappingProxyType(
  {int: _to_int, float: _to_float, bool: _bool_or_raise, str: _to_str}
)
_KINDS = types.MappingProxyType({
  int: "a whole number",
  float: "a number",
  bool: "`true` or `false`",
  str: "text in UTF-8",
})
