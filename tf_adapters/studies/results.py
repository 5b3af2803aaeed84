# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What came of a study, as data: everything that is drawn and tabled."""

import dataclasses
import importlib.metadata
import pathlib
import platform
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from tf_adapters import json_files
from tf_adapters.errors import InputError
from tf_adapters.suites import table as suite_table
from tf_adapters.suites.outcome import Outcome
from tf_adapters.suites.trials import Trial
from tf_adapters.version import __version__

_PACKAGES = (
  "tensorflow", "tf-keras", "tensorflow-text", "tf-models-official", "numpy",
  "optuna", "matplotlib",
)
_FORMAT = 1


class Place(NamedTuple):
  """Where a run belongs: to a series, at a value of what the series sweeps."""

  series: str
  value: Any


@dataclasses.dataclass(frozen=True)
class Run:
  """One run with the settings that the dev set chose.

  Attributes:
    seed: Its seed.
    score: On the test set where there is one, else on the dev set, in percent.
    dev: On the dev set, in percent.
    speed: Of training, in examples/s; None: not known.
    inspected: What the study measured on the trained task.
  """

  seed: int
  score: float
  dev: float
  speed: float | None
  inspected: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Point:
  """One task with one point of a series.

  Attributes:
    task: Its name.
    series: Name of the series.
    value: Of the setting that the series sweeps; None: it sweeps none.
    metric: Of the scores.
    tested: Whether they are of a test set.
    trained: Parameters that the task trains.
    encoder: Parameters of the encoder.
    chosen: Settings that the dev set chose.
    runs: One a seed.
    seconds: That all its runs took, those of the search among them.
    failed: Why runs with the settings of the point failed, of all its runs if
      none was well.
  """

  task: str
  series: str
  value: Any
  metric: str
  tested: bool
  trained: int
  encoder: int
  chosen: Mapping[str, Any]
  runs: tuple[Run, ...]
  seconds: float
  failed: tuple[str, ...]

  @property
  def name(self) -> str:
    """As `adapter 64`."""
    return self.series if self.value is None else f"{self.series} {self.value}"

  @property
  def scores(self) -> list[float]:
    """Of its runs, in percent."""
    return [run.score for run in self.runs]

  @property
  def share(self) -> float:
    """What it trains, of the encoder's parameters, in percent."""
    return 100 * self.trained / self.encoder


@dataclasses.dataclass(frozen=True)
class Results:
  """All points of a study, and how they were made.

  Attributes:
    study: Its kind.
    points: In the order of the file, task by task.
    command: That made them, without the folders of who ran it.
    config: The text of the study's file.
    versions: Of the packages.
  """

  study: str
  points: tuple[Point, ...]
  command: str = ""
  config: str = ""
  versions: Mapping[str, str] = dataclasses.field(default_factory=dict)

  @property
  def tasks(self) -> tuple[str, ...]:
    return tuple(dict.fromkeys(point.task for point in self.points))

  def of(self, task: str, series: str) -> list[Point]:
    """The points of a series on a task that have scores, in their order."""
    return [
      point
      for point in self.points
      if (point.task, point.series) == (task, series) and point.runs
    ]

  @property
  def seeds(self) -> int:
    """The most runs that a point has."""
    return max((len(point.runs) for point in self.points), default=0)


def measure(points: Sequence[Point]) -> str:
  """What the scores of one task's points are, as `accuracy on the test set`."""
  known = [point for point in points if point.runs]
  if not known:
    return "no scores"
  sets = {"test" if point.tested else "dev" for point in known}
  return f"{known[0].metric} on the {' and '.join(sorted(sets))} set"


def gather(outcomes: Sequence[Outcome], places: Mapping[str, Place]) -> tuple:
  """Points of outcomes; `places` says to which series a method belongs."""
  return tuple(_point(o, places[o.cell.method]) for o in outcomes)


def _point(outcome: Outcome, place: Place) -> Point:
  best = outcome.best.result if outcome.best else {}
  found = [_run(outcome, trial) for trial in outcome.repeats]
  failed = outcome.failed if outcome.best else outcome.tried
  every = {id(trial): trial for trial in (*outcome.tried, *outcome.repeats)}
  return Point(
    task=outcome.cell.task,
    series=place.series,
    value=place.value,
    metric=outcome.metric,
    tested=bool(best.get("test_metrics")),
    trained=best.get("trainable_parameters", 0),
    encoder=best.get("encoder_parameters", 0),
    chosen=dict(outcome.best.chosen) if outcome.best else {},
    runs=tuple(run for run in found if run is not None),
    seconds=sum(t.result.get("seconds", 0.0) for t in every.values()),
    failed=(
      *(trial.error for trial in failed if trial.error),
      *("its score is undefined" for run in found if run is None),
    ),
  )


def _run(outcome: Outcome, trial: Trial) -> Run | None:
  score = suite_table.score(outcome, trial)
  dev = trial.result["metrics"].get(outcome.metric)
  if score is None or dev is None:
    return None
  return Run(
    seed=trial.chosen.get("train.seed", outcome.cell.seeds[0]),
    score=100 * score,
    dev=100 * dev,
    speed=trial.result.get("examples_per_s"),
    inspected=trial.result.get("inspected", {}),
  )


def versions() -> dict[str, str]:
  """Of Python and of what computes and draws."""
  found = {"tf_adapters": __version__, "Python": platform.python_version()}
  for package in _PACKAGES:
    try:
      found[package] = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # TensorFlow for TPUs
      continue
  return found


def encode(results: Results) -> bytes:
  """As JSON."""
  return json_files.encode({"format": _FORMAT, **dataclasses.asdict(results)})


def read(path: pathlib.Path) -> Results:
  """What `encode` wrote.

  Raises:
    InputError: for a file that it did not write.
  """
  tree = json_files.read(path)
  if tree.pop("format", None) != _FORMAT:
    raise InputError(f"{path}: is not of this version of the package.")
  try:
    points = tuple(
      Point(**{
        **point,
        "runs": tuple(Run(**run) for run in point["runs"]),
        "failed": tuple(point["failed"]),
      })
      for point in tree.pop("points")
    )
    return Results(points=points, **tree)
  except (KeyError, TypeError) as error:
    raise InputError(f"{path}: is damaged: {error}.") from None


def mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
  """Mean and standard error of the mean; of one value there is none."""
  return suite_table.mean_and_error(values)


