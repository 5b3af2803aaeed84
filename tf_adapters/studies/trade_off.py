# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Accuracy against trained parameters: the paper's Figures 1, 3, 4 and 5."""

import dataclasses
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_adapters.studies import trade_off_pictures as pictures
from tf_adapters.studies.kind import Kind
from tf_adapters.studies.paper import PERCENTILES
from tf_adapters.studies.results import Point
from tf_adapters.studies.results import Results
from tf_adapters.studies.results import mean_and_error
from tf_adapters.studies.results import measure
from tf_adapters.studies.tables import Table
from tf_adapters.studies.tables import mean_and_error as shown
from tf_adapters.studies.tables import number

REFERENCE = "full"


@dataclasses.dataclass(frozen=True)
class Difference:
  """A task's score minus that of full fine-tuning of the same task, in points.

  Attributes:
    point: Whose it is.
    mean: Over seeds, minus the mean of full fine-tuning.
    error: Standard error of the mean over seeds; None: there is one seed.
  """

  point: Point
  mean: float
  error: float | None


@dataclasses.dataclass(frozen=True)
class Quantiles:
  """Percentiles over tasks of `Difference.mean`.

  Attributes:
    series: Name of the series.
    value: Of its sweep.
    trained: Parameters, the median over tasks, whose heads differ.
    share: The same in percent of the encoder's.
    low: The 20th, between neighbours linearly.
    middle: The 50th.
    high: The 80th.
  """

  series: str
  value: Any
  trained: float
  share: float
  low: float
  middle: float
  high: float

  @property
  def name(self) -> str:
    return self.series if self.value is None else f"{self.series} {self.value}"


def references(results: Results) -> dict[str, Point]:
  """Full fine-tuning by task, where it has scores."""
  found = {task: results.of(task, REFERENCE) for task in results.tasks}
  return {task: points[0] for task, points in found.items() if points}


def differences(results: Results) -> list[Difference]:
  """Of every point of a task that has been tuned in full."""
  full = references(results)
  found = []
  for point in results.points:
    if point.runs and point.task in full:
      mean, error = mean_and_error(point.scores)
      reference = statistics.fmean(full[point.task].scores)
      found.append(Difference(point, mean - reference, error))
  return found


def quantiles(results: Results) -> list[Quantiles]:
  """Of every point that all tasks have which were tuned in full."""
  tasks = len(references(results))
  groups: dict[tuple, list[Difference]] = {}
  for difference in differences(results):
    point = difference.point
    groups.setdefault((point.series, str(point.value)), []).append(difference)
  return [_quantiles(g) for g in groups.values() if len(g) == tasks]


def _quantiles(group: Sequence[Difference]) -> Quantiles:
  points = [difference.point for difference in group]
  return Quantiles(
    points[0].series,
    points[0].value,
    statistics.median(point.trained for point in points),
    statistics.median(point.share for point in points),
    *map(float, np.percentile([d.mean for d in group], PERCENTILES)),
  )


def tables(results: Results) -> list[Table]:
  """The percentiles, of two tasks and more, and every task."""
  rows = [
    (
      row.name,
      f"{row.trained:,.0f}",
      f"{row.share:.3f}",
      *map(number, (row.low, row.middle, row.high)),
    )
    for row in quantiles(results)
  ]
  names = list(references(results))
  over_tasks = Table(
    "Score minus that of full fine-tuning, points: percentiles over "
    + ", ".join(names),
    ("", "trained", "of encoder, %", "20th", "50th", "80th"),
    rows,
  )
  every = [_task_table(results, task) for task in results.tasks]
  return [over_tasks, *every] if len(names) > 1 else every


def _task_table(results: Results, task: str) -> Table:
  by_point = {id(row.point): row for row in differences(results)}
  rows, points = [], [p for p in results.points if p.task == task]
  for point in points:
    row = by_point.get(id(point))
    rows.append((
      point.name,
      ", ".join(f"{key}={value}" for key, value in point.chosen.items()),
      f"{point.trained:,}",
      f"{point.share:.3f}" if point.runs else "–",
      shown(*mean_and_error(point.scores)) if point.runs else "failed",
      shown(row.mean, row.error) if row else "–",
      str(len(point.runs)),
    ))
  return Table(
    f"{task}, {measure(points)}",
    ("", "chosen", "trained", "of encoder, %", "score", "minus full", "seeds"),
    rows,
    words=2,
  )


def draw(results: Results) -> dict[str, Any]:
  """`percentiles` over tasks, where there are two, and `tasks` one by one."""
  count = len(references(results))
  if not count:
    return {}
  found = {"tasks": pictures.tasks(results, differences(results))}
  if count > 1:
    rows = quantiles(results)
    found["percentiles"] = pictures.percentiles(results, rows, count)
  return found


KIND = Kind(
  name="trade-off",
  title="Accuracy against trained parameters",
  about=(
    "Every point is a way to tune: its score minus that of full fine-tuning "
    "of the same task, in points, over the share of the encoder's parameters "
    "that it trains for one task. Settings were chosen by the dev set with the "
    "first seed and repeated with the others. Figures 1, 3, 4 and 5 of the "
    "paper."
  ),
  series=REFERENCE,
  sweep="",
  tables=tables,
  draw=draw,
  pictures=("tasks", "percentiles"),
)
