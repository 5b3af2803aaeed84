# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The command line as a user types it, and what bad input gets."""

import errno
import json
import math
import os
import pathlib
import resource
import shutil
import subprocess
import sys

import pytest

import tf_adapters
from tests import tiny
from tf_adapters.__main__ import main
from tf_adapters.command_line import answering
from tf_adapters.command_line.command import json_line


@pytest.fixture(scope="module")
def world(tmp_path_factory, encoder_folder):
  """Data and a store with one task `mood`, made by the command itself."""
  folder = tmp_path_factory.mktemp("world")
  tiny.write_task(folder)
  (folder / "run.yaml").write_text(
    "# A comment.\n"
    f"encoder: {encoder_folder}\n"
    f"store: {folder}/store\n"
    "data:\n"
    f"  train: {folder}/train.tsv\n"
    f"  eval: {folder}/dev.tsv\n"
    "  max_length: 24\n"
    "adapter: {size: 4}\n"
    "train:\n  epochs: 2\n  batch_size: 8\n",
    encoding="utf-8",
  )
  assert run(folder, "task.name=mood") == 0
  return folder


def run(folder: pathlib.Path, *arguments: str) -> int:
  return main(["train", str(folder / "run.yaml"), *arguments, "--json"])


def last_json(capsys) -> dict:
  return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_train_prints_one_json_object(world, capsys, tmp_path):
  assert run(world, "task.name=again", f"store={tmp_path}/store") == 0
  result = last_json(capsys)
  assert {
    "task", "metrics", "trainable_parameters", "encoder_parameters",
    "examples_per_s", "seconds",
  } <= set(result)
  assert result["task"] == "again"
  assert 0 <= result["metrics"]["accuracy"] <= 1
  d, m, classes = tiny.HIDDEN, 4, 2
  adapters = 2 * tiny.LAYERS * (2 * m * d + d + m)
  norms = (2 * tiny.LAYERS + 1) * 2 * d
  head = d * classes + classes
  assert result["trainable_parameters"] == adapters + norms + head
  tensors = tiny.hugging_face_tensors().values()
  assert result["encoder_parameters"] == sum(t.size for t in tensors)


def test_evaluate_gives_the_scores_of_training(world, capsys):
  main(["show", "--store", f"{world}/store", "--task", "mood", "--json"])
  trained = last_json(capsys)["metrics"]
  arguments = ["--store", f"{world}/store", "--task", "mood"]
  data = ["--data", f"{world}/dev.tsv", "--json"]
  assert main(["evaluate", *arguments, *data]) == 0
  again = last_json(capsys)["metrics"]
  for name, value in again.items():
    assert value == pytest.approx(trained[name], abs=1e-6)


def test_a_target_that_is_out_of_reach_is_named(made_store, capsys, tmp_path):
  path = tmp_path / "far.tsv"
  path.write_text("text\tlabel\ngood\t3\nbad\t1e300\n", encoding="utf-8")
  words = ["evaluate", "--store", made_store, "--task", "stars", "--json"]
  assert main([*words, "--data", str(path)]) == 2
  output, error = capsys.readouterr()
  assert output == "" and f"{path}, line 3" in error and "'1e300'" in error


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_line_is_written_that_is_no_json(value):
  assert json.loads(json_line({"b": [1.5, None], "a": "ä"})) == {
    "a": "ä", "b": [1.5, None]
  }
  with pytest.raises(tf_adapters.InputError, match="--json"):
    json_line({"value": value})


def test_evaluate_reports_classes_and_confusion(world, capsys):
  words = ["evaluate", "--store", f"{world}/store", "--task", "mood"]
  words += ["--data", f"{world}/dev.tsv", "--report"]
  assert main([*words, "--json"]) == 0
  report = last_json(capsys)
  counts = report["confusion"]["counts"]
  assert report["confusion"]["labels"] == ["pos", "neg"]
  assert [sum(row) for row in counts] == [24, 24]  # every example once
  accuracy = (counts[0][0] + counts[1][1]) / 48
  assert report["metrics"]["accuracy"] == pytest.approx(accuracy)
  for label, row in zip(("pos", "neg"), counts, strict=True):
    scores = report["classes"][label]
    assert scores["examples"] == 24
    hits = row[("pos", "neg").index(label)]
    assert scores["recall"] == pytest.approx(hits / 24)
  assert main(words) == 0
  lines = capsys.readouterr().out.splitlines()
  assert lines[1].split("\t")[1:] == ["precision", "recall", "f1", "examples"]
  assert lines[-1] == "\t".join(["neg", *map(str, counts[1])])


def test_a_label_with_a_tab_is_one_column_of_the_report():
  scores = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "examples": 2}
  lines = [*answering._class_lines({
    "classes": {"a\tb": scores, "c\nd": scores},
    "confusion": {"labels": ["a\tb", "c\nd"], "counts": [[2, 0], [0, 2]]},
  })]
  assert [len(line.split("\t")) for line in lines] == [5, 5, 5, 3, 3, 3]
  assert [line.split("\t")[0] for line in lines[1:3]] == ["a b", "c d"]


@pytest.mark.parametrize("words", [
  ["evaluate"], ["evaluate", "--data", "a.tsv", "--split", "test"],
  ["predict"], ["predict", "--input", "a.tsv", "--split", "test"],
  ["predict", "good", "--split", "test"], ["predict", "good", "--glue", "x"],
  ["evaluate", "--split", "test"],
])
def test_sources_that_contradict_are_named(world, capsys, words):
  store = ["--store", f"{world}/store", "--task", "mood"]
  assert main([*words, *store]) == 2
  message = capsys.readouterr().err
  assert len(message.splitlines()) == 1
  assert "--split" in message or "--tfds" in message or "split" in message


FILE = ["predict", "--task", "mood", "--input", "a.tsv"]
TEXT = ["predict", "--task", "mood", "good"]


@pytest.mark.parametrize(("words", "part"), [
  *[([*TEXT, f"--{name}", "x"], f"`--{name}` is for a file or a split; got")
    for name in ("tfds", "tfds-dir", "glue", "form", "output")],
  ([*FILE, "--tfds", "x"], "`--tfds` is for `--split`; got `--input`"),
  ([*FILE, "--form", "x"], "`--form` must be one of `cola`"),
  ([*FILE, "--output", "x", "--glue", "x"], "`--output` does not go with"),
  ([*FILE, "--output", "x"], "`--output` is for a span task; got 'mood'"),
  ([*FILE, "--output", "gone/x"], "`--output`: there is no folder 'gone'"),
  ([*FILE, "--output", "."], "`--output` must be a file; got the folder '.'"),
  (
    ["evaluate", "--task", "mood", "--data", "a.tsv", "--tfds-dir", "x"],
    "`--tfds-dir` is for `--split`; got `--data`",
  ),
  (
    ["evaluate", "--task", "stars", "--data", "a.tsv", "--report"],
    "`--report` is for a classification; got 'stars', a regression",
  ),
])
def test_what_would_not_be_read_is_refused(
  made_store, capsys, monkeypatch, tmp_path, words, part
):
  monkeypatch.chdir(tmp_path)
  pathlib.Path("a.tsv").write_text("text\tlabel\ngood\t1\nbad\t2\n")
  assert main([*words, "--store", made_store]) == 2
  captured = capsys.readouterr()
  assert captured.out == ""
  line = captured.err.splitlines()[-1]
  assert part in line and line.endswith(".")


@pytest.mark.parametrize("command", [
  ["evaluate"], ["predict"], ["predict", "--glue", "out", "--form", "stsb"]
])
def test_a_split_that_cannot_be_read_is_named(
  made_store, capsys, tmp_path, command
):
  words = ["--store", made_store, "--task", "stars", "--split", "test"]
  words += ["--tfds", "no_such_set", "--tfds-dir", str(tmp_path)]
  assert main([*command, *words]) == 2
  assert "`--split`: there is no data set" in capsys.readouterr().err


def test_a_form_that_there_is_not_is_named(capsys, tmp_path):
  words = ["split", "a.csv", "--output", f"{tmp_path}/x", "--form", "x"]
  assert main(words) == 2
  assert "`--form` must be one of `cola`" in capsys.readouterr().err


def test_split_writes_what_train_reads(world, capsys, tmp_path):
  path = f"{tmp_path}/parts"
  words = ["split", f"{world}/train.tsv", "--output", path, "--json"]
  assert main(words) == 0
  assert last_json(capsys)["examples"] == {"train": 38, "dev": 5, "test": 5}
  data = [f"data.train={path}/train.jsonl", f"data.eval={path}/dev.jsonl"]
  more = ["task.name=x", f"store={tmp_path}/store", "train.epochs=1"]
  assert run(world, *data, f"data.test={path}/test.jsonl", *more) == 0
  assert last_json(capsys)["test_metrics"].keys() >= {"accuracy"}


def test_predict_answers_texts_in_order(world, capsys):
  arguments = ["--store", f"{world}/store", "--task", "mood", "--json"]
  texts = ["good film", "", "bad " * 300]
  assert main(["predict", *arguments, *texts]) == 0
  rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
  assert [row["text"] for row in rows] == texts
  for row in rows:
    assert row["score"] == max(row["probabilities"].values())
    assert row["probabilities"][row["label"]] == row["score"]
    assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_predict_reads_files_without_labels(world, capsys, tmp_path):
  path = tmp_path / "texts.jsonl"
  path.write_text('{"text": "nice play"}\n{"text": "sad"}\n')
  arguments = ["--store", f"{world}/store", "--task", "mood"]
  assert main(["predict", *arguments, "--input", str(path)]) == 0
  lines = capsys.readouterr().out.splitlines()
  assert [line.split("\t")[2] for line in lines] == ["nice play", "sad"]
  assert {line.split("\t")[0] for line in lines} <= {"pos", "neg"}


def test_list_show_and_export(world, capsys, tmp_path):
  assert main(["list", "--store", f"{world}/store", "--json"]) == 0
  (row,) = last_json(capsys)["tasks"]
  folder = world / "store/tasks/mood"
  assert row["bytes"] == sum(p.stat().st_size for p in folder.iterdir())
  assert main(["show", "--store", f"{world}/store", "--task", "mood"]) == 0
  shown = json.loads(capsys.readouterr().out)
  assert shown["definition"]["labels"] == ["pos", "neg"]
  assert shown["package_version"] == tf_adapters.__version__
  export = ["export", "--store", f"{world}/store", "--output", f"{tmp_path}/m"]
  for version in ("1", "2"):
    assert main(export) == 0
    assert capsys.readouterr().out.strip() == f"{tmp_path}/m/{version}"
    assert (tmp_path / "m" / version / "saved_model.pb").is_file()
  names = sorted(p.name for p in (tmp_path / "m").iterdir())
  assert names == [".lock", "1", "2"]


def test_overwrite_replaces_a_task(world, capsys, tmp_path):
  store = tmp_path / "store"
  shutil.copytree(world / "store", store)
  assert run(world, "task.name=mood", f"store={store}") == 2
  assert "--overwrite" in capsys.readouterr().err
  changed = [f"store={store}", "task.name=mood", "adapter.size=3"]
  assert run(world, *changed, "--overwrite") == 0
  tree = tf_adapters.Store(store).describe("mood")
  assert tree["config"]["adapter"]["size"] == 3


def test_options_may_stand_between_settings_and_texts(world, capsys, tmp_path):
  store = f"store={tmp_path}/store"
  path = f"{world}/run.yaml"
  words = ["train", path, "train.epochs=1", "--json", store, "task.name=x"]
  assert main(words) == 0
  assert last_json(capsys)["task"] == "x"
  arguments = ["predict", "good", "--store", f"{tmp_path}/store", "bad"]
  assert main([*arguments, "--task", "x", "sad", "--json"]) == 0
  rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
  assert [row["text"] for row in rows] == ["good", "bad", "sad"]
  with pytest.raises(SystemExit) as stopped:
    main([*arguments, "--task", "x", "--jsn"])
  assert stopped.value.code == 2


GOOD = "text\tlabel\ngood\tpos\nbad\tneg\n"
BAD_DATA = {
  "missing column": ("text\tother\ngood\tpos\n", ["`label`", "train.tsv"]),
  "empty file": ("", ["train.tsv"]),
  "header only": ("text\tlabel\n", ["train.tsv"]),
  "one label only": ("text\tlabel\na\tx\nb\tx\n", ["'x'", "two labels"]),
  "short row": ("text\tlabel\na\tx\nb\n", ["train.tsv, line 3", "1 field"]),
  "empty label": ("text\tlabel\na\tx\nb\t\n", ["train.tsv, line 3"]),
}


def fails(capsys, store, *arguments) -> str:
  """Trains; expects status 2, one sentence, and no task."""
  status = main(["train", *arguments, f"store={store}", "task.name=t"])
  captured = capsys.readouterr()
  assert status == 2
  assert captured.out == ""
  lines = captured.err.strip().splitlines()
  assert len(lines) == 1 and lines[0].endswith("."), lines
  assert not (store / "tasks" / "t").exists()
  return lines[0]


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_training_file(case, encoder_folder, capsys, tmp_path):
  content, words = BAD_DATA[case]
  path = tmp_path / "train.tsv"
  path.write_text(content, encoding="utf-8")
  message = fails(
    capsys, tmp_path / "s", f"data.train={path}", f"encoder={encoder_folder}"
  )
  for word in words:
    assert word in message


def test_file_that_is_not_utf8(capsys, tmp_path):
  path = tmp_path / "train.tsv"
  path.write_bytes(b"text\tlabel\ngood\tpos\nb\xe4d\tneg\n")
  message = fails(capsys, tmp_path / "s", f"data.train={path}")
  assert "train.tsv, line 3" in message and "UTF-8" in message


def test_dev_label_that_training_has_not_seen(capsys, tmp_path):
  train, dev = tmp_path / "train.tsv", tmp_path / "dev.tsv"
  train.write_text(GOOD, encoding="utf-8")
  dev.write_text(GOOD + "so so\tmeh\n", encoding="utf-8")
  message = fails(
    capsys, tmp_path / "s", f"data.train={train}", f"data.eval={dev}"
  )
  assert "dev.tsv, line 4" in message and "'meh'" in message


@pytest.mark.parametrize(
  "setting,words",
  [
    ("train.epoch=3", ["`train.epoch`", "`train.epochs`"]),
    ("adapter.size=0", ["`adapter.size`", "0"]),
    ("adapter.size=-4", ["`adapter.size`", "-4"]),
    ("train.learning_rate=nan", ["`train.learning_rate`", "nan"]),
    ("train.batch_size=many", ["`train.batch_size`", "'many'"]),
    ("task.metric=f7", ["`task.metric`", "'f7'", "accuracy"]),
    ("data.max_length=65", ["`data.max_length`", "64", "65"]),
    ("adapter.layers=0,2", ["`layers`", "2"]),
    ("encoder=/no/such/folder", ["`encoder`", "/no/such/folder"]),
    ("task.name=a/b", ["`task.name`", "'a/b'"]),
    ("task.name=serving_default", ["`task.name`", "reserved"]),
    ("task.name=", ["`task.name`"]),
    ("data.train=nowhere.tsv", ["`data.train`", "nowhere.tsv"]),
  ],
)
def test_bad_setting(setting, words, encoder_folder, capsys, tmp_path):
  train, _ = tiny.write_task(tmp_path)
  key = setting.partition("=")[0]
  base = {
    "data.train": train,
    "data.max_length": 24,
    "encoder": encoder_folder,
    "task.name": "t",
    "store": tmp_path / "s",
  }
  base.pop(key, None)
  arguments = [f"{name}={value}" for name, value in base.items()]
  assert main(["train", *arguments, setting]) == 2
  captured = capsys.readouterr()
  message = captured.err.strip().splitlines()[-1]
  for word in words:
    assert word in message
  assert not (tmp_path / "s" / "tasks").exists()


@pytest.mark.parametrize(("settings", "named", "strategy"), [
  (["tuning.rank=16"], "tuning.rank", "adapter"),
  (["tuning.strategy=full", "adapter.dropout=0.5"], "adapter.dropout", "full"),
  (["tuning.strategy=head", "adapter.layers=99"], "adapter.layers", "head"),
  (["tuning.strategy=lora", "tuning.length=3"], "tuning.length", "lora"),
])
def test_a_setting_of_another_strategy_is_refused(
  world, capsys, settings, named, strategy
):
  assert run(world, "task.name=x", *settings) == 2
  line = capsys.readouterr().err.splitlines()[-1]
  assert f"`{named}` is not read with `tuning.strategy={strategy}`" in line


@pytest.mark.parametrize(
  "command,word",
  [
    (["list"], "there is no store"),
    (["evaluate", "--task", "x", "--data", "d.tsv"], "there is no store"),
    (["export", "--output", "out"], "there is no store"),
  ],
)
def test_commands_on_no_store(command, word, capsys, tmp_path):
  assert main([*command, "--store", str(tmp_path / "none")]) == 2
  assert word in capsys.readouterr().err


def test_unknown_task_names_those_there_are(world, capsys):
  arguments = ["--store", f"{world}/store", "--task", "modd"]
  assert main(["predict", *arguments, "good"]) == 2
  message = capsys.readouterr().err
  assert "'modd'" in message and "mood" in message


def damage(store, change):
  """Changes the weights of `mood` and makes their checksum right again."""
  import hashlib

  import safetensors.numpy

  path = store / "tasks/mood/weights.safetensors"
  weights = change(safetensors.numpy.load_file(path))
  safetensors.numpy.save_file(weights, path)
  description = store / "tasks/mood/module.json"
  tree = json.loads(description.read_text())
  tree["weights_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
  description.write_text(json.dumps(tree))


@pytest.mark.parametrize(
  "change,words",
  [
    (
      lambda w: {**w, "head/bias": w["head/kernel"]},
      ["`head/bias`", "[2]", "[16, 2]"],
    ),
    (lambda w: {**w, "head/more": w["head/bias"]}, ["`head/more`"]),
    (
      lambda w: {k: v for k, v in w.items() if k != "head/bias"},
      ["`head/bias`", "lacks"],
    ),
  ],
)
def test_module_that_does_not_fit(change, words, world, capsys, tmp_path):
  shutil.copytree(world / "store", tmp_path / "s")
  damage(tmp_path / "s", change)
  for command in (
    ["predict", "--task", "mood", "good"],
    ["export", "--output", str(tmp_path / "out")],
  ):
    assert main([*command, "--store", str(tmp_path / "s")]) == 2
    message = capsys.readouterr().err
    for word in words:
      assert word in message
  assert not (tmp_path / "out").exists()


def test_module_cut_short(world, capsys, tmp_path):
  shutil.copytree(world / "store", tmp_path / "s")
  path = tmp_path / "s/tasks/mood/weights.safetensors"
  path.write_bytes(path.read_bytes()[:-100])
  arguments = ["--store", str(tmp_path / "s"), "--task", "mood"]
  assert main(["predict", *arguments, "good"]) == 2
  assert "weights.safetensors" in capsys.readouterr().err


def limited(arguments, size):
  """Runs the command in a process whose files may not outgrow `size`."""
  return subprocess.run(
    [sys.executable, "-m", "tf_adapters", *arguments],
    capture_output=True,
    text=True,
    timeout=300,
    check=False,
    preexec_fn=lambda: resource.setrlimit(
      resource.RLIMIT_FSIZE, (size, size)
    ),
    env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
  )


def test_disk_that_is_full(world, tmp_path):
  """A file that cannot grow stands for a disk that is full."""
  store = tmp_path / "s"
  shutil.copytree(world / "store", store)
  before = {p: p.read_bytes() for p in store.rglob("*") if p.is_file()}
  train = ["train", f"{world}/run.yaml", "task.name=new", f"store={store}"]
  done = limited(train, 6_000)
  assert done.returncode == 2, done.stderr
  message = done.stderr.splitlines()[-1]
  assert message.startswith(f"tf-adapters: {store}"), message
  assert os.strerror(errno.EFBIG) in message
  assert "Traceback" not in done.stderr
  done = limited(
    ["export", "--store", str(store), "--output", str(tmp_path / "out")],
    6_000,
  )
  assert done.returncode == 2, done.stderr
  assert "Traceback" not in done.stderr
  assert [entry.name for entry in (tmp_path / "out").iterdir()] == [".lock"]
  assert {p: p.read_bytes() for p in before} == before
  assert tf_adapters.Store(store).tasks() == ["mood"]


def test_two_processes_train_into_one_new_store(world, tmp_path):
  store = tmp_path / "shared"
  processes = [
    subprocess.Popen(
      [
        sys.executable, "-m", "tf_adapters", "train", f"{world}/run.yaml",
        f"task.name={name}", f"store={store}",
      ],
      stderr=subprocess.PIPE,
      stdout=subprocess.PIPE,
    )
    for name in ("first", "second")
  ]
  for process in processes:
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors.decode()
  assert tf_adapters.Store(store).tasks() == ["first", "second"]
  for name in ("first", "second"):
    assert tf_adapters.load_task(str(store), name).predict(["good"])
