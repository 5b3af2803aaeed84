# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Which blocks' adapters matter: the paper's Figure 6, and AdapterDrop."""

import dataclasses
import math
import statistics
import types
from typing import Any

from tf_adapters.studies import ablation_pictures as pictures
from tf_adapters.studies import removal
from tf_adapters.studies.kind import Kind
from tf_adapters.studies.results import Point
from tf_adapters.studies.results import Results
from tf_adapters.studies.results import mean_and_error
from tf_adapters.studies.tables import Table
from tf_adapters.studies.tables import mean_and_error as shown

_SERIES = "adapter"
_DROPPED = "dropped"

# Mean and standard error over seeds; None: there is none.
Estimate = tuple[float, float | None] | None


@dataclasses.dataclass(frozen=True)
class Ablation:
  """A task without some of its adapters, on its dev set.

  Attributes:
    task: Its name.
    metric: Of the scores.
    whole: Score with all adapters, in percent.
    spans: `[first][last]`, scores without the adapters of these blocks minus
      that with all of them, in points; None where last < first.
    lowest: The same without those of the lowest 0, 1, … blocks.
    trained: The same of tasks that were trained without them.
    prediction: Speed without those of the lowest 0, 1, … blocks, in that with
      all of them.
    training: The same of training.
    seeds: How many there are.
  """

  task: str
  metric: str
  whole: Estimate
  spans: list[list[Estimate]]
  lowest: list[Estimate]
  trained: list[Estimate]
  prediction: list[Estimate]
  training: list[Estimate]
  seeds: int


def of(results: Results) -> list[Ablation]:
  """A task each, where it was trained."""
  found = []
  for task in results.tasks:
    for point in results.of(task, _SERIES):
      found.append(_of(point, results.of(task, _DROPPED)))
  return found


def _of(point: Point, dropped: list[Point]) -> Ablation:
  measured = [run.inspected for run in point.runs]
  blocks = range(len(measured[0]["spans"]))
  spans = [
    [
      _estimate([_loss(one, one["spans"][first][last]) for one in measured])
      for last in blocks
    ]
    for first in blocks
  ]
  nothing = _estimate([0.0] * len(measured))
  by_lowest = {_lowest(other): other for other in dropped}
  return Ablation(
    task=point.task,
    metric=measured[0]["metric"],
    whole=_estimate([100 * one["whole"] for one in measured]),
    spans=spans,
    lowest=[nothing, *spans[0]],
    trained=[
      nothing if not n else _trained(point, by_lowest.get(n))
      for n in range(len(blocks) + 1)
    ],
    prediction=[
      _estimate([one["prediction"][n] / one["prediction"][0]
                 for one in measured])
      for n in range(len(blocks) + 1)
    ],
    training=[
      _training(point, by_lowest.get(n) if n else point)
      for n in range(len(blocks) + 1)
    ],
    seeds=len(measured),
  )


def _loss(measured: dict[str, Any], score: float | None) -> float:
  whole = measured["whole"]
  if score is None or whole is None:
    return math.nan
  return 100 * (score - whole)


def _estimate(values: list[float]) -> Estimate:
  known = [value for value in values if math.isfinite(value)]
  return mean_and_error(known) if known else None


def _lowest(point: Point) -> int:
  """The lowest block that has adapters, and so how many below have none."""
  return min(int(block) for block in str(point.value).split(","))


def _trained(point: Point, other: Point | None) -> Estimate:
  if other is None:
    return None
  base = statistics.fmean(run.dev for run in point.runs)
  return _estimate([run.dev - base for run in other.runs])


def _training(point: Point, other: Point | None) -> Estimate:
  speeds = [run.speed for run in point.runs if run.speed]
  if other is None or not speeds:
    return None
  base = statistics.fmean(speeds)
  return _estimate([run.speed / base for run in other.runs if run.speed])


def tables(results: Results) -> list[Table]:
  """Of each task the spans, then what the lowest blocks cost and bring."""
  found = []
  for ablation in of(results):
    found += [_spans_table(ablation), _lowest_table(ablation)]
  return found


def _spans_table(ablation: Ablation) -> Table:
  blocks = range(len(ablation.spans))
  title = (
    f"{ablation.task}: {ablation.metric} on the dev set without the adapters "
    f"of blocks first to last, minus {_cell(ablation.whole)} with all, points; "
    f"{ablation.seeds} seeds"
  )
  rows = [
    (f"first {first}", *(_cell(cell) for cell in ablation.spans[first]))
    for first in blocks
  ]
  return Table(title, ("", *(f"last {last}" for last in blocks)), rows)


def _lowest_table(ablation: Ablation) -> Table:
  columns = (
    ablation.lowest, ablation.trained, ablation.prediction, ablation.training
  )
  return Table(
    f"{ablation.task}: without the adapters of the lowest blocks",
    (
      "blocks",
      "taken away, points",
      "trained without, points",
      "prediction, ×",
      "training, ×",
    ),
    [
      (str(n), *(_cell(cell) for cell in cells))
      for n, cells in enumerate(zip(*columns, strict=True))
    ],
    words=0,
  )


def _cell(estimate: Estimate) -> str:
  return "–" if estimate is None else shown(*estimate)


def draw(results: Results) -> dict[str, Any]:
  """`spans` as heat maps, `lowest` as curves with their speed."""
  found = of(results)
  if not found:
    return {}
  return {"spans": pictures.spans(found), "lowest": pictures.lowest(found)}


KIND = Kind(
  name="ablation",
  title="Which blocks' adapters matter",
  about=(
    "Trained adapters are taken away from blocks first to last, without "
    "training again; the task's LayerNorms and head stay. Figure 6, left and "
    "centre, of the paper. Below, the adapters of the lowest blocks alone "
    "(Rücklé et al., AdapterDrop, EMNLP 2021): what is lost when trained ones "
    "are taken away and when the task is trained without them, beside the "
    "speed of models that do not have them."
  ),
  series=_SERIES,
  sweep="",
  tables=tables,
  draw=draw,
  pictures=("spans", "lowest"),
  beside=types.MappingProxyType({_DROPPED: "adapter.layers"}),
  inspect=removal.inspect,
)
