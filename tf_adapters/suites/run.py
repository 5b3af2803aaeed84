# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Runs a suite: searches each cell, then repeats what the dev set chose."""

import functools
import pathlib
import shutil
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import yaml

from tf_adapters import files
from tf_adapters.errors import InputError
from tf_adapters.suites import child
from tf_adapters.suites import data_files
from tf_adapters.suites.outcome import Outcome
from tf_adapters.suites.outcome import best_of
from tf_adapters.suites.outcome import outcomes
from tf_adapters.suites.outcome import repeats_name
from tf_adapters.suites.outcome import seed_space
from tf_adapters.suites.outcome import value
from tf_adapters.suites.outcome import wanted
from tf_adapters.suites.plan import Cell
from tf_adapters.suites.plan import Suite
from tf_adapters.suites.trials import Trial
from tf_adapters.suites.trials import Trials

_WAIT = 5.0  # seconds between looks at what others are running

Inspect = Callable[[pathlib.Path, Mapping[str, Any]], dict[str, Any]]


def run(
  suite: Suite,
  say: Callable[[str], None],
  publish: Callable[[list[Outcome]], None],
  retry: bool = False,
) -> list[Outcome]:
  """Runs what is left of a suite; several processes may at once.

  Args:
    suite: What to run.
    say: Is told of every run that ends.
    publish: Gets what has come so far whenever runs of a cell have ended, and
      at the end; of several processes one at a time.
    retry: Whether to run again what failed before.
  """
  trials = Trials(suite.output, suite.storage, retry)
  for _ in advance(suite, trials, say, lambda cell: None):
    with alone(suite):
      found = outcomes(suite, trials)
      publish(found)
  return found


def so_far(suite: Suite) -> list[Outcome]:
  """What has come of a suite, by whomever, without running anything."""
  return outcomes(suite, Trials(suite.output, suite.storage))


def alone(suite: Suite):
  """Held while results are written: what another process knows is not lost."""
  return files.lock(suite.output / "locks" / ".results")


def advance(
  suite: Suite,
  trials: Trials,
  say: Callable[[str], None],
  inspect: Callable[[Cell], Inspect | None],
) -> Iterator[None]:
  """Runs what is left, and yields where there is news, and at the end.

  It takes whatever there is to begin of any cell, and waits for what other
  processes have begun only where there is nothing.

  Args:
    suite: What to run.
    trials: Those of the suite.
    say: Is told of every run that ends.
    inspect: What `run_cell` takes, by cell.

  Raises:
    InputError: for data files that are not there, or are not those of the
      runs that are there.
  """
  with alone(suite):
    data_files.check(suite, trials)
  ended = []

  def told(message):
    ended.append(message)
    say(message)

  left = suite.cells
  while left:
    news, begun = False, []
    for cell in left:
      if not run_cell(suite, cell, trials, told, inspect(cell)):
        begun.append(cell)  # by others, and what depends on it is left
      if ended:
        news = True
        yield
        ended.clear()
    left = begun
    if left and not news:
      time.sleep(_WAIT)
  yield


def run_cell(
  suite: Suite,
  cell: Cell,
  trials: Trials,
  say: Callable[[str], None],
  inspect: Inspect | None = None,
) -> bool:
  """Runs what there is to begin of one cell.

  Args:
    suite: Of the cell.
    cell: What to run.
    trials: Those of the suite.
    say: Is told of every run that ends.
    inspect: Gets the store of every run that has ended, which is removed
      afterwards, and its settings; the result keeps what it returns as
      `inspected`.

  Returns:
    Whether all of it has ended. Else another process is running some of it, and
    what depends on that is left.
  """
  runner = _Runner(suite, cell, trials, say, inspect)
  first = functools.partial(cell.identity, seed=cell.seeds[0])
  if not trials.explore(cell.stored, cell.search, runner.search, first):
    return False
  best = best_of(cell, trials.tried(cell.stored, cell.search))
  if best is None or len(cell.seeds) == 1:
    return True
  return trials.explore(
    repeats_name(cell, best),
    seed_space(cell),
    runner.repeat(best),
    lambda point: cell.identity(best.chosen, point["train.seed"]),
  )


class _Runner:
  """Runs trials of one cell, each in a process of its own.

  A process of its own gives its memory back, and one that crashes is a trial
  that failed. Its folder has the name of its settings, so a trial that was
  interrupted goes on from its last checkpoint. What has been run with the same
  settings, in another grid, is not run again, and what another process is
  running for one is waited for.
  """

  def __init__(
    self,
    suite: Suite,
    cell: Cell,
    trials: Trials,
    say: Callable[[str], None],
    inspect: Inspect | None,
  ):
    self._suite, self._cell, self._trials = suite, cell, trials
    self._say, self._inspect = say, inspect

  def search(self, chosen: Mapping[str, Any]):
    return self._run(chosen, self._cell.seeds[0])

  def repeat(self, best: Trial):
    def run(point):
      return self._run(best.chosen, point["train.seed"])

    return run

  def _run(self, chosen, seed: int) -> tuple[float, dict[str, Any]]:
    cell = self._cell
    shown = " ".join(f"{key}={value}" for key, value in chosen.items())
    title = f"{cell.name} {shown} seed={seed}"
    run = cell.identity(chosen, seed)
    result = self._trials.known(run, wanted(self._inspect))
    if result is None:
      try:
        result = {**self._train(run, chosen, seed), "run": run}
      except InputError as error:
        self._say(f"{title}: failed: {error}")
        raise
    metric = result["metric"]
    self._say(f"{title}: dev {metric} {result['metrics'][metric]}")
    return value(result), result

  def _train(
    self, run: str, chosen: Mapping[str, Any], seed: int
  ) -> dict[str, Any]:
    cell, output = self._cell, self._suite.output
    folder = output / "runs" / cell.task / f"{cell.method}-{run}"
    store = folder / "store"
    settings = {**cell.run_settings(chosen, seed), "store": str(store)}
    result = _train(folder, settings, cell.baseline)
    if self._inspect is not None:
      result["inspected"] = self._inspect(store, settings)
    shutil.rmtree(folder)
    result.pop("store", None)  # it is gone
    return result


def _train(
  folder: pathlib.Path, settings: Mapping[str, Any], baseline: bool
) -> dict[str, Any]:
  """One run by the command line; its JSON."""
  folder.mkdir(parents=True, exist_ok=True)
  path = folder / "run.yaml"
  files.write_file(path, yaml.safe_dump(settings).encode())
  command = ["baseline"] if baseline else ["train", "--overwrite"]
  return child.run([*command, "--json", str(path)])
