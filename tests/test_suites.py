# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A suite runs every point once, whoever dies, and reports what it chose."""

import contextlib
import csv
import dataclasses
import json
import pathlib
import queue
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest
import scipy.stats
import yaml

import tf_adapters
from tests import tiny
from tests.processes import wait_for
from tests.processes import wait_until
from tf_adapters import files
from tf_adapters import settings as settings_lib
from tf_adapters.errors import InputError
from tf_adapters.suites import child
from tf_adapters.suites import data_files
from tf_adapters.suites import outcome as outcome_lib
from tf_adapters.suites import plan
from tf_adapters.suites import run as suite_run
from tf_adapters.suites import table
from tf_adapters.suites.trials import Trial
from tf_adapters.suites.trials import Trials
from tf_adapters.training.reporting import Silent

ROOT = pathlib.Path(__file__).parent.parent
SPACE = {"a": (1, 2, 3), "b": (0.5, "x")}


def points(space):
  return sorted(
    ({"a": a, "b": b} for a in space["a"] for b in space["b"]), key=repr
  )


def storage_of(kind, folder):
  return "" if kind == "journal" else f"sqlite:///{folder}/trials.db"


# --- Trials ----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_every_point_is_tried_once_and_failures_are_kept(tmp_path, kind):
  seen = []

  def run(chosen):
    seen.append(chosen)
    if chosen == {"a": 2, "b": "x"}:
      raise InputError("it broke")
    return chosen["a"], {"n": chosen["a"]}

  trials = Trials(tmp_path, storage_of(kind, tmp_path))
  trials.explore("study", SPACE, run)
  assert sorted(seen, key=repr) == points(SPACE)
  # Again, by another process: nothing is left.
  trials = Trials(tmp_path, storage_of(kind, tmp_path))
  trials.explore("study", SPACE, run)
  assert len(seen) == 6
  tried = trials.tried("study", SPACE)
  failed = [trial for trial in tried if trial.error]
  assert [(trial.chosen, trial.value, trial.error) for trial in failed] == [
    ({"a": 2, "b": "x"}, None, "it broke")
  ]
  assert all(
    trial.value == trial.result["n"] == trial.chosen["a"]
    for trial in tried
    if not trial.error
  )


def test_a_trial_that_ends_while_others_look_is_not_run_again(
  tmp_path, monkeypatch
):
  seen, trials = [], Trials(tmp_path, "")
  space = {"a": (1,)}
  trials.explore("one", space, lambda chosen: (1.0, seen.append(chosen) or {}))
  study, running = trials._study("one", space), trials._running
  views = [study.get_trials(), []]  # the first is out of date
  monkeypatch.setattr(
    trials, "_running", lambda study: views.pop(0) if views else running(study)
  )
  assert trials.explore("one", space, lambda chosen: (0.0, {}))
  assert not views
  assert [trial.value for trial in trials.tried("one", space)] == [1.0]


def test_what_another_is_trying_is_left(tmp_path):
  (tmp_path / "hang").touch()
  worker = start(tmp_path, "")
  wait_for(tmp_path / "hanging")
  seen, trials = [], Trials(tmp_path, "")

  def run(chosen):
    seen.append(chosen)
    return 1.0, {}

  try:
    assert not trials.explore("study", SPACE, run)
  finally:
    worker.kill()
    worker.wait()
  assert len(seen) == 5  # all but the one that hangs
  assert trials.explore("study", SPACE, run)
  assert sorted(seen, key=repr) == points(SPACE)


def test_a_grid_may_have_a_name_of_any_length(tmp_path):
  name, space = "task/method/seeds/" + 300 * "ä", {"a": (1,)}
  trials = Trials(tmp_path, "")
  assert trials.explore(name, space, lambda chosen: (1.0, {}))
  (trial,) = trials.tried(name, space)
  assert trial.chosen == {"a": 1}


def test_a_grid_of_one_point_is_tried_once(tmp_path):
  seen = []
  trials = Trials(tmp_path, "")
  for _ in range(2):
    trials.explore("one", {}, lambda chosen: (1.0, seen.append(chosen) or {}))
  assert seen == [{}]


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_what_failed_is_tried_again_once_where_that_is_asked_for(
  tmp_path, kind
):
  storage, seen = storage_of(kind, tmp_path), []

  def attempt(retry, broken):
    def run(chosen):
      seen.append(chosen["a"])
      if chosen["a"] in broken:
        raise InputError(f"no {chosen['a']}")
      return float(chosen["a"]), {}

    trials = Trials(tmp_path, storage, retry)
    for _ in range(2):
      trials.explore("study", {"a": (1, 2, 3)}, run)
    tried = trials.tried("study", {"a": (1, 2, 3)})
    return {trial.chosen["a"]: trial.error for trial in tried}

  assert attempt(False, {1, 2}) == {1: "no 1", 2: "no 2", 3: ""}
  assert (sorted(seen), seen.clear()) == ([1, 2, 3], None)
  assert attempt(False, set()) == {1: "no 1", 2: "no 2", 3: ""}
  assert not seen
  assert attempt(True, {2}) == {1: "", 2: "no 2", 3: ""}
  assert (sorted(seen), seen.clear()) == ([1, 2], None)
  assert attempt(True, set()) == {1: "", 2: "", 3: ""}
  assert seen == [2]


def test_a_known_run_is_one_that_has_what_is_wanted(tmp_path):
  trials = Trials(tmp_path, "")
  results = {
    "plain": {"run": "a", "epoch": 1},
    "taken apart": {"run": "a", "epoch": 2, "inspected": {}},
    "other": {"run": "b", "inspected": {}},
  }
  for name, result in results.items():
    trials.explore(name, {}, lambda chosen, result=result: (1.0, result))
  assert trials.known("a") == results["plain"]
  assert trials.known("a", ["inspected"]) == results["taken apart"]
  assert trials.known("a", ["picture"]) is None
  assert trials.known("c") is None


WORKER = """
import pathlib, sys, time
from tf_adapters.suites.trials import Trials
folder = pathlib.Path(sys.argv[1])
def run(chosen):
  with open(folder / "log", "a") as log:
    log.write(f"{chosen['a']} {chosen['b']}\\n")
  if (folder / "hang").exists():
    (folder / "hanging").touch()
    time.sleep(600)
  time.sleep(0.2)
  return float(chosen["a"]), {}
Trials(folder, sys.argv[2]).explore(
  "study", {"a": (1, 2, 3), "b": (0.5, "x")}, run
)
"""


def test_looking_at_what_was_tried_writes_nothing(tmp_path):
  trials = Trials(tmp_path, "")
  assert trials.tried("study", SPACE) == []
  trials.explore("study", SPACE, lambda chosen: (1.0, {}))
  before = (tmp_path / "journal.log").read_bytes()
  tried = Trials(tmp_path, "").tried("study", SPACE)
  assert len(tried) == len(points(SPACE))
  assert trials.tried("other", SPACE) == []
  assert (tmp_path / "journal.log").read_bytes() == before


def test_who_shares_a_database_shares_the_folder(tmp_path):
  storage = storage_of("sqlite", tmp_path)
  first, second = tmp_path / "first", tmp_path / "second"
  first.mkdir()
  (first / "hang").touch()
  worker = start(first, storage)
  try:
    wait_for(first / "hanging")
    with pytest.raises(InputError, match="another `output` is running trials"):
      Trials(second, storage).explore("study", SPACE, lambda chosen: (1.0, {}))
    assert Trials(second, storage).tried("study", SPACE) == []
  finally:
    worker.kill()
    worker.wait()
  # It has ended, as `--retry` says, and what it was running is run here.
  retrying = Trials(second, storage, retry=True)
  assert retrying.explore("study", SPACE, lambda chosen: (1.0, {}))
  tried = retrying.tried("study", SPACE)
  assert sorted((t.chosen for t in tried), key=repr) == points(SPACE)


@pytest.mark.parametrize(
  "url", ["foo", "sqlite:////no/such/folder/a.db", "nosuchbase://here/a"]
)
def test_a_storage_that_cannot_be_opened_is_named(tmp_path, url):
  with pytest.raises(InputError) as error:
    Trials(tmp_path, url)
  assert "`storage` must be the URL of a database" in str(error.value)
  assert f"got {url!r}: " in str(error.value)
  assert "\n" not in str(error.value)


def test_a_journal_goes_on_after_a_kill_while_it_was_written(
  tmp_path, monkeypatch
):
  """Its lock goes with the process, where `output` is relative, too."""
  monkeypatch.chdir(tmp_path)
  pathlib.Path("out").mkdir()
  code = (
    "import os, signal, sys, pathlib\n"
    "from tf_adapters.suites.trials import Trials\n"
    "trials = Trials(pathlib.Path('out'), '')\n"
    "os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)\n"
    "trials.explore('study', {'a': (1, 2)}, lambda chosen: (1.0, {}))\n"
  )
  done = subprocess.run([sys.executable, "-c", code], check=False)
  assert done.returncode == -signal.SIGKILL
  began = time.monotonic()
  trials = Trials(pathlib.Path("out"), "")
  assert trials.explore("study", {"a": (1, 2)}, lambda chosen: (1.0, {}))
  assert time.monotonic() - began < 20
  assert len(trials.tried("study", {"a": (1, 2)})) == 2


def test_a_line_that_a_full_disk_left_unfinished_is_cut_off(tmp_path):
  trials = Trials(tmp_path, "")
  trials.explore("study", {"a": (1, 2)}, lambda chosen: (1.0, {}))
  journal = tmp_path / "journal.log"
  whole = journal.read_bytes()
  for lost in (1, 25):
    journal.write_bytes(whole[:-lost])
    assert len(Trials(tmp_path, "").tried("study", {"a": (1, 2)})) == 1
    trials = Trials(tmp_path, "")
    assert trials.explore("study", {"a": (1, 2)}, lambda chosen: (1.0, {}))
    tried = Trials(tmp_path, "").tried("study", {"a": (1, 2)})
    assert sorted(trial.chosen["a"] for trial in tried) == [1, 2]


def test_a_damaged_journal_is_named(tmp_path):
  trials = Trials(tmp_path, "")
  trials.explore("study", {"a": (1,)}, lambda chosen: (1.0, {}))
  journal = tmp_path / "journal.log"
  journal.write_bytes(b"}" + journal.read_bytes())
  with pytest.raises(InputError, match=r"journal\.log: is damaged: "):
    Trials(tmp_path, "")


def test_a_database_of_another_optuna_is_named(tmp_path):
  storage = storage_of("sqlite", tmp_path)
  Trials(tmp_path, storage)
  with contextlib.closing(sqlite3.connect(tmp_path / "trials.db")) as database:
    database.execute("UPDATE alembic_version SET version_num = 'v0.9.0.a'")
    database.commit()
  with pytest.raises(InputError, match="`storage` must be the URL"):
    Trials(tmp_path, storage)


def test_of_grids_that_share_a_point_one_runs_it_at_a_time(tmp_path):
  running, begun, may_end = [], threading.Event(), threading.Event()

  def identity(chosen):
    return f"run{chosen['a']}"

  def first(chosen):
    running.append("first")
    begun.set()
    assert may_end.wait(60)
    running.remove("first")
    return 1.0, {"run": identity(chosen)}

  def second(chosen):
    assert not running or chosen == {"a": 2}
    seen.append(trials.known(identity(chosen)))
    return 1.0, {}

  def explore():
    Trials(tmp_path, "").explore("one", {"a": (1,)}, first, identity)

  seen, trials = [], Trials(tmp_path, "")
  other = threading.Thread(target=explore)
  other.start()
  assert begun.wait(60)
  threading.Timer(0.5, may_end.set).start()
  assert trials.explore("more", {"a": (1, 2)}, second, identity)
  other.join()
  assert [known for known in seen if known] == [{"run": "run1"}]
  assert len(seen) == 2


def start(folder, storage):
  return subprocess.Popen([sys.executable, "-c", WORKER, str(folder), storage])


def logged(folder):
  return sorted((folder / "log").read_text().splitlines())


ALL = sorted(f"{point['a']} {point['b']}" for point in points(SPACE))


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_processes_share_a_grid(tmp_path, kind):
  storage = storage_of(kind, tmp_path)
  workers = [start(tmp_path, storage) for _ in range(3)]
  assert [worker.wait(timeout=120) for worker in workers] == [0, 0, 0]
  assert logged(tmp_path) == ALL


def test_what_a_killed_process_was_running_is_run_again(tmp_path):
  (tmp_path / "hang").touch()
  worker = start(tmp_path, "")
  wait_for(tmp_path / "hanging")
  worker.send_signal(signal.SIGKILL)
  worker.wait()
  (tmp_path / "hang").unlink()
  interrupted = logged(tmp_path)
  assert start(tmp_path, "").wait(timeout=120) == 0
  assert logged(tmp_path) == sorted(ALL + interrupted)
  tried = Trials(tmp_path, "").tried("study", SPACE)
  assert sorted((t.chosen for t in tried), key=repr) == points(SPACE)
  assert not any(trial.error for trial in tried)


# --- The plan --------------------------------------------------------------


def write_suite(folder, **changes):
  tree = {
    "output": str(folder / "results"),
    "seeds": [0, 1],
    "settings": {"train": {"epochs": 2}},
    "search": {"train.learning_rate": [0.01, 0.001]},
    "tasks": {"mood": {"data.train": "train.tsv", "data.eval": "dev.tsv"}},
    "methods": {
      "adapter": {}, "head": {"settings": {"tuning.strategy": "head"}}
    },
    **changes,
  }
  path = folder / "suite.yaml"
  path.write_text(yaml.safe_dump(tree), encoding="utf-8")
  return str(path)


def test_what_a_method_says_goes_over_the_task_and_the_suite(tmp_path):
  path = write_suite(
    tmp_path,
    root="/data",
    tasks={
      "mood": {
        "data.train": "t.tsv", "data.eval": "/d.tsv", "train.epochs": 3
      },
      "topic": {"data.train": "t.tsv", "data.eval": "d.tsv"},
    },
    methods={
      "adapter": {},
      "full": {
        "settings": {"tuning.strategy": "full", "train.epochs": 5},
        "search": {"train.learning_rate": [1e-5]},
        "seeds": [7],
        "tasks": ["mood"],
      },
    },
  )
  adapter, full, topic = plan.load(path).cells
  assert [cell.name for cell in (adapter, full, topic)] == [
    "mood/adapter", "mood/full", "topic/adapter"
  ]
  assert [c.settings["train.epochs"] for c in (adapter, full, topic)] == [
    3, 5, 2
  ]
  run = adapter.run_settings({}, 0)
  assert (run["data.train"], run["data.eval"]) == ("/data/t.tsv", "/d.tsv")
  assert full.search == {"train.learning_rate": (1e-5,)}
  assert (adapter.seeds, full.seeds) == ((0, 1), (7,))


def test_what_a_task_searches_is_added_to_what_is_searched_for_all(tmp_path):
  files = {"data.train": "t.tsv", "data.eval": "d.tsv"}
  path = write_suite(
    tmp_path,
    tasks={
      "mood": files,
      "topic": {**files, "search": {"train.epochs": [4, 8]}},
    },
    methods={
      "adapter": {},
      "full": {"search": {"train.epochs": [1]}},  # over the task's
      "fixed": {"settings": {"train": {"epochs": 5}}},  # likewise
      "ngrams": {"baseline": True},
    },
  )
  grids = {cell.name: list(cell.points) for cell in plan.load(path).cells}
  rates = [{"train.learning_rate": rate} for rate in (0.01, 0.001)]
  assert grids == {
    "mood/adapter": rates,
    "mood/full": [{"train.epochs": 1}],
    "mood/fixed": rates,
    "mood/ngrams": [{}],
    "topic/adapter": [
      {**rate, "train.epochs": epochs} for rate in rates for epochs in (4, 8)
    ],
    "topic/full": [{"train.epochs": 1}],
    "topic/fixed": rates,
    "topic/ngrams": [{}],
  }


def test_a_fixed_value_goes_over_a_search_below_it(tmp_path):
  tasks = {
    "mood": {"data.eval": "d.tsv", "train.learning_rate": 0.3},
    "topic": {"data.eval": "d.tsv", "search": {"train.epochs": [4, 8]}},
  }
  path = write_suite(
    tmp_path,
    settings={},
    tasks=tasks,
    methods={"adapter": {}},
    search={"train.learning_rate": [0.1, 0.2], "train.epochs": [1]},
  )
  mood, topic = plan.load(path).cells
  assert mood.search == {"train.epochs": (1,)}
  assert mood.settings["train.learning_rate"] == 0.3
  assert topic.search == {
    "train.learning_rate": (0.1, 0.2), "train.epochs": (4, 8)
  }


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"sedes": [1]}, "unknown key `sedes`; allowed are `output`, "),
    ({"tasks": {}}, "`tasks` must name at least one; got none."),
    ({"seeds": [0, 0]}, "`seeds` takes a list of different whole numbers"),
    ({"seeds": 3}, "`seeds` takes a list of different whole numbers"),
    ({"seeds": [0, -1]}, "different whole numbers from 0; got [0, -1]"),
    (
      {"search": {"train.learning_rate": 0.1}},
      "`search.train.learning_rate` takes a list of values; got 0.1.",
    ),
    (
      {"search": {"adapter.layers": [[1, 2]]}},
      "takes numbers, words, true, false and null; got [[1, 2]].",
    ),
    (
      {"search": {"train.learning_rate": [0.1, -1]}},
      "mood/adapter: `train.learning_rate` must be a finite number above 0",
    ),
    (
      {"tasks": {"mood": {"search": {"train.epochs": 3}}}},
      "`tasks.mood`: `search.train.epochs` takes a list of values; got 3.",
    ),
    ({"settings": {"task.name": "x"}}, "the suite itself sets `task.name`."),
    ({"settings": {"train.epoch": 1}}, "unknown key `train.epoch`"),
    (
      {"methods": {"a b": {}}},
      "suite.yaml: `methods.a b`: the name must be 1 to 64 letters",
    ),
    (
      {"tasks": {"mixed": {}}}, "`tasks.mixed`: the name 'mixed' is reserved"
    ),
    (
      {"settings": {"train.learning_rate": 0.1}},
      "suite.yaml: `train.learning_rate` has a value, and is searched.",
    ),
    ({"methods": {"a": {"baseline": True, "sauce": 1}}}, "unknown key `sauce`"),
    (
      {"tasks": {"mood": {"data.train": "t.tsv"}}},
      "`data.eval` must name a dev set",
    ),
    ({"tasks": ["mood"]}, "`tasks`: must hold `key: value` pairs"),
    (
      {"tasks": {"mood": [1]}},
      "`tasks.mood`: must hold `key: value` pairs; got [1].",
    ),
    (
      {"methods": {"a": {"tasks": ["moood"]}}},
      "`methods.a`: `tasks` takes a list, of mood; got ['moood'].",
    ),
    ({"methods": {"a": {"tasks": "moody"}}}, "of mood; got 'moody'."),
    ({"methods": {"a": {"tasks": None}}}, "of mood; got None."),
    (
      {"methods": {"a": {"baseline": "no"}}},
      "`baseline` takes true or false; got 'no'.",
    ),
    (
      {"methods": {"a": {"baseline": True, "seeds": [1]}}},
      "a baseline searches by itself and has no seeds; got `seeds`.",
    ),
    (
      {"search": {"train.seed": [0, 1]}}, "the suite itself sets `train.seed`."
    ),
    (
      {"settings": {"task.type": "span"}, "methods": {"a": {"baseline": True}}},
      "mood/a: no baseline is for a span task.",
    ),
    (
      {"settings": {"task.metric": "pearson"}},
      "mood/adapter: `task.metric` must be one of accuracy, f1_macro",
    ),
    (
      {"settings": {"data.form": "nonsense"}},
      "mood/adapter: `data.form` must be one of",
    ),
    (
      {"tasks": {"mood": {"data.train": ["a", "b"], "data.eval": "d"}}},
      "mood/adapter: `data.train` takes text in UTF-8; got",
    ),
  ],
)
def test_bad_suites_say_what_is_wrong(tmp_path, changes, message):
  with pytest.raises(InputError) as error:
    plan.load(write_suite(tmp_path, **changes))
  assert message in str(error.value)
  assert "\n" not in str(error.value)
  assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
  "path", sorted((ROOT / "configs/suites").glob("*.yaml")), ids=lambda p: p.stem
)
def test_shipped_suites_are_sound(path):
  suite = plan.load(str(path), root="DATA")
  assert len(suite.cells) == len(suite.tasks) * len(suite.methods)
  assert all(
    cell.run_settings({}, 0)["data.train"].startswith("DATA/")
    for cell in suite.cells
  )
  assert f"tf-adapters suite configs/suites/{path.name}" in path.read_text()


def test_values_are_what_they_are_however_they_are_written(tmp_path):
  def cells(*values, layers="3,4"):
    tree = yaml.safe_load(pathlib.Path(write_suite(tmp_path)).read_text())
    tree["search"] = {
      "train.learning_rate": list(values), "adapter.layers": [layers]
    }
    return plan.from_tree("suite.yaml", tree).cells

  (first, second) = cells("1e-3", 0.0003, "0.001")
  assert first.search == {
    "train.learning_rate": (0.001, 0.0003), "adapter.layers": ("3,4",)
  }
  assert (first, second) == cells(0.001, "3e-4", layers="3, 4")
  with pytest.raises(InputError, match="`train.learning_rate` takes a number"):
    cells("fast")


# --- The data --------------------------------------------------------------


def test_runs_of_one_folder_are_of_the_same_data(tmp_path):
  def suite(root, output="results"):
    changes = {"root": str(tmp_path / root), "output": str(tmp_path / output)}
    return plan.load(write_suite(tmp_path, **changes))

  for root in ("one", "moved", "other"):
    (tmp_path / root).mkdir()
    for name in ("train.tsv", "dev.tsv"):
      (tmp_path / root / name).write_text(f"{root == 'other'} {name}")
  trials = Trials(tmp_path, "")  # a journal, which keeps no notes
  data_files.check(suite("one"), trials)
  noted = (tmp_path / "results/data.json").read_bytes()
  data_files.check(suite("moved"), trials)
  with pytest.raises(InputError, match="train.tsv: it has changed since runs"):
    data_files.check(suite("other"), trials)
  (tmp_path / "one/dev.tsv").unlink()
  with pytest.raises(InputError, match="one/dev.tsv: there is no such data"):
    data_files.check(suite("one"), trials)
  assert (tmp_path / "results/data.json").read_bytes() == noted
  data_files.check(suite("other", "new"), trials)


def test_a_database_keeps_to_its_data_whatever_the_folder(tmp_path):
  storage = storage_of("sqlite", tmp_path)
  for name in ("train.tsv", "dev.tsv"):
    (tmp_path / name).write_text(name)

  def check(output, storage=storage):
    path = write_suite(
      tmp_path,
      root=str(tmp_path),
      output=str(tmp_path / output),
      storage=storage,
    )
    suite = plan.load(path)
    data_files.check(suite, Trials(suite.output, suite.storage))

  check("one")
  check("two")
  (tmp_path / "dev.tsv").write_text("other")
  message = "`output` must be a new folder and `storage` a new database for"
  for output in ("one", "two", "three"):
    with pytest.raises(InputError, match=message):
      check(output)
  check("three", f"sqlite:///{tmp_path}/new.db")


# --- The table -------------------------------------------------------------


def make_cell(task, method, **settings):
  return plan.Cell(task, method, settings, {}, (0, 1, 2), False)


def make_trial(number, dev, test, trained, **chosen):
  return Trial(
    number,
    chosen,
    dev,
    {
      "metrics": {"accuracy": dev},
      "test_metrics": {} if test is None else {"accuracy": test},
      "trainable_parameters": trained,
      "encoder_parameters": 1000,
      "seconds": 1.0,
    },
    "",
  )


def make_outcome(cell, *repeats, failed=(), metric="accuracy"):
  return outcome_lib.Outcome(
    cell, metric, repeats[:1], repeats[0], repeats, tuple(failed)
  )


def scored(metric, tests, **chosen):
  """Trials of a metric with these scores on the test set."""
  trials = [make_trial(n, 0.5, None, 30, **chosen) for n in range(len(tests))]
  for trial, test in zip(trials, tests, strict=True):
    trial.result.update(metrics={metric: 0.5}, test_metrics={metric: test})
  return trials


def table_of(*outcomes):
  cells = tuple(outcome.cell for outcome in outcomes)
  suite = plan.Suite("s.yaml", pathlib.Path("."), "", cells)
  return table.markdown(suite, outcomes)


def test_table_shows_errors_as_they_are_and_out_of_the_mean():
  one = make_outcome(make_cell("one", "adapter"), *scored("accuracy", [0.9]))
  two = make_outcome(
    make_cell("two", "adapter"), *scored("mse", [2.25]), metric="mse"
  )
  text = table_of(one, two)
  assert "| one | accuracy | test | 90.00 |" in text
  assert "| two | mse | test | 2.25 |" in text
  assert "| mean |  |  | – |" in text


def test_table_says_how_many_scores_are_undefined():
  outcome = make_outcome(
    make_cell("one", "adapter"),
    *scored("pearson", [None, 0.8, 0.9]),
    metric="pearson",
  )
  assert "| 85.00 ± 5.00, undefined in 1 of 3 |" in table_of(outcome)
  rows = csv.DictReader(table.table_of_runs([outcome]).splitlines())
  assert [row["test"] for row in rows] == ["undefined", "0.8", "0.9"]
  (row,) = csv.DictReader(table.table_of_cells([outcome]).splitlines())
  assert float(row["mean"]) == pytest.approx(0.85)
  assert float(row["standard_error"]) == pytest.approx(
    scipy.stats.sem([0.8, 0.9])
  )
  assert (row["seeds"], row["undefined"], row["set"]) == ("3", "1", "test")
  assert row["trained_parameters"] == "30"
  assert row["encoder_parameters"] == "1000"


@pytest.mark.parametrize(("chosen", "total"), [("full", 0.06), ("head", 1.06)])
def test_in_all_goes_by_the_strategy_that_was_chosen(chosen, total):
  outcomes = [
    make_outcome(
      make_cell(task, "any", **{"tuning.strategy": "adapter"}),
      *scored("accuracy", [0.9], **{"tuning.strategy": chosen}),
    )
    for task in ("one", "two")
  ]
  assert f"| in all |  |  | {total:.2f} × |" in table_of(*outcomes)


def test_table_shows_means_errors_and_what_methods_cost():
  tests = (0.5, 0.6, 0.65)
  cells = {
    (task, method): make_cell(task, method, **{"tuning.strategy": method})
    for task in ("one", "two")
    for method in ("adapter", "full")
  }
  trained = {"adapter": 30, "full": 1000}
  outcomes = [
    make_outcome(
      cell,
      *(
        make_trial(number, 0.9, test, trained[key[1]])
        for number, test in enumerate(tests)
      ),
    )
    for key, cell in cells.items()
  ]
  suite = plan.Suite("s.yaml", pathlib.Path("."), "", tuple(cells.values()))
  lines = table.markdown(suite, outcomes).splitlines()
  mean, error = 100 * np.mean(tests), 100 * scipy.stats.sem(tests)
  cell = f"{mean:.2f} ± {error:.2f}"
  assert lines[0] == "| task | metric | set | adapter | full |"
  assert lines[2] == f"| one | accuracy | test | {cell} | {cell} |"
  assert lines[4] == f"| mean |  |  | {mean:.2f} | {mean:.2f} |"
  # Two tasks: 1 + 2 · 3 % beside a shared encoder; twice the encoder in full.
  assert lines[5].endswith("| 3.00% | 100.00% |")
  assert lines[6].endswith("| 1.06 × | 2.00 × |")


def test_table_names_failures_and_scores_on_dev_without_a_test_set():
  cell = make_cell("one", "adapter")
  failed = Trial(3, {"train.seed": 2}, None, {}, "exit status 2: no memory")
  outcome = make_outcome(cell, make_trial(0, 0.75, None, 30), failed=[failed])
  suite = plan.Suite("s.yaml", pathlib.Path("."), "", (cell,))
  text = table.markdown(suite, [outcome])
  assert "| one | accuracy | dev | 75.00 |" in text
  assert "* one/adapter train.seed=2: exit status 2: no memory" in text
  rows = list(csv.DictReader(table.table_of_runs([outcome]).splitlines()))
  assert [row["error"] for row in rows] == ["", "exit status 2: no memory"]


def test_table_says_what_is_still_to_be_run():
  cells = {
    method: plan.Cell("one", method, {}, {"a": (1, 2)}, (0, 1, 2), False)
    for method in ("begun", "chosen", "whole", "broken", "waiting")
  }
  best = make_trial(0, 0.9, None, 3, a=1)
  other = make_trial(1, 0.8, None, 3, a=2)
  seeds = [make_trial(n, 0.9, None, 3, seed=n) for n in (1, 2)]
  failed = [Trial(n, {"a": n}, None, {}, "no") for n in (1, 2)]
  come = {
    "begun": ([other], other, [other], []),
    "chosen": ([best, other], best, [best, seeds[0]], []),
    "whole": ([best, other], best, [best, seeds[0]], failed[:1]),
    "broken": (failed, None, [], []),
    "waiting": ([], None, [], []),
  }
  outcomes = [
    outcome_lib.Outcome(cells[name], "accuracy", *map(tuple_of, fields))
    for name, fields in come.items()
  ]
  assert {o.cell.method: o.left for o in outcomes} == {
    "begun": 3, "chosen": 1, "whole": 0, "broken": 0, "waiting": 4
  }
  suite = plan.Suite("s.yaml", pathlib.Path("."), "", tuple(cells.values()))
  lines = table.markdown(suite, outcomes).splitlines()
  assert lines[2].endswith("| failed | not run |")
  first = lines.index("Not finished, with the runs that are left:")
  named = lines[first + 2 : lines.index("", first + 2)]
  assert named == ["* one/begun: 3", "* one/chosen: 1"]


def tuple_of(field):
  return tuple(field) if isinstance(field, list) else field


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 3, 0, 1)])
def test_of_equal_scores_the_smaller_then_the_files_first_is_chosen(order):
  names = ("one", "two", "three", "four")
  cell = dataclasses.replace(
    make_cell("t", "m"), search={"data.text": names}
  )
  scores = [(0.8, 50), (0.9, 50), (0.9, 30), (0.9, 30)]
  trials = [
    make_trial(
      number, scores[i][0], None, scores[i][1], **{"data.text": names[i]}
    )
    for number, i in enumerate(order)  # who ran when changes nothing
  ]
  best = outcome_lib.best_of(cell, trials)
  assert best.chosen == {"data.text": "three"}


# --- All of it -------------------------------------------------------------


def write_mood(folder, encoder, train, **changes):
  """A suite of one small task."""
  train_file, dev = tiny.write_task(folder)
  data = {"data.train": train_file, "data.eval": dev, "data.test": dev}
  tree = {
    "settings": {
      "encoder": str(encoder),
      "adapter.size": 4,
      "train": {"batch_size": 8, **train},
      "data.max_length": 32,
    },
    "tasks": {"mood": data},
    "methods": {"adapter": {}},
    "search": {},
    "seeds": [0],
    **changes,
  }
  return write_suite(folder, **tree)


def test_who_waits_for_one_cell_takes_what_another_has_by_then(
  tmp_path, monkeypatch
):
  for name in ("train.tsv", "dev.tsv"):
    (tmp_path / name).write_text("text\tlabel\na\tb\n", encoding="utf-8")
  suite = plan.load(write_suite(tmp_path, root=str(tmp_path), search={}))
  result = {
    "metric": "accuracy",
    "metrics": {"accuracy": 0.5},
    "trainable_parameters": 1,
    "encoder_parameters": 2,
    "seconds": 3.0,
  }
  begun, may_end, others, ran = queue.Queue(), {}, {}, []

  def search_elsewhere(cell):
    def run(chosen):
      del chosen
      begun.put(cell.name)
      assert may_end[cell.name].wait(60)
      return 0.5, result

    Trials(suite.output, "").explore(cell.stored, cell.search, run)

  for cell in suite.cells:
    may_end[cell.name] = threading.Event()
    others[cell.name] = threading.Thread(target=search_elsewhere, args=[cell])
    others[cell.name].start()
    begun.get(timeout=60)

  def train(folder, settings, baseline):
    assert not baseline
    folder.mkdir(parents=True)
    ran.append((folder.name.split("-")[0], settings["train.seed"]))
    return result

  def see(seconds):  # what was begun while there was nothing to do
    assert seconds > 0
    seen.append(list(ran))
    name = left.pop()
    may_end[name].set()
    others[name].join()

  seen, left = [], [cell.name for cell in suite.cells]  # the first ends last
  monkeypatch.setattr(suite_run, "_train", train)
  monkeypatch.setattr(suite_run, "time", types.SimpleNamespace(sleep=see))
  suite_run.run(suite, lambda message: None, lambda outcomes: None)
  assert seen == [[], [("head", 1)]]
  assert ran == [("head", 1), ("adapter", 1)]


def run_suite(path, *options, status=0):
  command = [sys.executable, "-m", "tf_adapters", "suite", path, *options]
  done = subprocess.run(command, capture_output=True, text=True, check=False)
  assert done.returncode == status, done.stderr
  return done


def test_a_run_reads_its_settings_as_they_are(tmp_path, monkeypatch):
  seen = []
  monkeypatch.setattr(child, "run", lambda words: seen.append(words) or {})
  settings = {
    "task.name": "t", "data.train": "\U0001f600.tsv", "task.positive": "null",
    "train.learning_rate": 3e-5, "data.eval": "a\u2028\x85b.tsv",
    "adapter.layers": (1, 2), "train.epochs": 2,
  }
  suite_run._train(tmp_path, settings, baseline=False)
  ((*_, path),) = seen
  config = settings_lib.load(path)
  assert config.data.train == settings["data.train"]
  assert config.data.eval == settings["data.eval"]
  assert config.task.positive == "null"
  assert (config.train.learning_rate, config.train.epochs) == (3e-5, 2)
  assert config.adapter.layers == (1, 2)


@pytest.mark.parametrize("locale", ["latin-1", "utf-8"])
def test_what_a_run_says_is_read_whatever_its_locale(
  tmp_path, monkeypatch, locale
):
  monkeypatch.setenv("PYTHONIOENCODING", locale)
  path = tmp_path / "a=1" / "ä.yaml"  # no setting of the name `a`
  path.parent.mkdir()
  path.write_text("ünknown: 1", encoding="utf-8")
  with pytest.raises(InputError, match="unknown key `ünknown`; allowed are"):
    child.run(["train", "--json", str(path)])


def test_a_run_ends_with_its_suite(encoder_folder, tmp_path):
  path = write_mood(tmp_path, encoder_folder, {"epochs": 100_000})
  suite = subprocess.Popen([sys.executable, "-m", "tf_adapters", "suite", path])
  place = "results/runs/mood/adapter-*/store/runs/mood/curves"
  try:
    wait_until(lambda: list(tmp_path.glob(place)), "no run begins")
  finally:
    suite.kill()
    suite.wait()
  (curves,) = tmp_path.glob(place)
  wait_until(lambda: is_free(curves.parent / ".lock"), "it still runs")


def is_free(lock):
  try:
    with files.lock(lock, wait=False):
      return True
  except BlockingIOError:
    return False


def test_a_suite_whose_runs_failed_says_so_and_has_a_status(tmp_path):
  path = write_mood(tmp_path, tmp_path / "nothing", {})
  done = run_suite(path, status=2)
  assert "* mood/adapter : exit status 2: tf-adapters: " in done.stdout
  last = done.stderr.strip().splitlines()[-1]
  assert last == (
    f"tf-adapters: runs of {path} failed: 1; {tmp_path}/results/table.md says "
    "why, and `--retry` runs them again."
  )


@dataclasses.dataclass(frozen=True)
class Ended:
  """A suite that has run.

  Attributes:
    path: Of its file.
    output: Its folder of results.
    shown: What it has written to stdout.
    chosen: The row of runs.csv of each seed of the chosen rate.
    score: Their mean and standard error on the test set, as tables have them.
  """

  path: str
  output: pathlib.Path
  shown: str
  chosen: list[dict[str, str]]
  score: str


@pytest.fixture(scope="module")
def ended(encoder_folder, tmp_path_factory):
  folder = tmp_path_factory.mktemp("suite")
  path = write_mood(
    folder,
    encoder_folder,
    {"epochs": 3},
    methods={"adapter": {}, "ngrams": {"baseline": True}},
    search={"train.learning_rate": [0.01, 1e-7]},
    seeds=[0, 1],
  )
  done, output = run_suite(path), folder / "results"
  runs = {r["settings"]: r for r in rows(output) if r["method"] == "adapter"}
  searched = [f"train.learning_rate={rate}" for rate in ("0.01", "1e-07")]
  best = max(searched, key=lambda settings: float(runs[settings]["dev"]))
  chosen = [runs[best], runs["train.seed=1"]]
  tests = [100 * float(row["test"]) for row in chosen]
  score = f"{np.mean(tests):.2f} ± {scipy.stats.sem(tests):.2f}"
  return Ended(path, output, done.stdout, chosen, score)


def rows(output):
  with (output / "runs.csv").open(encoding="utf-8") as file:
    return list(csv.DictReader(file))


def test_a_suite_chooses_by_dev_and_repeats_with_other_seeds(
  ended, encoder_folder, tmp_path
):
  assert all(row["chosen"] == "yes" for row in ended.chosen)
  data = yaml.safe_load(pathlib.Path(ended.path).read_text(encoding="utf-8"))
  rate = ended.chosen[0]["settings"].removeprefix("train.learning_rate=")
  again = tf_adapters.train(
    {
      **data["settings"],
      **data["tasks"]["mood"],
      "task.name": "mood",
      "store": str(tmp_path / "store"),
      "train": {
        "batch_size": 8, "epochs": 3, "learning_rate": float(rate), "seed": 1
      },
    },
    reporter=Silent(),
  )
  assert float(ended.chosen[1]["dev"]) == pytest.approx(
    again.metrics["accuracy"]
  )
  assert f"| mood | accuracy | test | {ended.score} |" in ended.shown


def test_a_suite_leaves_tables_and_a_journal_without_paths(ended):
  output = ended.output
  assert ended.shown.strip() == (output / "table.md").read_text().strip()
  assert not list((output / "runs").glob("*/*"))  # nothing is left of runs
  assert str(output.parent) not in (output / "journal.log").read_text()


@pytest.mark.parametrize("options", [[], ["--tables"]])
def test_what_has_run_does_not_run_again(ended, options):
  output = ended.output
  before = sorted(output.rglob("*"))
  journal = (output / "journal.log").read_bytes()
  repeated = run_suite(ended.path, *options)
  assert repeated.stdout == ended.shown
  assert "seed=" not in repeated.stderr
  assert sorted(output.rglob("*")) == before
  assert (output / "journal.log").read_bytes() == journal


def test_runs_are_counted(ended):
  done = run_suite(ended.path, "--tables", "--json")
  assert json.loads(done.stdout) == {
    "output": str(ended.output),
    "cells": 2,
    "runs": 4,  # two rates and a seed more, and the baseline
    "failed": 0,
    "left": 0,
  }


def test_tables_of_a_grid_that_has_grown_know_what_the_smaller_has_run(
  ended, tmp_path
):
  tree = yaml.safe_load(pathlib.Path(ended.path).read_text(encoding="utf-8"))
  tree["search"]["train.learning_rate"].append(1e-3)
  output = tmp_path / "results"
  shutil.copytree(ended.output, output)
  journal, before = (output / "journal.log").read_bytes(), rows(output)
  grown = run_suite(
    write_suite(tmp_path, **tree | {"output": str(output)}), "--tables"
  )
  assert f"| {ended.score} |" in grown.stdout
  assert "* mood/adapter: 1\n" in grown.stdout
  assert sorted(map(str, rows(output))) == sorted(map(str, before))
  assert (output / "journal.log").read_bytes() == journal
