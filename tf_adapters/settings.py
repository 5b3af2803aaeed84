# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Reads a `Config`: dotted `key=value` over YAML over defaults, strictly."""

import dataclasses
import pathlib
import types
import typing
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import yaml

from tf_adapters import validation
from tf_adapters.config import Config
from tf_adapters.errors import InputError


def load(
  path: str | None = None, overrides: Sequence[str] = ()
) -> Config:
  """Reads a configuration: `overrides` over the YAML at `path` over defaults.

  Args:
    path: A YAML file of nested keys, or None.
    overrides: `key=value` with dotted keys, as `train.epochs=3`; `null` and
      `none` stand for None where that is allowed. In YAML `null` does; a
      label of these names is set there, as `positive: "none"`.

  Returns:
    The settings, each checked; `tf_adapters.Config` names them all.

  Raises:
    InputError: for an unknown key or a value that is not allowed, by name.
  """
  tree: dict[str, Any] = {}
  for key, value in (read_yaml(path) if path else {}).items():
    _place(tree, str(key).split("."), value)
  for item in overrides:
    _override(tree, item)
  return from_dict(tree)


def from_dict(tree: Mapping[str, Any]) -> Config:
  """Makes a validated `Config` of nested (or dotted) keys."""
  nested: dict[str, Any] = {}
  for key, value in tree.items():
    _place(nested, str(key).split("."), value)
  config = _parse(Config, nested, "")
  validation.validate(config)
  return config


def checked(config: Config | Mapping[str, Any]) -> Config:
  """The same, or one of nested (or dotted) keys, validated."""
  if isinstance(config, Config):
    config = to_dict(config)  # nobody has looked into one made in Python
  if not isinstance(config, Mapping):
    raise InputError(
      f"`config` takes a `Config` or a dictionary; got {config!r} "
      "(`load_config` reads a file)."
    )
  return from_dict(config)


def converted(name: str, value: Any) -> Any:
  """A value as the type of its dotted setting, which may be written as text.

  Raises:
    InputError: if it cannot be.
  """
  hint = _hint(name.split("."))
  if hint is None or dataclasses.is_dataclass(hint):
    return value  # there is no such setting; who reads it says so
  return _convert(hint, value, name)


def to_dict(config: Any) -> dict[str, Any]:
  """The nested dictionary that `from_dict` reads."""
  return dataclasses.asdict(config)


def changed(config: Config) -> dict[str, Any]:
  """Dotted settings that are not the defaults."""
  defaults = dotted(to_dict(Config()))
  return {
    key: value
    for key, value in dotted(to_dict(config)).items()
    if value != defaults[key]
  }


def dotted(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
  """Nested settings as dotted ones, each with `prefix` before it."""
  flat = {}
  for key, value in tree.items():
    if isinstance(value, Mapping):
      flat.update(dotted(value, f"{prefix}{key}."))
    else:
      flat[f"{prefix}{key}"] = value
  return flat


def read_yaml(path: str) -> dict[str, Any]:
  """The keys and values of a YAML file.

  Raises:
    InputError: naming the file, if it is missing or anything else.
  """
  try:
    text = pathlib.Path(path).read_text(encoding="utf-8")
    tree = yaml.load(text, _Loader)  # noqa: S506  it is a SafeLoader
  except (FileNotFoundError, NotADirectoryError):
    raise InputError(f"{path}: no such configuration file.") from None
  except IsADirectoryError:
    raise InputError(f"{path}: is a folder, not a file.") from None
  except UnicodeDecodeError as error:
    raise InputError(f"{path}: is not UTF-8: {error}.") from error
  except (yaml.YAMLError, ValueError) as error:  # ValueError: no such date
    reason = " ".join(str(error).split())
    raise InputError(f"{path}: is not valid YAML: {reason}.") from error
  if tree is None:
    return {}
  if not isinstance(tree, dict):
    raise InputError(
      f"{path}: must hold `key: value` pairs; got a {type(tree).__name__}."
    )
  return tree


class _Loader(yaml.SafeLoader):
  """Refuses a key that is there twice, of which YAML would take the last."""

  def construct_mapping(self, node, deep=False):
    seen = set()
    for key, _ in node.value:
      if key.tag.endswith(":merge") or not isinstance(key, yaml.ScalarNode):
        continue
      if key.value in seen:
        raise yaml.constructor.ConstructorError(
          problem=f"`{key.value}` is there twice", problem_mark=key.start_mark
        )
      seen.add(key.value)
    return super().construct_mapping(node, deep)


def _override(tree: dict[str, Any], item: str) -> None:
  key, separator, value = item.partition("=")
  if not separator or not key:
    raise InputError(
      f"{item!r} is not a setting; write it as `key=value`, for instance "
      "`train.epochs=3`."
    )
  path = key.split(".")
  if value in ("null", "none") and _may_be_none(path):
    value = None
  _place(tree, path, value)


def _may_be_none(path: Sequence[str]) -> bool:
  return type(None) in typing.get_args(_hint(path))


def _hint(path: Sequence[str]) -> Any:
  """The type of a setting; None: there is no such setting."""
  hint: Any = Config
  for part in path:
    if not dataclasses.is_dataclass(hint):
      return None
    hint = typing.get_type_hints(hint).get(part)
  return hint


def _place(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
  for part in path[:-1]:
    tree = tree.setdefault(part, {})
    if not isinstance(tree, dict):
      raise InputError(f"`{part}` is a value, so it cannot hold `{path[-1]}`.")
  if isinstance(value, Mapping) and isinstance(tree.get(path[-1]), dict):
    tree[path[-1]].update(value)
  else:
    tree[path[-1]] = dict(value) if isinstance(value, Mapping) else value


def _parse(cls: type, tree: Any, prefix: str) -> Any:
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
      values[key] = _parse(hints[key], value, f"{prefix}{key}.")
    else:
      values[key] = _convert(hints[key], value, f"{prefix}{key}")
  return cls(**values)


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
  return "" if value is None else str(value)


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
  str: "text",
})
