# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A store gives back what was saved, and refuses what is damaged by name."""

import hashlib
import json
import pathlib
import shutil
import string
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_adapters import tasks
from tf_adapters.errors import InputError
from tf_adapters.store import modules
from tf_adapters.store import store as store_lib
from tf_adapters.store.store import Module
from tf_adapters.store.store import Store

ENCODER = {"fingerprint": 64 * "f", "source": "somewhere", "copied": False}


def make_module(task="mood", value=1.0, **changes) -> Module:
  fields = {
    "task": task,
    "definition": {"type": "classification", "labels": ["gut", "süß\u2028"]},
    "columns": {"text": "text", "text_b": None, "label": "label"},
    "config": {"train": {"epochs": 3, "learning_rate": 1e-3}},
    "encoder_fingerprint": ENCODER["fingerprint"],
    "data": {"train": {"file": "train.tsv", "sha256": 64 * "0"}},
    "metrics": {"accuracy": 1 / 3, "matthews": None},
    "parameters": 7,
    "weights": {"w": np.full([2, 3], value, np.float32)},
    "package_version": "0.1",
  }
  return Module(**{**fields, **changes})


@pytest.fixture
def store(tmp_path) -> Store:
  made = Store(tmp_path / "store")
  made.create(ENCODER, None)
  made.save(make_module())
  return made


def snapshot(folder: pathlib.Path) -> dict:
  """Content and time of every file below, hidden ones too."""
  return {
    str(path.relative_to(folder)): (
      path.is_file() and path.read_bytes(),
      path.is_file() and path.stat().st_mtime_ns,
    )
    for path in folder.rglob("*")
    if path.name != ".lock"
  }


def fails(function, *arguments) -> str:
  with pytest.raises(InputError) as caught:
    function(*arguments)
  assert len(str(caught.value).splitlines()) == 1
  return str(caught.value)


@pytest.mark.parametrize("array", [
  np.array([np.nan, -0.0, np.inf, 1e-45, 1 / 3], np.float32),
  np.arange(12, dtype=np.float32).reshape(3, 4).T,
  np.arange(12, dtype=np.float32)[::3],
  np.zeros([0, 5], np.float32),
  np.array(2.5, np.float32),
  np.array([[1.5]], np.float16),
  np.array([2**62, -1]),
], ids=["odd", "turned", "strided", "empty", "scalar", "half", "whole"])
def test_weights_come_back_to_the_bit(store, array):
  names = ["w", "block/0/adapter.kernel:0", "ä b"]
  store.save(make_module("other", weights={name: array for name in names}))
  weights = store.load("other").weights
  assert sorted(weights) == sorted(names)
  for value in weights.values():
    assert value.shape == array.shape and value.dtype == array.dtype
    assert value.tobytes() == array.tobytes()


def test_everything_else_comes_back_equal(store):
  loaded, saved = vars(store.load("mood")), vars(make_module())
  assert loaded.keys() == saved.keys()
  for name in loaded.keys() - {"weights", "weights_sha256"}:
    assert loaded[name] == saved[name], name
  weights = store.path / "tasks/mood/weights.safetensors"
  found = hashlib.sha256(weights.read_bytes()).hexdigest()
  assert loaded["weights_sha256"] == found
  path = store.path / "tasks/mood/module.json"
  tree = json.loads(path.read_bytes())
  assert tree["definition"]["labels"][1] == "süß\u2028"
  assert tree == store.describe("mood")
  files = list(path.parent.iterdir())
  assert store.size("mood") == sum(len(file.read_bytes()) for file in files)
  assert store.encoder() == ENCODER and store.encoder_path() == "somewhere"


NAMES = ["", ".", "..", "a/b", "/a", "-x", "_x", "ä", "a b", "a\n", "a.b"] + [
  "x" * 65, "serving_default", "MIXED", "Embed", "all_tasks", "٣", "a\0",
  "__saved_model_init_op",
]


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_a_folder_and_a_signature_is_named(store, name):
  before = snapshot(store.path)
  for call in (
    lambda: store_lib.check_name(name),
    lambda: store.save(make_module(name)),
    lambda: store.save(make_module(name), overwrite=True),
    lambda: store.run_folder(name),
  ):
    assert repr(name) in fails(call)
  assert snapshot(store.path) == before


@given(st.text(max_size=70) | st.text("aZ09_-", max_size=70))
def test_any_other_name_is_taken(name):
  allowed = string.ascii_letters + string.digits
  good = (
    1 <= len(name) <= 64
    and name[0] in allowed
    and set(name) <= set(allowed + "_-")
    and name.lower() not in store_lib.RESERVED
  )
  if good:
    store_lib.check_name(name)
  else:
    assert repr(name) in fails(store_lib.check_name, name)


@pytest.mark.parametrize("name", ["mood", "Mood", "MOOD"])
def test_a_task_that_exists_in_any_case_is_refused_and_untouched(store, name):
  before = snapshot(store.path)
  assert "'mood'" in fails(store.check_free, name)
  assert "'mood'" in fails(store.save, make_module(name, 2.0))
  assert snapshot(store.path) == before
  if name == "mood":
    store.check_free(name, True)
  else:
    for call in (
      lambda: store.check_free(name, True),
      lambda: store.save(make_module(name), True),
    ):
      message = fails(call)
      assert "'mood'" in message and repr(name) in message
      assert "only in case" in message
  assert snapshot(store.path) == before


def test_overwriting_replaces_all_of_a_task_and_leaves_nothing_else(store):
  (store.path / "tasks/mood/stray").write_text("x")
  store.save(make_module(value=2.0, parameters=9), overwrite=True)
  loaded = store.load("mood")
  assert loaded.parameters == 9 and (loaded.weights["w"] == 2).all()
  assert {path.name for path in (store.path / "tasks").iterdir()} == {"mood"}
  names = {path.name for path in (store.path / "tasks/mood").iterdir()}
  assert names == {"module.json", "weights.safetensors"}
  store.save(make_module("new"), overwrite=True)
  assert store.tasks() == ["mood", "new"]


def test_adding_a_task_neither_reads_nor_touches_the_others(store):
  # A damaged neighbour must not matter.
  (store.path / "tasks/mood/module.json").write_bytes(b"\0\xff")
  (store.path / "tasks/mood/weights.safetensors").unlink()
  before = snapshot(store.path)
  store.save(make_module("b-2"))
  after = snapshot(store.path)
  assert {name: after[name] for name in before} == before
  assert store.tasks() == ["b-2", "mood"]
  assert store.load("b-2").task == "b-2"


@pytest.mark.parametrize("swapped_in", [False, True])
@pytest.mark.parametrize("step", ["tasks", "load", "save", "save_other"])
def test_an_overwriting_that_died_between_renames_is_recovered(
  store, step, swapped_in
):
  tasks = store.path / "tasks"
  if swapped_in:
    shutil.copytree(tasks / "mood", tasks / ".mood.old")
    (tasks / ".mood.old/weights.safetensors").unlink()
    (tasks / ".mood.old/module.json").write_bytes(b"half deleted")
  else:
    (tasks / "mood").rename(tasks / ".mood.old")
  value = 1.0
  if step == "tasks":
    assert store.tasks() == ["mood"]
  elif step == "save":
    assert "'mood'" in fails(store.save, make_module(value=3.0))
    store.save(make_module(value=2.0), overwrite=True)
    value = 2.0
  elif step == "save_other":
    store.save(make_module("other"))
  assert (store.load("mood").weights["w"] == value).all()
  assert not list(tasks.glob(".*"))


def test_a_half_written_folder_is_no_task(store):
  aside = store.path / "tasks/.other.new-abc"
  shutil.copytree(store.path / "tasks/mood", aside)
  (store.path / "tasks/empty").mkdir()
  assert store.tasks() == ["mood"]
  assert "'other'" in fails(store.load, "other")


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_saving_removes_what_killed_ones_of_its_task_left(store, overwrite):
  tasks = store.path / "tasks"
  for name in (".new.new-abc", ".new.new-xyz", ".other.new-abc"):
    shutil.copytree(tasks / "mood", tasks / name)
  store.save(make_module("new"), overwrite=overwrite)
  names = {path.name for path in tasks.iterdir()}
  assert names == {"mood", "new", ".other.new-abc"}


def test_making_a_store_removes_the_copy_that_a_killed_one_left(tmp_path):
  store = Store(tmp_path)
  (tmp_path / ".encoder.new-abc").mkdir()
  (tmp_path / ".encoder.new-abc/half").write_text("x")
  store.create({**ENCODER, "copied": True}, lambda to: (to / "a").touch())
  names = {path.name for path in tmp_path.iterdir()}
  assert names == {".lock", "encoder", "store.json"}


def test_cut_weights_are_named(store):
  path = store.path / "tasks/mood/weights.safetensors"
  content = path.read_bytes()
  for end in range(len(content)):
    path.write_bytes(content[:end])
    assert str(path) in fails(store.load, "mood"), end
  path.write_bytes(content + b"\0")
  assert str(path) in fails(store.load, "mood")
  path.unlink()
  assert str(path) in fails(store.load, "mood")


@pytest.mark.parametrize("flip", [1, 0x20, 0xFF])
def test_any_changed_byte_of_the_weights_is_named(store, flip):
  path = store.path / "tasks/mood/weights.safetensors"
  content = path.read_bytes()
  for place in range(len(content)):
    damaged = bytearray(content)
    damaged[place] ^= flip
    path.write_bytes(damaged)
    assert str(path) in fails(store.load, "mood"), place


DAMAGES = {
  "empty": b"", "brace": b"{", "binary": b"\x93\xff\0", "list": b"[]",
  "null": b"null", "object": b"{}", "format_text": b'{"format": "1"}',
  "deep": b"[" * 100_000, "long_number": b'{"format": %s}' % (b"9" * 5000),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("name", ["store.json", "tasks/mood/module.json"])
def test_a_garbled_file_is_named(store, name, damage):
  path = store.path / name
  path.write_bytes(damage)
  assert str(path) in fails(store.load, "mood")


@pytest.mark.parametrize("name", ["store.json", "tasks/mood/module.json"])
def test_a_file_that_is_cut_lacks_a_key_or_is_newer_is_named(store, name):
  path = store.path / name
  content = path.read_bytes()
  for end in range(0, len(content) - 2, 3):
    path.write_bytes(content[:end])
    assert str(path) in fails(store.load, "mood"), end
  tree = json.loads(content)
  for key in tree:
    rest = {other: tree[other] for other in tree if other != key}
    path.write_text(json.dumps(rest))
    message = fails(store.load, "mood")
    assert str(path) in message
    assert f"`{key}`" in message or key == "format"
  newer = tree["format"] + 1
  path.write_text(json.dumps({**tree, "format": newer}))
  message = fails(store.load, "mood")
  assert str(path) in message and f"format {newer}" in message


def test_a_value_of_another_type_is_named(store):
  path = store.path / "tasks/mood/module.json"
  tree = json.loads(path.read_bytes())
  for key in tree:
    for value in (None, [], True):
      path.write_text(json.dumps({**tree, key: value}))
      message = fails(store.load, "mood")
      assert str(path) in message
      assert f"`{key}`" in message or key == "format"


@pytest.mark.parametrize("definition", [
  {"type": "classification", "labels": "abc"},
  {"type": "classification", "labels": None},
  {"type": "classification", "labels": [1, 2]},
  {"type": "regression", "mean": "0", "stddev": 1.0},
  {"type": "regression", "mean": 0.0, "stddev": float("nan")},
])
def test_a_definition_of_other_types_is_named(definition):
  message = fails(tasks.from_dict, definition)
  assert "`labels`" in message or "`mean`" in message or "`stddev`" in message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_named(value):
  """They would make other tasks' answers NaN where one product has both."""
  item = types.SimpleNamespace(name="w", variable=np.zeros([2, 2]))
  weights = np.zeros([2, 2], np.float32)
  module = make_module(weights={"w": weights})
  modules.check(module, [item])
  weights[1, 0] = value
  message = fails(modules.check, module, [item])
  assert message == (
    "the module of the task 'mood': `w` has numbers that are not finite."
  )


def test_the_size_of_a_task_is_that_of_its_files(store):
  files_of = (store.path / "tasks/mood").iterdir()
  assert store.size("mood") == sum(len(f.read_bytes()) for f in files_of)
  assert "has no task 'sms'" in fails(store.size, "sms")


@pytest.mark.parametrize(("written", "kept", "meant"), [
  (1, "label", None), (1, "class", "class"), (2, "label", "label"),
  (2, None, None),
])
def test_a_label_that_nobody_set_stays_unset(store, written, kept, meant):
  """Format 1 kept what was not set as `label`, as if it had been."""
  store.save(make_module(config={"data": {"label": kept}}), overwrite=True)
  path = store.path / "tasks/mood/module.json"
  tree = json.loads(path.read_bytes())
  path.write_text(json.dumps({**tree, "format": written}))
  assert store.load("mood").config == {"data": {"label": meant}}


@pytest.mark.parametrize("encoder", [
  {}, None, "minilm", {key: "x" for key in ENCODER if key != "fingerprint"},
])
def test_a_store_file_without_its_encoder_s_fields_is_named(store, encoder):
  path = store.path / "store.json"
  path.write_text(json.dumps({"format": 1, "encoder": encoder}))
  assert str(path) in fails(store.load, "mood")


def test_what_is_not_there_or_of_another_encoder_is_named(store, tmp_path):
  message = fails(store.load, "sms")
  assert "'sms'" in message and "mood" in message
  (store.path / "tasks/mood").rename(store.path / "tasks/sms")
  assert "'mood'" in fails(store.load, "sms")
  store.save(make_module("far", encoder_fingerprint="e"))
  assert "'far'" in fails(store.load, "far")
  assert "eeee" in fails(store.check_encoder, "e" * 64)
  missing = Store(tmp_path / "none")
  assert repr(str(missing.path)) in fails(missing.tasks)
  assert not missing.path.exists()


def test_a_module_that_cannot_be_written_leaves_nothing(store):
  before = snapshot(store.path)
  for task in ("mood", "other"):
    with pytest.raises(ValueError):
      store.save(make_module(task, metrics={"mse": np.nan}), overwrite=True)
  assert snapshot(store.path) == before
