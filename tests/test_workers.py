# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Workers train as one, end together and go on together; replicas score."""

import contextlib
import json
import math
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import safetensors.numpy
from sklearn import metrics

import tf_adapters
from tests import tiny
from tests.test_training import as_arguments
from tests.test_training import settings
from tf_adapters.training.reporting import Silent

ROOT = pathlib.Path(__file__).parents[1]
# 12 steps make an epoch: the first checkpoint, at step 5, is within one.
LONG = {
  "train.strategy": "multi_worker_mirrored",
  "train.batch_size": 4,
  "train.epochs": 8,
  "train.checkpoint_steps": 5,
  "train.precision": "float32",
  # Low, or rounding grows from step to step.
  "train.learning_rate": 0.003,
}
WEIGHTS = "tasks/mood/weights.safetensors"


@pytest.fixture(scope="module")
def task_files(tmp_path_factory):
  return tiny.write_task(tmp_path_factory.mktemp("task"))


def free_ports(count):
  with contextlib.ExitStack() as stack:
    sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
    for each in sockets:
      each.bind(("127.0.0.1", 0))
    return [each.getsockname()[1] for each in sockets]


def content(path) -> bytes | None:
  """What is in the file, which may come and go."""
  try:
    return path.read_bytes()
  except FileNotFoundError:
    return None


class Workers:
  """Two processes that train one task each by its settings; 0 is the chief."""

  def __init__(self, *trees):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    self.processes = [
      self._start(addresses, index, tree) for index, tree in enumerate(trees)
    ]

  def _start(self, addresses, index, tree):
    task = {"type": "worker", "index": index}
    cluster = {"cluster": {"worker": addresses}, "task": task}
    return subprocess.Popen(
      [sys.executable, "-m", "tf_adapters", "train", *as_arguments(tree)],
      stdout=subprocess.DEVNULL,
      stderr=subprocess.PIPE,
      text=True,
      cwd=ROOT,
      env={**os.environ, "TF_CONFIG": json.dumps(cluster)},
    )

  def __enter__(self):
    return self

  def __exit__(self, *_):
    for process in self.processes:
      process.kill()
      process.communicate()

  def wait_for_change(self, path):
    before = content(path)
    deadline = time.monotonic() + 120
    while content(path) in (before, None):
      assert time.monotonic() < deadline
      for process in self.processes:
        assert process.poll() is None, process.stderr.read()
      time.sleep(0.005)

  def end(self, index) -> tuple[int, str]:
    """Exit status and stderr of one that ends by itself."""
    _, errors = self.processes[index].communicate(timeout=120)
    return self.processes[index].returncode, errors


def train_together(tree) -> list[str]:
  """Trains to the end; returns what each worker said."""
  with Workers(tree, tree) as workers:
    ends = [workers.end(index) for index in range(2)]
  for status, errors in ends:
    assert status == 0, errors
  return [errors for _, errors in ends]


def kill_in_training(tree, victim) -> str:
  """Kills one after a new checkpoint; returns what the survivor said."""
  store = pathlib.Path(tree["store"])
  with Workers(tree, tree) as workers:
    # Written last, after the checkpoint itself.
    workers.wait_for_change(store / "runs/mood/checkpoints/checkpoint")
    workers.processes[victim].send_signal(signal.SIGKILL)
    status, errors = workers.end(1 - victim)
  assert status == 2
  assert "another worker of this run has ended" in errors
  assert "Traceback" not in errors
  assert not (store / WEIGHTS).exists()
  return errors


@pytest.fixture(scope="module")
def calm(encoder_folder, task_files, tmp_path_factory):
  """The store of two workers that nothing happened to."""
  store = tmp_path_factory.mktemp("calm")
  train_together(settings(encoder_folder, task_files, store, **LONG))
  return store


def test_two_workers_give_the_module_of_one(
  calm, encoder_folder, task_files, tmp_path
):
  alone = {**LONG, "train.strategy": "one_device"}
  tf_adapters.train(
    settings(encoder_folder, task_files, tmp_path, **alone), reporter=Silent()
  )
  one = safetensors.numpy.load_file(tmp_path / WEIGHTS)
  two = safetensors.numpy.load_file(calm / WEIGHTS)
  assert one.keys() == two.keys()
  for key, value in one.items():
    np.testing.assert_allclose(two[key], value, atol=1e-4, err_msg=key)


def test_killed_workers_go_on_and_changed_settings_start_afresh(
  calm, encoder_folder, task_files, tmp_path
):
  """One story, as each of its runs takes a while to start."""
  tree = settings(encoder_folder, task_files, tmp_path, **LONG)
  chief, other = 0, 1
  kill_in_training({**tree, "train.learning_rate": 0.02}, other)
  said = kill_in_training(tree, chief)
  assert "resumed at step" not in said
  said = kill_in_training(tree, other)
  assert "resumed at step" in said
  for said in train_together(tree):
    assert "resumed at step" in said
  assert (tmp_path / WEIGHTS).read_bytes() == (calm / WEIGHTS).read_bytes()


def test_workers_with_different_settings_say_so(
  encoder_folder, task_files, tmp_path
):
  tree = settings(encoder_folder, task_files, tmp_path, **LONG)
  # Shapes of variables would differ, on which the workers would fall out.
  with Workers(tree, {**tree, "adapter.size": 5}) as workers:
    for index in range(2):
      status, errors = workers.end(index)
      assert status == 2
      assert "the same settings and data" in errors
  assert not (tmp_path / "runs").exists()


_TRAIN = """
import json, sys
import tf_adapters
from tf_adapters.training.reporting import Silent

result = tf_adapters.train(json.loads(sys.argv[1]), reporter=Silent())
print(json.dumps(result.metrics))
"""


def train_apart(tree) -> dict:
  """Dev scores, from a process that can still make virtual devices."""
  done = subprocess.run(
    [sys.executable, "-c", _TRAIN, json.dumps(tree)],
    stdout=subprocess.PIPE,
    check=True,
    timeout=300,
    cwd=ROOT,
  )
  return json.loads(done.stdout)


def plain_scores(store, path) -> dict:
  """scikit-learn's, of predictions on one device."""
  lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()[1:]
  texts, labels = zip(*(line.split("\t") for line in lines), strict=True)
  answers = tf_adapters.predict(str(store), "mood", list(texts))
  given = [answer["label"] for answer in answers]
  losses = [
    -math.log(answer["probabilities"][label])
    for answer, label in zip(answers, labels, strict=True)
  ]
  return {
    "accuracy": metrics.accuracy_score(labels, given),
    "f1_macro": metrics.f1_score(labels, given, average="macro"),
    "matthews": metrics.matthews_corrcoef(labels, given),
    "loss": np.mean(losses),
  }


@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_replicas_score_every_example_once(replicas, encoder_folder, tmp_path):
  # 64 or 66 rows at once hold all 67 examples: most rows are empty.
  task_files = tiny.write_task(tmp_path / "task", rows=67)
  tree = settings(
    encoder_folder,
    task_files,
    tmp_path / "store",
    **{
      "train.strategy": "mirrored",
      "train.replicas": replicas,
      "train.batch_size": 6,
      "train.epochs": 1,
      "train.precision": "float32",
    },
  )
  if replicas == 1:
    scores = tf_adapters.train(tree, reporter=Silent()).metrics
  else:
    scores = train_apart(tree)
  wanted = plain_scores(tmp_path / "store", task_files[1])
  assert scores == pytest.approx(wanted, abs=1e-5)
  assert 0 < wanted["accuracy"] < 1
