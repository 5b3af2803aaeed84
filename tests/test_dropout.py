# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Dropout by address: the right share, and the same bits however it runs."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tf_adapters.modeling.layers import dropout as dropout_lib

# Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011.
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = 0xFFFFFFFF


def philox(counter, key):
  """Philox 4x32-10: four words of a 4-word counter and a 2-word key."""
  for _ in range(10):
    first = _MULTIPLIERS[0] * counter[0]
    second = _MULTIPLIERS[1] * counter[2]
    counter = (
      (second >> 32) ^ counter[1] ^ key[0],
      second & _LOW,
      (first >> 32) ^ counter[3] ^ key[1],
      first & _LOW,
    )
    key = ((key[0] + _WEYL[0]) & _LOW, (key[1] + _WEYL[1]) & _LOW)
  return counter


def mix(x):
  """Wellons' lowbias32, on one number."""
  for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
    x = (x ^ x >> shift) * factor & _LOW
  return x ^ x >> 16


def row_key(seed, step, site, row):
  """The first 64 bits of the Philox block at the address."""
  seed %= 1 << 64
  high = step * 1024 + site
  words = philox(
    (row & _LOW, row >> 32, high & _LOW, high >> 32),
    (seed & _LOW, seed >> 32),
  )
  return words[:2]


def expected_bits(shape, seed, step, site, row=0):
  """The 32 bits of each decision: mix(mix(i + key 0) ^ key 1)."""
  elements = math.prod(shape[1:])
  rows = []
  for number in range(row, row + shape[0]):
    first, second = row_key(seed, step, site, number)
    rows.append([
      mix(mix(element + first & _LOW) ^ second) for element in range(elements)
    ])
  return np.array(rows, np.uint32).reshape(shape)


def kept(shape, rate=0.5, seed=0, step=0, site=0, row=0):
  """Which units are kept, as booleans."""
  noise = dropout_lib.noise(seed, step, row)
  return dropout_lib.dropout(tf.ones(shape), rate, noise, site).numpy() > 0


def test_published_test_vectors_of_philox():
  # kat_vectors of Random123: philox4x32 10.
  assert philox((0,) * 4, (0,) * 2) == (
    0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8
  )
  assert philox((_LOW,) * 4, (_LOW,) * 2) == (
    0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD
  )


@settings(max_examples=40, deadline=None)
@given(
  shape=st.sampled_from([(1, 1), (3, 5), (2, 8), (2, 3, 7), (2, 2, 3, 3)]),
  rate=st.sampled_from([0.1, 0.25, 0.5, 0.9]),
  seed=st.integers(-(2**63), 2**63 - 1),
  step=st.integers(0, 2**40),
  site=st.integers(0, 1023),
  row=st.integers(0, 2**33),
)
def test_decisions_are_those_of_philox(shape, rate, seed, step, site, row):
  bits = expected_bits(shape, seed, step, site, row)
  expected = bits >= round(rate * 2**32)
  np.testing.assert_array_equal(
    kept(shape, rate, seed, step, site, row), expected
  )


@pytest.mark.parametrize("way", ["graph", "xla", "fused"])
@pytest.mark.parametrize("shape", [(4, 16), (3, 5), (2, 3, 7), (2, 2, 5, 5)])
def test_bits_are_the_same_however_it_runs(shape, way):
  @tf.function(jit_compile=way == "xla")
  def run(x, seed, step, row):
    noise = dropout_lib.noise(seed, step, row)
    return dropout_lib.dropout(x, 0.3, noise, 11, compiled=way == "fused")

  words = [tf.constant(word, tf.int64) for word in (3, 70_000, 5)]
  result = run(tf.ones(shape), *words).numpy()
  expected = expected_bits(shape, seed=3, step=70_000, site=11, row=5)
  np.testing.assert_array_equal(result > 0, expected >= round(0.3 * 2**32))


@pytest.mark.parametrize("way", ["graph", "xla", "fused", "eager"])
@pytest.mark.parametrize("rank", [2, 3, 4])
def test_a_batch_without_rows_passes_forward_and_back(rank, way):
  """A replica's share of the last batch of an epoch may be none."""

  def run(x):
    noise = dropout_lib.noise(3, 4, 5)
    with tf.GradientTape() as tape:
      tape.watch(x)
      y = dropout_lib.dropout(x, 0.3, noise, 11, compiled=way == "fused")
    return y, tape.gradient(y, x)

  if way != "eager":
    run = tf.function(run, jit_compile=way == "xla")
  shape = (0, 3, 7, 5)[:rank]
  assert [result.shape for result in run(tf.ones(shape))] == [shape, shape]


@pytest.mark.parametrize("shape", [(8, 16), (8, 5), (8, 3, 7), (8, 2, 5, 5)])
@pytest.mark.parametrize("replicas", [2, 4])
def test_replicas_drop_what_one_device_drops(shape, replicas):
  rows = shape[0] // replicas
  parts = [
    kept((rows, *shape[1:]), seed=1, step=2, site=9, row=rows * replica)
    for replica in range(replicas)
  ]
  whole = kept(shape, seed=1, step=2, site=9)
  np.testing.assert_array_equal(np.concatenate(parts), whole)
  assert not np.array_equal(parts[0], parts[1])


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_kept_share_is_binomial(rate):
  shape = (200, 500)
  share = kept(shape, rate, seed=4).mean()
  deviation = math.sqrt(rate * (1 - rate) / math.prod(shape))
  assert abs(share - (1 - rate)) < 5 * deviation


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_units_are_zero_or_scaled_so_that_the_mean_stays(rate):
  x = tf.constant(np.random.default_rng(0).normal(3, 1, (100, 300)), tf.float32)
  y = dropout_lib.dropout(x, rate, dropout_lib.noise(5, 6), 7).numpy()
  scaled = y[y != 0]
  np.testing.assert_allclose(
    scaled, x.numpy()[y != 0] / (1 - rate), rtol=1e-6
  )
  assert 0 < scaled.size < y.size
  deviation = y.std() / math.sqrt(y.size)
  assert abs(y.mean() - x.numpy().mean()) < 5 * deviation


def test_same_address_drops_the_same_units():
  address = dict(shape=(20, 50), seed=1, step=2, site=3)
  np.testing.assert_array_equal(kept(**address), kept(**address))


@pytest.mark.parametrize(
  "other",
  [
    dict(seed=2), dict(seed=1 + (1 << 32)), dict(step=3),
    dict(step=2 + (1 << 22)), dict(site=4), dict(row=20), dict(row=1 << 32),
  ],
  ids=str,
)
def test_another_address_drops_other_units(other):
  address = dict(shape=(20, 50), seed=1, step=2, site=3, row=0)
  agree = (kept(**address) == kept(**{**address, **other})).mean()
  # Of 1000 fair pairs; five deviations.
  assert abs(agree - 0.5) < 5 * math.sqrt(0.25 / 1000)


@pytest.mark.parametrize(
  ("rate", "trains"), [(0.0, True), (0.5, False), (0.0, False)]
)
def test_no_rate_or_no_training_is_the_identity(rate, trains):
  x = tf.random.normal([3, 4])
  noise = dropout_lib.noise(0, 0) if trains else None
  result = dropout_lib.dropout(x, rate, noise, 0)
  np.testing.assert_array_equal(result, x)


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16, tf.float32])
def test_dtype_and_shape_stay(dtype):
  x = tf.ones([2, 3, 5], dtype)
  result = dropout_lib.dropout(x, 0.5, dropout_lib.noise(0, 0), 0)
  assert result.dtype == dtype
  assert result.shape == x.shape
  assert set(result.numpy().ravel().tolist()) == {0.0, 2.0}


def test_neighbours_are_independent():
  """Rows, steps and sites next to each other share no pattern, shifted or not.
  """
  width = 4096
  lines = np.concatenate([
    kept((4, width), seed=8, step=step, site=site)
    for step in range(4)
    for site in range(4)
  ]).astype(np.float64)
  centred = (lines - lines.mean(1, keepdims=True)) / lines.std(1)[:, None]
  spectra = np.fft.rfft(centred, axis=1)
  # Correlations of all pairs of lines at all shifts are normal with deviation
  # 1 / sqrt(width); of eight million, none lies beyond seven.
  for index in range(len(lines)):
    found = np.fft.irfft(spectra * spectra[index].conj(), axis=1) / width
    found[index, 0] = 0  # itself
    assert np.abs(found).max() < 7 / math.sqrt(width)


def test_each_bit_of_the_decisions_is_fair():
  keys = dropout_lib.row_keys(dropout_lib.noise(2, 3), 4, 64)
  bits = dropout_lib._bits(tf.zeros([64, 1024]), keys).numpy()
  ones = np.unpackbits(bits.view(np.uint8).reshape(-1, 4), axis=1).mean(0)
  assert np.abs(ones - 0.5).max() < 5 * 0.5 / 256


@pytest.mark.parametrize("compiled", [False, True])
def test_gradient_flows_through_kept_units_only(compiled):
  x = tf.Variable(tf.random.normal([4, 9]))
  noise = dropout_lib.noise(1, 1)
  with tf.GradientTape() as tape:
    y = dropout_lib.dropout(x, 0.5, noise, 0, compiled)
  gradient = tape.gradient(y, x).numpy()
  np.testing.assert_array_equal(
    gradient, np.where(kept((4, 9), seed=1, step=1), 2.0, 0.0)
  )


def test_fresh_noise_follows_the_global_seed_and_differs_each_time():
  def draw():
    noise = dropout_lib.fresh_noise()
    x = dropout_lib.dropout(tf.ones([20, 50]), 0.5, noise, 1023)
    return x.numpy()

  tf.random.set_seed(1)
  first, second = draw(), draw()
  tf.random.set_seed(1)
  np.testing.assert_array_equal(draw(), first)
  assert not np.array_equal(first, second)
