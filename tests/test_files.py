# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Whatever dies, whenever: files are whole or absent, locks are let go."""

import contextlib
import errno
import hashlib
import os
import pathlib
import random
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_store import ENCODER
from tests.test_store import fails
from tests.test_store import make_module
from tests.test_store import snapshot
from tf_adapters import files
from tf_adapters.store.store import Store

ROOT = pathlib.Path(__file__).parents[1]
# Every child starts so; ready() tells the test, and waits for its word.
CHILD = """
import os, pathlib, resource, signal, sys, time
import numpy as np
from tf_adapters import files
from tf_adapters.errors import InputError
from tf_adapters.store.store import Module, Store

path = pathlib.Path(sys.argv[1])
store = Store(path)

def ready():
  print("ready", flush=True)
  sys.stdin.readline()

def module(task, value, size=1000, **config):
  weights = {"w": np.full(size, value, np.float32)}
  scores = {"value": float(value)}
  return Module(task, {}, {}, config, 64 * "f", {}, scores, 1, weights)
"""
OVERWRITE = """
print("ready", flush=True)
for value in range(int(sys.argv[2]), 10**9):
  store.save(module("mood", value), overwrite=True)
"""
# Dies at the step of its work that its second argument numbers.
COUNTED = """
    left = int(sys.argv[2])
    def count(event, _):
      global left
      left -= event.startswith(("os.", "open", "shutil.", "fcntl."))
      if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
"""


class Child:
  """A Python process that runs `code` after CHILD; killed at the end."""

  def __init__(self, code, *arguments):
    code = CHILD + textwrap.dedent(code)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    self.process = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self.process.kill()
    self.process.communicate()

  def wait_ready(self):
    assert self.process.stdout.readline() == "ready\n"

  def go(self):
    self.process.stdin.write("go\n")
    self.process.stdin.flush()

  def end(self) -> str:
    """Waits for a successful end; returns what else was printed."""
    output, errors = self.process.communicate(timeout=30)
    assert self.process.returncode == 0, errors
    return output.strip()


def run_at_once(code, path, arguments) -> list[str]:
  """Runs children that all wait in ready(); returns what they printed."""
  with contextlib.ExitStack() as stack:
    children = [
      stack.enter_context(Child(code, path, argument))
      for argument in arguments
    ]
    for child in children:
      child.wait_ready()
    for child in children:
      child.go()
    return [child.end() for child in children]


@pytest.fixture
def store(tmp_path) -> Store:
  made = Store(tmp_path / "store")
  made.create(ENCODER, None)
  made.save(make_module())
  return made


@pytest.mark.parametrize("name", ["gone/a.json", "."])
def test_what_cannot_be_written_has_the_name_that_was_given(tmp_path, name):
  path = tmp_path / name
  with pytest.raises(OSError) as raised:
    files.write_file(path, b"x")
  assert raised.value.filename == str(path)
  assert not list(tmp_path.iterdir())


def test_write_file_replaces_all_or_leaves_nothing_behind(tmp_path):
  path = tmp_path / "a.json"
  for content in (b"", b"long content \0\xff", b"short"):
    files.write_file(path, content)
    assert path.read_bytes() == content
  assert stat.S_IMODE(path.stat().st_mode) == 0o644
  with pytest.raises(TypeError):
    files.write_file(path, "not bytes")
  (tmp_path / "folder").mkdir()
  with pytest.raises(OSError):
    files.write_file(tmp_path / "folder", b"x")
  assert sorted(os.listdir(tmp_path)) == ["a.json", "folder"]
  assert path.read_bytes() == b"short"


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, SystemExit])
def test_folder_aside_is_hidden_and_gone_after_an_exception(tmp_path, error):
  parent = tmp_path / "deep/parent"
  with pytest.raises(error):
    with files.folder_aside(parent, "name") as aside:
      assert aside.parent == parent and aside.name.startswith(".")
      assert os.listdir(aside) == []
      assert stat.S_IMODE(aside.stat().st_mode) == 0o755
      (aside / "inner").mkdir()
      (aside / "inner/file").write_text("x")
      raise error
  assert os.listdir(parent) == []


def test_publish_moves_the_whole_folder(tmp_path):
  with files.folder_aside(tmp_path, "name") as aside:
    (aside / "inner").mkdir()
    (aside / "inner/file").write_text("x")
    files.publish(aside, tmp_path / "name")
  assert os.listdir(tmp_path) == ["name"]
  assert (tmp_path / "name/inner/file").read_text() == "x"


@pytest.mark.parametrize("kind", ["empty", "full", "file"])
def test_publish_refuses_a_place_that_exists(tmp_path, kind):
  place = tmp_path / "name"
  if kind == "file":
    place.write_text("old")
  else:
    place.mkdir()
  if kind == "full":
    (place / "file").write_text("old")
  before = snapshot(tmp_path)
  with pytest.raises(FileExistsError):
    with files.folder_aside(tmp_path, "name") as aside:
      (aside / "file").write_text("new")
      files.publish(aside, place)
  assert snapshot(tmp_path) == before


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, 3_000_000])
def test_sha256_is_the_file_s(tmp_path, size):
  content = random.Random(size).randbytes(size)
  (tmp_path / "a").write_bytes(content)
  assert files.sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_a_lock_shuts_others_out_until_its_holder_is_killed(tmp_path):
  path = tmp_path / "new/.lock"
  with Child("with files.lock(path):\n  ready()", path) as child:
    child.wait_ready()
    for _ in range(2):
      with pytest.raises(BlockingIOError):
        with files.lock(path, wait=False):
          raise AssertionError("both hold the lock")
    child.process.kill()
    child.process.wait()
    with files.lock(path, wait=False):
      pass


def test_a_lock_of_another_user_can_be_held(tmp_path, monkeypatch):
  """Who may not write to the file may lock it."""
  path, real = tmp_path / ".lock", open
  path.touch()

  def refusing(name, mode="r", **options):
    if name == path and "r" not in mode:
      raise PermissionError(errno.EACCES, "Permission denied", str(name))
    return real(name, mode, **options)

  monkeypatch.setattr(files, "open", refusing, raising=False)
  for shared in (True, False):
    with files.lock(path, shared=shared):
      with pytest.raises(BlockingIOError), files.lock(path, wait=False):
        pass


def test_a_lock_is_waited_for_and_let_go_after_an_exception(tmp_path):
  path = tmp_path / ".lock"
  with pytest.raises(RuntimeError):
    with files.lock(path):
      raise RuntimeError
  code = """
    ready()
    with files.lock(path):
      print(time.monotonic())
  """
  with Child(code, path) as child:
    child.wait_ready()
    with files.lock(path, wait=False):
      child.go()
      time.sleep(0.3)
      released = time.monotonic()
    assert float(child.end()) >= released


def test_kills_while_overwriting_leave_the_old_or_the_new_whole(store):
  store.save(make_module("other"))
  others = snapshot(store.path / "tasks/other")
  delays, traces, last = random.Random(0), 0, 1.0
  store.save(make_module(metrics={"value": last}), overwrite=True)
  for _ in range(15):
    with Child(OVERWRITE, store.path, int(last) + 1) as child:
      child.wait_ready()
      time.sleep(delays.uniform(0, 0.1))
    traces += any(store.path.glob("tasks/.mood.*"))
    assert store.tasks() == ["mood", "other"]
    module = store.load("mood")
    value = module.metrics["value"]
    assert value >= last and (module.weights["w"] == value).all()
    last = value
  assert traces, "no kill hit a writing"
  assert last > 1 and snapshot(store.path / "tasks/other") == others


@pytest.mark.parametrize("task", ["mood", "new"])
def test_a_kill_at_any_step_of_a_saving_leaves_no_half(store, task):
  code = COUNTED + """
    store.save(module(sys.argv[3], 2), overwrite=True)
  """
  outcomes = []
  for step in range(1, 100):
    with Child(code, store.path, step, task) as child:
      child.process.wait()
    names = store.tasks()
    assert names in (["mood"], ["mood", task])
    module = store.load(names[-1])
    assert module.metrics.get("value", 1) == module.weights["w"].mean()
    outcomes.append(module.weights["w"].mean())
    if child.process.returncode == 0:
      break
    assert child.process.returncode == -signal.SIGKILL
    if outcomes[-1] == 2:
      shutil.rmtree(store.path / "tasks" / task)
      store.save(make_module(), overwrite=True)
  assert set(outcomes) == {1, 2} and len(outcomes) > 10
  # The one that lived has swept up after the killed ones.
  assert not list(store.path.glob("tasks/.*"))


def test_a_reader_beside_an_overwriting_gets_the_old_or_the_new(store):
  store.save(make_module("mood", 0.0, metrics={"value": 0.0}), overwrite=True)
  with Child(OVERWRITE, store.path, 1) as child:
    child.wait_ready()
    end, seen = time.monotonic() + 2, set()
    while time.monotonic() < end:
      assert store.tasks() == ["mood"]
      module = store.load("mood")
      assert (module.weights["w"] == module.metrics["value"]).all()
      seen.add(module.metrics["value"])
  assert len(seen) > 1


def test_tasks_that_are_saved_at_once_all_land(store):
  names = ["a", "b", "c"]
  code = "ready()\nstore.save(module(sys.argv[2], 5))"
  run_at_once(code, store.path, names)
  assert store.tasks() == [*names, "mood"]
  for name in names:
    assert (store.load(name).weights["w"] == 5).all()
  assert not list(store.path.glob("tasks/.*"))


def test_of_one_task_saved_twice_at_once_one_is_refused(store):
  code = """
    ready()
    try:
      store.save(module("new", sys.argv[2]))
      print("saved")
    except InputError:
      print("refused")
  """
  ends = run_at_once(code, store.path, [0, 1])
  assert sorted(ends) == ["refused", "saved"]
  assert (store.load("new").weights["w"] == ends.index("saved")).all()


def test_of_two_that_create_a_store_at_once_one_makes_all_of_it(tmp_path):
  code = """
    def write_copy(folder):
      (folder / "name").write_text(sys.argv[2])
      time.sleep(0.1)
    ready()
    encoder = {"fingerprint": sys.argv[2], "source": "x", "copied": True}
    store.create(encoder, write_copy)
    assert store.exists
  """
  store = Store(tmp_path / "store")
  run_at_once(code, store.path, ["a", "b"])
  own = store.encoder()["fingerprint"]
  assert own in ("a", "b")
  assert pathlib.Path(store.encoder_path(), "name").read_text() == own
  assert sorted(os.listdir(store.path)) == [".lock", "encoder", "store.json"]


def write_a(folder):
  (folder / "a").write_text("a")


def test_a_kill_at_any_step_of_a_creation_is_survived(tmp_path):
  code = COUNTED + """
    encoder = {"fingerprint": "f", "source": "x", "copied": True}
    store.create(encoder, lambda folder: (folder / "a").write_text("a"))
  """
  published_first = False
  for step in range(1, 100):
    store = Store(tmp_path / str(step))
    with Child(code, store.path, step) as child:
      child.process.wait()
    published_first |= (store.path / "encoder").exists() and not store.exists
    store.create({**ENCODER, "copied": True}, write_a)
    names = sorted(os.listdir(store.path))
    assert [name for name in names if ".json." not in name] == [
      ".lock", "encoder", "store.json"
    ]
    assert sorted(os.listdir(store.encoder_path())) == ["a"]
    if child.process.returncode == 0:
      break
    assert child.process.returncode == -signal.SIGKILL
  assert step > 10 and published_first


CONTENTS = st.dictionaries(
  st.sampled_from(["a", "b", "in/a"]), st.sampled_from(["", "a", "b"])
)


@given(CONTENTS, st.sampled_from(["x", "encoder", "encoder/in"]))
def test_an_encoder_that_is_no_copy_is_refused_and_untouched(own, source):
  with tempfile.TemporaryDirectory() as folder:
    store = Store(folder)
    place = store.path / "encoder"
    place.mkdir()
    for name, content in own.items():
      (place / name).parent.mkdir(exist_ok=True)
      (place / name).write_text(content)
    before = snapshot(store.path)
    fields = {**ENCODER, "source": str(store.path / source), "copied": True}
    if own == {"a": "a"} and source == "x":  # what a crash would have left
      store.create(fields, write_a)
      assert store.exists
    else:
      assert repr(str(place)) in fails(store.create, fields, write_a)
      assert snapshot(store.path) == before
    assert snapshot(place) == {
      key.removeprefix("encoder/"): value
      for key, value in before.items()
      if key.startswith("encoder/")
    }


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_file_or_a_link_where_the_copy_goes_is_refused(tmp_path, kind):
  place = tmp_path / "store/encoder"
  place.parent.mkdir()
  if kind == "file":
    place.write_text("a")
  else:
    (tmp_path / "own").mkdir()
    place.symlink_to(tmp_path / "own")
  before = snapshot(tmp_path)
  fields = {**ENCODER, "copied": True}
  assert repr(str(place)) in fails(Store(place.parent).create, fields, write_a)
  assert snapshot(tmp_path) == before


@pytest.mark.parametrize("task", ["mood", "new"])
@pytest.mark.parametrize("full_at", ["weights", "module"])
def test_a_full_disk_leaves_the_store_as_it_was(store, task, full_at):
  before = snapshot(store.path)
  code = """
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
    sizes = {"weights": (100_000, 1), "module": (10, 100_000)}[sys.argv[3]]
    big = module(sys.argv[2], 2, sizes[0], remark="x" * sizes[1])
    try:
      store.save(big, overwrite=True)
    except OSError as error:
      print(error.strerror)
  """
  with Child(code, store.path, task, full_at) as child:
    assert child.end() == "File too large"
  assert snapshot(store.path) == before
