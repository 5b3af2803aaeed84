# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The SavedModel answers like the trained model, without this package."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import tf_adapters
from tests import tiny
from tests.processes import serve
from tf_adapters import data
from tf_adapters import files
from tf_adapters.training.reporting import Silent


@pytest.fixture(scope="module")
def folder(tmp_path_factory, encoder_folder):
  """A store with a classification, a task on pairs and a regression."""
  folder = tmp_path_factory.mktemp("export")
  single = tiny.write_task(folder / "single")
  pairs = tiny.write_task(folder / "pairs", pair=True)
  numbers = folder / "numbers.csv"
  rows = [f'"{"good " * n}",{100 + 10 * n}\n' for n in range(1, 9)]
  numbers.write_text("text,label\n" + "".join(rows), encoding="utf-8")
  shared = {
    "encoder": str(encoder_folder),
    "store": str(folder / "store"),
    "adapter.size": 4,
    "data.max_length": 24,
    "train.epochs": 2,
    "train.batch_size": 8,
  }
  for name, train, dev, kind in (
    ("single", *single, "classification"),
    ("pairs", *pairs, "classification"),
    ("numbers", str(numbers), str(numbers), "regression"),
  ):
    tf_adapters.train(
      {
        **shared,
        "task.name": name,
        "task.type": kind,
        "data.train": train,
        "data.eval": dev,
      },
      reporter=Silent(),
    )
    if name == "single":
      first = tf_adapters.export(str(folder / "store"), str(folder / "out"))
      assert first == str(folder / "out" / "1")
      hashes = task_hashes(folder / "store", "single")
      (folder / "hashes.json").write_text(json.dumps(hashes))
  tf_adapters.export(str(folder / "store"), str(folder / "out"))
  return folder


def task_hashes(store: pathlib.Path, task: str) -> dict[str, list]:
  return {
    path.name: [files.sha256(path), path.stat().st_mtime_ns]
    for path in sorted((store / "tasks" / task).iterdir())
  }


def columns_of(folder, name, suffix="dev.tsv"):
  path = folder / ("numbers.csv" if name == "numbers" else f"{name}/{suffix}")
  examples = data.read(str(path), key="data", labelled=False)
  columns = {"text": examples.texts}
  if examples.texts_b is not None:
    columns["text_b"] = examples.texts_b
  return columns


def test_answers_equal_the_trained_models_on_whole_dev_sets(folder):
  questions = {
    name: columns_of(folder, name) for name in ("single", "pairs", "numbers")
  }
  served = serve(folder / "out" / "2", questions)
  for name, columns in questions.items():
    task = tf_adapters.load_task(str(folder / "store"), name)
    logits = task.logits(columns["text"], columns.get("text_b"))
    if name == "numbers":
      values = task.task.mean + task.task.stddev * logits[:, 0]
      np.testing.assert_allclose(
        served[name]["value"], values, rtol=1e-6, atol=1e-5
      )
      continue
    # Logits are known from probabilities up to a constant.
    ours = logits - logits.max(-1, keepdims=True)
    theirs = np.log(served[name]["probabilities"])
    theirs -= theirs.max(-1, keepdims=True)
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
    labels = [task.task.labels[row] for row in logits.argmax(-1)]
    assert served[name]["label"] == labels
    best = np.max(served[name]["probabilities"], axis=-1)
    np.testing.assert_array_equal(served[name]["score"], best)


def test_new_tasks_change_no_bit_of_an_earlier_one(folder):
  before = json.loads((folder / "hashes.json").read_text())
  assert task_hashes(folder / "store", "single") == before
  question = {"single": columns_of(folder, "single")}
  first = serve(folder / "out" / "1", question)
  second = serve(folder / "out" / "2", question)
  assert first == second


def test_signatures_are_what_a_server_expects(folder):
  model = tf.saved_model.load(str(folder / "out" / "2"))
  assert set(model.signatures) == {
    *("single", "pairs", "numbers"),
    *("mixed", "all_tasks", "embed", "serving_default"),
  }
  pairs = model.signatures["pairs"]
  assert set(pairs.structured_input_signature[1]) == {"text", "text_b"}
  assert set(pairs.structured_outputs) == {"label", "score", "probabilities"}
  assert set(model.signatures["numbers"].structured_outputs) == {"value"}


def test_any_text_is_answered_and_no_text_too(folder):
  model = tf.saved_model.load(str(folder / "out" / "2"))
  single = model.signatures["single"]
  texts = ["", "good " * 10_000, "日本語 👍🏽 مرحبا", "\x00\x07", b"\xff\xfe"]
  found = single(text=tf.constant(texts))
  assert np.isfinite(found["probabilities"].numpy()).all()
  np.testing.assert_allclose(
    found["probabilities"].numpy().sum(-1), 1.0, rtol=1e-5
  )
  none = single(text=tf.constant([], tf.string))
  assert none["probabilities"].shape == (0, 2)
  assert none["label"].shape == (0,)


def test_encoder_is_stored_once_and_nothing_is_compiled(folder):
  def weights(version):
    path = folder / "out" / version / "variables"
    return sum(entry.stat().st_size for entry in path.iterdir())

  modules = [
    (folder / "store/tasks" / name / "weights.safetensors").stat().st_size
    for name in ("pairs", "numbers")
  ]
  added = weights("2") - weights("1")
  assert added < sum(modules) + 20_000  # names and checksums of the tensors
  graph = (folder / "out/2/saved_model.pb").read_bytes()
  parsed = saved_model_pb2.SavedModel.FromString(graph)
  library = parsed.meta_graphs[0].graph_def.library.function
  assert library
  assert not any(f.attr["_XlaMustCompile"].b for f in library)


def test_labels_lie_beside_the_export(folder):
  path = folder / "out/2/assets.extra/tasks.json"
  tree = json.loads(path.read_text(encoding="utf-8"))
  assert set(tree["tasks"]) == {"single", "pairs", "numbers"}
  task = tf_adapters.load_task(str(folder / "store"), "single")
  assert tree["tasks"]["single"]["labels"] == list(task.task.labels)


def test_no_export_of_an_empty_store_and_nothing_is_left(folder, tmp_path):
  store = tmp_path / "empty"
  store.mkdir()
  (store / "store.json").write_bytes(
    (folder / "store/store.json").read_bytes()
  )
  with pytest.raises(tf_adapters.InputError, match="no task to export"):
    tf_adapters.export(str(store), str(tmp_path / "out"))
  assert not (tmp_path / "out").exists()


def test_store_with_another_encoder_is_refused(folder, tmp_path):
  other = tiny.write_encoder(tmp_path / "other", seed=1)
  train, dev = tiny.write_task(tmp_path / "task")
  with pytest.raises(tf_adapters.InputError, match="another encoder"):
    tf_adapters.train(
      {
        "task.name": "new",
        "data.train": train,
        "data.max_length": 24,
        "encoder": str(other),
        "store": str(folder / "store"),
      },
      reporter=Silent(),
    )
  assert "new" not in tf_adapters.Store(folder / "store").tasks()
