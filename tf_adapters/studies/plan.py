# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a study is to run: series of settings on tasks, from a file."""

import dataclasses
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from tf_adapters import metrics
from tf_adapters import settings as settings_lib
from tf_adapters.errors import InputError
from tf_adapters.studies.kind import Kind
from tf_adapters.studies.results import Place
from tf_adapters.suites import fields as suite_fields
from tf_adapters.suites import plan as suite_plan
from tf_adapters.suites import run as suite_run

_OUTPUT = "studies"
_KEYS = (*(key for key in suite_plan.KEYS if key != "methods"), "series")


@dataclasses.dataclass(frozen=True)
class Study:
  """All that a study runs.

  Attributes:
    kind: What it is.
    suite: Its runs; a method is one point of a series.
    places: Of the methods, by name.
    config: The text of its file.
  """

  kind: Kind
  suite: suite_plan.Suite
  places: Mapping[str, Place]
  config: str

  def inspect(self, cell: suite_plan.Cell) -> suite_run.Inspect | None:
    """What is done with the trained tasks of a cell."""
    needed = self.places[cell.method].series == self.kind.series
    return self.kind.inspect if needed else None

  @property
  def folder(self) -> pathlib.Path:
    """Where its results go."""
    return self.suite.output / self.kind.name


def load(kind: Kind, path: str, **over: str | None) -> Study:
  """Reads the file of a study; every run of it is checked.

  Its keys are those of a suite (`tf_adapters.suites.plan.load`), but for
  `series` in the place of `methods`. A series is as a method, and may have
  `sweep`, one setting with a list of values: a method for each value.

  Args:
    kind: Of the study.
    path: Of the file, YAML.
    **over: `output`, `storage` and `root` that go over the file's.

  Raises:
    InputError: for a key, a setting or a value that is not allowed, or a
      series that a study of this kind needs and the file lacks.
  """
  tree = dict(settings_lib.read_yaml(path))
  suite_fields.check_keys(path, tree, _KEYS)
  series = tree.pop("series", None)
  if not isinstance(series, Mapping) or not series:
    raise InputError(
      f"{path}: `series` must hold at least one; got {series!r}."
    )
  methods, places = {}, {}
  for name, fields in series.items():
    for method, place, settings in _expand(path, str(name), fields or {}):
      if method in places:
        raise InputError(f"{path}: two points have the name {method!r}.")
      methods[method], places[method] = settings, place
  _check(path, kind, series)
  tree = {"output": _OUTPUT, **tree, "methods": methods}
  suite = suite_plan.from_tree(path, tree, **over)
  for cell in suite.cells:
    if cell.settings.get("task.metric") in metrics.ERRORS:
      raise InputError(
        f"{path}: {cell.name}: a study compares shares; got `task.metric` "
        f"{cell.settings['task.metric']!r}, of which less is better."
      )
  text = pathlib.Path(path).read_text(encoding="utf-8")
  study = Study(kind, suite, places, text)
  cells = tuple(_with_version(cell, study) for cell in suite.cells)
  suite = dataclasses.replace(suite, cells=cells)
  return dataclasses.replace(study, suite=suite)


def _expand(path: str, name: str, fields: Any):
  """Name, place and settings of each method of a series."""
  where = f"{path}: `series.{name}`"
  if not isinstance(fields, Mapping):
    raise InputError(f"{where}: must hold `key: value` pairs; got {fields!r}.")
  if fields.get("baseline"):
    raise InputError(f"{where}: a study trains the encoder; got `baseline`.")
  rest = {key: value for key, value in fields.items() if key != "sweep"}
  suite_fields.check_mapping(f"{where}: `settings`", rest.get("settings") or {})
  if "sweep" not in fields:
    yield name, Place(name, None), rest
    return
  setting, values = _sweep(where, fields["sweep"])
  for value in values:
    method = f"{name}-{re.sub('[^A-Za-z0-9_-]+', '_', str(value))}"
    settings = {**(rest.get("settings") or {}), setting: value}
    yield method, Place(name, value), {**rest, "settings": settings}


def _sweep(where: str, sweep: Any) -> tuple[str, list]:
  if isinstance(sweep, Mapping) and len(sweep) == 1:
    ((setting, values),) = sweep.items()
    if isinstance(values, list) and values:
      return str(setting), values
  raise InputError(
    f"{where}: `sweep` takes one setting with a list of values; got {sweep!r}."
  )


def _check(path: str, kind: Kind, series: Mapping[str, Any]) -> None:
  swept = {
    name: next(iter((fields or {}).get("sweep", {}).items()), ("", []))
    for name, fields in series.items()
  }
  if kind.series not in series or swept[kind.series][0] != kind.sweep:
    what = f"sweeps `{kind.sweep}`" if kind.sweep else "sweeps nothing"
    raise InputError(
      f"{path}: `{kind.name}` needs a series `{kind.series}` that {what}."
    )
  for name, needed in kind.beside.items():
    setting, values = swept.get(name, (needed, []))
    if setting != needed or not all(type(v) in (int, str) for v in values):
      raise InputError(
        f"{path}: `series.{name}` must sweep `{needed}` by words or numbers, "
        f'as ["1,2", "2"]; got `{setting}` {values!r}.'
      )


def _with_version(cell: suite_plan.Cell, study: Study) -> suite_plan.Cell:
  """Studies may share a folder: what this one alone measures, it runs."""
  if not study.inspect(cell):
    return cell
  version = suite_plan.digest([cell.version, study.kind.name])
  return dataclasses.replace(cell, version=version)
