# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The trainer's options change how a run is computed, not what it learns."""

import errno
import resource
import shutil

import numpy as np
import pytest
import tensorflow as tf

import tf_adapters
from tests import tiny
from tf_adapters import tasks
from tf_adapters.config import TrainConfig
from tf_adapters.errors import InputError
from tf_adapters.modeling.compute import Compute
from tf_adapters.tokens import batching
from tf_adapters.training import loop
from tf_adapters.training import prefix_cache
from tf_adapters.training import trainer as trainer_lib
from tf_adapters.training.reporting import Silent


@pytest.fixture(scope="module")
def encoder(encoder_folder):
  return tf_adapters.load_encoder(str(encoder_folder))


def make_tokens(count=40, seed=0):
  random = np.random.default_rng(seed)
  lengths = random.integers(3, 30, count)
  return batching.Tokenised(
    random.integers(5, len(tiny.VOCABULARY), lengths.sum()).astype(np.int32),
    np.cumsum([0, *lengths]),
    lengths.astype(np.int32),
  )


def make_trainer(encoder, layers=None, tokens=None, tuning=None, **options):
  tuning = tuning or {"size": 4, "layers": layers}
  model = tf_adapters.build(
    encoder, head=tf_adapters.Head(2, seed=0), seed=0, **tuning
  )
  tokens = tokens or make_tokens()
  targets = np.arange(len(tokens.lengths), dtype=np.int32) % 2
  problem = trainer_lib.Problem(
    tasks.from_dict({"type": "classification", "labels": ["a", "b"]}),
    trainer_lib.Dataset(tokens, targets),
    None,
    "accuracy",
  )
  config = TrainConfig(
    **{"epochs": 2, "batch_size": 8, "precision": "float32", **options}
  )
  return trainer_lib.Trainer(model, problem, config, Silent())


def trained(trainer, folder):
  loop.fit(trainer, folder)
  return [variable.numpy() for variable in trainer.trained]


def assert_same(found, expected, atol=0.0):
  for value, wanted in zip(found, expected, strict=True):
    np.testing.assert_allclose(value, wanted, rtol=0, atol=atol)


@pytest.fixture(scope="module")
def plain(encoder, tmp_path_factory):
  return trained(make_trainer(encoder), tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize(
  "options",
  [
    {"recompute": True},
    {"steps_per_loop": 3},
    {"steps_per_loop": 100, "checkpoint_steps": 4},
  ],
  ids=str,
)
def test_option_leaves_the_result(encoder, plain, tmp_path, options):
  found = trained(make_trainer(encoder, **options), tmp_path)
  assert_same(found, plain, atol=2e-5)


def test_bfloat16_learns_something_close(encoder, plain, tmp_path):
  found = trained(make_trainer(encoder, precision="bfloat16"), tmp_path)
  change = [np.abs(a - b).max() for a, b in zip(found, plain, strict=True)]
  assert 0 < max(change) < 0.05


# --- Disks that are full or damaged -------------------------------------------


class Stopping(Silent):
  """Ends a run at its seventh step."""

  def step(self, loss, rate):
    super().step(loss, rate)
    self.count = getattr(self, "count", 0) + 1
    if self.count == 7:
      raise KeyboardInterrupt


@pytest.fixture(scope="module")
def interrupted(encoder, tmp_path_factory):
  folder = tmp_path_factory.mktemp("interrupted")
  trainer = make_trainer(encoder)
  trainer.reporter = Stopping()
  with pytest.raises(KeyboardInterrupt):
    loop.fit(trainer, folder)
  return folder


def cut(path, place):
  path.write_bytes(path.read_bytes()[:place])


def flip(path, place):
  content = bytearray(path.read_bytes())
  content[place] ^= 1
  path.write_bytes(content)


def remove(path, place):
  del place
  path.unlink()


@pytest.mark.parametrize("kind", ["data*", "index"])
@pytest.mark.parametrize(
  "damage,place",
  [(cut, 0), (cut, 700), (cut, -1), (flip, 10), (flip, 150), (remove, 0)],
  ids=lambda value: getattr(value, "__name__", value),
)
def test_a_damaged_checkpoint_is_named(
  encoder, interrupted, tmp_path, kind, damage, place
):
  folder = tmp_path / "run"
  shutil.copytree(interrupted, folder)
  checkpoints = folder / "checkpoints"
  (path,) = checkpoints.glob(f"ckpt-*.{kind}")
  damage(path, place)
  with pytest.raises(InputError) as caught:
    loop.fit(make_trainer(encoder), folder)
  assert str(caught.value).startswith(f"{checkpoints}: ")
  assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("place", [0, 5, 20])
def test_a_damaged_list_of_checkpoints_is_named(
  encoder, interrupted, tmp_path, place
):
  folder = tmp_path / "run"
  shutil.copytree(interrupted, folder)
  cut(folder / "checkpoints" / "checkpoint", place)
  with pytest.raises(InputError, match=f"^{folder}/checkpoints: is cut short"):
    loop.fit(make_trainer(encoder), folder)


def test_curves_that_cannot_be_written_are_named(encoder, tmp_path):
  (tmp_path / "curves").write_text("no folder")
  with pytest.raises(OSError) as caught:
    loop.fit(make_trainer(encoder), tmp_path)
  assert caught.value.filename == str(tmp_path / "curves/train")


def test_the_disk_keeps_the_prefix_s_place_before_it_is_filled(
  encoder, monkeypatch, tmp_path
):
  monkeypatch.setattr(prefix_cache, "_MOST_IN_MEMORY", 0)
  tokens = make_tokens(400)
  size = 4 * len(tokens.ids) * tiny.HIDDEN
  kept = []

  def fill(*_):
    (path,) = (tmp_path / "prefix").iterdir()
    kept.append(512 * path.stat().st_blocks)

  monkeypatch.setattr(prefix_cache, "_fill", fill)
  outputs(encoder, tokens, tmp_path / "prefix")
  assert kept[0] >= size


def test_a_prefix_that_finds_no_room_leaves_nothing(
  encoder, monkeypatch, tmp_path
):
  monkeypatch.setattr(prefix_cache, "_MOST_IN_MEMORY", 0)
  limits = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
  try:
    with pytest.raises(OSError) as caught:
      outputs(encoder, make_tokens(400), tmp_path / "prefix")
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
  assert caught.value.errno == errno.EFBIG
  assert caught.value.filename.startswith(str(tmp_path / "prefix"))
  assert not list((tmp_path / "prefix").iterdir())


# --- The cached prefix -------------------------------------------------------


def test_cached_prefix_gives_the_same_module(encoder, tmp_path):
  expected = trained(make_trainer(encoder, [1]), tmp_path / "plain")
  cached = make_trainer(encoder, [1], cache_prefix=True)
  assert_same(trained(cached, tmp_path / "cached"), expected, atol=2e-6)
  assert cached.prefix_outputs.shape == (
    len(make_tokens().ids), tiny.HIDDEN
  )


def outputs(encoder, tokens, folder, gigabytes=1.0):
  model = tf_adapters.build(
    encoder, 4, head=tf_adapters.Head(2), layers=[1]
  )
  return prefix_cache.outputs(model, tokens, Compute(), folder, gigabytes)


def test_prefix_on_disk_is_reused_until_something_changes(
  encoder, encoder_folder, monkeypatch, tmp_path
):
  monkeypatch.setattr(prefix_cache, "_MOST_IN_MEMORY", 0)
  tokens = make_tokens()
  first = outputs(encoder, tokens, tmp_path / "prefix")
  monkeypatch.undo()
  np.testing.assert_array_equal(
    first, outputs(encoder, tokens, tmp_path / "none")
  )
  monkeypatch.setattr(prefix_cache, "_MOST_IN_MEMORY", 0)
  (file,) = (tmp_path / "prefix").iterdir()
  stamp = file.stat().st_mtime_ns
  outputs(encoder, tokens, tmp_path / "prefix")
  assert file.stat().st_mtime_ns == stamp
  other_data = make_tokens(seed=1)
  outputs(encoder, other_data, tmp_path / "prefix")
  (second,) = (tmp_path / "prefix").iterdir()
  assert second != file
  other = tf_adapters.load_encoder(
    str(tiny.write_encoder(tmp_path / "other", seed=9))
  )
  outputs(other, other_data, tmp_path / "prefix")
  (third,) = (tmp_path / "prefix").iterdir()
  assert third != second


def test_prefix_needs_blocks_that_train_nothing(encoder, tmp_path):
  trainer = make_trainer(encoder, cache_prefix=True)
  with pytest.raises(InputError, match="block 0 trains"):
    loop.fit(trainer, tmp_path)


def test_prefix_is_bounded(encoder, tmp_path):
  with pytest.raises(InputError, match="`train.cache_gigabytes` allows 1e-06"):
    outputs(encoder, make_tokens(), tmp_path, gigabytes=1e-6)
  assert not list(tmp_path.iterdir())


# --- Ready for a TPU ---------------------------------------------------------


def functions_of(graph):
  yield graph.as_graph_def().node
  for function in graph.as_graph_def().library.function:
    yield function.node_def


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_step_compiles_whole_without_strings_or_dynamic_shapes(encoder, rows):
  trainer = make_trainer(encoder)
  slots, length = trainer.shape.slots, trainer.shape.length
  wide = tf.TensorSpec([rows, length], tf.int32)
  inputs = {
    "input_word_ids": wide,
    "input_mask": wide,
    "input_type_ids": wide,
    "input_positions": wide,
    "first_tokens": tf.TensorSpec([rows, slots], tf.int32),
  }
  targets = tf.TensorSpec([rows * slots], tf.int32)
  weights = tf.TensorSpec([rows * slots], tf.float32)
  step = tf.function(trainer.replica_step, jit_compile=True)
  concrete = step.get_concrete_function(
    inputs, targets, weights, tf.TensorSpec([], tf.float32)
  )
  for nodes in functions_of(concrete.graph):
    for node in nodes:
      types = {value.type for value in node.attr.values()}
      assert tf.string.as_datatype_enum not in types, node.name
  for operation in concrete.graph.get_operations():
    for tensor in operation.outputs:
      if tensor.dtype not in (tf.resource, tf.variant):
        assert tensor.shape.is_fully_defined(), tensor
  plan = next(iter(trainer._plans(0, 1)))
  batch = trainer._make([plan])[1]
  values = {
    name: tf.constant(np.resize(batch[name][0], spec.shape))
    for name, spec in inputs.items()
  }
  loss = step(
    values,
    tf.zeros(targets.shape, tf.int32),
    tf.ones(weights.shape),
    tf.constant(float(rows * slots)),
  )
  assert np.isfinite(loss)


def test_steps_of_one_loop_stay_in_the_graph(encoder):
  """One call of one function runs several steps; Python sees none of them."""
  trainer = make_trainer(encoder, steps_per_loop=4)
  loops = list(trainer._loops(trainer._plans(0, 5)))
  assert [len(loop) for loop in loops] == [4, 1]
  assert len({plan.texts.shape for loop in loops for plan in loop}) == 1
  batch = trainer._make(loops[0])[1]
  losses = trainer._train_on(batch)
  assert losses.shape == (4,)
  assert trainer.optimizer.iterations.numpy() == 4
  (concrete,) = trainer._loop._list_all_concrete_functions()
  kinds = {node.type for node in concrete.graph.get_operations()}
  assert "While" in kinds or "StatelessWhile" in kinds
  assert not kinds & {"PyFunc", "EagerPyFunc", "IteratorGetNext"}
