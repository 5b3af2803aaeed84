# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The layers alone: their formulas, initial values and life in Keras."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf
import tf_keras
from hypothesis import given
from hypothesis import strategies as st

import tf_adapters
from tf_adapters.modeling import pieces

ACTIVATIONS = {
  "gelu_tanh": lambda x: (
    0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
  ),
  "gelu": lambda x: x * scipy.special.ndtr(x),
  "relu": lambda x: np.maximum(x, 0),
  "swish": lambda x: x * scipy.special.expit(x),
  "tanh": np.tanh,
}


def normal(*shape, seed=0):
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def randomise(layer):
  """Gives every weight of a built layer normal values; returns them."""
  values = [
    normal(*weight.shape, seed=index)
    for index, weight in enumerate(layer.weights)
  ]
  layer.set_weights(values)
  return values


@pytest.mark.parametrize("residual", [True, False])
@pytest.mark.parametrize("scale", [1.0, 4.0, -0.5])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_adapter_is_its_formula(activation, scale, residual):
  layer = tf_adapters.AdapterLayer(
    size=3, activation=activation, scale=scale, residual=residual
  )
  layer.build([None, 7])
  down, down_bias, up, up_bias = randomise(layer)
  z = normal(11, 7, seed=9)
  bottleneck = ACTIVATIONS[activation](z @ down + down_bias) @ up + up_bias
  expected = scale * bottleneck + (z if residual else 0)
  np.testing.assert_allclose(layer(z), expected, rtol=1e-5, atol=1e-5)


def test_default_is_the_papers_adapter():
  config = tf_adapters.AdapterLayer().get_config()
  wanted = dict(size=64, activation="gelu_tanh", init_stddev=1e-2, dropout=0.0)
  assert {key: config[key] for key in wanted} == wanted
  assert config["scale"] == 1.0
  assert config["residual"] is True


@pytest.mark.parametrize(("width", "size"), [(5, 1), (16, 6), (768, 64)])
def test_adapter_has_2md_plus_d_plus_m_parameters(width, size):
  layer = tf_adapters.AdapterLayer(size=size)
  layer.build([None, None, width])
  assert layer.count_params() == 2 * size * width + width + size
  assert len(layer.trainable_weights) == 4
  assert not layer.non_trainable_weights


@pytest.mark.parametrize("shape", [(6, 5), (2, 3, 5), (2, 3, 1, 5), (0, 3, 5)])
def test_adapter_treats_every_vector_alike_whatever_the_rank(shape):
  layer = tf_adapters.AdapterLayer(size=4)
  layer.build([None, 5])
  randomise(layer)
  x = normal(*shape)
  result = layer(x)
  assert result.shape == shape
  one_by_one = [layer(vector[None])[0] for vector in x.reshape(-1, 5)]
  np.testing.assert_allclose(
    result, np.reshape(one_by_one, shape), rtol=1e-5, atol=1e-5
  )


def test_adapter_is_near_the_identity_at_the_start():
  x = normal(50, 64)
  change = tf_adapters.AdapterLayer(size=16, seed=0)(x) - x
  assert 0 < np.abs(change).max() < 0.02


@pytest.mark.parametrize("stddev", [1e-3, 1e-2, 0.5])
def test_kernels_are_a_normal_cut_at_two_deviations_and_biases_zero(stddev):
  layer = tf_adapters.AdapterLayer(size=100, init_stddev=stddev, seed=3)
  layer.build([None, 300])
  wanted = scipy.stats.truncnorm(-2, 2, scale=stddev)
  for kernel in (layer.down_kernel, layer.up_kernel):
    values = kernel.numpy().ravel()
    assert np.abs(values).max() <= 2 * stddev * (1 + 1e-6)
    assert scipy.stats.kstest(values, wanted.cdf).pvalue > 1e-4
  assert not np.any(layer.down_bias)
  assert not np.any(layer.up_bias)


def test_kernels_have_no_twins():
  kernels = []
  for seed in range(20):
    layer = tf_adapters.AdapterLayer(size=8, seed=seed)
    layer.build([None, 8])
    kernels += [layer.down_kernel.numpy(), layer.up_kernel.numpy()]
  for index, kernel in enumerate(kernels):
    for other in kernels[:index]:
      for view in (other, other.T):
        assert abs(np.corrcoef(kernel.ravel(), view.ravel())[0, 1]) < 0.6


def test_same_seed_gives_the_same_kernels_and_no_seed_new_ones():
  def values(seed):
    tf.random.normal([3])
    layer = tf_adapters.AdapterLayer(size=4, seed=seed)
    layer.build([None, 6])
    return layer.get_weights()

  for first, second in zip(values(5), values(5), strict=True):
    np.testing.assert_array_equal(first, second)
  assert not np.array_equal(values(None)[0], values(None)[0])
  assert not np.array_equal(values(5)[0], values(6)[0])


def test_dropout_of_the_adapter_spares_the_skip_connection():
  layer = tf_adapters.AdapterLayer(size=4, dropout=0.5, scale=3.0)
  layer.build([None, 30])
  randomise(layer)
  x = normal(40, 30)
  tested = layer(x, training=False) - x
  trained = layer(x, training=True) - x
  dropped = np.isclose(trained, 0, atol=1e-5)
  assert 0.4 < dropped.mean() < 0.6
  np.testing.assert_allclose(
    trained[~dropped], 2 * tested[~dropped], rtol=1e-3, atol=1e-4
  )


@pytest.mark.parametrize(
  ("name", "value"),
  [
    ("size", 0), ("size", -4), ("activation", "sigmoid"), ("init_stddev", 0.0),
    ("init_stddev", -1.0), ("init_stddev", float("nan")),
    ("init_stddev", float("inf")), ("dropout", 1.0), ("dropout", -0.1),
    ("dropout", float("nan")), ("dropout", "a"), ("dropout", None),
    ("init_stddev", "b"), ("size", 2.5), ("activation", None), ("scale", "c"),
    ("scale", float("nan")), ("residual", "no"), ("seed", "d"), ("seed", 1.5),
  ],
)
def test_bad_argument_is_named_with_its_value(name, value):
  with pytest.raises(tf_adapters.InputError) as caught:
    tf_adapters.AdapterLayer(**{name: value})
  assert f"`{name}`" in str(caught.value)
  assert str(value) in str(caught.value)


def test_adapter_alone_in_a_keras_model_learns():
  tf_keras.utils.set_random_seed(0)
  x = normal(64, 6)
  y = np.maximum(x @ normal(6, 6, seed=1), 0)
  adapter = tf_adapters.AdapterLayer(size=8, init_stddev=0.1, activation="relu")
  model = tf_keras.Sequential([tf_keras.Input([6]), adapter])
  before = adapter.get_weights()
  model.compile(tf_keras.optimizers.Adam(0.02), "mse")
  losses = model.fit(x, y, epochs=30, verbose=0).history["loss"]
  assert losses[-1] < losses[0] / 2
  for old, new in zip(before, adapter.get_weights(), strict=True):
    assert not np.array_equal(old, new)


def test_a_mask_of_positions_passes_through():
  embedding = tf_keras.layers.Embedding(5, 8, mask_zero=True)
  adapter = tf_adapters.AdapterLayer(2, init_stddev=0.5)
  model = tf_keras.Sequential(
    [embedding, adapter, tf_keras.layers.GlobalAveragePooling1D()]
  )
  ids = np.array([[1, 2, 0, 0]])
  expected = np.mean(adapter(embedding(ids))[:, :2], axis=1)
  np.testing.assert_allclose(model(ids), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", ["model.keras", "model.h5", "folder"])
def test_saved_keras_model_computes_the_same(tmp_path, form):
  adapter = tf_adapters.AdapterLayer(
    size=3, activation="swish", scale=2.0, dropout=0.2, residual=False, seed=4
  )
  model = tf_keras.Sequential([tf_keras.Input([None, 5]), adapter])
  randomise(adapter)
  model.save(tmp_path / form)
  loaded = tf_keras.models.load_model(tmp_path / form)
  x = normal(2, 3, 5)
  np.testing.assert_array_equal(loaded(x), model(x))
  assert loaded.layers[-1].get_config() == adapter.get_config()


@pytest.mark.parametrize(
  ("kind", "options"),
  [
    (
      tf_adapters.AdapterLayer,
      dict(
        size=3, activation="tanh", init_stddev=0.1, dropout=0.2, scale=2.0,
        residual=False, seed=9, name="a",
      ),
    ),
    (
      tf_adapters.Head,
      dict(units=3, input="pooled_output", dropout=0.2, seed=7, name="h"),
    ),
  ],
)
def test_config_makes_the_same_layer(kind, options):
  config = kind(**options).get_config()
  assert {key: config[key] for key in options} == options
  assert kind.from_config(config).get_config() == config


@pytest.mark.parametrize("dtype", [np.float32, tf.bfloat16.as_numpy_dtype])
@pytest.mark.parametrize("reads", ["first_token", "pooled_output"])
def test_head_is_a_dense_map_of_what_it_reads(reads, dtype):
  outputs = {
    "sequence_output": normal(4, 5, 6).astype(dtype),
    "pooled_output": normal(4, 6, seed=1).astype(dtype),
  }
  head = tf_adapters.Head(units=3, input=reads)
  head(outputs)
  kernel, bias = randomise(head)
  read = {
    "first_token": outputs["sequence_output"][:, 0],
    "pooled_output": outputs["pooled_output"],
  }[reads]
  result = head(outputs)
  assert result.dtype == tf.float32
  np.testing.assert_allclose(
    result, read.astype(np.float32) @ kernel + bias, rtol=1e-5, atol=1e-5
  )


def test_head_starts_with_a_truncated_normal_kernel_and_zero_bias():
  head = tf_adapters.Head(units=50, seed=1)
  head.build({"pooled_output": [None, 300]})
  wanted = scipy.stats.truncnorm(-2, 2, scale=0.02)
  values = head.kernel.numpy().ravel()
  assert scipy.stats.kstest(values, wanted.cdf).pvalue > 1e-4
  assert not np.any(head.bias)


def test_head_drops_only_in_training():
  outputs = {
    "sequence_output": np.ones([400, 1, 4], np.float32),
    "pooled_output": np.ones([400, 4], np.float32),
  }
  head = tf_adapters.Head(units=4, dropout=0.5)
  head(outputs)
  head.set_weights([np.eye(4, dtype=np.float32), np.zeros(4, np.float32)])
  np.testing.assert_array_equal(head(outputs), np.ones([400, 4]))
  trained = head(outputs, training=True).numpy()
  assert set(trained.ravel().tolist()) == {0.0, 2.0}
  assert 0.35 < (trained > 0).mean() < 0.65


@pytest.mark.parametrize(
  ("name", "value"),
  [
    ("input", "last_token"), ("input", None), ("dropout", 1.0),
    ("dropout", "0.1"), ("dropout", None), ("units", 0), ("units", -1),
    ("units", "3"), ("units", 2.5), ("units", True), ("seed", "a"),
    ("seed", 1.5),
  ],
)
def test_bad_argument_of_the_head_is_named(name, value):
  with pytest.raises(tf_adapters.InputError, match=f"`{name}`.*{value}"):
    tf_adapters.Head(**{"units": 2, name: value})


@given(
  name=st.sampled_from(
    ["size", "activation", "init_stddev", "dropout", "scale", "residual"]
  ),
  value=st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9),
    st.lists(st.integers(), max_size=2), st.complex_numbers(),
  ),
)
def test_any_argument_is_taken_or_named(name, value):
  try:
    layer = tf_adapters.AdapterLayer(**{name: value})
  except tf_adapters.InputError as error:
    assert f"`{name}`" in str(error) and repr(value) in str(error)
  else:
    assert layer.get_config()[name] == value


def test_norm_normalises():
  gamma, beta = normal(6), normal(6, seed=1)
  norm = pieces.Norm(tf.Variable(gamma), tf.Variable(beta), 1e-3)
  x = normal(4, 3, 6, seed=2)
  centred = x - x.mean(-1, keepdims=True)
  unit = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-3)
  np.testing.assert_allclose(norm(x), unit * gamma + beta, rtol=1e-5, atol=1e-5)


def test_linear_maps_by_kernels_split_by_heads():
  kernel, bias = normal(6, 2, 2), normal(2, 2, seed=1)
  linear = pieces.Linear(tf.Variable(kernel), tf.Variable(bias), 6, 4)
  x = normal(3, 6, seed=2)
  expected = x @ kernel.reshape(6, 4) + bias.ravel()
  np.testing.assert_allclose(linear(x), expected, rtol=1e-5, atol=1e-5)
