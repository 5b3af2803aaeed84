# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What has come of the runs of a suite, and which of them the dev set chose."""

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from tf_adapters import metrics
from tf_adapters.suites.plan import Cell
from tf_adapters.suites.plan import Suite
from tf_adapters.suites.trials import Trial
from tf_adapters.suites.trials import Trials

_UNDEFINED = -1e9  # of a score that is undefined: the worst, and a number


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What came of a cell.

  Attributes:
    cell: The cell.
    metric: By which it was chosen and is reported.
    tried: All trials of the search.
    best: That with the best dev score; None if all failed.
    repeats: The chosen settings with every seed, `best` first.
    failed: Trials with other seeds that failed.
  """

  cell: Cell
  metric: str
  tried: tuple[Trial, ...]
  best: Trial | None
  repeats: tuple[Trial, ...]
  failed: tuple[Trial, ...]

  @property
  def runs(self) -> list[Trial]:
    """All that have ended, those that failed among them."""
    return [*self.tried, *self.repeats[1:], *self.failed]

  @property
  def errors(self) -> list[Trial]:
    """What failed."""
    return [trial for trial in self.runs if trial.error]

  @property
  def left(self) -> int:
    """How many runs are still to be made."""
    left = sum(1 for _ in self.cell.points) - len(self.tried)
    if left or self.best is not None:
      repeated = len(self.failed) + max(0, len(self.repeats) - 1)
      left += len(self.cell.seeds) - 1 - repeated
    return left


def outcomes(
  suite: Suite,
  trials: Trials,
  inspect: Callable[[Cell], Any] = lambda cell: None,
) -> list[Outcome]:
  """What has come of every cell so far.

  Args:
    suite: That ran.
    trials: Those of the suite.
    inspect: What `run.advance` took; runs of a cell for which it has anything
      are known only with what was inspected.
  """
  return [
    _outcome(cell, trials, wanted(inspect(cell))) for cell in suite.cells
  ]


def wanted(inspect: Any) -> tuple[str, ...]:
  """What a result must have besides for a cell that inspects, or does not."""
  return ("inspected",) if inspect else ()


def _outcome(cell: Cell, trials: Trials, needed: tuple[str, ...]) -> Outcome:
  first = cell.seeds[0]
  tried = trials.tried(cell.stored, cell.search)
  points = ((point, point, first) for point in cell.points)
  tried += _known(cell, trials, tried, points, needed)
  best, others = best_of(cell, tried), []
  if best is not None and len(cell.seeds) > 1:
    others = trials.tried(repeats_name(cell, best), seed_space(cell))
    points = (
      ({"train.seed": seed}, best.chosen, seed) for seed in cell.seeds[1:]
    )
    others += _known(cell, trials, others, points, needed)
  return Outcome(
    cell=cell,
    metric=best.result["metric"] if best else "",
    tried=tuple(tried),
    best=best,
    repeats=tuple(
      trial for trial in (best, *others) if trial and not trial.error
    ),
    failed=tuple(trial for trial in others if trial.error),
  )


def _known(
  cell: Cell,
  trials: Trials,
  tried: list[Trial],
  points: Iterable[tuple[Mapping[str, Any], Mapping[str, Any], int]],
  needed: tuple[str, ...],
) -> list[Trial]:
  """What other grids know of points that were not tried in this one.

  Args:
    cell: That is asked about.
    trials: Those of its suite.
    tried: In this grid.
    points: Each with the settings and the seed of its run.
    needed: What their results must have besides.
  """
  known = []
  for point, chosen, seed in points:
    if any(trial.chosen == point for trial in tried):
      continue
    result = trials.known(cell.identity(chosen, seed), needed)
    if result is not None:
      number = len(tried) + len(known)
      known.append(Trial(number, point, value(result), result, ""))
  return known


def value(result: Mapping[str, Any]) -> float:
  """What is maximised: the dev score, and for an undefined one a number."""
  metric = result["metric"]
  score = metrics.rank(metric, result["metrics"][metric])
  return score if math.isfinite(score) else _UNDEFINED


def best_of(cell: Cell, tried: list[Trial]) -> Trial | None:
  """The best by dev score; of equal ones the smaller, then the file's first.

  Trials' numbers would not do: they go by who ran when.
  """
  points = list(cell.points)
  done = [trial for trial in tried if not trial.error]
  return min(
    done,
    key=lambda trial: (
      -trial.value,
      trial.result["trainable_parameters"],
      points.index(trial.chosen),
    ),
    default=None,
  )


def seed_space(cell: Cell) -> dict[str, tuple]:
  """The grid of a cell's repeats: all its seeds but the first."""
  return {"train.seed": cell.seeds[1:]}


def repeats_name(cell: Cell, best: Trial) -> str:
  """The name, in the storage of trials, of the repeats of `best`."""
  chosen = ",".join(f"{key}={value}" for key, value in best.chosen.items())
  return f"{cell.stored}/seeds/{chosen}"
