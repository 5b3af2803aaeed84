# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What `plan` counts is what the built model has and what files hold."""

import dataclasses

import hypothesis
import pytest
import safetensors.numpy
from hypothesis import strategies as st

import tf_adapters
from tests import tiny
from tests.test_strategies import CASES
from tests.test_strategies import UNITS
from tests.test_strategies import make
from tf_adapters import config as config_lib
from tf_adapters.checkpoints import huggingface
from tf_adapters.checkpoints import pretrained
from tf_adapters.checkpoints import shapes as checkpoint_shapes
from tf_adapters.config import AdapterConfig
from tf_adapters.config import Config
from tf_adapters.config import HeadConfig
from tf_adapters.config import TuningConfig
from tf_adapters.modeling import garden
from tf_adapters.planning import disk
from tf_adapters.planning import shapes
from tf_adapters.planning import variables
from tf_adapters.store import modules
from tf_adapters.store.task_module import Module


@pytest.fixture(scope="module")
def encoder(encoder_folder):
  return tf_adapters.load_encoder(str(encoder_folder))


def configured(options, reads):
  """The settings that a case of `build`'s options stands for."""
  adapter = {field.name for field in dataclasses.fields(AdapterConfig)}
  own = {key: value for key, value in options.items() if key in adapter}
  rest = {key: value for key, value in options.items() if key not in adapter}
  return Config(
    adapter=AdapterConfig(**own),
    tuning=TuningConfig(**rest),
    head=HeadConfig(reads),
  )


def planned(encoder_shape, config, classes, tasks=1):
  """The costs of one way."""
  return tf_adapters.plan(
    encoder_shape,
    strategies=[config.tuning.strategy],
    tasks=tasks,
    classes=classes,
    config=config,
  )


def check(model, shape, row, classes):
  """That the model's variables are the planned ones, and so is their file."""
  own = variables.of_task(shape, model.encoder.plan, classes)
  items = tf_adapters.task_variables(model)
  found = {
    item.name: (item.role, tuple(item.variable.shape)) for item in items
  }
  assert found == {each.name: (each.role, each.shape) for each in own}
  assert len(own) == len(items)
  lowest = min(each.reaches for each in own)
  assert lowest == model.encoder.first_trained
  by_role = {}
  for item in items:
    count = item.variable.shape.num_elements()
    by_role[item.role] = by_role.get(item.role, 0) + count
  assert row.parameters == by_role
  assert row.module_bytes == disk.of_module(own)
  written = safetensors.numpy.save(modules.weights(model))
  assert row.module_bytes == len(written)


@pytest.mark.parametrize("reads", config_lib.HEAD_INPUTS)
@pytest.mark.parametrize("name", CASES)
def test_every_way_has_the_planned_variables(
  encoder, encoder_folder, name, reads
):
  model = make(encoder, name, reads)
  shape = shapes.find(encoder_folder)
  costs = planned(shape, configured(CASES[name].options, reads), UNITS)
  check(model, shape, costs.rows[0], UNITS)
  table = tf_adapters.parameter_table(model)
  assert costs.encoder_parameters == table[-1].count
  trained = [row for row in table if row.trained]
  assert costs.rows[0].trained == sum(row.count for row in trained)
  shares = sum(row.share for row in trained)
  assert costs.rows[0].share == pytest.approx(shares)


@pytest.mark.parametrize(
  "options",
  [
    {"layers": (1,)},
    {"layers": (0,), "method": "pfeiffer"},
    {"train_layer_norm": False},
    {"train_layer_norm": True, "method": "parallel"},
    {"train_pooler": True},
  ],
  ids=str,
)
def test_options_of_adapters(encoder, encoder_folder, options):
  options = {"size": 3, **options}
  head = tf_adapters.Head(5, input="pooled_output")
  model = tf_adapters.build(encoder, head=head, **options)
  shape = shapes.find(encoder_folder)
  config = configured(options, "pooled_output")
  check(model, shape, planned(shape, config, 5).rows[0], 5)


@st.composite
def models(draw):
  """A shape with any way to tune it."""
  heads = draw(st.integers(1, 3))
  layers = draw(st.integers(1, 4))
  shape = shapes.EncoderShape(
    hidden=heads * draw(st.integers(1, 8)),
    layers=layers,
    heads=heads,
    inner=draw(st.integers(1, 30)),
    vocabulary=draw(st.integers(5, 120)),
    positions=draw(st.integers(8, 130)),
    types=draw(st.integers(1, 4)),
  )
  number = st.integers(1, 12)
  blocks = st.lists(st.integers(0, layers - 1), min_size=1, max_size=3)
  targets = st.lists(st.sampled_from(config_lib.LINEARS), min_size=1)
  reads = draw(st.sampled_from(config_lib.HEAD_INPUTS))
  config = Config(
    adapter=AdapterConfig(
      method=draw(st.sampled_from(config_lib.METHODS)),
      size=draw(number),
      layers=draw(st.none() | blocks.map(tuple)),
      train_layer_norm=draw(st.none() | st.booleans()),
      train_pooler=reads == "pooled_output" and draw(st.booleans()),
    ),
    tuning=TuningConfig(
      strategy=draw(st.sampled_from(config_lib.TUNINGS)),
      top_k=draw(st.integers(1, layers)),
      rank=draw(number),
      targets=tuple(draw(targets)),
      length=draw(number),
    ),
    head=HeadConfig(reads),
  )
  return shape, config, draw(st.integers(1, 7))


@hypothesis.given(models())
@hypothesis.settings(deadline=None, max_examples=25)
def test_any_shape_and_any_options(drawn):
  shape, config, classes = drawn
  encoder = pretrained.new_encoder(
    checkpoint_shapes.Shape(
      vocab_size=shape.vocabulary,
      hidden_size=shape.hidden,
      num_hidden_layers=shape.layers,
      num_attention_heads=shape.heads,
      intermediate_size=shape.inner,
      max_position_embeddings=shape.positions,
      type_vocab_size=shape.types,
      hidden_dropout_prob=0.1,
      attention_probs_dropout_prob=0.1,
      activation="gelu",
    )
  )
  strategy = config.tuning.strategy
  given = dict(vars(config.adapter)) if strategy == "adapter" else {}
  names = {"top_k": ["top_k"], "lora": ["rank", "targets"]}
  names |= {"prefix": ["length"], "prompt": ["length"]}
  given |= {key: getattr(config.tuning, key) for key in names.get(strategy, [])}
  head = tf_adapters.Head(classes, input=config.head.input)
  model = tf_adapters.build(encoder, strategy=strategy, head=head, **given)
  costs = planned(shape, config, classes)
  check(model, shape, costs.rows[0], classes)
  parts = garden.lay_open(encoder)
  found = {at: tuple(variable.shape) for at, variable in parts.addressed()}
  assert found == dict(variables.of_encoder(shape))
  count = sum(variable.shape.num_elements() for _, variable in parts.named())
  assert costs.encoder_parameters == count


def test_a_store_has_the_planned_bytes(encoder, encoder_folder, tmp_path):
  store = tf_adapters.Store(tmp_path / "store")
  about = pretrained.of(encoder)
  fields = {"fingerprint": about.fingerprint, "source": "tiny", "copied": True}
  store.create(fields, lambda folder: huggingface.write(encoder, folder))
  expected = 0
  for name in CASES:
    model = make(encoder, name)
    module = Module(
      task=name,
      definition={},
      columns={},
      config={},
      encoder_fingerprint=about.fingerprint,
      data={},
      metrics={},
      parameters=0,
      weights=modules.weights(model),
    )
    store.save(module)
    config = configured(CASES[name].options, "first_token")
    costs = planned(encoder_folder, config, UNITS)
    expected += costs.rows[0].module_bytes
  files = list(store.path.rglob("*.safetensors"))
  assert len(files) == 1 + len(CASES)
  size = sum(file.stat().st_size for file in files)
  assert size == costs.encoder_bytes + expected
  copied = store.path / "encoder" / "model.safetensors"
  assert copied.stat().st_size == costs.encoder_bytes
  assert tiny.LAYERS == costs.shape.layers
