# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Adapters in a borrowed encoder: what is computed, trained and left alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.nlp.configs import encoders
from official.nlp.modeling import models
from official.nlp.modeling import networks

import tf_adapters

WIDTH, BLOCKS, UNITS, SIZE = 16, 2, 3, 4
SIZES = dict(
  vocab_size=50, hidden_size=WIDTH, num_layers=BLOCKS, num_attention_heads=2
)
METHODS = ("houlsby", "pfeiffer", "parallel")
OUTPUTS = ("sequence_output", "pooled_output")


def new_v2(**options):
  options = {"max_sequence_length": 24, "inner_dim": 32, **SIZES, **options}
  return randomise(networks.BertEncoderV2(**options))


def new_v1():
  config = encoders.BertEncoderConfig(
    max_position_embeddings=24, intermediate_size=32, **SIZES
  )
  return randomise(
    encoders.build_encoder(encoders.EncoderConfig(type="bert", bert=config))
  )


def randomise(encoder):
  """Gives every weight a value that shows: no zero bias, no unit gamma."""
  encoder(encoder.inputs)
  random = np.random.default_rng(0)
  encoder.set_weights([
    value + random.normal(0, 0.1, value.shape)
    for value in encoder.get_weights()
  ])
  return encoder


def batch(rows=3, length=9, seed=1):
  """Ids, type ids and a mask whose rows end at different places."""
  random = np.random.default_rng(seed)
  lengths = np.linspace(length, 3, rows).astype(int)
  mask = (np.arange(length) < lengths[:, None]).astype(np.int32)
  return {
    "input_word_ids": random.integers(1, 50, mask.shape, np.int32) * mask,
    "input_mask": mask,
    "input_type_ids": random.integers(0, 2, mask.shape, np.int32) * mask,
  }


def build(encoder, method="houlsby", reads="pooled_output", **options):
  """A model of which every part takes part in the output."""
  head = tf_adapters.Head(UNITS, input=reads, seed=0)
  options = {"size": SIZE, "seed": 0, "train_pooler": True, **options}
  return tf_adapters.build(encoder, head=head, method=method, **options)


def expected_shapes(method, norms=None, pooler=False, blocks=range(BLOCKS)):
  """Sorted shapes of what trains, from the papers' descriptions."""
  norms = method == "houlsby" if norms is None else norms
  adapters = len(blocks) * (2 if method == "houlsby" else 1)
  norm_layers = (2 * len(blocks) + (0 in blocks)) if norms else 0
  shapes = [(WIDTH, SIZE), (SIZE,), (SIZE, WIDTH), (WIDTH,)] * adapters
  shapes += [(WIDTH,), (WIDTH,)] * norm_layers
  shapes += [(WIDTH, WIDTH), (WIDTH,)] * pooler
  return sorted([*shapes, (WIDTH, UNITS), (UNITS,)])


def shapes_of(variables):
  return sorted(tuple(variable.shape) for variable in variables)


def values_of(layer):
  return [variable.numpy() for variable in layer.variables]


def train(model, steps=3, training=True):
  """A few steps by hand; returns the last gradients."""
  optimizer = tf_keras.optimizers.SGD(0.1)
  for step in range(steps):
    with tf.GradientTape() as tape:
      logits = model(batch(8, seed=step), training=training)
      loss = tf.reduce_mean((logits - [1.0, 2.0, 3.0]) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables))
  return gradients


def fit(model):
  x = {name: np.tile(rows, [4, 1]) for name, rows in batch().items()}
  model.compile("sgd", tf_keras.losses.SparseCategoricalCrossentropy(True))
  model.fit(x, np.arange(12) % UNITS, batch_size=4, epochs=2, verbose=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", [new_v1, new_v2])
def test_vanishing_adapters_compute_what_model_garden_computes(make, method):
  encoder = make()
  model = tf_adapters.build(encoder, SIZE, method=method, init_stddev=1e-8)
  x = batch()
  ours, theirs = model(x), encoder(x)
  real = x["input_mask"] > 0
  close = dict(rtol=1e-5, atol=1e-5)
  np.testing.assert_allclose(
    ours["pooled_output"], theirs["pooled_output"], **close
  )
  np.testing.assert_allclose(
    ours["sequence_output"][real], theirs["sequence_output"][real], **close
  )
  assert len(ours["encoder_outputs"]) == BLOCKS
  pairs = zip(ours["encoder_outputs"], theirs["encoder_outputs"], strict=True)
  for our, their in pairs:
    np.testing.assert_allclose(our[real], their[real], **close)


@pytest.mark.parametrize("method", METHODS)
def test_one_position_and_padding_change_nothing(method):
  model = tf_adapters.build(new_v2(), SIZE, method=method, init_stddev=0.5)
  x = batch()
  whole = model(x)
  cut = model(x, output_range=1)
  assert cut["sequence_output"].shape == (3, 1, WIDTH)
  padded = model({key: np.pad(x[key], [(0, 0), (0, 11)]) for key in x})
  real = x["input_mask"] > 0
  close = dict(rtol=1e-5, atol=1e-5)
  np.testing.assert_allclose(
    cut["sequence_output"][:, 0], whole["sequence_output"][:, 0], **close
  )
  np.testing.assert_allclose(
    padded["sequence_output"][:, :9][real],
    whole["sequence_output"][real],
    **close,
  )
  for other in (cut, padded):
    np.testing.assert_allclose(
      other["pooled_output"], whole["pooled_output"], **close
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("norms", [None, True, False])
@pytest.mark.parametrize("pooler", [True, False])
@pytest.mark.parametrize("layers", [None, [0], [1], (1, 0)])
def test_exactly_the_declared_variables_train(method, norms, pooler, layers):
  encoder = new_v2()
  model = build(
    encoder, method, train_layer_norm=norms, train_pooler=pooler, layers=layers
  )
  blocks = range(BLOCKS) if layers is None else layers
  trained = model.trainable_variables
  assert shapes_of(trained) == expected_shapes(method, norms, pooler, blocks)
  frozen = {id(variable) for variable in encoder.variables}
  assert not frozen & {id(variable) for variable in trained}
  assert frozen <= {id(item) for item in model.non_trainable_variables}
  assert len(model.variables) == len(trained) + len(frozen)
  for index, block in enumerate(model.encoder.adapter_blocks):
    assert bool(block.trainable_variables) == (index in blocks)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("train_it", [train, fit])
def test_training_changes_all_that_trains_and_no_bit_else(
  method, flag, train_it
):
  encoder = new_v2()
  encoder.trainable = flag
  model = build(encoder, method)
  other = build(encoder, method, seed=1)
  frozen, prediction = values_of(encoder), other(batch()).numpy()
  before = [variable.numpy() for variable in model.trainable_variables]
  train_it(model)
  for old, new in zip(before, model.trainable_variables, strict=True):
    assert not np.array_equal(old, new), new.name
  for old, new in zip(frozen, values_of(encoder), strict=True):
    np.testing.assert_array_equal(old, new)
  assert {layer.trainable for layer in encoder.submodules} == {flag}
  np.testing.assert_array_equal(other(batch()), prediction)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_reach_every_trainable_variable(method):
  model = build(new_v1(), method, init_stddev=0.1)
  for gradient in train(model, steps=1, training=False):
    assert np.any(gradient)


def test_freezing_a_model_leaves_its_encoder_to_its_owner():
  encoder = new_v2()
  model, other = build(encoder), build(encoder)
  model.trainable = False
  assert not model.trainable_variables
  assert len(other.trainable_variables) == len(expected_shapes("houlsby", 1, 1))
  assert encoder.trainable
  assert all(layer.trainable for layer in encoder.transformer_layers)


def test_seed_decides_the_adapters_and_no_two_are_alike():
  encoder = new_v2()

  def kernels(seed):
    model = tf_adapters.build(encoder, SIZE, seed=seed)
    pairs = [
      (adapter.down_kernel.numpy(), adapter.up_kernel.numpy())
      for block in model.adapter_blocks
      for adapter in block.adapters.values()
    ]
    return np.concatenate([np.ravel(kernels) for kernels in sum(pairs, ())])

  np.testing.assert_array_equal(kernels(1), kernels(1))
  for first, second in [(1, 2), (None, None)]:
    assert not np.array_equal(kernels(first), kernels(second))
  assert len(np.unique(kernels(1))) == 2 * BLOCKS * 2 * WIDTH * SIZE
