# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The life of a server's folder: versions come, go, and change by tasks."""

import json

import numpy as np
import pytest
import tensorflow as tf

import tf_adapters
from tests import stores
from tf_adapters.__main__ import main
from tf_adapters.reporting import Silent


@pytest.fixture(scope="module")
def encoder(encoder_folder):
  return tf_adapters.load_encoder(str(encoder_folder))


@pytest.fixture
def store(tmp_path, encoder):
  store = stores.create(tmp_path / "store", encoder)
  for name in ("a", "b", "c"):
    stores.add(store, encoder, name, stores.CLASSES)
  return store


def tasks(version) -> list[str]:
  path = version / "assets.extra/tasks.json"
  return sorted(json.loads(path.read_text(encoding="utf-8"))["tasks"])


def answers(version, name) -> np.ndarray:
  model = tf.saved_model.load(str(version))
  texts = tf.constant(["good film", "", "a bad song"])
  return model.signatures[name](text=texts)["probabilities"].numpy()


def test_tasks_are_added_and_removed(store, tmp_path, capsys):
  out = tmp_path / "out"

  def export(*options):
    common = ["export", "--store", str(store.path), "--output", str(out)]
    assert main([*common, *options]) == 0
    return out / capsys.readouterr().out.strip().rsplit("/", 1)[-1]

  first = export("--task", "a", "--task", "b")
  assert tasks(first) == ["a", "b"]
  second = export("--add", "c")
  assert tasks(second) == ["a", "b", "c"]
  third = export("--remove", "a", "--keep", "2")
  assert tasks(third) == ["b", "c"]
  assert sorted(entry.name for entry in out.iterdir()) == ["2", "3"]
  np.testing.assert_array_equal(answers(second, "b"), answers(third, "b"))


def test_a_task_that_changed_in_the_store_is_not_served_unasked(
  store, encoder, tmp_path
):
  out = tmp_path / "out"

  def export(**options):
    return tf_adapters.export(
      str(store.path), str(out), reporter=Silent(), **options
    )

  export(tasks=["a", "b"])
  stores.add(store, encoder, "b", stores.CLASSES, seed=9, overwrite=True)
  with pytest.raises(tf_adapters.InputError, match="'b' of the .* is not the"):
    export(tasks=tf_adapters.Change(add=["c"]))
  assert [entry.name for entry in out.iterdir()] == ["1"]
  export(tasks=tf_adapters.Change(add=["b", "c"]))
  assert (answers(out / "1", "b") != answers(out / "2", "b")).any()
  before, after = (answers(out / version, "a") for version in ("1", "2"))
  np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(
  ("options", "words"),
  [
    (["--add", "a"], "no version in"),
    (["--task", "x"], "has no task 'x'"),
    (["--task", "a", "--add", "b"], "not both"),
    (["--keep", "0"], "`keep` must be at least 1; got 0"),
  ],
)
def test_what_cannot_be_exported(store, tmp_path, capsys, options, words):
  out = tmp_path / "out"
  common = ["export", "--store", str(store.path), "--output", str(out)]
  assert main([*common, *options]) == 2
  assert words in capsys.readouterr().err
  assert not out.exists()


def test_what_cannot_be_removed(store, tmp_path):
  out = tmp_path / "out"
  tf_adapters.export(
    str(store.path), str(out), tasks=["a"], reporter=Silent()
  )
  for change, words in (
    (tf_adapters.Change(remove=["b"]), "no task 'b' to remove; it has: a"),
    (tf_adapters.Change(remove=["a"]), "at least one task to export"),
  ):
    with pytest.raises(tf_adapters.InputError, match=words):
      tf_adapters.export(
        str(store.path), str(out), tasks=change, reporter=Silent()
      )
  assert [entry.name for entry in out.iterdir()] == ["1"]


def test_merging_stays_when_a_task_is_added(store, encoder, tmp_path):
  stores.add(
    store, encoder, "lora", stores.CLASSES, tuning__strategy="lora"
  )
  out = tmp_path / "out"
  tf_adapters.export(
    str(store.path), str(out), tasks=["lora"], merge=True, reporter=Silent()
  )
  tf_adapters.export(
    str(store.path),
    str(out),
    tasks=tf_adapters.Change(add=["a"]),
    reporter=Silent(),
  )
  np.testing.assert_array_equal(
    answers(out / "1", "lora"), answers(out / "2", "lora")
  )
