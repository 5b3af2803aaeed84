# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The life of a server's folder: versions come, go, and change by tasks."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import tf_adapters
from tests import stores
from tf_adapters.__main__ import main
from tf_adapters.serving import signatures
from tf_adapters.serving import versions
from tf_adapters.training.reporting import Silent


@pytest.fixture(scope="module")
def encoder(encoder_folder):
  return tf_adapters.load_encoder(str(encoder_folder))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, encoder):
  """A store, and a model of two of its tasks, one of them merged."""
  folder = tmp_path_factory.mktemp("versions")
  store = stores.create(folder / "store", encoder)
  for name in ("a", "b", "c"):
    stores.add(store, encoder, name, stores.CLASSES)
  stores.add(store, encoder, "lora", stores.CLASSES, tuning__strategy="lora")
  tf_adapters.export(
    str(store.path),
    str(folder / "out"),
    tasks=["a", "lora"],
    merge=True,
    reporter=Silent(),
  )
  return folder


def tasks(version) -> list[str]:
  path = version / "assets.extra/tasks.json"
  return sorted(json.loads(path.read_text(encoding="utf-8"))["tasks"])


def answers(version, name) -> np.ndarray:
  model = tf.saved_model.load(str(version))
  texts = tf.constant(["good film", "", "a bad song"])
  return model.signatures[name](text=texts)["probabilities"].numpy()


def run(folder, capsys, *options) -> pathlib.Path:
  """The version that a command wrote."""
  store, out = str(folder / "store"), str(folder / "out")
  assert main(["export", "--store", store, "--output", out, *options]) == 0
  name = pathlib.Path(capsys.readouterr().out.strip()).name
  return folder / "out" / name


def test_tasks_come_and_go_and_the_others_keep_their_bits(
  folder, encoder, capsys
):
  first = folder / "out/1"
  before = answers(first, "a"), answers(first, "lora")
  second = run(folder, capsys, "--add", "b")
  assert tasks(second) == ["a", "b", "lora"]
  np.testing.assert_array_equal(answers(second, "a"), before[0])
  np.testing.assert_array_equal(answers(second, "lora"), before[1])

  store = tf_adapters.Store(folder / "store")
  old = answers(second, "b")
  stores.add(store, encoder, "b", stores.CLASSES, seed=9, overwrite=True)
  with pytest.raises(tf_adapters.InputError, match="'b' of the .* is not the"):
    tf_adapters.export(
      str(store.path),
      str(folder / "out"),
      tasks=tf_adapters.Change(add=["c"]),
      reporter=Silent(),
    )
  options = ("--remove", "a", "--add", "b", "--add", "c", "--keep", "2")
  third = run(folder, capsys, *options)
  assert tasks(third) == ["b", "c", "lora"]
  assert (answers(third, "b") != old).any()
  np.testing.assert_array_equal(answers(third, "lora"), before[1])
  names = sorted(entry.name for entry in (folder / "out").iterdir())
  assert names == [".lock", "2", "3"]


@pytest.mark.parametrize(
  ("options", "words"),
  [
    (["--add", "a"], "no version in"),
    (["--task", "x"], "has no task 'x'"),
    (["--task", "a", "--add", "b"], "not both"),
    (["--keep", "0"], "`keep` must be at least 1; got 0"),
    (["--output", "caf\udce9"], r"`output` must be a path in UTF-8"),
  ],
)
def test_what_cannot_be_exported(folder, tmp_path, capsys, options, words):
  out = tmp_path / "out"
  common = ["export", "--store", str(folder / "store"), "--output", str(out)]
  assert main([*common, *options]) == 2
  assert words in capsys.readouterr().err
  assert not out.exists()


@pytest.mark.parametrize(
  ("remove", "words"),
  [
    (["x"], "no task 'x' to remove; it has: b, c"),
    (["b", "c"], "at least one task to export"),
  ],
)
def test_what_cannot_be_removed(folder, tmp_path, remove, words):
  extra = tmp_path / "out/7/assets.extra"
  extra.mkdir(parents=True)
  (extra.parent / "saved_model.pb").touch()
  served = {name: {"weights_sha256": "0"} for name in ("b", "c")}
  tree = {"tasks": served, "merge": False, "examples": False}
  (extra / "tasks.json").write_text(json.dumps(tree), encoding="utf-8")
  with pytest.raises(tf_adapters.InputError, match=words):
    tf_adapters.export(
      str(folder / "store"),
      str(tmp_path / "out"),
      tasks=tf_adapters.Change(remove=remove),
      reporter=Silent(),
    )
  assert [entry.name for entry in (tmp_path / "out").iterdir()] == ["7"]


def test_a_change_of_what_is_no_longer_the_newest_writes_nothing(
  folder, tmp_path, monkeypatch
):
  store, out = str(folder / "store"), tmp_path / "out"

  def export(asked):
    return tf_adapters.export(store, str(out), tasks=asked, reporter=Silent())

  make = signatures.make

  def meanwhile(*args, **options):
    monkeypatch.setattr(signatures, "make", make)
    export(tf_adapters.Change(add=["b"]))
    return make(*args, **options)

  export(["a"])
  monkeypatch.setattr(signatures, "make", meanwhile)
  words = "another export has written to .* since this one began; start it"
  with pytest.raises(tf_adapters.InputError, match=words):
    export(tf_adapters.Change(add=["c"]))
  assert sorted(entry.name for entry in out.iterdir()) == [".lock", "1", "2"]
  assert tasks(out / "2") == ["a", "b"]


@pytest.mark.parametrize(
  ("maker", "name"), [("_embed", "embed"), ("_of_examples", "a.classify")]
)
def test_a_signature_that_no_server_warms_up_by_is_tried_as_well(
  folder, tmp_path, monkeypatch, maker, name
):
  def make(*args):
    column = "text" if maker == "_embed" else "inputs"
    spec = [tf.TensorSpec([None], tf.string, column)]
    number = tf.function(  # of no letters there is none
      lambda rows: {"scores": tf.strings.to_number(rows)[:, None]},
      input_signature=spec,
    )
    return number if maker == "_embed" else {"classify": number}

  monkeypatch.setattr(signatures, maker, make)
  store, out = str(folder / "store"), tmp_path / "out"
  words = f"signature '{name}' does not run"
  with pytest.raises(tf_adapters.ExportError, match=words):
    tf_adapters.export(
      store, str(out), tasks=["a"], examples=True, reporter=Silent()
    )
  assert [entry.name for entry in out.iterdir()] == [".lock"]


@pytest.mark.parametrize("asked", ["a", lambda: tf_adapters.Change(add="a")])
def test_a_name_is_no_list_of_names(folder, tmp_path, asked):
  with pytest.raises(tf_adapters.InputError, match="list of names; got 'a'"):
    tf_adapters.export(
      str(folder / "store"),
      str(tmp_path / "out"),
      tasks=asked() if callable(asked) else asked,
    )


def make_versions(base, *names, whole=True):
  for name in names:
    (base / name).mkdir(parents=True)
    if whole:
      (base / name / "saved_model.pb").touch()


def test_versions_are_what_a_server_takes_for_one(tmp_path):
  latest = str(2**63 - 1)
  make_versions(tmp_path, "007", "12", "1700000000000000000", latest)
  make_versions(tmp_path, "x1", "-3", ".5", "\u0661\u0662", str(2**63), "1e3")
  make_versions(tmp_path, "20", whole=False)
  (tmp_path / "30").touch()
  assert versions.found(tmp_path) == {
    7: tmp_path / "007",
    12: tmp_path / "12",
    1700000000000000000: tmp_path / "1700000000000000000",
    2**63 - 1: tmp_path / latest,
  }
  assert versions.found(tmp_path / "nowhere") == {}


def test_the_next_number_is_beyond_all_that_are_taken(tmp_path):
  make_versions(tmp_path, "3", "half")
  make_versions(tmp_path, "8", whole=False)
  with versions.folder_aside(tmp_path, None) as aside:
    assert versions.publish(aside, tmp_path) == tmp_path / "9"
  make_versions(tmp_path, str(2**63 - 1))
  with versions.folder_aside(tmp_path, None) as aside:
    with pytest.raises(tf_adapters.InputError, match="a version is at most"):
      versions.publish(aside, tmp_path)
  assert not aside.exists()


def test_only_old_versions_are_removed(tmp_path):
  elsewhere = tmp_path / "elsewhere"
  make_versions(elsewhere, "2")
  base = tmp_path / "m"
  make_versions(base, "007", "10", "11", "notes", ".mine.old")
  make_versions(base, "12", whole=False)
  (base / "8").symlink_to(elsewhere / "2")
  (base / "9000").write_text("a note", encoding="utf-8")
  versions.keep(base, 2)
  assert sorted(entry.name for entry in base.iterdir()) == [
    ".mine.old", "10", "11", "12", "9000", "notes"
  ]
  assert (elsewhere / "2" / "saved_model.pb").exists()


def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path):
  make_versions(tmp_path, ".version.new-a", ".3.old", "4")
  with versions.folder_aside(tmp_path, None):
    names = {entry.name for entry in tmp_path.iterdir()}
  assert {".version.new-a", ".3.old"} & names == set()
  assert {".lock", "4"} < names


def test_a_precision_stays_until_another_is_asked_for(folder, tmp_path):
  store, out = str(folder / "store"), str(tmp_path / "out")

  def export(**options):
    version = tf_adapters.export(store, out, reporter=Silent(), **options)
    path = pathlib.Path(version, "assets.extra/tasks.json")
    return json.loads(path.read_text(encoding="utf-8"))["precision"]

  assert export(tasks=["a"], precision="bfloat16") == "bfloat16"
  change = tf_adapters.Change(add=["b"])
  assert export(tasks=change) == "bfloat16"
  assert export(tasks=["a"]) == "float32"
  words = "`precision` must be one of `float32`, `bfloat16`; got 'half'"
  with pytest.raises(tf_adapters.InputError, match=words):
    export(precision="half")
