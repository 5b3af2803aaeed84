# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""An export is a module of TensorFlow Hub: `hub.load`, `hub.KerasLayer`."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_hub as hub
import tf_keras

import tf_adapters
from tf_adapters.checkpoints import pretrained
from tf_adapters.tokens import text as text_lib
from tf_adapters.training.reporting import Silent

TEXTS = ["a good film", "", "the song is not very nice and it was sad", "süß"]
OTHERS = ["good", "bad", "", "a book"]


def columns(*given) -> list[tf.Tensor]:
  return [tf.constant(texts) for texts in given]


def check(found: dict, wanted: list[dict]) -> None:
  """Columns against the answers of the trained task."""
  for name, column in found.items():
    truth = [answer[name] for answer in wanted]
    if name == "probabilities":
      truth = [list(row.values()) for row in truth]
    if column.dtype == tf.string:
      assert [value.decode() for value in column.numpy()] == truth
    else:
      np.testing.assert_allclose(column.numpy(), truth, rtol=1e-5, atol=1e-6)
  assert set(found) == set(wanted[0])


@pytest.fixture(scope="module")
def module(made_export):
  return hub.load(made_export)


@pytest.mark.parametrize("task,inputs", [
  ("mood", {"text": TEXTS}), ("stars", {"text": TEXTS}),
  ("same", {"text": TEXTS, "text_b": OTHERS}),
  ("where", {"question": TEXTS, "context": OTHERS}),
])
def test_loaded_module_answers_as_the_task(module, made_store, task, inputs):
  signature = module.signatures[task]
  found = signature(
    **{name: tf.constant(texts) for name, texts in inputs.items()}
  )
  wanted = tf_adapters.load_task(made_store, task).predict(*inputs.values())
  check(found, wanted)


def test_keras_layer_of_a_single_text(made_export, made_store):
  layer = hub.KerasLayer(
    made_export, signature="mood", signature_outputs_as_dict=True
  )
  wanted = tf_adapters.load_task(made_store, "mood").predict(TEXTS)
  check(layer(tf.constant(TEXTS)), wanted)
  assert not layer.trainable_weights
  # Inside a Keras model, as users of TF Hub have it.
  text = tf_keras.Input([], dtype=tf.string)
  model = tf_keras.Model(text, layer(text)["probabilities"])
  found = model.predict(np.array(TEXTS, object), verbose=0)
  truth = [list(answer["probabilities"].values()) for answer in wanted]
  np.testing.assert_allclose(found, truth, atol=1e-6)


def test_keras_layer_of_pairs(made_export, made_store):
  layer = hub.KerasLayer(
    made_export, signature="same", signature_outputs_as_dict=True
  )
  text, text_b = columns(TEXTS, OTHERS)
  found = layer({"text": text, "text_b": text_b})
  check(found, tf_adapters.load_task(made_store, "same").predict(TEXTS, OTHERS))


def test_keras_layer_with_one_output(made_export, made_store):
  layer = hub.KerasLayer(made_export, signature="stars", output_key="value")
  wanted = tf_adapters.load_task(made_store, "stars").predict(TEXTS)
  np.testing.assert_allclose(
    layer(tf.constant(TEXTS)), [answer["value"] for answer in wanted],
    rtol=1e-5,
  )


def test_a_task_alone_is_a_module(made_store, tmp_path):
  version = tf_adapters.export(
    made_store, str(tmp_path / "mood"), tasks=["mood"], reporter=Silent()
  )
  module = hub.load(version)
  assert {"mood", "embed"} <= set(module.signatures)
  assert not {"same", "stars", "where"} & set(module.signatures)
  layer = hub.KerasLayer(
    version, signature="serving_default", signature_outputs_as_dict=True
  )
  wanted = tf_adapters.load_task(made_store, "mood").predict(TEXTS)
  check(layer(tf.constant(TEXTS)), wanted)


def test_the_bare_encoder_is_a_module_too(made_export, encoder):
  layer = hub.KerasLayer(
    made_export, signature="embed", signature_outputs_as_dict=True
  )
  info = pretrained.of(encoder)
  tokenise = text_lib.Tokenizer(info.vocabulary, info.lower_case, 64)
  truth = encoder(tokenise(tf.constant(TEXTS)))
  found = layer(tf.constant(TEXTS))
  np.testing.assert_allclose(
    found["first_token"], truth["sequence_output"][:, 0], atol=1e-5
  )
  np.testing.assert_allclose(
    found["pooled_output"], truth["pooled_output"], atol=1e-5
  )
  assert not layer.trainable_weights
