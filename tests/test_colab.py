# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The notebooks of `colab/` run whole: one's own data, and many tasks."""

import csv
import os
import shutil
import subprocess
import sys
import types
import zipfile

import pytest

from tests.colab import ROOT
from tests.colab import SEARCH
from tests.colab import pictures
from tests.colab import run
from tests.colab import source
from tests.colab import text
from tf_adapters.data import records

FILES = """
import pathlib


def download(path):
  assert pathlib.Path(path).is_file()
  print("downloaded", path)


def upload():
  header, row = "number,message,topic", '{0},"It is {1}, really.",{1}'
  rows = [row.format(n, ("late", "broken")[n % 2]) for n in range(20)]
  pathlib.Path("mine.csv").write_text("\\n".join([header, *rows]))
  return {"mine.csv": b""}
"""


@pytest.fixture
def colab(tmp_path) -> str:
  """A path on which `google.colab` is, which every kernel imports at once."""
  package = tmp_path / "fake" / "google" / "colab"
  package.mkdir(parents=True)
  (package / "__init__.py").write_text("")
  (package / "files.py").write_text(FILES)
  startup = tmp_path / "ipython" / "profile_default" / "startup"
  startup.mkdir(parents=True)
  (startup / "colab.py").write_text("import google.colab\n")
  return os.pathsep.join([str(ROOT), str(tmp_path / "fake")])


@pytest.mark.minilm
def test_own_data_become_a_task_that_can_be_taken_home(tmp_path, colab):
  cells, value = run("adapt_your_data", tmp_path, """{
    "sizes": sizes, "tested": result.test_metrics, "same": same,
    "trained": result.trainable_parameters, "report": report,
    "baseline": baseline.test_metrics, "answers": answers,
    "colab": runtime.colab}""", PYTHONPATH=colab)
  assert value["colab"] is True
  assert "note:" not in text(cells["install"])
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
  assert "downloaded adapt_your_data/my_task.zip" in text(cells["take"])


def test_a_file_that_is_uploaded_is_the_one_that_is_read(
  tmp_path, monkeypatch, capsys
):
  monkeypatch.chdir(tmp_path)
  fake = types.ModuleType("google.colab.files")
  exec(FILES, vars(fake))  # noqa: S102
  colab = types.ModuleType("google.colab")
  colab.files = fake
  monkeypatch.setitem(sys.modules, "google.colab", colab)
  names = {"runtime": types.SimpleNamespace(colab=True), "os": os}
  settings = source("adapt_your_data", "settings")
  exec(settings.replace("UPLOAD = False", "UPLOAD = True"), names)  # noqa: S102
  exec(source("adapt_your_data", "data"), names)  # noqa: S102
  assert "20 rows; {'late': 10, 'broken': 10}" in capsys.readouterr().out
  written = (tmp_path / "adapt_your_data" / "all.csv").read_text().splitlines()
  assert written[:2] == ["text,label", '"It is late, really.",late']


@pytest.mark.parametrize(("typed", "content", "message"), [
  (
    'TEXT_COLUMN = "words"', b"message,topic\na,b\n",
    "TEXT_COLUMN must be one of 'message', 'topic'; got 'words'.",
  ),
  (
    'LABEL_COLUMN = "stars"', b"message,topic\na,b\n",
    "LABEL_COLUMN must be one of 'message', 'topic'; got 'stars'.",
  ),
  ("", "message,topic\né,b\n".encode("latin-1"), "mine.csv must be in UTF-8"),
  ("UPLOAD = True", b"", "UPLOAD works on Colab alone; here FILE names"),
])
def test_what_cannot_be_read_is_one_sentence(
  tmp_path, monkeypatch, typed, content, message
):
  monkeypatch.chdir(tmp_path)
  (tmp_path / "mine.csv").write_bytes(content)
  names = {"runtime": types.SimpleNamespace(colab=False), "os": os}
  settings = source("adapt_your_data", "settings")
  exec(f"{settings}\nFILE = 'mine.csv'\n{typed}", names)  # noqa: S102
  with pytest.raises(ValueError) as caught:
    exec(source("adapt_your_data", "data"), names)  # noqa: S102
  assert message in str(caught.value)
  assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["tsv", "csv"])
def test_own_rows_arrive_as_they_stand(tmp_path, monkeypatch, capsys, kind):
  """All but the empty ones; what the package reads of a file is the truth."""
  monkeypatch.chdir(tmp_path)
  rows = [
    ('"Open', "1"), ("null", "2"), ("closed", "None"), ("NA", "1"),
    ('say "x"', "NA"), ("", "1"), ("text", ""), ('end"', "2.0"),
  ]
  path = tmp_path / f"mine.{kind}"
  form = {"delimiter": ",", "quoting": csv.QUOTE_MINIMAL}
  if kind == "tsv":
    form = {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None}
  with path.open("w", encoding="utf-8", newline="") as file:
    csv.writer(file, **form).writerows([("message", "topic"), *rows])
  names = {"runtime": types.SimpleNamespace(colab=False), "os": os}
  settings = source("adapt_your_data", "settings")
  exec(settings.replace('FILE = ""', f"FILE = {str(path)!r}"), names)  # noqa: S102
  exec(source("adapt_your_data", "data"), names)  # noqa: S102
  assert "2 rows have no text or no label" in capsys.readouterr().out

  def read(name):
    found = records.read(str(name), "data").rows
    return [tuple(fields.values()) for _, fields in found]

  assert read(path) == rows
  written = read(tmp_path / "adapt_your_data" / "all.csv")
  assert written == [row for row in rows if all(row)]


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
