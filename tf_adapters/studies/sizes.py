# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One size of adapters for all tasks against the best of each: section 3.6."""

import dataclasses
import math
import statistics
from typing import Any

from tf_adapters import drawing
from tf_adapters.studies import paper
from tf_adapters.studies.kind import Kind
from tf_adapters.studies.results import Point
from tf_adapters.studies.results import Results
from tf_adapters.studies.results import mean_and_error
from tf_adapters.studies.tables import Table
from tf_adapters.studies.tables import mean_and_error as shown

_SERIES = "adapter"
_FIXED = 64  # of the paper's Table 1


@dataclasses.dataclass(frozen=True)
class Comparison:
  """Sizes on tasks.

  Attributes:
    points: By task and size, those that have scores of all seeds.
    sizes: Those that all tasks have, ascending.
    reference: The size with which the others are compared: 64, or the next.
    best: By task that with the best mean on the dev set over seeds; of equal
      ones the smallest.
  """

  points: dict[str, dict[int, Point]]
  sizes: tuple[int, ...]
  reference: int
  best: dict[str, int]

  def means(self, size: int) -> list[float]:
    """By seed the mean score over tasks with one size."""
    return self._by_seed({task: size for task in self.points})

  def best_means(self) -> list[float]:
    """By seed the mean score over tasks, each with its best size."""
    return self._by_seed(self.best)

  def _by_seed(self, sizes: dict[str, int]) -> list[float]:
    runs = [
      sorted(points[sizes[task]].runs, key=lambda run: run.seed)
      for task, points in self.points.items()
    ]
    return [
      statistics.fmean(run.score for run in of_seed)
      for of_seed in zip(*runs, strict=True)
    ]


def compare(results: Results) -> Comparison | None:
  """None if no size has scores on all tasks."""
  found = {task: results.of(task, _SERIES) for task in results.tasks}
  seeds = max((len(p.runs) for of in found.values() for p in of), default=0)
  points = {
    task: {
      int(point.value): point
      for point in found[task]
      if len(point.runs) == seeds  # the same ones for all means
    }
    for task in results.tasks
  }
  sizes = sorted(set.intersection(*(set(found) for found in points.values())))
  if not sizes:
    return None
  return Comparison(
    points,
    tuple(sizes),
    min(sizes, key=lambda size: abs(math.log(size / _FIXED))),
    {task: max(sizes, key=_on_dev(found)) for task, found in points.items()},
  )


def _on_dev(points: dict[int, Point]):
  return lambda size: statistics.fmean(run.dev for run in points[size].runs)


def tables(results: Results) -> list[Table]:
  """A row a size, then the best of each task."""
  found = compare(results)
  if found is None:
    return [Table("No size has scores on all tasks", ("size",), [])]
  rows = []
  for size in found.sizes:
    points = [found.points[task][size] for task in results.tasks]
    cells = [shown(*mean_and_error(point.scores)) for point in points]
    rows.append((str(size), *cells, shown(*mean_and_error(found.means(size)))))
  rows.append((
    "best by dev",
    *(str(found.best[task]) for task in results.tasks),
    shown(*mean_and_error(found.best_means())),
  ))
  title = (
    f"Score by size, means over {len(found.means(found.reference))} seeds; in "
    "the last row the best size of each task"
  )
  return [Table(title, ("size", *results.tasks, "mean of tasks"), rows)]


def draw(results: Results) -> dict[str, Any]:
  """`sizes`: means over tasks, compared with one size."""
  found = compare(results)
  if found is None:
    return {}
  figure = drawing.figure(8.5, 4.4)
  axes = figure.subplots()
  base = statistics.fmean(found.means(found.reference))
  _draw_tasks(axes, found)
  pairs = [mean_and_error(found.means(size)) for size in found.sizes]
  axes.errorbar(
    found.sizes,
    [mean - base for mean, _ in pairs],
    [error or 0 for _, error in pairs],
    **{**drawing.style(0), "linewidth": 2},
    capsize=3,
    label=f"mean of {len(found.points)} tasks ± standard error over seeds",
  )
  best, _ = mean_and_error(found.best_means())
  axes.axhline(
    best - base,
    color="black",
    linestyle="-.",
    label="best size of each task, by dev",
  )
  _draw_paper(axes, found.reference)
  axes.set_xscale("log", base=2)
  axes.xaxis.set_major_formatter("{x:g}")
  axes.set_xticks(found.sizes)
  axes.set_xlabel("bottleneck size of the adapters")
  axes.set_ylabel(f"score minus that of size {found.reference}, points")
  axes.set_title(f"means over {results.seeds} seeds")
  axes.spines[["top", "right"]].set_visible(False)
  axes.grid(axis="y", color="0.9")
  drawing.legend(figure, "outside right upper", fontsize=8)
  return {"sizes": figure}


def _draw_tasks(axes: Any, found: Comparison) -> None:
  for index, (task, points) in enumerate(found.points.items(), start=1):
    base = statistics.fmean(points[found.reference].scores)
    means = [statistics.fmean(points[size].scores) for size in found.sizes]
    axes.plot(
      found.sizes,
      [mean - base for mean in means],
      **drawing.style(index),
      label=f"{task} (best by dev: {found.best[task]})",
    )


def _draw_paper(axes: Any, reference: int) -> None:
  stated = paper.numbers()["size"]
  if reference not in stated["fixed"]:  # then there is nothing to compare
    return
  means, grey = stated["means"], "0.55"
  axes.plot(
    list(means),
    [mean - means[reference] for mean in means.values()],
    color=grey,
    linestyle="none",
    marker="P",
    markersize=8,
    label=f"{paper.SOURCE}, section 3.6:\n8 GLUE tasks, BERT-large, dev",
  )
  axes.axhline(
    stated["best"] - stated["fixed"][reference],
    color=grey,
    linestyle="--",
    label=f"{paper.SOURCE}, Table 1:\nbest of 8, 64, 256 for each task, test",
  )


KIND = Kind(
  name="size",
  title="One size for all tasks, or the best for each",
  about=(
    "Mean score over tasks with one size of adapters for all of them, beside "
    "that with the size which was best for each by the dev set. Scores of "
    "tasks without a test set are of the dev set that chose, which flatters "
    "the best. Section 3.6 of the paper."
  ),
  series=_SERIES,
  sweep="adapter.size",
  tables=tables,
  draw=draw,
  pictures=("sizes",),
)
