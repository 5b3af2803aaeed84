# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Every strategy from the command's settings to the served answers."""

import json
import pathlib
import shutil

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

import tf_adapters
from tests import tiny
from tests.test_strategies import CASES
from tests.test_strategies import HEAD
from tests.test_strategies import IN_PLACE
from tf_adapters import files
from tf_adapters.store import modules
from tf_adapters.training import inference
from tf_adapters.training.reporting import Silent

GOLDEN = pathlib.Path(__file__).parent / "golden/module"
# One of each strategy, and the placements of adapters that are new.
RUNS = [name for name in CASES if name not in ("pfeiffer", "parallel")]
TEXTS = ["the film is very good", "a sad and awful play", "it", "nice book"]
NEW_MODEL = modules.new_model
every = pytest.mark.parametrize("name", RUNS)


class Lines(Silent):
  """Keeps what is said."""

  def __init__(self):
    super().__init__()
    self.lines = []

  def say(self, message):
    self.lines.append(message)


def settings_of(name):
  options = {"strategy": "adapter", **CASES[name].options}
  adapter = ("size", "method")
  return {
    f"{'adapter' if key in adapter else 'tuning'}.{key}": value
    for key, value in options.items()
  }


def hashes(folder):
  return {
    str(path.relative_to(folder)): files.sha256(path)
    for path in sorted(folder.rglob("*"))
    if path.is_file()
  }


@pytest.fixture(scope="module")
def made():
  """By run: its encoder, the values of that before it, and its model."""
  return {}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, encoder_folder, made):
  """A store with a task of every strategy, and its export."""
  folder = tmp_path_factory.mktemp("strategies")
  train, dev = tiny.write_task(folder / "task")
  shared = {
    "encoder": str(encoder_folder),
    "store": str(folder / "store"),
    "data.train": train,
    "data.eval": dev,
    "data.max_length": 24,
    "train.epochs": 2,
    "train.batch_size": 8,
  }
  seen = {}

  def new_model(encoder, *arguments):
    before = [variable.numpy() for variable in encoder.variables]
    made[name] = encoder, before, NEW_MODEL(encoder, *arguments)
    return made[name][-1]

  for name in RUNS:
    with pytest.MonkeyPatch.context() as patch:
      patch.setattr(modules, "new_model", new_model)
      result = tf_adapters.train(
        {**shared, "task.name": name, **settings_of(name)}, reporter=Silent()
      )
    seen[name] = result.metrics
    found = hashes(folder / "store/encoder")
    assert seen.setdefault("encoder", found) == found
  lines = Lines()
  store, output = str(folder / "store"), str(folder / "out")
  tf_adapters.export(store, output, reporter=lines)
  tf_adapters.export(store, output, merge=True, reporter=Silent())
  (folder / "seen.json").write_text(json.dumps([seen, lines.lines]))
  return folder


@pytest.fixture(scope="module")
def encoder(encoder_folder):
  return tf_adapters.load_encoder(str(encoder_folder))


@pytest.fixture(scope="module")
def seen(folder):
  return json.loads((folder / "seen.json").read_text())


@pytest.fixture(scope="module")
def served(folder):
  return [tf.saved_model.load(str(folder / "out" / n)) for n in ("1", "2")]


@every
def test_the_module_holds_what_trains_and_nothing_else(folder, name):
  path = folder / "store/tasks" / name / "weights.safetensors"
  arrays = safetensors.numpy.load_file(path)
  wanted = CASES[name].shapes()
  wanted |= {"head/kernel": (tiny.HIDDEN, 2), "head/bias": (2,)}
  assert {key: value.shape for key, value in arrays.items()} == wanted
  for value in arrays.values():
    assert value.dtype == np.float32 and np.isfinite(value).all()


@every
def test_training_moved_every_array(folder, encoder, name):
  path = folder / "store/tasks" / name / "weights.safetensors"
  arrays = safetensors.numpy.load_file(path)
  head = tf_adapters.Head(2, seed=0)
  model = tf_adapters.build(
    encoder, head=head, seed=0, **CASES[name].options
  )
  for item in tf_adapters.task_variables(model):
    moved = not np.array_equal(arrays[item.name], item.variable.numpy())
    assert moved or item.name.endswith("key/bias"), item.name


@every
def test_a_run_changes_no_bit_of_the_encoder_that_it_computes_with(
  folder, made, name
):
  encoder, before, _ = made[name]
  for variable, value in zip(encoder.variables, before, strict=True):
    assert variable.numpy().tobytes() == value.tobytes(), variable.name


@every
def test_a_loaded_task_scores_and_answers_as_the_trained(
  folder, encoder, made, seen, served, name
):
  store = str(folder / "store")
  task = tf_adapters.load_task(store, name, encoder)
  again = task.evaluate(str(folder / "task/dev.tsv"))
  for metric, value in again.items():
    assert value == pytest.approx(seen[0][name][metric], abs=1e-6)
  logits, tokens = task._logits(TEXTS, None)
  trained = inference.Predictor(made[name][-1]).logits(tokens)
  np.testing.assert_array_equal(logits, trained)  # to the bit
  wanted = tf.nn.softmax(logits)
  for version in served:
    found = version.signatures[name](text=tf.constant(TEXTS))
    np.testing.assert_allclose(found["probabilities"], wanted, atol=1e-5)


def test_the_export_says_what_each_task_costs(folder, seen):
  _, lines = seen
  tree = json.loads((folder / "out/1/assets.extra/tasks.json").read_text())
  for name in RUNS:
    (line,) = [line for line in lines if line.startswith(f"{name}: ")]
    shapes = CASES[name].shapes() | {"head/kernel": (16, 2), "head/bias": (2,)}
    count = sum(int(np.prod(shape)) for shape in shapes.values())
    cost = tree["tasks"][name]
    assert cost["parameters"] == count and cost["bytes"] == 4 * count
    assert f"{count:,} parameters" in line
    assert ("in the place of the encoder's" in line) == (name in IN_PLACE)
    if name in IN_PLACE:
      own = count - sum(int(np.prod(shapes[key])) for key in HEAD)
      assert cost["bytes_in_place"] == 4 * own
      assert f"{4 * own:,} bytes" in line


def test_merging_on_export_leaves_no_factor(folder):
  def numbers(version):
    path = folder / "out" / version / "variables/variables"
    shapes = dict(tf.train.list_variables(str(path)))
    return np.prod(shapes["weights/0/.ATTRIBUTES/VARIABLE_VALUE"])

  merged = [n for n in RUNS if CASES[n].options.get("strategy") == "lora"]
  gained = 0
  for name in merged:
    shapes = CASES[name].shapes()
    for key in (key for key in shapes if key.endswith("lora/down_kernel")):
      inputs, rank = shapes[key]
      outputs = shapes[key.replace("down", "up")][1]
      gained += inputs * outputs - rank * (inputs + outputs)
  assert numbers("2") - numbers("1") == gained
  tree = json.loads((folder / "out/2/assets.extra/tasks.json").read_text())
  for name in merged:
    assert tree["tasks"][name]["strategy"] == "lora_merged"
  # Of rank 2, beside the kernels of query and value.
  updated = 2 * tiny.LAYERS * tiny.HIDDEN**2
  assert tree["tasks"]["lora"]["bytes_in_place"] == 4 * updated


def test_a_module_from_before_strategies_is_one_of_adapters(tmp_path):
  encoder_folder = tiny.write_encoder(tmp_path / "encoder")
  encoder = tf_adapters.load_encoder(str(encoder_folder))
  tree = json.loads((GOLDEN / "mood/module.json").read_text("utf-8"))
  assert "tuning" not in tree["config"]
  store = tf_adapters.Store(tmp_path / "store")
  store.create(
    {
      "fingerprint": tree["encoder_fingerprint"],
      "source": str(encoder_folder),
      "copied": False,
    },
    None,
  )
  shutil.copytree(GOLDEN / "mood", tmp_path / "store/tasks/mood")
  task = tf_adapters.load_task(str(store.path), "mood", encoder)
  assert task.model.encoder.plan.tuning.strategy == "adapter"
  golden = json.loads((GOLDEN / "logits.json").read_text("utf-8"))
  found = task.logits(golden["texts"])
  np.testing.assert_allclose(found, golden["logits"], atol=1e-6)
