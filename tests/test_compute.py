# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Every way to compute the model is the same model."""

import numpy as np
import pytest
import scipy.special
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import tf_adapters
from tests import tiny
from tf_adapters.modeling import compute as compute_lib
from tf_adapters.modeling.compute import Compute
from tf_adapters.modeling.layers import dropout
from tf_adapters.modeling.layers import kernels
from tf_adapters.tokens import batching
from tf_adapters.tokens import packing
from tf_adapters.training import inference

WAYS = {
  "compiled": Compute(compiled=True),
  "recomputed": Compute(recompute=True),
  "compiled and recomputed": Compute(compiled=True, recompute=True),
}


@pytest.fixture(scope="module")
def encoder(encoder_folder):
  return tf_adapters.load_encoder(str(encoder_folder))


def make_model(encoder, **options):
  return tf_adapters.build(
    encoder, 4, head=tf_adapters.Head(3, seed=0), seed=0, **options
  )


def make_inputs(lengths=(20, 3, 5, 7, 9, 2), width=20):
  random = np.random.default_rng(0)
  mask = np.arange(width) < np.array(lengths)[:, None]
  ids = random.integers(5, len(tiny.VOCABULARY), mask.shape) * mask
  types = (np.arange(width) > 2) & mask
  return {
    "input_word_ids": ids.astype(np.int32),
    "input_mask": mask.astype(np.int32),
    "input_type_ids": types.astype(np.int32),
  }


def make_tokens(lengths, seed=0):
  random = np.random.default_rng(seed)
  total = int(np.sum(lengths))
  return batching.Tokenised(
    random.integers(5, len(tiny.VOCABULARY), total).astype(np.int32),
    np.cumsum([0, *lengths]),
    np.array([random.integers(1, length + 1) for length in lengths], np.int32),
  )


def one_by_one(model, tokens):
  """Logits of each text by itself, without padding."""
  logits = []
  for text in range(len(tokens.lengths)):
    ids = tokens.ids[tokens.starts[text] : tokens.starts[text + 1]][None]
    types = (np.arange(ids.shape[1]) >= tokens.firsts[text])[None]
    logits.append(
      model({
        "input_word_ids": ids,
        "input_mask": np.ones_like(ids),
        "input_type_ids": types.astype(np.int32),
      })
    )
  return np.concatenate(logits)


def loss_and_gradients(model, inputs, compute):
  noise = dropout.noise(3, 4)

  @tf.function
  def run():
    with tf.GradientTape() as tape:
      logits = model(inputs, training=True, noise=noise, compute=compute)
      loss = tf.reduce_sum(tf.square(logits))
    return loss, tape.gradient(loss, model.trainable_variables)

  return run()


# --- Packing ---------------------------------------------------------------


@pytest.mark.parametrize("method", ["houlsby", "pfeiffer", "parallel"])
@settings(max_examples=10, deadline=None)
@given(lengths=st.lists(st.integers(2, 40), min_size=1, max_size=12))
def test_packed_texts_have_the_outputs_they_have_alone(
  encoder, method, lengths
):
  model = make_model(encoder, method=method)
  tokens = make_tokens(lengths)
  expected = one_by_one(model, tokens)
  for plan in packing.whole(tokens.lengths, rows=2, length=64):
    logits = model(batching.assemble(tokens, plan)).numpy()
    texts = plan.texts.reshape(-1)
    np.testing.assert_allclose(
      logits[texts >= 0], expected[texts[texts >= 0]], atol=1e-5
    )


@pytest.mark.parametrize("tokens_a_batch", [64, 4096])
@pytest.mark.parametrize("worth", [0, 10**9], ids=["compiled", "plain"])
def test_predictor_answers_every_text_in_its_place(
  encoder, monkeypatch, tokens_a_batch, worth
):
  monkeypatch.setattr(batching, "_PASS_TOKENS", tokens_a_batch)
  monkeypatch.setattr(inference, "_COMPILATION", worth)
  model = make_model(encoder)
  tokens = make_tokens([5, 40, 2, 17, 33, 8, 8, 60, 3, 21, 9])
  logits = inference.Predictor(model).logits(tokens)
  np.testing.assert_allclose(logits, one_by_one(model, tokens), atol=1e-5)


# --- Ways to compute -------------------------------------------------------


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["houlsby", "pfeiffer", "parallel"])
def test_all_ways_give_the_same_loss_and_gradients(encoder, method, way):
  model = make_model(encoder, method=method, dropout=0.2)
  inputs = make_inputs()
  loss, gradients = loss_and_gradients(model, inputs, Compute())
  found_loss, found = loss_and_gradients(model, inputs, WAYS[way])
  np.testing.assert_allclose(found_loss, loss, rtol=1e-5)
  assert len(found) == len(model.trainable_variables)
  for value, expected in zip(found, gradients, strict=True):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(value, expected, atol=1e-5 * scale + 1e-9)


@pytest.mark.parametrize("compiled", [False, True])
def test_bfloat16_rounds_products_and_nothing_else(encoder, compiled):
  model = make_model(encoder)
  parts = model.encoder.borrowed
  before = {name: value.numpy() for name, value in parts.named()}
  low = compute_lib.prepare(
    model.encoder.parts, "bfloat16", compiled=compiled
  )
  inputs = make_inputs()
  exact = model(inputs).numpy()
  near = model(inputs, compute=low).numpy()
  assert near.dtype == np.float32
  assert 0 < np.abs(near - exact).max() < 0.1 * np.abs(exact).max()
  loss, gradients = loss_and_gradients(model, inputs, Compute())
  low_loss, low_gradients = loss_and_gradients(model, inputs, low)
  np.testing.assert_allclose(low_loss, loss, rtol=0.1)
  for value, expected in zip(low_gradients, gradients, strict=True):
    assert value.dtype == tf.float32
    angle = np.sum(value * expected) / (
      np.linalg.norm(value) * np.linalg.norm(expected)
    )
    assert angle > 0.95
  for name, value in parts.named():
    np.testing.assert_array_equal(value.numpy(), before[name])


@pytest.mark.parametrize(
  ("flags", "expected"), [("sse avx512_bf16", True), ("sse avx2", False)]
)
def test_auto_takes_bfloat16_where_the_processor_has_it(
  encoder, monkeypatch, tmp_path, flags, expected
):
  report = tmp_path / "cpuinfo"
  report.write_text(f"flags\t\t: {flags}\n")
  monkeypatch.setattr(compute_lib, "_CPU_REPORT", report)
  parts = make_model(encoder).encoder.borrowed
  assert (compute_lib.prepare(parts, "auto").parts is not None) == expected
  assert compute_lib.prepare(parts, "float32").parts is None


def test_task_variables_stay_the_only_ones_of_the_model(encoder):
  model = make_model(encoder)
  names = [variable.name for variable in model.variables]
  compute = compute_lib.prepare(model.encoder.parts, "bfloat16")
  model(make_inputs(), compute=compute)
  assert [variable.name for variable in model.variables] == names


# --- The prefix ------------------------------------------------------------


def test_nothing_below_the_lowest_adapter_drops_or_is_differentiated(encoder):
  model = make_model(encoder, layers=[1])
  assert model.encoder.first_trained == 1
  inputs = make_inputs()
  prefix = model.encoder.prefix(inputs)
  outputs = model.encoder(inputs, training=True, noise=dropout.noise(0, 0))
  np.testing.assert_array_equal(outputs["encoder_outputs"][0], prefix)
  names = [v for _, v in model.encoder.borrowed.named()]
  with tf.GradientTape() as tape:
    tape.watch(names)
    logits = model(inputs, training=True, noise=dropout.noise(0, 0))
  gradients = tape.gradient(logits, names)
  roles = [name for name, _ in model.encoder.borrowed.named()]
  for role, gradient in zip(roles, gradients, strict=True):
    if role.startswith(("embeddings", "block_0")):
      assert gradient is None, role


def test_a_given_prefix_output_gives_the_same_bits(encoder):
  model = make_model(encoder, layers=[1])
  inputs = make_inputs()
  given_prefix = {**inputs, "prefix_output": model.encoder.prefix(inputs)}
  noise = dropout.noise(1, 2)
  np.testing.assert_array_equal(
    model(given_prefix, training=True, noise=noise),
    model(inputs, training=True, noise=noise),
  )


# --- Kernels ---------------------------------------------------------------


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_probabilities_are_the_softmax(compiled, dtype):
  random = np.random.default_rng(0)
  scores = tf.cast(random.normal(0, 3, (2, 3, 4, 5)), dtype)
  bias = np.where(random.random((2, 1, 4, 5)) < 0.3, -1e9, 0)
  bias = bias.astype(np.float32)
  bias[..., 0] = 0
  found = kernels.probabilities(scores, bias, scale=0.5, compiled=compiled)
  assert found.dtype == dtype
  expected = scipy.special.softmax(
    tf.cast(scores, tf.float64).numpy() * 0.5 + bias, axis=-1
  )
  np.testing.assert_allclose(
    tf.cast(found, tf.float64),
    expected,
    atol=1e-6 if dtype == tf.float32 else 4e-3,
  )


@pytest.mark.parametrize("rate", [0.0, 0.3])
@pytest.mark.parametrize("width", [5, 47, 48, 160])
def test_gradients_of_probabilities_are_those_of_the_softmax(width, rate):
  random = np.random.default_rng(2)
  shape = (2, 3, 4, width)
  scores, upstream = random.normal(0, 3, (2, *shape)).astype(np.float32)
  bias = np.where(random.random((2, 1, 4, width)) < 0.3, -1e9, 0)
  bias = bias.astype(np.float32)
  bias[..., 0] = 0
  bias[0, 0, 0] = -1e9  # a query that sees nothing
  keys = [tf.constant([[1, 2], [3, 4]], tf.uint32)] if rate else []
  scores = tf.constant(scores)
  with tf.GradientTape() as tape:
    tape.watch(scores)
    found = kernels.probabilities(
      scores, bias, *keys, scale=0.5, rate=rate, compiled=True, keep=True,
      wrt=(0,),
    )
  gradient = tape.gradient(found, scores, upstream)
  kept = np.ones(shape)
  if rate:
    kept = dropout.dropped(tf.ones(shape), keys[0], rate).numpy()
    assert 0.5 < np.mean(kept > 0) < 0.9
  softmax = scipy.special.softmax(scores.numpy() * 0.5 + bias, axis=-1)
  np.testing.assert_allclose(found, softmax * kept, atol=1e-6)
  slope = upstream * kept
  slope = slope - np.sum(slope * softmax, axis=-1, keepdims=True)
  np.testing.assert_allclose(gradient, 0.5 * softmax * slope, atol=5e-6)


@pytest.mark.parametrize("width", [5, 48, 160])
def test_gradients_of_norm_of_sum_are_those_of_layer_norm(width):
  random = np.random.default_rng(3)
  *terms, upstream = random.normal(1, 2, (4, 2, 3, width))
  gamma, beta = random.normal(0, 1, (2, width))
  tensors = [tf.constant(x) for x in (terms[0], gamma, beta, *terms[1:])]
  with tf.GradientTape(persistent=True) as tape:
    tape.watch(tensors)
    low = [tf.cast(x, tf.float32) for x in tensors]
    found = kernels.norm_of_sum(*low, epsilon=1e-3, compiled=True, keep=True)
    total = tensors[0] + tensors[3] + tensors[4]
    centred = total - tf.reduce_mean(total, axis=-1, keepdims=True)
    variance = tf.reduce_mean(centred**2, axis=-1, keepdims=True)
    expected = (
      centred / tf.sqrt(variance + 1e-3) * tensors[1] + tensors[2]
    )
  np.testing.assert_allclose(found, expected, atol=1e-5)
  gradients = tape.gradient(found, tensors, upstream)
  wanted = tape.gradient(expected, tensors, upstream)
  for value, truth in zip(gradients, wanted, strict=True):
    np.testing.assert_allclose(value, truth, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("others", [0, 1, 2])
def test_norm_of_sum_is_layer_norm(compiled, others):
  random = np.random.default_rng(1)
  terms = random.normal(0, 1, (1 + others, 2, 3, 8)).astype(np.float32)
  gamma, beta = random.normal(0, 1, (2, 8)).astype(np.float32)
  found = kernels.norm_of_sum(
    terms[0], gamma, beta, *terms[1:], epsilon=1e-3, compiled=compiled
  )
  total = terms.astype(np.float64).sum(0)
  centred = total - total.mean(-1, keepdims=True)
  deviation = np.sqrt(total.var(-1, keepdims=True) + 1e-3)
  np.testing.assert_allclose(
    found, centred / deviation * gamma + beta, atol=1e-5
  )


def test_only_what_is_asked_for_is_differentiated():
  x, gamma, beta = (tf.Variable(tf.random.normal([4])) for _ in range(3))
  with tf.GradientTape() as tape:
    y = kernels.norm_of_sum(
      x, gamma, beta, epsilon=1e-3, compiled=True, wrt=(1,)
    )
  gradients = tape.gradient(y, [x, gamma, beta])
  assert gradients[0] is None and gradients[2] is None
  assert gradients[1] is not None
