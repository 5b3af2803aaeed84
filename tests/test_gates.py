# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Gates take adapters away as if they had never been there."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import tf_adapters
from tests import tiny
from tests.test_compute import make_inputs
from tests.test_compute import make_tokens
from tf_adapters.errors import InputError
from tf_adapters.modeling import tuning
from tf_adapters.modeling.compute import Compute
from tf_adapters.studies import removal
from tf_adapters.training import inference
from tf_adapters.training.reporting import Silent

ALL = np.ones([tiny.LAYERS, 2], np.float32)
NONE = np.zeros([tiny.LAYERS, 2], np.float32)
# The placements, and what a task has beside its adapters.
BESIDE = {"houlsby": "layer_norm", "pfeiffer": "head", "parallel": "head"}


@pytest.fixture(scope="module")
def encoder(encoder_folder):
  return tf_adapters.load_encoder(str(encoder_folder))


def build(encoder, seed=0, **options):
  return tf_adapters.build(
    encoder, head=tf_adapters.Head(3, seed=seed), seed=seed, **options
  )


def trained(encoder, **options):
  """A model whose every variable has left its start."""
  model = build(encoder, size=4, **options)
  random = np.random.default_rng(1)
  for item in tuning.task_variables(model):
    value = random.normal(0, 0.3, item.variable.shape)
    item.variable.assign(item.variable + value)
  return model


def give(model, target):
  """Assigns to each variable of `target` that of `model` with its name."""
  values = {item.name: item.variable for item in tuning.task_variables(model)}
  for item in tuning.task_variables(target):
    item.variable.assign(values[item.name])


def with_gates(model, inputs, gates, compiled=False):
  parts = None if gates is None else model.encoder.parts.gated(gates)
  return model(inputs, compute=Compute(compiled=compiled, parts=parts))


def close(found, expected):
  np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("method", BESIDE)
def test_open_gates_change_no_bit(encoder, method, compiled):
  model, inputs = trained(encoder, method=method), make_inputs()

  @tf.function
  def run(gates=None):
    return with_gates(model, inputs, gates, compiled)

  ordinary = run().numpy()
  assert ordinary.tobytes() == run(tf.constant(ALL)).numpy().tobytes()
  assert np.abs(ordinary - run(tf.constant(NONE)).numpy()).max() > 1e-2


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("method", BESIDE)
def test_closed_gates_are_a_model_without_adapters(encoder, method, compiled):
  model, inputs = trained(encoder, method=method), make_inputs()
  bare = build(encoder, seed=5, strategy=BESIDE[method])
  give(model, bare)
  close(with_gates(model, inputs, NONE, compiled), bare(inputs))


def test_a_gate_is_of_one_block_and_one_sublayer(encoder):
  model, inputs = trained(encoder), make_inputs()
  for column, method in ((0, "houlsby_attention"), (1, "houlsby_ffn")):
    other = build(encoder, seed=5, size=4, method=method)
    give(model, other)
    gates = np.zeros_like(ALL)
    gates[:, column] = 1
    close(with_gates(model, inputs, gates), other(inputs))
  for block in range(tiny.LAYERS):
    options = {"layers": [block], "train_layer_norm": False, "size": 4}
    other = build(encoder, seed=5, **options)
    whole = trained(encoder, train_layer_norm=False)
    give(whole, other)
    gates = np.zeros_like(ALL)
    gates[block] = 1
    close(with_gates(whole, inputs, gates), other(inputs))


@settings(max_examples=5, deadline=None)
@given(
  st.lists(st.floats(0, 2, width=32), min_size=ALL.size, max_size=ALL.size)
)
def test_a_gate_multiplies_what_its_adapter_adds(encoder, values):
  gates = np.array(values, np.float32).reshape(ALL.shape)
  model, inputs = trained(encoder), make_inputs()
  found = with_gates(model, inputs, gates)
  for block, of_block in zip(
    model.encoder.adapter_blocks, gates, strict=True
  ):
    for gate, sublayer in zip(of_block, ("attention", "output"), strict=True):
      adapter = block.adapters[sublayer]
      adapter.up_kernel.assign(gate * adapter.up_kernel.numpy())
      adapter.up_bias.assign(gate * adapter.up_bias.numpy())
  close(found, model(inputs))


def test_gates_trace_one_function_for_all_values(encoder):
  model = trained(encoder)
  predictor = inference.Predictor(model)
  tokens = make_tokens([5, 40, 2, 17])
  found = [
    predictor.logits(tokens, removal.without(tiny.LAYERS, *span))
    for span in ((0, -1), (0, 0), (0, 1), (1, 1))
  ]
  assert predictor._forward.experimental_get_tracing_count() == 1
  assert found[0].tobytes() == predictor.logits(tokens).tobytes()
  assert len({logits.tobytes() for logits in found}) == len(found)


# --- A task of a store -------------------------------------------------------


@pytest.fixture(scope="module")
def store(tmp_path_factory, encoder_folder):
  folder = tmp_path_factory.mktemp("removal")
  train, dev = tiny.write_task(folder)
  for name, strategy in (("mood", "adapter"), ("bare", "head")):
    tf_adapters.train(
      {
        "task.name": name,
        "encoder": str(encoder_folder),
        "store": str(folder / "store"),
        "data.train": train,
        "data.eval": dev,
        "data.max_length": 32,
        "tuning.strategy": strategy,
        "adapter.size": 8,
        "train.epochs": 3 if name == "mood" else 1,
        "train.batch_size": 8,
        "train.learning_rate": 0.03,
      },
      reporter=Silent(),
    )
  return folder


def test_spans_are_scores_of_the_task_with_zeroed_adapters(store):
  path, dev = str(store / "store"), str(store / "dev.tsv")
  found = removal.measure(path, "mood", dev, "matthews")
  assert found["metric"] == "matthews"
  task = tf_adapters.load_task(path, "mood")
  assert found["whole"] == task.evaluate(dev)["matthews"]
  scores = set()
  for first in range(tiny.LAYERS):
    for last in range(tiny.LAYERS):
      if last < first:
        assert found["spans"][first][last] is None
        continue
      kept = [
        (variable, variable.numpy())
        for block in task.model.encoder.adapter_blocks[first : last + 1]
        for adapter in block.adapters.values()
        for variable in (adapter.up_kernel, adapter.up_bias)
      ]
      for variable, value in kept:
        variable.assign(np.zeros_like(value))
      score = task.evaluate(dev)["matthews"]
      for variable, value in kept:
        variable.assign(value)
      assert found["spans"][first][last] == score
      scores.add(score)
  assert len({found["whole"], *scores}) > 1  # they do something
  assert len(found["prediction"]) == tiny.LAYERS + 1
  assert all(speed > 0 for speed in found["prediction"])


def test_speed_is_of_models_that_lack_the_lowest_adapters(store, monkeypatch):
  task = tf_adapters.load_task(str(store / "store"), "mood")
  built, asked = [], []

  class Predictor:
    def __init__(self, model):
      blocks = model.encoder.adapter_blocks
      self.adapted = [bool(block.adapters) for block in blocks]
      built.append(self.adapted)

    def logits(self, tokens):
      asked.append(self.adapted)

  monkeypatch.setattr(removal.inference, "Predictor", Predictor)
  encoder = tf_adapters.load_encoder(
    tf_adapters.Store(str(store / "store")).encoder_path()
  )
  speeds = removal.prediction_speeds(encoder, task, make_tokens([3, 4]))
  assert built == [[True, True], [False, True], [False, False]]
  assert asked == built * (len(asked) // 3)  # they take turns
  assert len(asked) > 3  # what compiles is not all
  assert len(speeds) == 3


def test_a_task_without_adapters_has_none_to_take_away(store):
  with pytest.raises(InputError, match="'bare' has no adapters"):
    removal.measure(str(store / "store"), "bare", str(store / "dev.tsv"))
