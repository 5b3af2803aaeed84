# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a suite is to run, read from its file and checked before it starts."""

import dataclasses
import hashlib
import itertools
import pathlib
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from tf_adapters import checks
from tf_adapters import json_files
from tf_adapters import settings as settings_lib
from tf_adapters.errors import InputError
from tf_adapters.store import store as store_lib
from tf_adapters.suites import fields
from tf_adapters.tasks import tables

KEYS = (
  "output", "storage", "root", "seeds", "settings", "search", "tasks", "methods"
)


@dataclasses.dataclass(frozen=True)
class Cell:
  """One task with one method.

  Attributes:
    task: Name of the task.
    method: Name of the method.
    settings: Dotted settings of all its runs, files as they were given.
    search: Values by setting; every combination is tried.
    seeds: The first searches, the others repeat what it chose.
    baseline: Whether it runs `tf-adapters baseline` instead of `train`.
    root: Folder of data files whose paths are relative.
    version: Goes with its name in the storage of trials, so that one that
      has been changed since is another; empty: the name alone.
  """

  task: str
  method: str
  settings: Mapping[str, Any]
  search: Mapping[str, tuple]
  seeds: tuple[int, ...]
  baseline: bool
  root: pathlib.Path = pathlib.Path()
  version: str = ""

  @property
  def name(self) -> str:
    return f"{self.task}/{self.method}"

  @property
  def stored(self) -> str:
    """Its name in the storage of trials."""
    return f"{self.name}@{self.version}" if self.version else self.name

  def run_settings(
    self, chosen: Mapping[str, Any], seed: int
  ) -> dict[str, Any]:
    """Dotted settings of one run, but for its store."""
    given = {**self.settings, **chosen}
    return {
      **given,
      **{key: str(path) for key, path in self.files(chosen).items()},
      "task.name": self.task,
      "train.seed": seed,
      "copy_encoder": False,
    }

  def files(self, chosen: Mapping[str, Any]) -> dict[str, pathlib.Path]:
    """The data files of one run by their settings."""
    given = {**self.settings, **chosen}
    return {
      key: self.root / given[key]
      for key in ("data.train", "data.eval", "data.test")
      if given.get(key) and isinstance(given[key], str)
    }

  def identity(self, chosen: Mapping[str, Any], seed: int) -> str:
    """The same for runs of the same settings, wherever their data lies."""
    moved = dataclasses.replace(self, root=pathlib.Path())
    config = settings_lib.from_dict(moved.run_settings(chosen, seed))
    return digest([self.baseline, settings_lib.changed(config)])

  @property
  def points(self) -> Iterator[dict[str, Any]]:
    """What is searched: every combination."""
    for values in itertools.product(*self.search.values()):
      yield dict(zip(self.search, values, strict=True))


@dataclasses.dataclass(frozen=True)
class Suite:
  """All that a suite runs.

  Attributes:
    path: Its file.
    output: Folder of results; processes that work together share it.
    storage: Where Optuna keeps trials: a URL as `sqlite:///suite.db`; empty:
      a journal in `output`.
    cells: In the order of the file, task by task.
  """

  path: str
  output: pathlib.Path
  storage: str
  cells: tuple[Cell, ...]

  @property
  def tasks(self) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cell.task for cell in self.cells))

  @property
  def methods(self) -> tuple[str, ...]:
    return tuple(dict.fromkeys(cell.method for cell in self.cells))


def load(path: str, **over: str | None) -> Suite:
  """Reads a suite; every run of it is checked.

  The file's keys: `output`, `storage`, `root` (the folder of data files whose
  paths are relative), `seeds` (numbers), `settings` and `search` for all runs,
  `tasks` and `methods`. A task is a mapping of settings and may have a
  `search`. A method may have `settings`, `search`, `seeds`, `tasks` (names:
  the others leave it out) and `baseline`. What a method says of a setting, a
  value or values to try, goes over what the task says of it, and that over
  what the suite says. Of all that is left to try every combination is tried;
  but where a method has a search, that of the suite is left out whole.

  Args:
    path: Of the file, YAML.
    **over: `output`, `storage` and `root` that go over the file's.

  Raises:
    InputError: for a key, a setting or a value that is not allowed.
  """
  return from_tree(path, settings_lib.read_yaml(path), **over)


def from_tree(path: str, tree: Mapping[str, Any], **over: str | None) -> Suite:
  """What `load` makes of what it read; `path` is for errors."""
  fields.check_keys(path, tree, KEYS)
  tree = {**tree, **{key: value for key, value in over.items() if value}}
  for key in ("tasks", "methods"):
    if not tree.get(key):
      raise InputError(f"{path}: `{key}` must name at least one; got none.")
  cells = []
  for task, settings in fields.mapping(path, tree, "tasks").items():
    for method, own in fields.mapping(path, tree, "methods").items():
      cell = _cell(path, tree, (str(task), settings), (str(method), own))
      if cell is not None:
        _check_runs(path, cell)
        cells.append(dataclasses.replace(cell, version=_version(cell)))
  output = fields.text(path, tree, "output", "suite")
  checks.literal("output", output)
  return Suite(
    path,
    pathlib.Path(output),
    fields.text(path, tree, "storage", ""),
    tuple(cells),
  )


def digest(tree: Any) -> str:
  """Twelve letters that stand for what can be written as JSON."""
  return hashlib.sha256(json_files.encode({"": tree})).hexdigest()[:12]


def _cell(path, tree, task, method) -> Cell | None:
  name, settings = method[0], method[1] or {}
  where, of_task = f"{path}: `methods.{name}`", f"{path}: `tasks.{task[0]}`"
  for place, value in ((of_task, task[0]), (where, name)):
    store_lib.check_name(value, f"{place}: the name")
  fields.check_mapping(where, settings)
  fields.check_keys(
    where, settings, ("settings", "search", "seeds", "tasks", "baseline")
  )
  if task[0] not in fields.tasks_of(where, settings, tree["tasks"]):
    return None
  fields.check_mapping(of_task, task[1] or {})
  own = dict(task[1] or {})
  searched = own.pop("search", None)  # the rest are settings
  general = None if "search" in settings else tree.get("search")
  given, search = fields.layered([
    (path, tree.get("settings"), general),
    (of_task, own, searched),
    (where, settings.get("settings"), settings.get("search")),
  ])
  baseline = fields.is_baseline(where, settings)
  if baseline:  # it searches by itself, and has no chance in it
    search, seeds = {}, (0,)
  else:
    seeds = fields.seeds(where, settings.get("seeds", tree.get("seeds", [0])))
  return Cell(
    task=task[0],
    method=name,
    settings=given,
    search=search,
    seeds=seeds,
    baseline=baseline,
    root=pathlib.Path(fields.text(path, tree, "root", "")),
  )


def _version(cell: Cell) -> str:
  runs = [
    [cell.identity(chosen, seed) for seed in cell.seeds]
    for chosen in cell.points
  ]
  return digest([list(cell.search), runs])


def _check_runs(path: str, cell: Cell) -> None:
  for chosen in cell.points:
    try:
      config = settings_lib.from_dict(
        cell.run_settings(chosen, cell.seeds[0])
      )
      tables.form(config.data.form)
    except InputError as error:
      raise InputError(f"{path}: {cell.name}: {error}") from error
    if cell.baseline and config.task.type == "span":
      raise InputError(f"{path}: {cell.name}: no baseline is for a span task.")
    dev = config.data.tfds_eval if config.data.tfds else config.data.eval
    if not dev:
      raise InputError(
        f"{path}: {cell.name}: `data.eval` must name a dev set, by which "
        "settings are chosen; got nothing."
      )
