# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The step does what the protocol says; a run repeats, resumes and scales."""

import io
import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import rich.console
import safetensors.numpy
import tensorflow as tf

import tf_adapters
from tests import tiny
from tf_adapters import curves
from tf_adapters.config import DataConfig
from tf_adapters.config import TaskConfig
from tf_adapters.config import TrainConfig
from tf_adapters.modeling import tuning
from tf_adapters.training import optimizer as optimizer_lib
from tf_adapters.training import reporting
from tf_adapters.training import run_inputs
from tf_adapters.training.reporting import Silent


@pytest.fixture(scope="module")
def task_files(tmp_path_factory):
  return tiny.write_task(tmp_path_factory.mktemp("task"))


def settings(encoder_folder, files, store, **changes):
  return {
    "task.name": "mood",
    "data.train": files[0],
    "data.eval": files[1],
    "data.max_length": 32,
    "encoder": str(encoder_folder),
    "store": str(store),
    "adapter.size": 4,
    "train.batch_size": 8,
    "train.epochs": 2,
    "train.learning_rate": 0.01,
    **changes,
  }


def expected_rate(step, peak, steps, warmup):
  warm = max(1.0, warmup * steps)
  return peak * min((step + 1) / warm, (steps - step) / (steps - warm))


@pytest.mark.parametrize("steps,warmup", [(10, 0.1), (100, 0.1), (40, 0.5)])
def test_learning_rate_warms_up_and_falls_to_zero(steps, warmup):
  schedule = optimizer_lib.WarmupLinear(0.003, steps, warmup)
  rates = [float(schedule(tf.constant(t))) for t in range(steps + 1)]
  wanted = [expected_rate(t, 0.003, steps, warmup) for t in range(steps)]
  np.testing.assert_allclose(rates[:-1], wanted, rtol=1e-5)
  assert rates[-1] == 0.0
  assert max(rates) <= 0.003 * (1 + 1e-6)


def adamw(values, gradients, decays, config, steps):
  """AdamW with global clipping, decoupled decay and the schedule, in NumPy."""
  first = [np.zeros_like(v) for v in values]
  second = [np.zeros_like(v) for v in values]
  for step, gradient in enumerate(gradients):
    norm = np.sqrt(sum((g**2).sum() for g in gradient))
    gradient = [g * min(1.0, config.clip_norm / norm) for g in gradient]
    rate = expected_rate(step, config.learning_rate, steps, config.warmup)
    for i, g in enumerate(gradient):
      if decays[i]:
        values[i] = values[i] - rate * config.weight_decay * values[i]
      first[i] = 0.9 * first[i] + 0.1 * g
      second[i] = 0.999 * second[i] + 0.001 * g**2
      t = step + 1
      scale = np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
      values[i] = values[i] - rate * scale * first[i] / (
        np.sqrt(second[i]) + 1e-6
      )
  return values


def test_optimiser_is_adamw_that_decays_kernels_alone():
  random = np.random.default_rng(0)
  config = TrainConfig(learning_rate=0.1, weight_decay=0.5)
  start = [random.normal(size=shape) for shape in ((3, 2), (2,), (4,))]
  decays = [True, False, False]
  gradients = [[random.normal(size=v.shape) for v in start] for _ in range(5)]
  variables = [tf.Variable(v, dtype=tf.float32) for v in start]
  items = [
    tuning.TaskVariable(str(i), "adapter", decay, variable)
    for i, (decay, variable) in enumerate(zip(decays, variables, strict=True))
  ]
  optimizer = optimizer_lib.make_optimizer(items, config, steps=20)
  for gradient in gradients:
    tensors = [tf.constant(g, tf.float32) for g in gradient]
    optimizer.apply_gradients(zip(tensors, variables, strict=True))
  wanted = adamw(list(start), gradients, decays, config, 20)
  for variable, value in zip(variables, wanted, strict=True):
    np.testing.assert_allclose(variable.numpy(), value, rtol=2e-4, atol=1e-5)


def test_training_learns_and_keeps_the_best_epoch(
  encoder_folder, task_files, tmp_path
):
  store = tmp_path / "store"
  result = tf_adapters.train(
    settings(
      encoder_folder,
      task_files,
      store,
      **{
        "train.epochs": 40,
        "train.seed": 1,
        # What is kept is scored in the precision of the epochs.
        "train.precision": "float32",
      },
    ),
    reporter=Silent(),
  )
  assert result.metrics["accuracy"] >= 0.85
  again = tf_adapters.evaluate(str(store), "mood", task_files[1])
  for name, value in again.items():
    assert value == pytest.approx(result.metrics[name], abs=1e-6)
  scores = dev_curve(store / "runs/mood/curves/dev", "accuracy")
  assert len(scores) == 40
  assert result.metrics["accuracy"] == pytest.approx(max(scores))
  assert scores.index(max(scores)) == result.epoch - 1


@pytest.mark.parametrize("targets", [["1"], ["2", "2"]])
def test_a_dev_set_without_a_correlation_is_no_hindrance(
  encoder_folder, tmp_path, targets
):
  """Of one row, or of equal targets, there is none (`metrics.regression`)."""
  files = []
  for name, labels in (("train", "12345678"), ("dev", targets)):
    path = tmp_path / f"{name}.tsv"
    lines = ["text\tlabel", *(f"good\t{label}" for label in labels)]
    path.write_text("\n".join(lines), encoding="utf-8")
    files.append(str(path))
  screen = io.StringIO()
  result = tf_adapters.train(
    settings(
      encoder_folder, files, tmp_path / "s", **{"task.type": "regression"}
    ),
    reporter=reporting.Reporter(rich.console.Console(file=screen, width=200)),
  )
  assert result.metrics["pearson"] is result.metrics["spearman"] is None
  assert math.isfinite(result.metrics["mse"])
  assert screen.getvalue().count("pearson undefined") == 2
  curves = tmp_path / "s/runs/mood/curves/dev"
  assert len(dev_curve(curves, "mse")) == 2
  assert dev_curve(curves, "pearson") == []
  assert result.epoch == 1, "of undefined scores the first is kept"


def dev_curve(folder, tag):
  values = []
  for path in sorted(folder.iterdir()):
    for record in tf.data.TFRecordDataset(str(path)):
      event = tf.compat.v1.Event.FromString(record.numpy())
      for value in event.summary.value:
        if value.tag == tag:
          values.append(float(tf.make_ndarray(value.tensor)))
  return values


def test_same_seed_same_module_other_seed_another(
  encoder_folder, task_files, tmp_path
):
  modules = []
  for number, seed in enumerate((3, 3, 2**63 - 1)):
    store = tmp_path / str(number)
    tf_adapters.train(
      settings(encoder_folder, task_files, store, **{"train.seed": seed}),
      reporter=Silent(),
    )
    modules.append((store / "tasks/mood/weights.safetensors").read_bytes())
  assert modules[0] == modules[1]
  assert modules[0] != modules[2]


class Counting(Silent):
  """Counts steps; `at` one of them it does what it is told."""

  def __init__(self, at=None, do=None):
    super().__init__()
    self.count, self.first, self.said = 0, None, []
    self._at, self._do = at, do

  def running(self, steps, done):
    self.first = done
    return super().running(steps, done)

  def say(self, message):
    self.said.append(message)

  def step(self, loss, rate):
    super().step(loss, rate)
    self.count += 1
    if self.count == self._at:
      self._do()


def stop():
  raise KeyboardInterrupt


def start_training(arguments, **environment):
  return subprocess.Popen(
    [sys.executable, "-m", "tf_adapters", "train", *arguments, "--json"],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    env={**os.environ, **environment},
  )


def as_arguments(tree):
  return [f"{key}={value}" for key, value in tree.items()]


# Dies when the sixth epoch has been scored.
DYING = """
import os, signal, sys
from tf_adapters.__main__ import main
from tf_adapters.training import reporting
def dying(self, epoch, scores, best):
  if epoch == 6:
    os.kill(os.getpid(), signal.SIGKILL)
reporting.Reporter.evaluation = dying
sys.exit(main(["train", *sys.argv[1:]]))
"""


def test_killed_run_continues_to_the_same_module(
  encoder_folder, task_files, tmp_path
):
  changes = {"train.epochs": 12, "train.checkpoint_steps": 4}
  calm, killed = tmp_path / "calm", tmp_path / "killed"

  def arguments(store):
    return as_arguments(settings(encoder_folder, task_files, store, **changes))

  done = start_training(arguments(calm))
  output, _ = done.communicate(timeout=300)
  assert done.returncode == 0
  checkpoints = killed / "runs/mood/checkpoints"
  victim = subprocess.run(
    [sys.executable, "-c", DYING, *arguments(killed)],
    capture_output=True, timeout=300, check=False,
  )
  assert victim.returncode == -signal.SIGKILL, victim.stderr.decode()
  assert (checkpoints / "checkpoint").exists()
  assert not (killed / "tasks/mood").exists()
  survivor = start_training(arguments(killed))
  second, errors = survivor.communicate(timeout=300)
  assert survivor.returncode == 0
  assert b"resumed at step" in errors
  name = "tasks/mood/weights.safetensors"
  assert (killed / name).read_bytes() == (calm / name).read_bytes()
  ours, theirs = json.loads(second), json.loads(output)
  assert ours["metrics"] == theirs["metrics"]
  assert not checkpoints.exists()


@pytest.fixture(scope="module")
def calm(encoder_folder, task_files, tmp_path_factory):
  """Settings of a run that nothing happened to, with points at 4, 6, 8, 12."""
  store = tmp_path_factory.mktemp("calm")
  changes = {"train.checkpoint_steps": 4}
  tree = settings(encoder_folder, task_files, store, **changes)
  tf_adapters.train(tree, reporter=Silent())
  return tree


class DyingInTheSecondEvaluation(Silent):
  def evaluation(self, epoch, scores, best):
    if epoch == 2:
      raise KeyboardInterrupt


def test_an_interrupted_run_goes_on_wherever_its_files_are(
  calm, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(KeyboardInterrupt):
    tf_adapters.train(
      {**calm, "store": "store"}, reporter=DyingInTheSecondEvaluation()
    )
  for key in ("data.train", "data.eval"):
    shutil.copy(calm[key], tmp_path)
  shutil.copytree(calm["encoder"], "copied")
  shutil.move("store", "moved")
  reporter = Counting()
  moved = {
    "store": str(tmp_path / "moved"),
    "encoder": "copied",
    "copy_encoder": False,
    "data.train": "train.tsv",
    "data.eval": "dev.tsv",
    "data.tfds_dir": "anywhere",
    "train.checkpoint_steps": 5,
    "train.cache_gigabytes": 1.0,
  }
  tf_adapters.train({**calm, **moved}, reporter=reporter)
  assert reporter.first == 8 and reporter.count == 4
  name = "tasks/mood/weights.safetensors"
  expected = pathlib.Path(calm["store"], name).read_bytes()
  assert pathlib.Path("moved", name).read_bytes() == expected
  found = curves.read("moved", "mood")
  assert found["train/loss"][0] == [4, 6, 8, 10, 12]
  wanted = curves.read(calm["store"], "mood")
  assert found["dev/loss"] == wanted["dev/loss"]


def test_what_another_run_left_is_removed_and_said_to_be(calm, tmp_path):
  shutil.copytree(calm["store"], tmp_path / "store")
  tree = {**calm, "store": str(tmp_path / "store")}
  again = Counting(5, stop)
  with pytest.raises(KeyboardInterrupt):
    tf_adapters.train(tree, overwrite=True, reporter=again)
  folder = tmp_path / "store/runs/mood"
  assert (folder / "checkpoints/checkpoint").exists()
  assert len(list((folder / "curves/train").iterdir())) == 1
  assert not again.said
  other = Counting()
  tree["train.learning_rate"] = 0.02
  tf_adapters.train(tree, overwrite=True, reporter=other)
  assert other.first == 0 and other.count == 12
  assert "other settings" in other.said[0]
  found = curves.read(tree["store"], "mood")
  assert found["train/loss"][0] == [4, 6, 8, 12]
  peak = max(found["train/learning_rate"][1])
  assert 0.01 < peak <= 0.02  # of this run alone


def test_checkpoints_hold_nothing_frozen(encoder_folder, task_files, tmp_path):
  store = tmp_path / "store"
  seen = {}

  class Spy(Silent):
    def evaluation(self, epoch, scores, best):
      found = tf.train.latest_checkpoint(store / "runs/mood/checkpoints")
      if found:
        seen.update(dict(tf.train.list_variables(found)))

  result = tf_adapters.train(
    settings(encoder_folder, task_files, store), reporter=Spy()
  )
  numbers = sum(int(np.prod(shape)) for shape in seen.values())
  # The variables, the best epoch's and Adam's two moments; some counters.
  assert 4 * result.trainable_parameters <= numbers
  assert numbers < 4 * result.trainable_parameters + 20


def test_a_name_that_is_taken_is_refused_before_the_first_step(
  encoder_folder, task_files, tmp_path, monkeypatch
):
  tree = settings(encoder_folder, task_files, tmp_path, **{"train.epochs": 1})

  def refused(tree, overwrite):
    reporter = Counting()
    with pytest.raises(tf_adapters.InputError, match="'mood'"):
      tf_adapters.train(tree, overwrite=overwrite, reporter=reporter)
    assert reporter.count == 0

  real = run_inputs.read

  def read_early(*arguments):  # then another run begins and ends
    monkeypatch.undo()
    inputs = real(*arguments)
    tf_adapters.train(tree, reporter=Silent())
    return inputs

  monkeypatch.setattr(run_inputs, "read", read_early)
  refused(tree, False)
  refused({**tree, "task.name": "Mood"}, True)


def test_pairs_need_an_encoder_with_two_token_types(encoder_folder, tmp_path):
  folder = shutil.copytree(encoder_folder, tmp_path / "encoder")
  tree = json.loads((folder / "config.json").read_text())
  tree["type_vocab_size"] = 1
  (folder / "config.json").write_text(json.dumps(tree))
  path = folder / "model.safetensors"
  weights = safetensors.numpy.load_file(path)
  name = "embeddings.token_type_embeddings.weight"
  safetensors.numpy.save_file({**weights, name: weights[name][:1].copy()}, path)
  pairs = tiny.write_task(tmp_path / "pairs", pair=True)
  single = tiny.write_task(tmp_path / "single")
  store = tmp_path / "store"
  with pytest.raises(tf_adapters.InputError, match="`type_vocab_size` of .* 1"):
    tf_adapters.train(settings(folder, pairs, store), reporter=Silent())
  tree = settings(folder, single, store, **{"train.epochs": 1})
  tf_adapters.train(tree, reporter=Silent())
  dev = pathlib.Path(single[1])  # a path is as good as its name
  scores = tf_adapters.evaluate(str(store), "mood", dev)
  assert scores == tf_adapters.evaluate(str(store), "mood", single[1])
  with pytest.raises(tf_adapters.InputError, match="takes a file or a `Split`"):
    tf_adapters.evaluate(str(store), "mood", 3)


@pytest.mark.parametrize(
  "run", [tf_adapters.train, tf_adapters.train_baseline]
)
def test_settings_made_in_python_are_checked_too(run, task_files, tmp_path):
  train, dev = task_files
  config = tf_adapters.Config(
    task=TaskConfig(name="mood", metric="f1"),
    data=DataConfig(train=str(train), eval=str(dev)),
    store=str(tmp_path / "store"),
  )
  with pytest.raises(tf_adapters.InputError, match="`f1` needs"):
    run(config)
  assert not any(tmp_path.iterdir())


def test_diverging_run_says_so(encoder_folder, task_files, tmp_path):
  changes = {"train.learning_rate": 1e30, "train.epochs": 4}
  with pytest.raises(tf_adapters.InputError, match="train.learning_rate"):
    tf_adapters.train(
      settings(encoder_folder, task_files, tmp_path / "s", **changes),
      reporter=Silent(),
    )
  assert tf_adapters.Store(tmp_path / "s").tasks() == []


@pytest.mark.parametrize("dev", [True, False])
def test_a_run_whose_last_step_diverges_says_so(
  encoder_folder, task_files, tmp_path, dev
):
  """Its loss, taken before the step, is finite; its module would not be."""
  changes = {
    "train.learning_rate": 1e38,
    "train.epochs": 1,
    "train.batch_size": 1000,
    "data.eval": task_files[1] if dev else "",
  }
  reporter = Counting()
  with pytest.raises(tf_adapters.InputError, match="at step 1; lower `train"):
    tf_adapters.train(
      settings(encoder_folder, task_files, tmp_path / "s", **changes),
      reporter=reporter,
    )
  assert reporter.count == 1
  assert tf_adapters.Store(tmp_path / "s").tasks() == []


_LOSSES = """
import json, sys
import tf_adapters
from tf_adapters.training.reporting import Silent

class Losses(Silent):
  def __init__(self):
    super().__init__()
    self.seen = []
  def step(self, loss, rate):
    self.seen.append(loss)

losses = Losses()
result = tf_adapters.train(json.loads(sys.argv[1]), reporter=losses)
print(json.dumps({"losses": losses.seen, "metrics": result.metrics}))
"""


def test_two_replicas_give_the_losses_of_one(
  encoder_folder, task_files, tmp_path
):
  """Dropout is on: its bits are addressed by row of the global batch."""
  results = []
  for number, strategy in enumerate(("one_device", "mirrored")):
    tree = settings(
      encoder_folder,
      task_files,
      tmp_path / str(number),
      **{
        "train.strategy": strategy,
        "train.replicas": 2 * number,
        "train.precision": "float32",
      },
    )
    done = subprocess.run(
      [sys.executable, "-c", _LOSSES, json.dumps(tree)],
      stdout=subprocess.PIPE,
      check=True,
      timeout=300,
      env={**os.environ, "PYTHONPATH": str(pathlib.Path.cwd())},
    )
    results.append(json.loads(done.stdout.splitlines()[-1]))
  one, two = results
  assert len(one["losses"]) == 12
  np.testing.assert_allclose(one["losses"], two["losses"], atol=1e-4)
  assert one["metrics"]["accuracy"] == two["metrics"]["accuracy"]


@pytest.mark.parametrize("text", ["'[/b]'", "/data/[raw]/dev.tsv", ":smile:"])
def test_what_is_said_is_shown_as_it_is(text):
  shown = io.StringIO()
  reporter = reporting.Reporter(rich.console.Console(file=shown, width=100))
  reporter.say(text)
  with reporter.counting(text, 1, 0):
    pass
  said, bar = shown.getvalue().splitlines()
  assert said == text and bar.startswith(text)
