# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Keras' own ways to save a model: they know the task, not the encoder."""

import numpy as np
import pytest
import tensorflow as tf

import tf_adapters


@pytest.mark.parametrize("name", ["weights.tf", "task.weights.h5"])
def test_saved_weights_are_the_tasks_own(encoder, tmp_path, name):
  """Loading them touches no borrowed variable, whatever it holds."""
  model = tf_adapters.build(encoder, 4, head=tf_adapters.Head(2), seed=1)
  model.save_weights(str(tmp_path / name))
  trained = [variable.numpy() for variable in model.trainable_variables]
  for variable in model.trainable_variables:
    variable.assign_add(tf.ones_like(variable))
  encoder.variables[0].assign_add(tf.ones_like(encoder.variables[0]))
  before = [variable.numpy() for variable in encoder.variables]
  model.load_weights(str(tmp_path / name))
  for variable, value in zip(encoder.variables, before, strict=True):
    np.testing.assert_array_equal(variable.numpy(), value)
  for variable, value in zip(model.trainable_variables, trained, strict=True):
    np.testing.assert_array_equal(variable.numpy(), value)


def test_saved_model_of_a_keras_model_computes_the_same(encoder, tmp_path):
  model = tf_adapters.build(encoder, 4, head=tf_adapters.Head(2), seed=1)
  inputs = {
    name: tf.ones([2, 5], tf.int32) for name in ("input_word_ids", "input_mask")
  }
  inputs["input_type_ids"] = tf.zeros([2, 5], tf.int32)
  wanted = model(inputs).numpy()
  tf.saved_model.save(model, str(tmp_path))
  loaded = tf.saved_model.load(str(tmp_path))
  np.testing.assert_allclose(loaded(inputs).numpy(), wanted, atol=1e-6)
