# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Studies: what they run, what they make of it, and what they draw."""

import base64
import csv
import dataclasses
import html.parser
import json
import pathlib
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree

import numpy as np
import pytest
import scipy.stats
import yaml

from tests import tiny
from tests.processes import wait_for
from tf_adapters import __main__ as command_line
from tf_adapters import drawing
from tf_adapters import files
from tf_adapters.errors import InputError
from tf_adapters.studies import ablation
from tf_adapters.studies import paper
from tf_adapters.studies import plan
from tf_adapters.studies import results as results_lib
from tf_adapters.studies import run as run_lib
from tf_adapters.studies import sizes
from tf_adapters.studies import tables
from tf_adapters.studies import trade_off
from tf_adapters.studies.kinds import KINDS
from tf_adapters.studies.results import Point
from tf_adapters.studies.results import Results
from tf_adapters.studies.results import Run
from tf_adapters.suites import outcome
from tf_adapters.suites import run as suite_run
from tf_adapters.suites.trials import Trials

ROOT = pathlib.Path(__file__).parents[1]
matplotlib = pytest.importorskip("matplotlib")

# What each kind needs, small.
SERIES = {
  "trade-off": {
    "full": {"settings": {"tuning.strategy": "full"}},
    "adapter": {"sweep": {"adapter.size": [1, 8]}},
  },
  "ablation": {
    "adapter": {}, "dropped": {"sweep": {"adapter.layers": ["1"]}}
  },
  "initialisation": {
    "adapter": {"sweep": {"adapter.init_stddev": [0.001, 0.1]}}
  },
  "size": {"adapter": {"sweep": {"adapter.size": [1, 8]}}},
}


def write_study(folder, kind, **changes):
  tree = {
    "output": str(folder / "studies"),
    "root": str(folder),
    "seeds": [0, 1],
    "search": {"train.learning_rate": [0.01, 0.001]},
    "tasks": {"mood": {"data.train": "t.tsv", "data.eval": "d.tsv"}},
    "series": SERIES[kind],
    **changes,
  }
  root = pathlib.Path(tree["root"])
  root.mkdir(exist_ok=True)
  for name in ("t.tsv", "d.tsv"):
    (root / name).touch()
  path = folder / f"{kind}.yaml"
  path.write_text(yaml.safe_dump(tree), encoding="utf-8")
  return str(path)


def load(folder, kind, **changes):
  return plan.load(KINDS[kind], write_study(folder, kind, **changes))


# --- The plan ----------------------------------------------------------------


def test_a_sweep_is_a_method_for_each_value(tmp_path):
  study = load(tmp_path, "initialisation")
  assert study.suite.methods == ("adapter-0_001", "adapter-0_1")
  assert [
    cell.settings["adapter.init_stddev"] for cell in study.suite.cells
  ] == [0.001, 0.1]
  assert study.places["adapter-0_1"] == ("adapter", 0.1)
  assert study.folder == tmp_path / "studies" / "initialisation"


def test_only_what_is_taken_apart_is_inspected(tmp_path):
  study = load(tmp_path, "ablation")
  inspected = {cell.method: study.inspect(cell) for cell in study.suite.cells}
  assert inspected == {
    "adapter": KINDS["ablation"].inspect, "dropped-1": None
  }


@pytest.mark.parametrize(
  ("kind", "changes", "message"),
  [
    ("size", {"series": {}}, "`series` must hold at least one"),
    ("size", {"series": {"adapter": 3}}, "must hold `key: value` pairs; got 3"),
    (
      "size",
      {"series": {"adapter": {"sweep": {"adapter.size": 3}}}},
      "`sweep` takes one setting with a list of values",
    ),
    (
      "size",
      {"series": SERIES["initialisation"]},
      "needs a series `adapter` that sweeps `adapter.size`.",
    ),
    (
      "trade-off",
      {"series": SERIES["size"]},
      "needs a series `full` that sweeps nothing.",
    ),
    (
      "size",
      {"series": {"adapter": {"sweep": {"adapter.size": [1, 0]}}}},
      "mood/adapter-0: `adapter.size` must be",
    ),
    (
      "size",
      {"series": {"adapter": {"sweep": {"adapter.size": [1, "1"]}}}},
      "two points have the name 'adapter-1'.",
    ),
    ("size", {"sedes": [1]}, "unknown key `sedes`"),
    ("size", {"methods": {"full": {}}}, "unknown key `methods`"),
    (
      "size",
      {"settings": {"task.type": "regression", "task.metric": "mse"}},
      "a study compares shares; got `task.metric` 'mse', of which less is",
    ),
    (
      "trade-off",
      {"series": {**SERIES["trade-off"], "ngrams": {"baseline": True}}},
      "`series.ngrams`: a study trains the encoder; got `baseline`.",
    ),
    (
      "size",
      {"series": {"adapter": {**SERIES["size"]["adapter"], "settings": ["a"]}}},
      "`series.adapter`: `settings`: must hold `key: value` pairs; got ['a'].",
    ),
    *(
      (
        "ablation",
        {"series": {"adapter": {}, "dropped": dropped}},
        "`series.dropped` must sweep `adapter.layers` by words or numbers",
      )
      for dropped in (
        {},
        {"sweep": {"adapter.size": [1]}},
        {"sweep": {"adapter.layers": [None]}},
        {"sweep": {"adapter.layers": [[1]]}},
      )
    ),
  ],
)
def test_bad_studies_say_what_is_wrong(tmp_path, kind, changes, message):
  with pytest.raises(InputError) as error:
    load(tmp_path, kind, **changes)
  assert message in str(error.value)
  assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", KINDS)
def test_shipped_studies_are_sound(name):
  path = ROOT / f"configs/studies/{name}.yaml"
  study = plan.load(KINDS[name], str(path), root="DATA")
  suite = study.suite
  assert len(suite.cells) == len(suite.tasks) * len(suite.methods)
  assert all(len(cell.seeds) == 3 for cell in suite.cells)
  assert all(
    cell.run_settings({}, 0)["data.train"].startswith("DATA/")
    for cell in suite.cells
  )
  # What has been run is known again where the data lies elsewhere.
  moved = plan.load(KINDS[name], str(path), root="/elsewhere").suite
  assert [c.stored for c in moved.cells] == [c.stored for c in suite.cells]
  command = f"tf-adapters study {name} --root DATA --output studies"
  assert command in path.read_text(encoding="utf-8")


def test_the_study_of_sizes_runs_nothing_that_the_trade_off_has_run():
  stored = {
    name: {
      cell.stored
      for cell in plan.load(
        KINDS[name], str(ROOT / f"configs/studies/{name}.yaml")
      ).suite.cells
    }
    for name in ("size", "trade-off")
  }
  assert len(stored["size"]) == 20
  assert stored["size"] < stored["trade-off"]


def test_other_settings_are_stored_under_another_name(tmp_path):
  names = {
    load(tmp_path, "size", **changes).suite.cells[0].stored
    for changes in (
      {},
      {"settings": {"train.epochs": 2}},
      {"seeds": [0, 1, 2]},
      {"search": {}},
    )
  }
  assert len(names) == 4


# --- Running -----------------------------------------------------------------


def made_up(settings):
  """A result of `train`, which depends on the settings alone."""
  rate = settings.get("train.learning_rate", 0.001)
  size = settings.get("adapter.size", 8)
  score = 0.5 + 0.01 * size + 0.003 * settings["train.seed"] - rate
  return {
    "metric": "accuracy",
    "metrics": {"accuracy": score},
    "test_metrics": {"accuracy": score - 0.02},
    "trainable_parameters": 100 * size,
    "encoder_parameters": 10000,
    "seconds": 2.0,
    "examples_per_s": 50.0 * size,
  }


@pytest.fixture
def trained(monkeypatch):
  """Settings of all runs, which take no time."""
  seen = []

  def train(folder, settings, baseline):
    assert not baseline
    folder.mkdir(parents=True)
    seen.append(settings)
    if settings.get("adapter.init_stddev") == 0.1:
      raise InputError("the loss became nan")
    return made_up(settings)

  monkeypatch.setattr(suite_run, "_train", train)
  return seen


def test_data_are_of_the_chosen_settings_with_every_seed(tmp_path, trained):
  study = load(tmp_path, "size")
  results = run_lib.run(study, lambda message: None, "the command")
  assert len(trained) == 6  # of either size two rates, then another seed
  for point, size in zip(results.points, (1, 8), strict=True):
    assert (point.series, point.value) == ("adapter", size)
    assert point.chosen == {"train.learning_rate": 0.001}
    assert (point.trained, point.encoder) == (100 * size, 10000)
    assert (point.tested, point.seconds) == (True, 6.0)
    assert [run.seed for run in point.runs] == [0, 1]
    for run in point.runs:
      dev = 100 * (0.5 + 0.01 * size + 0.003 * run.seed - 0.001)
      assert (run.dev, run.score) == pytest.approx((dev, dev - 2))
      assert run.speed == 50 * size
  folder = study.folder
  assert results_lib.read(folder / "results.json") == results
  rows = list(csv.DictReader((folder / "runs.csv").open(encoding="utf-8")))
  assert len(rows) == 6
  assert sum(row["chosen"] == "yes" for row in rows) == 4
  assert results.config == pathlib.Path(study.suite.path).read_text()
  # Again: nothing runs, the same comes out.
  before = {p: p.read_bytes() for p in folder.iterdir()}
  assert run_lib.run(study, lambda message: None, "the command") == results
  assert len(trained) == 6
  assert {p: p.read_bytes() for p in folder.iterdir()} == before


def test_what_another_grid_has_run_is_not_run_again(tmp_path, trained):
  series = {"adapter": {"sweep": {"adapter.size": [1, 8]}}}
  one_rate = load(
    tmp_path,
    "size",
    search={},
    settings={"train.learning_rate": 0.001},
    series=series,
  )
  run_lib.run(one_rate, lambda message: None, "")
  assert len(trained) == 4
  more_rates = load(
    tmp_path,
    "size",
    root=str(tmp_path / "data"),
    search={"train.learning_rate": [0.01, 0.001, 0.0001]},
    # The default, spelled out, is the same setting.
    settings={"adapter.init_stddev": 0.01},
    series=series,
  )
  told = []
  results = run_lib.run(more_rates, told.append, "")
  new = [(s["adapter.size"], s["train.learning_rate"]) for s in trained[4:]]
  assert sorted(new) == sorted(
    [(s, r) for s in (1, 8) for r in (0.01, 0.0001, 0.0001)]
  )  # the best rate with the second seed, too
  assert len(told) == 8
  assert [point.chosen for point in results.points] == [
    {"train.learning_rate": 0.0001}
  ] * 2


def test_what_is_taken_apart_is_known_only_with_what_was_found(
  tmp_path, trained
):
  """Runs that another study has made are not this one's until it has looked."""
  one = {"search": {}, "settings": {"train.learning_rate": 0.001}}
  plain = load(
    tmp_path, "trade-off", **one, series={"full": {}, "adapter": {}}
  )
  run_lib.run(plain, lambda message: None, "")
  study = load(tmp_path, "ablation", **one, series={"adapter": {}})
  trials = Trials(study.suite.output, "")
  (found,) = outcome.outcomes(study.suite, trials, study.inspect)
  assert found.best is None and found.left == 2
  (known,) = outcome.outcomes(study.suite, trials)
  assert known.left == 0


def test_pictures_of_others_stay(tmp_path, trained):
  study = load(tmp_path, "size")
  study.folder.mkdir(parents=True)
  for name in ("mine.png", "sizes.pdf"):
    (study.folder / name).touch()
  run_lib.run(study, lambda message: None, "")
  names = {path.name for path in study.folder.iterdir()}
  assert {"mine.png", "sizes.pdf", "sizes.png", "sizes.svg"} <= names
  results = results_lib.read(study.folder / "results.json")
  none = tuple(dataclasses.replace(p, runs=()) for p in results.points)
  content = results_lib.encode(dataclasses.replace(results, points=none))
  files.write_file(study.folder / "results.json", content)
  run_lib.publish(study.folder)
  names = {path.name for path in study.folder.iterdir()}
  assert "sizes.png" not in names and "sizes.svg" not in names
  assert {"mine.png", "sizes.pdf"} <= names


def test_failures_are_kept_and_shown(tmp_path, trained):
  study = load(tmp_path, "initialisation", search={})
  results = run_lib.run(study, lambda message: None, "")
  well, failed = results.points
  assert len(well.runs) == 2
  assert (failed.runs, failed.failed) == ((), ("the loss became nan",))
  table = (study.folder / "table.md").read_text(encoding="utf-8")
  assert re.search(r"\| +0\.1 \| +failed \|", table)
  page = (study.suite.output / "report.html").read_text(encoding="utf-8")
  assert "mood, adapter 0.1: the loss became nan" in page


WORKER = """
import json, pathlib, sys, time
from tests.test_studies import made_up
from tf_adapters.studies import plan, run
from tf_adapters.studies.kinds import KINDS
from tf_adapters.suites import run as suite_run
folder = pathlib.Path(sys.argv[1])
def train(place, settings, baseline):
  place.mkdir(parents=True, exist_ok=True)
  with open(folder / "log", "a") as log:
    log.write(f"{settings['adapter.size']} {settings['train.seed']}\\n")
  ran = len((folder / "log").read_text().splitlines())
  if (folder / "hang").exists() and ran == 4:
    (folder / "hanging").touch()
    time.sleep(600)
  time.sleep(0.2)
  return made_up(settings)
suite_run._train = train
run.run(plan.load(KINDS["size"], sys.argv[2]), lambda message: None, "")
"""


def test_after_a_kill_only_what_was_cut_short_runs_again(tmp_path):
  path = write_study(tmp_path, "size", search={}, seeds=[0, 1, 2])

  def start():
    command = [sys.executable, "-c", WORKER, str(tmp_path), path]
    return subprocess.Popen(command, cwd=ROOT)

  (tmp_path / "hang").touch()
  worker = start()
  wait_for(tmp_path / "hanging")
  worker.send_signal(signal.SIGKILL)
  worker.wait()
  (tmp_path / "hang").unlink()
  log = (tmp_path / "log").read_text().splitlines()
  assert (sorted(log[:3]), log[3:]) == (["1 0", "1 1", "1 2"], ["8 0"])
  # What had ended is there as data already.
  folder = tmp_path / "studies/size"
  (point, rest) = results_lib.read(folder / "results.json").points
  assert (len(point.runs), len(rest.runs)) == (3, 0)
  workers = [start() for _ in range(2)]
  assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
  every = [f"{size} {seed}" for size in (1, 8) for seed in (0, 1, 2)]
  log = (tmp_path / "log").read_text().splitlines()
  assert sorted(log) == sorted([*every, "8 0"])
  results = results_lib.read(folder / "results.json")
  assert [len(point.runs) for point in results.points] == [3, 3]
  assert (tmp_path / "studies/report.html").exists()


# --- Numbers and pictures ----------------------------------------------------


def make_point(task, series, value, scores, trained=100, **fields):
  inspected = fields.pop("inspected", [{}] * len(scores))
  runs = tuple(
    Run(seed, score, score - 1, 10.0 * trained, found)
    for seed, (score, found) in enumerate(zip(scores, inspected, strict=True))
  )
  fields = {"metric": "accuracy", "tested": False, "failed": (), **fields}
  return Point(
    task, series, value, trained=trained, encoder=20000, chosen={},
    runs=runs, seconds=1.0, **fields,
  )


@pytest.fixture
def traded():
  """Three tasks, sizes and full fine-tuning, three seeds."""
  random = np.random.default_rng(0)
  points = []
  for task in ("cola", "sms_spam", "mine"):
    points.append(
      make_point(task, "full", None, random.normal(70, 2, 3).tolist(), 19000)
    )
    for size in (1, 8, 64):
      scores = random.normal(68, 2, 3).tolist()
      points.append(make_point(task, "adapter", size, scores, 10 * size))
    scores = random.normal(50, 2, 3).tolist()
    points.append(make_point(task, "head", None, scores, 5))
  return Results("trade-off", tuple(points))


def containers(axes):
  """What was drawn with errors: label, x, y, low and high ends."""
  found = {}
  for container in axes.containers:
    line, _, (bars,) = container
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    x, y = (line.get_data(orig=False)[axis] for axis in (0, 1))
    found[container.get_label()] = (x, y, ends[:, 0], ends[:, 1])
  return found


def rows_of(table):
  return {row[0]: row[1:] for row in table.rows}


def drawn(results):
  with drawing.settings():
    return KINDS[results.study].draw(results)


def test_percentiles_are_numpys_and_drawn_as_tabled(traded):
  by_size = {}
  for task in traded.tasks:
    (full,) = traded.of(task, "full")
    for point in traded.of(task, "adapter"):
      by_size.setdefault(point.value, []).append(
        np.mean(point.scores) - np.mean(full.scores)
      )
  expected = {
    size: np.percentile(values, [20, 50, 80])
    for size, values in by_size.items()
  }
  table = rows_of(trade_off.tables(traded)[0])
  (axes,) = drawn(traded)["percentiles"].axes
  x, y, low, high = containers(axes)["adapter 1 … 64"]
  for index, (size, percentiles) in enumerate(expected.items()):
    assert x[index] == pytest.approx(100 * 10 * size / 20000)
    found = (low[index], y[index], high[index])
    np.testing.assert_allclose(found, percentiles)
    assert table[f"adapter {size}"][2:] == tuple(
      tables.number(value) for value in percentiles
    )


def test_a_task_lacking_a_point_takes_it_out_of_the_percentiles(traded):
  points = [
    point
    for point in traded.points
    if (point.task, point.value) != ("mine", 8)
  ]
  rows = trade_off.quantiles(Results("trade-off", tuple(points)))
  assert [row.name for row in rows] == [
    "full", "adapter 1", "adapter 64", "head"
  ]


def test_single_tasks_are_drawn_as_tabled_with_the_papers_points(traded):
  figure = drawn(traded)["tasks"]
  for axes, task in zip(figure.axes, traded.tasks, strict=False):
    found = containers(axes)
    (table,) = [
      table
      for table in trade_off.tables(traded)
      if table.title.startswith(f"{task},")
    ]
    rows = rows_of(table)
    base = np.mean(traded.of(task, "full")[0].scores)
    for label, series in (("adapter 1 … 64", "adapter"), ("head", "head")):
      x, y, low, high = found[label]
      for index, point in enumerate(traded.of(task, series)):
        mean = np.mean(point.scores) - base
        error = scipy.stats.sem(point.scores)
        assert x[index] == pytest.approx(point.share)
        assert y[index] == pytest.approx(mean)
        assert low[index] == pytest.approx(mean - error)
        assert high[index] == pytest.approx(mean + error)
        assert rows[point.name][4] == f"{mean:.2f} ± {error:.2f}"
    stated = {label: y for label, (_, y, _, _) in found.items() if "(" in label}
    expected = {
      "cola": {
        "LayerNorms alone (section 3.4, CoLA)": -3.5,
        "adapters of size 64 (Table 1)": 56.9 - 60.5,
        "adapters, best size of each task (Table 1)": 59.5 - 60.5,
      },
      "sms_spam": {
        "adapters, best size of each task (Table 2)": 95.1 - 99.3,
        "top layers, best number (Table 2)": 0.0,
      },
      "mine": {},
    }[task]
    assert stated.keys() == expected.keys()
    for label, value in expected.items():
      assert stated[label][0] == pytest.approx(value)


def test_the_papers_percentiles_are_over_its_tables():
  found = {(item.what, item.where): item for item in paper.over_tasks()}
  best = found["adapters, best size of each task", "Table 1, 9 tasks"]
  differences = [-1.0, -0.9, 0.2, -0.7, -0.3, -1.8, -0.8, -0.4, 1.4]
  np.testing.assert_allclose(
    best[3:], np.percentile(differences, [20, 50, 80]), atol=1e-9
  )
  layer = found["top layer alone", "section 3.4, MNLI"]
  assert layer.middle == pytest.approx(77.8 - 84.4)
  assert layer.share == pytest.approx(100 * 9 / 109.5)


def test_initialisation_is_drawn_as_tabled():
  random = np.random.default_rng(0)
  values = [1e-7, 1e-2, 1.0]
  points = [
    make_point(task, "adapter", value, random.normal(60, 3, 3).tolist())
    for task in ("one", "two")
    for value in values
  ]
  points.append(make_point("two", "adapter", 10.0, [], failed=("nan",)))
  results = Results("initialisation", tuple(points))
  (table,) = KINDS["initialisation"].tables(results)
  assert rows_of(table)["10"] == ("–", "failed")
  one, two = drawn(results)["tasks"].axes
  for column, (axes, task) in enumerate(((one, "one"), (two, "two"))):
    x, y, low, high = containers(axes)["measured"]
    assert x.tolist() == values
    for index, point in enumerate(results.of(task, "adapter")):
      error = scipy.stats.sem(point.scores)
      np.testing.assert_allclose(
        (low[index], y[index], high[index]),
        np.mean(point.scores) + np.array([-error, 0, error]),
      )
      assert rows_of(table)[f"{point.value:g}"][column] == (
        f"{y[index]:.2f} ± {error:.2f}"
      )
    assert axes.get_xscale() == "log"
  (failed,) = [
    line for line in two.lines if line.get_label() == "runs that failed"
  ]
  assert failed.get_xdata() == [10.0]


def test_the_best_size_is_of_each_task_by_dev():
  scores = {
    "one": {8: [60, 62], 64: [61, 64], 256: [60, 60]},
    "two": {8: [92, 94], 64: [90, 91], 256: [89, 90]},
  }
  results = Results("size", tuple(
    make_point(task, "adapter", size, values)
    for task, by_size in scores.items()
    for size, values in by_size.items()
  ))
  more = make_point("one", "full", None, [70.0, 71.0, 72.0])
  found = sizes.compare(Results("size", (*results.points, more)))
  assert found.best == {"one": 64, "two": 8}
  assert found.reference == 64
  np.testing.assert_allclose(found.means(64), [75.5, 77.5])
  np.testing.assert_allclose(found.best_means(), [76.5, 79.0])
  (table,) = KINDS["size"].tables(results)
  error = scipy.stats.sem([76.5, 79.0])
  assert table.rows[-1] == ("best by dev", "64", "8", f"77.75 ± {error:.2f}")
  (axes,) = drawn(results)["sizes"].axes
  (label,) = containers(axes)
  x, y, _, _ = containers(axes)[label]
  assert x.tolist() == [8, 64, 256]
  np.testing.assert_allclose(y, [77 - 76.5, 0, 74.75 - 76.5])
  lines = {line.get_label(): line.get_ydata() for line in axes.lines}
  np.testing.assert_allclose(
    lines["best size of each task, by dev"], 77.75 - 76.5
  )
  np.testing.assert_allclose(lines["one (best by dev: 64)"], [-1.5, 0, -2.5])
  (stated,) = [y for label, y in lines.items() if "section 3.6" in label]
  np.testing.assert_allclose(stated, [86.2 - 85.8, 0, 85.7 - 85.8])


def ablated():
  """Two blocks, two seeds; the dropped block trains faster."""
  inspected = [
    {
      "metric": "accuracy",
      "whole": whole,
      "spans": [[whole - 0.01, whole - 0.2], [None, whole - lost]],
      "prediction": [100.0, 110.0, 100.0 * faster],
    }
    for whole, lost, faster in ((0.9, 0.1, 1.2), (0.8, 0.12, 1.4))
  ]
  points = (
    make_point("mood", "adapter", None, [91.0, 81.0], 100, inspected=inspected),
    make_point("mood", "dropped", "1", [90.0, 81.0], 150),
  )
  return Results("ablation", points)


def test_ablations_are_means_over_seeds_and_drawn_as_tabled():
  (found,) = ablation.of(ablated())
  error = scipy.stats.sem([-10, -12])
  assert found.spans[1][0] is None
  assert found.spans[1][1] == pytest.approx((-11.0, error))
  assert found.whole[0] == pytest.approx(85)
  spans, lowest = ablation.tables(ablated())
  assert rows_of(spans)["first 1"] == ("–", f"-11.00 ± {error:.2f}")
  assert rows_of(lowest)["0"][:2] == ("0.00 ± 0.00", "0.00 ± 0.00")
  faster = scipy.stats.sem([1.2, 1.4])
  assert rows_of(lowest)["2"] == (
    "-20.00 ± 0.00", "–", f"1.30 ± {faster:.2f}", "–"
  )
  error = scipy.stats.sem([89, 80])
  assert rows_of(lowest)["1"] == (
    "-1.00 ± 0.00", f"-0.50 ± {error:.2f}", "1.10 ± 0.00", "1.50 ± 0.00"
  )
  figures = drawn(ablated())
  (image,) = figures["spans"].axes[0].images
  np.testing.assert_allclose(
    image.get_array().filled(np.nan), [[-1, -20], [np.nan, -11]], atol=1e-9
  )
  texts = [text.get_text() for text in figures["spans"].axes[0].texts]
  assert texts == ["-1.0\n±0.0", "-20.0\n±0.0", "-11.0\n±1.0"]
  scores, speeds = figures["lowest"].axes
  taken = containers(scores)["trained adapters taken away"]
  np.testing.assert_allclose(taken[:2], [[0, 1, 2], [0, -1, -20]], atol=1e-9)
  np.testing.assert_allclose(
    containers(scores)["trained without them"][:2], [[0, 1], [0, -0.5]]
  )
  np.testing.assert_allclose(
    containers(speeds)["prediction"][:2], [[0, 1, 2], [1, 1.1, 1.3]]
  )
  np.testing.assert_allclose(
    containers(speeds)["training"][:2], [[0, 1], [1, 1.5]]
  )


def small_results(kind):
  """One task, two seeds: the narrowest pictures."""
  if kind == "ablation":
    return ablated()
  setting = {"initialisation": [1e-7, 1.0], "size": [8, 64]}.get(kind, [1, 64])
  points = [
    make_point("cola", "adapter", value, [60.0, 62.0], 100 + i)
    for i, value in enumerate(setting)
  ]
  if kind == "trade-off":
    points.append(make_point("cola", "full", None, [60.0, 61.0], 19000))
  return Results(kind, tuple(points))


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_is_cut_off_at_an_edge(kind):
  from matplotlib.axis import Tick
  from matplotlib.backends import backend_agg
  from matplotlib.text import Text

  with drawing.settings():
    for figure in KINDS[kind].draw(small_results(kind)).values():
      canvas = backend_agg.FigureCanvasAgg(figure)
      canvas.draw()
      renderer, whole = canvas.get_renderer(), figure.bbox
      # Ticks beyond the limits have labels that nobody draws.
      ticks = {
        id(label)
        for tick in figure.findobj(Tick)
        for label in (tick.label1, tick.label2)
      }
      texts = [
        text
        for text in figure.findobj(Text)
        if text.get_text().strip() and id(text) not in ticks
      ]
      assert texts
      for text in texts:
        box = text.get_window_extent(renderer)
        assert box.x0 >= whole.x0 - 1, text
        assert box.y0 >= whole.y0 - 1, text
        assert box.x1 <= whole.x1 + 1, text
        assert box.y1 <= whole.y1 + 1, text


# --- Files -------------------------------------------------------------------


@pytest.fixture
def published(tmp_path, traded):
  folder = tmp_path / "trade-off"
  folder.mkdir()
  (folder / "results.json").write_bytes(results_lib.encode(traded))
  run_lib.publish(folder)
  return folder


def test_pictures_are_whole_grey_and_of_their_size(published, traded):
  from matplotlib import image

  for name, figure in drawn(traded).items():
    pixels = image.imread(published / f"{name}.png")
    width, height = figure.get_size_inches() * 150
    assert pixels.shape[:2] == pytest.approx((height, width), abs=1)
    red, green, blue = np.moveaxis(pixels[..., :3], -1, 0)
    assert np.ptp(red) > 0.9
    np.testing.assert_array_equal(red, green)
    np.testing.assert_array_equal(red, blue)
    root = xml.etree.ElementTree.parse(published / f"{name}.svg").getroot()
    text = " | ".join(root.itertext())
    for words in (
      "trained parameters of a task, % of the encoder's",
      "score minus that of full fine-tuning, points",
      "3 seeds",
      "Houlsby et al. 2019",
      "adapter 1 … 64",
    ):
      assert words in text


class Page(html.parser.HTMLParser):
  """The tags and the text of a page."""

  def __init__(self, text):
    super().__init__()
    self.tags, self.words = [], []
    self.feed(text)

  def handle_starttag(self, tag, attrs):
    self.tags.append((tag, dict(attrs)))

  def handle_data(self, data):
    self.words.append(data)


def test_the_report_holds_all_of_it_and_needs_no_other_file(
  tmp_path, trained, traded, published
):
  results = Results(
    "trade-off", traded.points, "tf-adapters <study>", "a: 1", {"x": "1.2"}
  )
  (published / "results.json").write_bytes(results_lib.encode(results))
  study = load(tmp_path, "size", output=str(tmp_path))
  run_lib.run(study, lambda message: None, "tf-adapters study size")
  page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
  pictures = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
  assert [base64.b64decode(src.split(",")[1]) for src in pictures] == [
    (published / "percentiles.png").read_bytes(),
    (published / "tasks.png").read_bytes(),
    (study.folder / "sizes.png").read_bytes(),
  ]
  for tag, attrs in page.tags:
    assert tag not in ("link", "script", "iframe")
    for name in ("src", "href"):
      assert attrs.get(name, "data:").startswith("data:")
  words = set(page.words)
  assert {"tf-adapters <study>", "tf-adapters study size", "x 1.2."} <= words
  for table in trade_off.tables(traded):
    assert {cell for row in table.rows for cell in row if cell} <= words


def test_tables_are_markdown_without_markup():
  table = tables.Table("Title", ("a", "b"), [("[red]x", "1"), ("y", "-2.50")])
  head, rule, *rows = tables.markdown(table).splitlines()[2:]
  assert [cell.strip() for cell in head.split("|")[1:-1]] == ["a", "b"]
  assert set(rule) == {"|", "-"}
  assert [row.split("|")[1:-1] for row in rows if row] == [
    [" [red]x ", "     1 "], [" y      ", " -2.50 "]
  ]


def test_damaged_results_are_one_sentence(tmp_path):
  path = tmp_path / "results.json"
  for tree in ({"format": 7}, {"format": 1}, {"format": 1, "points": [{}]}):
    path.write_text(json.dumps(tree), encoding="utf-8")
    with pytest.raises(InputError, match="results.json"):
      results_lib.read(path)


# --- The command -------------------------------------------------------------


def run(capsys, *arguments):
  status = command_line.main(["study", *arguments])
  return status, *capsys.readouterr()


def test_the_command_trains_takes_apart_and_draws(
  encoder_folder, tmp_path, capsys
):
  train, dev = tiny.write_task(tmp_path)
  path = write_study(
    tmp_path,
    "ablation",
    search={},
    seeds=[0],
    settings={
      "encoder": str(encoder_folder),
      "adapter.size": 4,
      "train.epochs": 2,
      "train.batch_size": 8,
      "train.learning_rate": 0.03,
      "data.max_length": 32,
    },
    tasks={"mood": {"data.train": train, "data.eval": dev}},
    series={"adapter": {}},
  )
  arguments = ("ablation", "--config", path, "--output", str(tmp_path / "out"))
  status, out, err = run(capsys, *arguments)
  assert status == 0, err
  folder = tmp_path / "out/ablation"
  (point,) = results_lib.read(folder / "results.json").points
  for one in point.runs:
    assert 100 * one.inspected["whole"] == pytest.approx(one.dev)
    assert one.inspected["metric"] == "accuracy"
    assert len(one.inspected["prediction"]) == tiny.LAYERS + 1
  assert not list((tmp_path / "out/runs").glob("*/*"))  # no store is left
  assert (folder / "table.md").read_text(encoding="utf-8") in out
  assert {path.name for path in folder.iterdir()} == {
    "results.json", "runs.csv", "table.md", "spans.png", "spans.svg",
    "lowest.png", "lowest.svg",
  }
  page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
  assert str(tmp_path) not in page.split("<details>")[0]
  status, out, _ = run(capsys, *arguments, "--json")
  assert json.loads(out) == {
    "study": "ablation",
    "output": str(folder),
    "report": str(tmp_path / "out/report.html"),
    "points": 1,
    "failed": 0,
  }


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_study_whose_runs_failed_says_so_and_has_a_status(
  tmp_path, trained, capsys, options
):
  path = write_study(tmp_path, "initialisation", search={})
  output = tmp_path / "out"
  arguments = ("--config", path, "--output", str(output), *options)
  status, out, err = run(capsys, "initialisation", *arguments)
  assert trained
  assert status == 2
  assert re.search('"failed": 1' if options else r"\| +failed \|", out)
  assert err.strip().splitlines()[-1] == (
    f"tf-adapters: runs of {path} failed: 1; "
    f"{output}/initialisation/runs.csv says why, and `--retry` runs them again."
  )
  reasons = (output / "initialisation/runs.csv").read_text(encoding="utf-8")
  assert "the loss became nan" in reasons


def test_a_missing_file_is_one_sentence(capsys, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  status, out, err = run(capsys, "size", "--output", "out")
  assert (status, out) == (2, "")
  assert "configs/studies/size.yaml" in err
  assert err.count("\n") == 1
  assert not (tmp_path / "out").exists()


def test_without_matplotlib_nothing_runs(
  tmp_path, trained, capsys, monkeypatch
):
  monkeypatch.setitem(sys.modules, "matplotlib", None)
  path = write_study(tmp_path, "size")
  status, out, err = run(
    capsys, "size", "--config", path, "--output", str(tmp_path / "out")
  )
  assert (status, out) == (2, "")
  assert "pip install 'tf-adapters[picture]'" in err
  assert not trained
