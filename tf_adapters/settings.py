# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Reads a `Config`: dotted `key=value` over YAML over defaults, strictly."""

import dataclasses
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import yaml

from tf_adapters import conversion
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
  tree = _nested(read_yaml(path), f"{path}: ") if path else {}
  for item in overrides:
    _override(tree, item)
  return from_dict(tree)


def from_dict(tree: Mapping[str, Any]) -> Config:
  """Makes a validated `Config` of nested (or dotted) keys."""
  config = conversion.parse(Config, _nested(tree), "")
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
  if value in ("null", "none") and conversion.may_be_none(path):
    value = None
  _place(tree, path, value)


def _nested(tree: Mapping[str, Any], where: str = "") -> dict[str, Any]:
  """Dotted keys as nested ones; refuses one that is there in both ways."""
  nested: dict[str, Any] = {}
  seen = set()
  for key, value in tree.items():
    for name in dotted({str(key): value}):
      if name in seen:
        raise InputError(f"{where}`{name}` is there twice.")
      seen.add(name)
    _place(nested, str(key).split("."), value)
  return nested


def _place(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
  for part in path[:-1]:
    tree = tree.setdefault(part, {})
    if not isinstance(tree, dict):
      raise InputError(f"`{part}` is a value, so it cannot hold `{path[-1]}`.")
  if isinstance(value, Mapping) and isinstance(tree.get(path[-1]), dict):
    tree[path[-1]].update(value)
  else:
    tree[path[-1]] = dict(value) if isinstance(value, Mapping) else value
