# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The results of a suite as tables, in the manner of the paper's 1 and 2.

    OUTPUT/table.md    scores by task and method, and what each method costs
    OUTPUT/table.csv   the same with all digits, a row a task and method
    OUTPUT/runs.csv    every run
"""

import csv
import io
import math
import statistics
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

from tf_adapters import files
from tf_adapters import metrics
from tf_adapters.suites.outcome import Outcome
from tf_adapters.suites.plan import Suite
from tf_adapters.suites.trials import Trial


def write(suite: Suite, outcomes: Sequence[Outcome]) -> None:
  """Writes `table.md`, `table.csv` and `runs.csv` into a suite's folder."""
  for name, text in (
    ("table.md", markdown(suite, outcomes)),
    ("table.csv", table_of_cells(outcomes)),
    ("runs.csv", table_of_runs(outcomes)),
  ):
    files.write_file(suite.output / name, text.encode())


def score(outcome: Outcome, trial: Trial) -> float | None:
  """On the test set where there is one, else on the dev set."""
  tested = trial.result.get("test_metrics") or trial.result["metrics"]
  return tested.get(outcome.metric)


def mean_and_error(values: Sequence[float]) -> tuple[float, float | None]:
  """Mean and standard error of the mean; of one value there is none."""
  mean = statistics.fmean(values)
  if len(values) < 2:
    return mean, None
  return mean, statistics.stdev(values) / math.sqrt(len(values))


def markdown(suite: Suite, outcomes: Sequence[Outcome]) -> str:
  """Scores by task and method, their mean, and what each method costs."""
  by_cell = {(o.cell.task, o.cell.method): o for o in outcomes}
  methods = suite.methods
  lines = [_line(["task", "metric", "set", *methods])]
  lines.append(_line(["---"] * (3 + len(methods))))
  for task in suite.tasks:
    row = [by_cell.get((task, method)) for method in methods]
    metric = next((o.metric for o in row if o is not None and o.metric), "")
    cells = [_cell(outcome) for outcome in row]
    lines.append(_line([task, metric, _set(row), *cells]))
  for title, total in (
    ("mean", _mean), ("trained, of the encoder", _trained), ("in all", _total)
  ):
    cells = [
      total([by_cell.get((task, method)) for task in suite.tasks])
      for method in methods
    ]
    lines.append(_line([title, "", "", *cells]))
  notes = [*_choices(outcomes), *_unfinished(outcomes), *_failures(outcomes)]
  return "\n".join([*lines, "", *notes, ""])


def table_of_cells(outcomes: Sequence[Outcome]) -> str:
  """What `markdown` shows, as CSV: scores as they are, parameters per task."""
  return _csv(
    "task,method,metric,set,mean,standard_error,seeds,undefined,left,settings,"
    "trained_parameters,encoder_parameters",
    [_cell_row(outcome) for outcome in outcomes],
  )


def table_of_runs(outcomes: Sequence[Outcome]) -> str:
  """Every trial as CSV, failures with their reasons."""
  rows = []
  for outcome in outcomes:
    trials = {id(trial): trial for trial in outcome.tried}
    trials |= {id(t): t for t in (*outcome.repeats, *outcome.failed)}
    rows += [_run_row(outcome, trial) for trial in trials.values()]
  return _csv(
    "task,method,settings,chosen,metric,dev,test,trained_parameters,seconds,"
    "error",
    rows,
  )


def _csv(header: str, rows: Sequence[list]) -> str:
  text = io.StringIO()
  writer = csv.writer(text, lineterminator="\n")
  writer.writerows([header.split(","), *rows])
  return text.getvalue()


def _cell_row(outcome: Outcome) -> list:
  best, values = outcome.best, _scores(outcome)
  result = best.result if best else {}
  mean, error = mean_and_error(values) if values else ("", None)
  return [
    outcome.cell.task,
    outcome.cell.method,
    outcome.metric,
    _set([outcome]),
    mean,
    "" if error is None else error,
    len(outcome.repeats),
    _undefined(outcome),
    outcome.left,
    _settings(best) if best else "",
    result.get("trainable_parameters", ""),
    result.get("encoder_parameters", ""),
  ]


def _run_row(outcome: Outcome, trial: Trial) -> list:
  result, metric = trial.result, outcome.metric
  return [
    outcome.cell.task,
    outcome.cell.method,
    _settings(trial),
    "yes" if trial in outcome.repeats else "",
    metric,
    _shown(result.get("metrics", {}), metric),
    _shown(result.get("test_metrics", {}), metric),
    result.get("trainable_parameters", ""),
    round(result["seconds"], 1) if result else "",
    trial.error,
  ]


def _shown(scores: Mapping[str, float | None], metric: str) -> float | str:
  """A score of a run; empty where its set was not scored."""
  if metric not in scores:
    return ""
  return "undefined" if scores[metric] is None else scores[metric]


def _line(cells: Sequence[str]) -> str:
  return f"| {' | '.join(cells)} |"


def _scores(outcome: Outcome) -> list[float]:
  found = [score(outcome, trial) for trial in outcome.repeats]
  return [value for value in found if value is not None]


def _undefined(outcome: Outcome) -> int:
  """Of how many seeds the score is."""
  return len(outcome.repeats) - len(_scores(outcome))


def _cell(outcome: Outcome | None) -> str:
  if outcome is None:
    return "–"
  if not outcome.repeats:
    return "not run" if outcome.left else "failed"
  values = _scores(outcome)
  if not values:
    return "undefined"
  mean, error = mean_and_error(values)
  shown = _show(mean, outcome.metric)
  if error is not None:
    shown += f" ± {_show(error, outcome.metric)}"
  if undefined := _undefined(outcome):
    shown += f", undefined in {undefined} of {len(outcome.repeats)}"
  return shown


def _show(value: float, metric: str) -> str:
  """As the paper: times 100, but for what is no share."""
  return f"{value:.4g}" if metric in metrics.ERRORS else f"{100 * value:.2f}"


def _set(row: Sequence[Outcome | None]) -> str:
  tested = [
    bool(outcome.best.result.get("test_metrics"))
    for outcome in row
    if outcome is not None and outcome.best is not None
  ]
  if not tested:
    return ""
  return "test" if all(tested) else "dev"


def _complete(row: Sequence[Outcome | None]) -> list[Outcome] | None:
  """The outcomes of a method if all tasks have one with a score."""
  if any(outcome is None or not _scores(outcome) for outcome in row):
    return None
  return list(row)


def _mean(row: Sequence[Outcome | None]) -> str:
  found = _complete(row)
  if found is None or any(o.metric in metrics.ERRORS for o in found):
    return "–"
  return _show(
    statistics.fmean(statistics.fmean(_scores(o)) for o in found), ""
  )


def _shares(found: Sequence[Outcome]) -> list[float] | None:
  results = [outcome.best.result for outcome in found]
  if any(not result["encoder_parameters"] for result in results):
    return None  # without an encoder
  return [
    result["trainable_parameters"] / result["encoder_parameters"]
    for result in results
  ]


def _trained(row: Sequence[Outcome | None]) -> str:
  found = _complete(row)
  shares = found and _shares(found)
  return f"{statistics.fmean(shares):.2%}" if shares else "–"


def _total(row: Sequence[Outcome | None]) -> str:
  """Parameters for all tasks together, in encoders."""
  found = _complete(row)
  shares = found and _shares(found)
  if not shares:
    return "–"
  strategies = {
    {**outcome.cell.settings, **outcome.best.chosen}.get("tuning.strategy")
    for outcome in found
  }
  shared = 0 if strategies == {"full"} else 1  # nothing is left to share
  return f"{shared + sum(shares):.2f} ×"


def _choices(outcomes: Sequence[Outcome]) -> Iterator[str]:
  yield "Chosen by the dev set, of how many:"
  yield ""
  for outcome in outcomes:
    if outcome.best is not None:
      name, count = outcome.cell.name, len(outcome.tried)
      seeds = len(outcome.repeats)
      plural = "seed" if seeds == 1 else "seeds"
      settings = _settings(outcome.best) or "nothing to choose"
      yield f"* {name}: {settings} (of {count}; {seeds} {plural})"


def _unfinished(outcomes: Sequence[Outcome]) -> Iterator[str]:
  unfinished = [o for o in outcomes if o.tried and o.left]
  if unfinished:
    yield ""
    yield "Not finished, with the runs that are left:"
    yield ""
  for outcome in unfinished:
    yield f"* {outcome.cell.name}: {outcome.left}"


def _failures(outcomes: Sequence[Outcome]) -> Iterator[str]:
  failed = [
    (outcome.cell.name, trial)
    for outcome in outcomes
    for trial in outcome.errors
  ]
  if failed:
    yield ""
    yield "Failed, to be run again by `--retry`:"
    yield ""
  for name, trial in failed:
    yield f"* {name} {_settings(trial)}: {trial.error}"


def _settings(trial: Trial) -> str:
  return ", ".join(f"{key}={value}" for key, value in trial.chosen.items())
