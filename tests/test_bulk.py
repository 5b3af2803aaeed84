# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`predict --export`: whole runs on Beam, killed and gone on with.

Needs `pip install 'tf-adapters[beam]'`; what needs no Beam is in
test_bulk_parts.py, and what is refused before it starts in test_bulk_plan.py.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

import tf_adapters
from tests import tiny
from tf_adapters.__main__ import main
from tf_adapters.bulk import answers
from tf_adapters.bulk import plan as plan_lib
from tf_adapters.bulk import run as run_lib
from tf_adapters.bulk import work as work_lib
from tf_adapters.training.reporting import Silent

beam = pytest.importorskip("apache_beam", reason="needs apache-beam")

ROWS = 30


def texts(count: int, seed: int = 0) -> list[str]:
  """Of many lengths; some need quoting in CSV."""
  random = np.random.default_rng(seed)
  words = [*tiny.WORDS, 'a"b', "c,d", "süß", "👍"]
  return [
    " ".join(random.choice(words, int(random.integers(0, 30))))
    for _ in range(count)
  ]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> pathlib.Path:
  """The same rows in every format, one bad row in each of three."""
  folder = tmp_path_factory.mktemp("inputs")
  rows = list(zip(map(str, range(ROWS)), texts(ROWS), strict=True))
  lines = [f"{number}\t{text}" for number, text in rows]
  (folder / "a.tsv").write_text("\n".join(["id\ttext", *lines, "bad"]) + "\n")
  quoted = ['"{}","{}"'.format(*(c.replace('"', '""') for c in row))
            for row in rows]
  content = "\r\n".join(['id,text', *quoted]) + "\r\n"
  (folder / "b.csv").write_bytes(content.encode() + b"1,\xff\r\n")
  objects = [json.dumps({"id": n, "text": text}) for n, text in rows]
  (folder / "c.jsonl").write_text("\n".join([*objects, "{}"]))
  table = pyarrow.table({"id": [row[0] for row in rows], "text": texts(ROWS)})
  pyarrow.parquet.write_table(table, folder / "d.parquet", row_group_size=7)
  return folder


def job(made_export, inputs, output, **changes) -> tf_adapters.BulkJob:
  given = {
    "export": made_export, "task": "mood", "inputs": [f"{inputs}/*"],
    "output": str(output), "batch_size": 4, "part_rows": 8,
  }
  return tf_adapters.BulkJob(**{**given, **changes})


def snapshot(folder: pathlib.Path) -> dict[str, bytes]:
  return {
    str(path.relative_to(folder)): path.read_bytes()
    for path in folder.rglob("*") if path.is_file()
  }


def read(path: pathlib.Path) -> list[dict]:
  """The rows of an output, `probabilities` as objects."""
  if path.suffix == ".parquet":
    return pyarrow.parquet.read_table(path).to_pylist()
  if path.suffix == ".jsonl":
    return [json.loads(line) for line in path.read_text().splitlines()]
  if path.suffix == ".tsv":
    lines = [line.split("\t") for line in path.read_text().split("\n")[:-1]]
  else:
    import csv

    with open(path, encoding="utf-8", newline="") as file:
      lines = list(csv.reader(file, strict=True))
  rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
  for row in rows:
    row["probabilities"] = json.loads(row["probabilities"])
  return rows


@pytest.fixture(scope="module")
def undisturbed(made_export, inputs, tmp_path_factory) -> pathlib.Path:
  output = tmp_path_factory.mktemp("undisturbed") / "out"
  result = tf_adapters.predict_files(
    job(made_export, inputs, output), reporter=Silent()
  )
  counts = (result.files, result.rows, result.answered, result.rejected)
  assert counts == (4, 4 * ROWS + 3, 4 * ROWS, 3)
  assert (result.parts, result.found) == (16, 0)
  return output


# --- Answers -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "parquet"])
def test_answers_are_those_of_the_task(undisturbed, made_store, kind):
  paths = sorted(undisturbed.glob(f"part-*.{kind}"))
  assert len(paths) == 4
  rows = [row for path in paths for row in read(path)]
  assert [(row["id"], row["text"]) for row in rows] == list(
    zip(map(str, range(ROWS)), texts(ROWS), strict=True)
  )
  wanted = tf_adapters.load_task(made_store, "mood").predict(texts(ROWS))
  assert len({row["score"] for row in wanted}) > ROWS / 2  # tell rows apart
  for row, answer in zip(rows, wanted, strict=True):
    assert row["label"] == answer["label"]
    assert float(row["score"]) == pytest.approx(answer["score"], abs=1e-6)
    assert row["probabilities"] == pytest.approx(
      answer["probabilities"], abs=1e-6
    )
    assert list(row["probabilities"]) == list(answer["probabilities"])


def test_bad_rows_have_file_line_and_reason(undisturbed, inputs):
  found = [
    json.loads(line)
    for path in sorted((undisturbed / "_rejected").iterdir())
    for line in path.read_text().splitlines()
  ]
  assert found == [
    {"file": f"{inputs}/a.tsv", "line": ROWS + 2,
     "reason": "has 1 fields where the header has 2"},
    {"file": f"{inputs}/b.csv", "line": ROWS + 2,
     "reason": "is not UTF-8 (byte 0xff)"},
    {"file": f"{inputs}/c.jsonl", "line": ROWS + 1,
     "reason": "there is no column `text`; found "},
  ]
  counts = json.loads((undisturbed / "_SUCCESS").read_text())
  assert counts == {
    "files": 4, "rows": 123, "answered": 120, "rejected": 3, "parts": 16
  }


@pytest.mark.parametrize("task,columns", [
  ("stars", ("text",)), ("same", ("text", "text_b")),
  ("where", ("question", "context")),
])
def test_every_kind_of_task(
  made_export, made_store, tmp_path, capsys, task, columns
):
  """By the command line; what the columns are called is said there."""
  pairs = [texts(10, seed) for seed in range(2)][: len(columns)]
  path = tmp_path / "a.jsonl"
  rows = zip(*pairs, strict=True)
  path.write_text(
    "".join(json.dumps({"x": r[0], "y": r[-1]}) + "\n" for r in rows)
  )
  names = [f"--column={name}={column}"
           for name, column in zip(columns, "xy", strict=False)]
  output = tmp_path / "out"
  words = ["predict", "--export", str(pathlib.Path(made_export).parent)]
  words += ["--task", task, "--input", str(path), "--output", str(output)]
  assert main([*words, *names, "--json"]) == 0
  result = json.loads(capsys.readouterr().out)
  assert (result["answered"], result["parts"]) == (10, 1)
  found = read(output / "part-00000-of-00001.jsonl")
  wanted = tf_adapters.load_task(made_store, task).predict(*pairs)
  for row, answer in zip(found, wanted, strict=True):
    for name, value in answer.items():
      if isinstance(value, float):
        value = pytest.approx(value, rel=1e-5, abs=1e-6)
      elif isinstance(value, dict):
        value = pytest.approx(value, abs=1e-6)
      assert row[name] == value


# --- Once and no more --------------------------------------------------------

# Dies at the given write of a part's answers, just before its file has its
# name, or just after.
_DIE = """
import os, signal, sys
import tf_adapters
from tf_adapters.__main__ import main
replace, left = os.replace, [int(sys.argv[1])]
def dying(source, place):
  part = os.path.basename(place).startswith("part-")
  left[0] -= part
  if part and not left[0] and sys.argv[2] == "before":
    os.kill(os.getpid(), signal.SIGKILL)
  replace(source, place)
  if part and not left[0]:
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = dying
sys.exit(main(sys.argv[3:]))
"""


@pytest.mark.parametrize("number,when", [(5, "before"), (13, "after")])
def test_a_killed_run_ends_with_the_same_bytes(
  made_export, inputs, undisturbed, tmp_path, number, when
):
  output = tmp_path / "out"
  words = ["predict", "--export", made_export, "--task", "mood"]
  words += ["--input", f"{inputs}/*", "--output", str(output)]
  words += ["--batch-size", "4", "--part-rows", "8"]
  killed = subprocess.run(
    [sys.executable, "-c", _DIE, str(number), when, *words],
    capture_output=True, timeout=300, check=False,
    cwd=pathlib.Path(tf_adapters.__file__).parents[1],
  )
  assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
  whole = snapshot(undisturbed)
  half = snapshot(output)
  finished = [name for name in half if name.startswith("part-")]
  assert 0 < len(finished) < 16 and "_SUCCESS" not in half
  assert all(half[name] == whole[name] for name in finished)
  if when == "before":
    assert any(pathlib.Path(name).name.startswith(".part-") for name in half)
  result = tf_adapters.predict_files(
    job(made_export, inputs, output), reporter=Silent()
  )
  assert result.found == len(finished)
  assert snapshot(output) == whole


def test_a_finished_run_writes_nothing_again(made_export, inputs, undisturbed):
  before = {
    path: path.stat().st_mtime_ns for path in undisturbed.glob("part-*")
  }
  result = tf_adapters.predict_files(
    job(made_export, inputs, undisturbed), reporter=Silent()
  )
  assert (result.found, result.answered) == (16, 4 * ROWS)
  assert before == {
    path: path.stat().st_mtime_ns for path in undisturbed.glob("part-*")
  }


def test_a_worker_loads_the_export_once(made_export, inputs, tmp_path):
  from tf_adapters.bulk import pipeline

  class Counting(pipeline.Handler):
    def load_model(self):
      with open(tmp_path / "loads", "a") as file:
        file.write(f"{os.getpid()}\n")
      return super().load_model()

  plan = plan_lib.make(job(made_export, inputs, tmp_path / "out"))
  works = run_lib._left(plan, str(tmp_path / "out"))
  assert len(works) == 16
  result = pipeline.run(works, Counting(plan.asked, 4), "DirectRunner", ())
  assert (tmp_path / "loads").read_text().split() == [str(os.getpid())]
  metrics = result.metrics().query()
  counts = {
    found.key.metric.name: found.result for found in metrics["counters"]
  }
  assert counts["num_inferences"] == 16  # parts
  assert counts["rows_answered"] == 4 * ROWS
  assert counts["rows_rejected"] == 3
  loads = [
    found.result.count for found in metrics["distributions"]
    if found.key.metric.name == "load_model_latency_milli_secs"
  ]
  assert loads == [1]


# --- What goes wrong under way -----------------------------------------------


def put_tsv(path: pathlib.Path, texts: list[str]) -> None:
  path.write_text("\n".join(["text", *texts]))


def put_parquet(path: pathlib.Path, texts: list[str]) -> None:
  pyarrow.parquet.write_table(pyarrow.table({"text": texts}), path)


@pytest.mark.parametrize("kind,put", [
  ("tsv", put_tsv), ("parquet", put_parquet)
])
def test_what_a_worker_says_of_an_input_is_one_sentence(
  made_export, tmp_path, monkeypatch, capsys, kind, put
):
  """Or what is said at the end: the footer of the Parquet stays the same."""
  path = tmp_path / f"a.{kind}"
  put(path, ["one", "two", "zoo"])
  make = plan_lib.make

  def and_change(*arguments):
    plan = make(*arguments)
    put(path, ["one", "tWo", "zoo"])
    return plan

  monkeypatch.setattr(plan_lib, "make", and_change)
  words = ["predict", "--export", made_export, "--task", "mood"]
  words += ["--input", str(path), "--output", str(tmp_path / "out")]
  assert main(words) == 2
  shown = capsys.readouterr().err.splitlines()[-1]
  assert shown == (
    f"tf-adapters: `--input`: {path} has changed since the run began."
  )
  assert not (tmp_path / "out" / "_SUCCESS").exists()


def test_a_runner_that_beam_does_not_know(made_export, tmp_path, capsys):
  path = tmp_path / "a.tsv"
  path.write_text("text\none\n")
  words = ["predict", "--export", made_export, "--task", "mood"]
  words += ["--input", str(path), "--output", str(tmp_path / "out")]
  assert main([*words, "--runner", "NoRunner"]) == 2
  shown = capsys.readouterr().err.splitlines()[-1]
  assert "`--runner`" in shown and "NoRunner" in shown


# --- Other file systems ------------------------------------------------------


class There(beam.io.localfilesystem.LocalFileSystem):
  """The local one by `there:///path`, as a stand-in for `gs://`."""

  @classmethod
  def scheme(cls):
    return "there"

  def _here(self, path: str) -> str:
    return path.removeprefix("there://")

  def match(self, patterns, limits=None):
    found = super().match([self._here(p) for p in patterns], limits)
    for result in found:
      for entry in result.metadata_list:
        entry.path = f"there://{entry.path}"
    return found

  def open(self, path, *args, **kwargs):
    return super().open(self._here(path), *args, **kwargs)

  def create(self, path, *args, **kwargs):
    path = pathlib.Path(self._here(path))
    path.parent.mkdir(parents=True, exist_ok=True)  # gs:// has no folders
    return super().create(str(path), *args, **kwargs)

  def rename(self, sources, places):
    super().rename(
      [self._here(path) for path in sources],
      [self._here(path) for path in places],
    )

  def exists(self, path):
    return super().exists(self._here(path))

  def delete(self, paths):
    for path in paths:
      os.unlink(self._here(path))


def test_files_of_another_file_system(
  made_export, inputs, undisturbed, tmp_path
):
  output = tmp_path / "out"
  shutil.copytree(inputs, tmp_path / "in")
  result = tf_adapters.predict_files(
    job(made_export, f"there://{tmp_path}/in", f"there://{output}"),
    reporter=Silent(),
  )
  assert result.answered == 4 * ROWS
  whole, found = snapshot(undisturbed), snapshot(output)
  for name in [name for name in whole if name.startswith("part-")]:
    assert found.pop(name) == whole[name]
  assert set(found) == {name for name in whole if not name.startswith("part-")
                        and name != ".lock"}
  (output / "part-00003-of-00016.tsv").unlink()
  (output / ".part-00003-of-00016.tsv.dead").write_text("half")
  again = tf_adapters.predict_files(
    job(made_export, f"there://{tmp_path}/in", f"there://{output}"),
    reporter=Silent(),
  )
  assert again.found == 15
  names = {name for name in snapshot(output) if name.startswith(".")}
  assert not names


def test_work_goes_between_machines_as_text(made_export, inputs, tmp_path):
  plan = plan_lib.make(job(made_export, inputs, tmp_path / "out"))
  assert isinstance(plan.asked, answers.Asked)
  for work in run_lib._left(plan, str(tmp_path / "out")):
    assert work_lib.Work.from_json(work.to_json()).to_json() == work.to_json()
