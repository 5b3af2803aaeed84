# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What the fields of a suite's file may hold, and one sentence where not."""

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from tf_adapters import conversion
from tf_adapters import settings as settings_lib
from tf_adapters.errors import InputError

_PLAIN = (bool, int, float, str, type(None))
# What the suite sets itself.
_OWN = ("task.name", "store", "train.seed", "copy_encoder")


def tasks_of(where: str, settings: Mapping, tasks: Mapping) -> list[str]:
  """The tasks that a method is for."""
  names, known = settings.get("tasks", list(tasks)), list(map(str, tasks))
  if not isinstance(names, list) or not set(map(str, names)) <= set(known):
    raise InputError(
      f"{where}: `tasks` takes a list, of {', '.join(known)}; got {names!r}."
    )
  return list(map(str, names))


def is_baseline(where: str, settings: Mapping) -> bool:
  """Whether a method runs `tf-adapters baseline`."""
  baseline = settings.get("baseline", False)
  if not isinstance(baseline, bool):
    raise InputError(
      f"{where}: `baseline` takes true or false; got {baseline!r}."
    )
  for key in ("search", "seeds"):
    if baseline and key in settings:
      raise InputError(
        f"{where}: a baseline searches by itself and has no seeds; got "
        f"`{key}`."
      )
  return baseline


def layered(
  layers: Iterable[tuple[str, Any, Any]],
) -> tuple[dict[str, Any], dict[str, tuple]]:
  """Settings and searches over one another, the later over the earlier.

  Args:
    layers: Each by the place for errors, its settings and its search.

  Returns:
    Dotted settings, and values by setting.
  """
  settings, search = {}, {}
  for where, tree, values in layers:
    own, grid = flat(where, tree), space(where, values)
    for name in own.keys() & grid.keys():
      raise InputError(f"{where}: `{name}` has a value, and is searched.")
    search = {k: v for k, v in search.items() if k not in own} | grid
    settings |= own
  return settings, search


def flat(where: str, tree: Any) -> dict[str, Any]:
  """Nested settings as dotted ones."""
  check_mapping(where, tree or {})
  settings = settings_lib.dotted(tree or {})
  check_not_own(where, settings)
  return settings


def check_not_own(where: str, names: Mapping) -> None:
  """Refuses settings that the suite itself sets."""
  for name in _OWN:
    if name in names:
      raise InputError(f"{where}: the suite itself sets `{name}`.")


def space(where: str, search: Any) -> dict[str, tuple]:
  """Values by setting, each once."""
  check_mapping(where, search or {})
  check_not_own(where, search or {})
  grid = {}
  for name, values in (search or {}).items():
    if not isinstance(values, list) or not values:
      raise InputError(
        f"{where}: `search.{name}` takes a list of values; got {values!r}."
      )
    if not all(isinstance(value, _PLAIN) for value in values):
      raise InputError(
        f"{where}: `search.{name}` takes numbers, words, true, false and "
        f"null; got {values!r}. Write block numbers as \"3,4,5\"."
      )
    found = [_converted(where, str(name), value) for value in values]
    grid[str(name)] = tuple(dict.fromkeys(found))
  return grid


def _converted(where: str, name: str, value: Any) -> Any:
  """A value however the file writes it, or it would be another run's."""
  try:
    value = conversion.converted(name, value)
  except InputError as error:
    raise InputError(f"{where}: {error}") from error
  if isinstance(value, tuple):
    return ",".join(map(str, value))
  return value


def seeds(where: str, values: Any) -> tuple[int, ...]:
  """Seeds, the first of which searches."""
  whole = isinstance(values, list) and all(
    type(value) is int and value >= 0 for value in values
  )
  if not whole or not values or len(set(values)) < len(values):
    raise InputError(
      f"{where}: `seeds` takes a list of different whole numbers from 0; "
      f"got {values!r}."
    )
  return tuple(values)


def text(path: str, tree: Mapping, key: str, default: str) -> str:
  """A field that holds text."""
  value = tree.get(key) or default
  if not isinstance(value, str):
    raise InputError(f"{path}: `{key}` takes text; got {value!r}.")
  return value


def mapping(path: str, tree: Mapping, key: str) -> Mapping:
  """A field that holds `key: value` pairs."""
  check_mapping(f"{path}: `{key}`", tree[key])
  return tree[key]


def check_mapping(where: str, tree: Any) -> None:
  """Refuses what holds no `key: value` pairs."""
  if not isinstance(tree, Mapping):
    raise InputError(f"{where}: must hold `key: value` pairs; got {tree!r}.")


def check_keys(where: str, tree: Mapping, allowed: tuple[str, ...]) -> None:
  """Refuses keys that are not among `allowed`."""
  for key in tree:
    if key not in allowed:
      names = ", ".join(f"`{name}`" for name in allowed)
      raise InputError(
        f"{where}: unknown key `{key}`; allowed are {names}."
      )
