# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""How far from zero adapters may start: the paper's Figure 6, right."""

from collections.abc import Sequence
from typing import Any

from tf_adapters import drawing
from tf_adapters.studies import paper
from tf_adapters.studies.kind import Kind
from tf_adapters.studies.results import Point
from tf_adapters.studies.results import Results
from tf_adapters.studies.results import mean_and_error
from tf_adapters.studies.results import measure
from tf_adapters.studies.tables import Table
from tf_adapters.studies.tables import mean_and_error as shown

_SERIES = "adapter"


def tables(results: Results) -> list[Table]:
  """A row a deviation, a column a task."""
  by_value: dict[float, dict[str, Point]] = {}
  for task in results.tasks:
    for point in _points(results, task):
      by_value.setdefault(float(point.value), {})[task] = point
  rows = [
    (f"{value:g}", *(_cell(points.get(task)) for task in results.tasks))
    for value, points in sorted(by_value.items())
  ]
  measures = "; ".join(
    f"{task}: {measure(_points(results, task))}" for task in results.tasks
  )
  return [
    Table(
      f"Score by standard deviation of the start ({measures}; "
      f"{results.seeds} seeds)",
      ("deviation", *results.tasks),
      rows,
      words=0,
    )
  ]


def _points(results: Results, task: str) -> list[Point]:
  """Those of the sweep, failed ones among them."""
  return [
    point
    for point in results.points
    if (point.task, point.series) == (task, _SERIES)
  ]


def _cell(point: Point | None) -> str:
  if point is None:
    return "–"
  lost = f", {len(point.failed)} failed" if point.failed else ""
  if not point.runs:
    return "failed"
  return shown(*mean_and_error(point.scores)) + lost


def draw(results: Results) -> dict[str, Any]:
  """`tasks`: an axes a task, since scores of tasks lie far apart."""
  names = results.tasks
  columns = min(3, len(names))
  lines = -(-len(names) // columns)
  figure = drawing.figure(1 + 4 * columns, 1.2 + 3.2 * lines)
  grid = figure.subplots(lines, columns, squeeze=False)
  for axes, task in zip(grid.flat, names, strict=False):
    _draw(axes, results.of(task, _SERIES))
    points = _points(results, task)
    _mark_failures(axes, points)
    axes.set_title(task)
    axes.set_ylabel(f"{measure(points)}, %")
  for axes in grid.flat[len(names) :]:
    axes.remove()
  figure.suptitle(f"means over {results.seeds} seeds ± standard error")
  drawing.legend(figure, "outside lower center", ncols=2)
  return {"tasks": figure}


def _draw(axes: Any, points: Sequence[Point]) -> None:
  stated = paper.numbers()["initialisation"]
  axes.axvspan(
    stated["least"],
    stated["robust"],
    facecolor="0.92",
    label=f"robust in {paper.SOURCE}, Figure 6",
  )
  axes.axvline(
    stated["usual"],
    color="0.55",
    linestyle=":",
    label=f"deviation of its other experiments, {stated['usual']:g}",
  )
  line = sorted(points, key=lambda point: float(point.value))
  found = [mean_and_error(point.scores) for point in line]
  axes.errorbar(
    [float(point.value) for point in line],
    [mean for mean, _ in found],
    [error or 0 for _, error in found],
    **drawing.style(0),
    capsize=3,
    label="measured",
  )
  axes.set_xscale("log")
  axes.set_xlabel("standard deviation of the adapters' start")
  axes.spines[["top", "right"]].set_visible(False)


def _mark_failures(axes: Any, points: Sequence[Point]) -> None:
  values = [float(point.value) for point in points if point.failed]
  if values:
    axes.plot(
      values,
      [0.02] * len(values),
      transform=axes.get_xaxis_transform(),
      color="black",
      linestyle="none",
      marker="x",
      label="runs that failed",
    )


KIND = Kind(
  name="initialisation",
  title="The start of adapters",
  about=(
    "Score by the standard deviation of the truncated normal from which the "
    "kernels of adapters are drawn. Figure 6, right, of the paper: scores of "
    "MNLI and CoLA stay up to 1e-2 and fall above."
  ),
  series=_SERIES,
  sweep="adapter.init_stddev",
  tables=tables,
  draw=draw,
  pictures=("tasks",),
)
