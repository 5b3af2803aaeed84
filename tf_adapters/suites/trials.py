# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Grids of runs as Optuna studies, which several processes can share.

Optuna keeps what was tried, in a journal or a database. A process holds a
lock on the trial that it runs; when it dies the system lets go of the lock,
and the next process that looks runs the trial again.
"""

import contextlib
import dataclasses
import hashlib
import pathlib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from tf_adapters import files
from tf_adapters.errors import InputError
from tf_adapters.suites import storage as storage_lib

_NOTES = "notes"  # a study without trials; names of all others have a `/`


@dataclasses.dataclass(frozen=True)
class Trial:
  """One point of a grid that was tried.

  Attributes:
    number: Its number in the study.
    chosen: Its values by setting.
    value: What is maximised; None: it failed.
    result: What the run returned; empty if it failed.
    error: Why it failed; empty otherwise.
  """

  number: int
  chosen: Mapping[str, Any]
  value: float | None
  result: Mapping[str, Any]
  error: str


class Trials:
  """All studies of a suite.

  Args:
    folder: Shared by all processes; gets locks, and the journal.
    storage: A URL of a database, or empty for the journal. Processes that
      share it share the folder.
    retry: Whether to try again, once, what failed before.

  Raises:
    InputError: without Optuna, or for a storage that cannot be opened.
  """

  def __init__(self, folder: pathlib.Path, storage: str, retry: bool = False):
    self._optuna = storage_lib.import_optuna()
    self._folder = folder
    self._retry, self._retried = retry, set()
    folder.mkdir(parents=True, exist_ok=True)
    self._is_shared = bool(storage)  # perhaps with another folder
    self._storage = storage_lib.open_storage(folder, storage)

  def explore(
    self,
    name: str,
    space: Mapping[str, tuple],
    run: Callable[[Mapping[str, Any]], tuple[float, dict[str, Any]]],
    identity: Callable[[Mapping[str, Any]], str] = lambda chosen: "",
  ) -> bool:
    """Tries what there is to begin of a grid.

    Several processes may at once, and every point is tried once.

    Args:
      name: Of the study.
      space: Values by setting.
      run: From a point to what is maximised and to what is kept. An
        `InputError` is kept as the reason why the trial failed.
      identity: From a point to what its run has in common with those of other
        grids, of which one at a time is run; empty: nothing.

    Returns:
      Whether every point has been tried; else others are trying some.

    Raises:
      InputError: if a process with another folder runs trials of this study.
    """
    study = self._study(name, space)
    if self._retry and name not in self._retried:
      self._retried.add(name)
      self._enqueue_failed(study)
    while True:
      with self._next(study, space) as trial:
        if trial is not None:
          with self._alone(identity(dict(trial.params))):
            self._run(study, trial, run)
          continue
      return not self._running(study)

  def tried(self, name: str, space: Mapping[str, tuple]) -> list[Trial]:
    """What was tried of a grid so far, failures included.

    Of a point that was tried again it is the last try.
    """
    states = self._optuna.trial.TrialState
    try:
      study = self._load(name, space)
    except KeyError:
      return []
    # A failure without a reason is of a process that ended; it is run again.
    ended = [
      trial
      for trial in study.get_trials(deepcopy=False)
      if trial.state == states.COMPLETE or "error" in trial.user_attrs
    ]
    return [
      Trial(
        number=trial.number,
        chosen=dict(trial.params),
        value=trial.value if trial.state == states.COMPLETE else None,
        result=trial.user_attrs.get("result", {}),
        error=trial.user_attrs.get("error", ""),
      )
      for trial in _latest(ended)
    ]

  def known(
    self, run: str, wanted: Iterable[str] = ()
  ) -> dict[str, Any] | None:
    """What a run of any grid came to whose result says `run`.

    Args:
      run: Its identity.
      wanted: What the result must have besides.

    Returns:
      None where there is none.
    """
    states = (self._optuna.trial.TrialState.COMPLETE,)
    for name in self._optuna.get_all_study_names(self._storage):
      study = self._optuna.load_study(study_name=name, storage=self._storage)
      for trial in study.get_trials(deepcopy=False, states=states):
        result = trial.user_attrs.get("result", {})
        if result.get("run") == run and all(key in result for key in wanted):
          return dict(result)
    return None

  def noted(self) -> dict[str, str]:
    """What `note` has kept in a database; of a journal nothing."""
    if not self._is_shared:
      return {}
    if _NOTES not in self._optuna.get_all_study_names(self._storage):
      return {}
    study = self._optuna.load_study(study_name=_NOTES, storage=self._storage)
    return dict(study.user_attrs)

  def note(self, notes: Mapping[str, str]) -> None:
    """Keeps notes beside the trials of a database, which has no folder."""
    known = self.noted()
    if not self._is_shared or known == {**known, **notes}:
      return
    study = self._optuna.create_study(
      study_name=_NOTES, storage=self._storage, load_if_exists=True
    )
    for name, text in notes.items():
      study.set_user_attr(name, text)

  def _study(self, name: str, space: Mapping[str, tuple]):
    if name not in self._optuna.get_all_study_names(self._storage):
      self._optuna.create_study(
        study_name=name,
        storage=self._storage,
        direction="maximize",
        load_if_exists=True,  # another process may create it meanwhile
      )
    return self._load(name, space)

  def _load(self, name: str, space: Mapping[str, tuple]):
    """A study that is there. Creating it would write, even where it is."""
    grid = {key: list(values) for key, values in space.items()}
    return self._optuna.load_study(
      study_name=name,
      storage=self._storage,
      sampler=_grid_sampler(self._optuna, grid),
    )

  @contextlib.contextmanager
  def _next(self, study, space: Mapping[str, tuple]) -> Iterator[Any]:
    """The next trial, locked; None if there is none to start."""
    with contextlib.ExitStack() as held:
      # One process at a time, or two would draw the same point.
      with storage_lib.choosing(self._folder):
        running = self._running(study)
        if self._is_shared:
          storage_lib.claim(study, self._folder, bool(running), self._retry)
        self._enqueue_ended(study, space, running)
        trial = None
        if self._is_left(study, space):
          trial = study.ask()
          for key, values in space.items():
            trial.suggest_categorical(key, list(values))
          held.enter_context(
            files.lock(self._lock(study, trial.number), wait=False)
          )
      yield trial

  def _lock(self, study, number: int) -> pathlib.Path:
    # Its own name, with all values in it, may be too long for a file's.
    name = hashlib.sha256(study.study_name.encode()).hexdigest()[:16]
    return self._folder / "locks" / f"{name}.{number}"

  def _alone(self, identity: str):
    """Held until what a run came to is known."""
    if not identity:
      return contextlib.nullcontext()
    return files.lock(self._folder / "locks" / f"run.{identity}")

  def _running(self, study) -> list[Any]:
    state = self._optuna.trial.TrialState.RUNNING
    return study.get_trials(deepcopy=False, states=[state])

  def _enqueue_ended(
    self, study, space: Mapping[str, tuple], running: Iterable[Any]
  ) -> None:
    """Trials whose process has ended go to the front, to be run again."""
    for trial in running:
      try:
        with files.lock(self._lock(study, trial.number), wait=False):
          pass
      except BlockingIOError:
        continue
      if all(trial.number != other.number for other in self._running(study)):
        continue  # it ended well after we had looked
      study.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)
      if set(trial.params) == set(space):
        study.enqueue_trial(trial.params)

  def _enqueue_failed(self, study) -> None:
    """Points whose last try failed go to the front, to be tried again."""
    with storage_lib.choosing(self._folder):
      for trial in _latest(study.get_trials(deepcopy=False)):
        if "error" in trial.user_attrs:
          study.enqueue_trial(trial.params)

  def _is_left(self, study, space: Mapping[str, tuple]) -> bool:
    states = self._optuna.trial.TrialState
    points, seen = 1, set()
    for values in space.values():
      points *= len(values)
    for trial in study.get_trials(deepcopy=False):
      if trial.state == states.WAITING:
        return True
      if set(trial.params) == set(space):
        seen.add(tuple(repr(trial.params[key]) for key in space))
    return len(seen) < points

  def _run(self, study, trial, run) -> None:
    states = self._optuna.trial.TrialState
    try:
      value, result = run(dict(trial.params))
    except InputError as error:
      trial.set_user_attr("error", str(error))
      study.tell(trial, state=states.FAIL)
      return
    trial.set_user_attr("result", result)
    study.tell(trial, value)


def _latest(trials: Iterable[Any]) -> list[Any]:
  """The last try of every point, one that waits included."""
  latest = {}
  for trial in trials:
    point = trial.params or trial.system_attrs.get("fixed_params", {})
    latest[repr(sorted(point.items()))] = trial
  return list(latest.values())


def _grid_sampler(optuna, grid: Mapping[str, list]):
  class Grid(optuna.samplers.GridSampler):
    """Does not stop `Study.optimize` at its end, since nobody calls that."""

    def after_trial(self, study, trial, state, values):
      pass

  return Grid(grid, seed=0)
