# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The notebooks of `colab/` run whole, with small settings, as users do."""

import os
import shutil
import subprocess
import sys
import types
import zipfile

import numpy as np
import pytest

from tests.colab import ROOT
from tests.colab import SEARCH
from tests.colab import pictures
from tests.colab import run
from tests.colab import source
from tests.colab import text
from tf_adapters import settings as settings_lib
from tf_adapters.checkpoints import minilm
from tf_adapters.errors import InputError


@pytest.fixture
def needs_minilm():
  """Skips where the default encoder is not installed."""
  try:
    minilm.find()
  except InputError as error:
    pytest.skip(str(error))


@pytest.mark.minilm
@pytest.mark.usefixtures("needs_minilm")
def test_own_data_become_a_task_that_can_be_taken_home(tmp_path):
  cells, value = run("adapt_your_data", tmp_path, """{
    "sizes": sizes, "tested": result.test_metrics, "same": same,
    "trained": result.trainable_parameters, "report": report,
    "baseline": baseline.test_metrics, "answers": answers,
    "examples": len(table)}""")
  assert value["sizes"] == {"train": 160, "dev": 20, "test": 20}
  assert "Training runs on the" in text(cells["install"])
  assert value["same"] is True
  # The table that stands before the first step.
  shown = text(cells["train"])
  assert "layer_norm" in shown and f"{value['trained']:,}" in shown
  assert [p[:4] for p in pictures(cells["curves"])] == [b"\x89PNG"]
  # The score three times: of the run, of the report, and counted here.
  counts = value["report"]["confusion"]["counts"]
  right = sum(row[place] for place, row in enumerate(counts))
  assert sum(map(sum, counts)) == 20
  assert value["tested"]["accuracy"] == pytest.approx(right / 20)
  assert f"test accuracy {right / 20:.1%}" in text(cells["score"])
  assert 0 <= value["baseline"]["accuracy"] <= 1
  for answer in value["answers"]:
    assert answer["score"] == max(answer["probabilities"].values())
  archive = tmp_path / "adapt_your_data" / "my_task.zip"
  assert set(zipfile.ZipFile(archive).namelist()) == {
    "store/store.json", "store/tasks/my_task/module.json",
    "store/tasks/my_task/weights.safetensors",
  }
  assert archive.stat().st_size < 4 * value["trained"] + 20_000


@pytest.fixture
def serving(tmp_path) -> str:
  """A path on which `tensorflow_model_server` is our stand-in for it."""
  program = tmp_path / "bin" / "tensorflow_model_server"
  program.parent.mkdir()
  program.write_text(
    f'#!/bin/sh\nexec {sys.executable} -m tests.model_server "$@"\n'
  )
  program.chmod(0o755)
  return os.pathsep.join([str(program.parent), SEARCH])


@pytest.mark.minilm
@pytest.mark.usefixtures("needs_minilm")
def test_of_many_tasks_none_is_forgotten_and_all_are_served(tmp_path, serving):
  cells, value = run("many_tasks_one_encoder", tmp_path, """{
    "tasks": TASKS, "notes": notes, "unchanged": unchanged,
    "sizes": sizes.reset_index().to_dict("records"), "version": version,
    "inside": inside, "outside": outside, "served": served}""", PATH=serving)
  first = value["tasks"][0]
  assert [set(note) for note in value["notes"]] == [
    set(value["tasks"][:1]), set(value["tasks"])
  ]
  assert value["notes"][0][first] == value["notes"][-1][first]
  assert value["unchanged"] == {"files": True, "answers": True}
  assert text(cells["forgotten"]).count("not by a bit") == 2
  for row in value["sizes"]:
    module = tmp_path / "many_tasks" / "store" / "tasks" / row["task"]
    size = (module / "weights.safetensors").stat().st_size
    assert row["bytes"] == row["planned"] == size
    assert row["full fine-tuning"] > 10 * row["bytes"]
  assert value["version"] == "many_tasks/served/1"
  assert "SKIPPED" not in text(cells["server"]) + text(cells["rest"])
  assert f"tasks: {sorted(value['tasks'])}" in text(cells["rest"])
  outside = value["outside"]
  for row, answer in enumerate(value["inside"]):
    served = value["served"][row]
    assert answer["label"] == outside["label"][row] == served["label"]
    for score in (outside["score"][row], served["score"]):
      assert score == pytest.approx(answer["score"], abs=1e-5)
    assert set(served["probabilities"]) == set(answer["probabilities"])


def server_cell(folder, colab=False) -> dict:
  """What the cell that starts the server leaves behind."""
  (folder / "served").mkdir(exist_ok=True)
  names = {
    "WORK": folder, "runtime": types.SimpleNamespace(colab=colab),
    "shutil": shutil, "subprocess": subprocess,
  }
  exec(source("many_tasks_one_encoder", "server"), names)  # noqa: S102
  return names


def program(folder, name, code) -> None:
  (folder / name).write_text(f"#!/bin/sh\n{code}\n")
  (folder / name).chmod(0o755)


def test_without_a_server_the_notebook_says_so(tmp_path, monkeypatch, capsys):
  monkeypatch.setenv("PATH", str(tmp_path))
  assert server_cell(tmp_path)["skipped"]
  reason = "there is no tensorflow_model_server on this machine"
  assert capsys.readouterr().out == f"SKIPPED: {reason}\n"


def test_a_server_that_cannot_start_is_said(tmp_path, monkeypatch, capsys):
  code = "echo version GLIBC_9 not found >&2; exit 1"
  program(tmp_path, "tensorflow_model_server", code)
  monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
  server_cell(tmp_path)
  shown = capsys.readouterr().out
  assert shown.startswith("SKIPPED: the server did not start: version GLIBC_9")


def test_in_colab_apt_is_asked_and_its_refusal_is_said(
  tmp_path, monkeypatch, capsys
):
  """By a shell that only notes what it is told: nothing is installed."""
  code = 'echo "$2" > told; echo E: no such package >&2; exit 100'
  program(tmp_path, "bash", code)
  monkeypatch.setenv("PATH", str(tmp_path))
  monkeypatch.chdir(tmp_path)
  server_cell(tmp_path, colab=True)
  shown = capsys.readouterr().out
  assert shown == "SKIPPED: apt failed: E: no such package\n"
  told = (tmp_path / "told").read_text().split()
  key = "/usr/share/keyrings/tensorflow-serving.asc"
  assert told[told.index("-o") + 1] == key and f"signed-by={key}]" in told
  assert told[-3:] == ["-qq", "install", "tensorflow-model-server"]


@pytest.fixture(scope="module")
def glue(tmp_path_factory) -> str:
  """A folder of TFDS with a small `glue/rte` of made-up pairs."""
  import tensorflow_datasets as tfds

  folder = tmp_path_factory.mktemp("tfds")
  labels = ["entailment", "not_entailment"]
  splits = {
    split: [
      {
        "sentence1": f"Film {number} is {('bad', 'good')[number % 2]}.",
        "sentence2": "It is bad.",
        "label": -1 if split == "test" else number % 2,
        "idx": number,
      }
      for number in range(count)
    ]
    for split, count in (("train", 260), ("validation", 20), ("test", 6))
  }
  tfds.dataset_builders.store_as_tfds_dataset(
    name="glue",
    config="rte",
    version="2.0.0",
    features=tfds.features.FeaturesDict({
      "sentence1": tfds.features.Text(),
      "sentence2": tfds.features.Text(),
      "label": tfds.features.ClassLabel(names=labels),
      "idx": np.int32,
    }),
    split_datasets=splits,
    data_dir=str(folder),
    disable_shuffling=True,
  )
  return str(folder)


@pytest.mark.minilm
@pytest.mark.usefixtures("needs_minilm")
def test_a_task_of_glue_is_trained_scored_and_submitted(tmp_path, glue):
  cells, value = run("glue_on_tpu", tmp_path, """{
    "names": NAMES, "scale": SCALES, "accelerator": runtime.accelerator,
    "settings": {name: settings(name) for name in tables.all_tables()
                 if tables.get(name).collection == "glue"},
    "scores": scores.reset_index().to_dict("records"), "part": PART,
    "written": written, "module": STORE.describe("rte")}""",
    TFDS_DATA_DIR=glue, CUDA_VISIBLE_DEVICES="")
  assert (value["accelerator"], value["names"]) == ("CPU", ["rte"])
  _check_settings_of_glue(value)
  module = value["module"]
  assert module["data"]["train"]["examples"] == 256  # of 260
  (row,) = value["scores"]
  accuracy = module["metrics"]["accuracy"]
  assert row["dev, %"] == pytest.approx(100 * accuracy)
  assert row["paper, BERT-large, test, %"] == 68.8  # Table 1, size 64
  assert len(pictures(cells["curves"])) == 1
  lines = (tmp_path / value["written"][0]).read_text().splitlines()
  assert lines[0] == "index\tprediction"
  found = [line.split("\t") for line in lines[1:]]
  assert [index for index, _ in found] == [str(n) for n in range(6)]
  assert {answer for _, answer in found} <= {"entailment", "not_entailment"}


def _check_settings_of_glue(value) -> None:
  """They are those of the shipped files, but for what the device scales."""
  for name, found in value["settings"].items():
    path = ROOT / "configs" / "glue" / f"{name}.yaml"
    shipped = settings_lib.to_dict(settings_lib.load(str(path)))
    mine = settings_lib.to_dict(settings_lib.from_dict(found))
    mine["data"]["tfds_train"] = mine["data"]["tfds_train"].removesuffix(
      value["part"]
    )
    for key in value["scale"][value["accelerator"]]:
      room, leaf = key.split(".")
      mine[room][leaf] = shipped[room][leaf]
    mine["encoder"], mine["store"] = shipped["encoder"], shipped["store"]
    assert mine == shipped, name


@pytest.mark.minilm
@pytest.mark.usefixtures("needs_minilm")
def test_studies_are_run_and_shown_and_sliders_move(tmp_path):
  cells, value = run("trade_off_and_ablation", tmp_path, """{
    "first": shown_table.value, "first_picture": hash(shown_picture.value),
    "moved": [setattr(size, "value", 8), setattr(tasks, "value", 3),
              setattr(placement, "value", "pfeiffer")],
    "then": shown_table.value, "then_picture": hash(shown_picture.value),
    "widgets": [type(row).__name__ for row in rows],
    "results": {name: json.load(open(WORK / "studies" / name / "results.json"))
                for name in ("trade-off", "ablation")}}""")
  # README's numbers, of houlsby 64 and ten tasks.
  plan = text(cells["plan"])
  for shown in (plan, value["first"]):
    for number in ("2,419,202", "2.21%", "108,893,186", "534.9"):
      assert number in shown
  assert len(pictures(cells["plan"])) == 1
  # One bottleneck of size 8 in each of 12 blocks of width 768, and a head.
  own = 12 * (2 * 768 * 8 + 768 + 8) + 2 * 768 + 2
  assert f"{own:,}" in value["then"] and "3 tasks" in value["then"]
  assert value["then_picture"] != value["first_picture"]
  found = value["results"]["trade-off"]["points"]
  points = {(point["series"], point["value"]): point for point in found}
  assert set(points) == {
    ("full", None), ("adapter", 8), ("top_k", 1), ("layer_norm", None)
  }
  for point in points.values():
    assert not point["failed"] and len(point["runs"]) == 1
    assert 0 <= point["runs"][0]["score"] <= 100
  # Two bottlenecks a block, 13 LayerNorms, a head of five labels.
  adapters = 2 * 6 * (2 * 384 * 8 + 384 + 8) + 13 * 2 * 384 + 5 * 384 + 5
  assert points["adapter", 8]["trained"] == adapters
  assert points["layer_norm", None]["trained"] == 13 * 2 * 384 + 5 * 384 + 5
  (ablated,) = value["results"]["ablation"]["points"]
  spans = ablated["runs"][0]["inspected"]["spans"]
  for first, row in enumerate(spans):
    assert [score is None for score in row] == [
      last < first for last in range(6)
    ]
  for cell, count in (("trade-off", 1), ("ablation", 2)):
    assert len(pictures(cells[cell])) == count
  page = (tmp_path / "trade_off" / "studies" / "report.html").read_text()
  assert page.count("data:image/png") == 3
