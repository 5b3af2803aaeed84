# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Keras' own ways to save a model: they know the task, not the encoder."""

import copy

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tf_adapters


def make_inputs(rows=2):
  ids = np.arange(rows * 5, dtype=np.int32).reshape(rows, 5) + 5
  return {
    "input_word_ids": ids,
    "input_mask": np.ones_like(ids),
    "input_type_ids": np.zeros_like(ids),
  }


def values_of(layer):
  return [variable.numpy() for variable in layer.variables]


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


@pytest.mark.parametrize(
  ("strategy", "with_head"), [("adapter", True), ("full", False)]
)
def test_weights_carry_a_task_from_one_encoder_to_another(
  encoder_folder, strategy, with_head
):
  """What is set is the task's own: the other encoder keeps every bit."""
  models, encoders = [], []
  for seed in (1, 2):
    encoders.append(tf_adapters.load_encoder(str(encoder_folder)))
    head = tf_adapters.Head(2, seed=seed) if with_head else None
    models.append(
      tf_adapters.build(encoders[-1], strategy=strategy, head=head, seed=seed)
    )
  given, taking = models
  for variable in [*encoders[0].variables, *given.trainable_variables]:
    variable.assign_add(tf.ones_like(variable))
  before = values_of(encoders[1])
  weights = given.get_weights()
  assert len(weights) == len(given.trainable_variables)
  taking.set_weights(weights)
  for old, new in zip(before, values_of(encoders[1]), strict=True):
    np.testing.assert_array_equal(old, new)
  for mine, theirs in zip(
    taking.trainable_variables, given.trainable_variables, strict=True
  ):
    np.testing.assert_array_equal(mine, theirs)


def test_weights_of_another_model_are_refused_and_none_is_set(encoder):
  model, other, wider = (
    tf_adapters.build(encoder, size, strategy="adapter", head=head, seed=1)
    for size, head in ((4, tf_adapters.Head(2)), (4, None), (8, None))
  )
  before = values_of(model)
  with pytest.raises(tf_adapters.InputError, match="`weights` .* got 26"):
    model.set_weights(other.get_weights())
  with pytest.raises(tf_adapters.InputError, match=r"\(16, 8\) for \(16, 4\)"):
    other.set_weights(wider.get_weights())
  for old, new in zip(before, values_of(model), strict=True):
    np.testing.assert_array_equal(old, new)


def test_early_stopping_takes_back_the_task_and_leaves_the_encoder(encoder):
  """Whose owner may change it meanwhile, as this callback does."""

  class Meddle(tf_keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
      logs["score"] = -epoch  # the first epoch is the best, whatever it learns
      if epoch == 1:
        encoder.variables[0].assign_add(tf.ones_like(encoder.variables[0]))

  head = tf_adapters.Head(2, dropout=0.0, seed=1)
  model = tf_adapters.build(encoder, 4, head=head, seed=1)
  model.compile(
    tf_keras.optimizers.SGD(0.5),
    tf_keras.losses.SparseCategoricalCrossentropy(True),
  )
  expected = values_of(encoder)
  expected[0] = expected[0] + 1
  stop = tf_keras.callbacks.EarlyStopping(
    "score", mode="max", patience=2, restore_best_weights=True
  )
  model.fit(
    make_inputs(8), np.arange(8) % 2, epochs=9, callbacks=[Meddle(), stop],
    verbose=0,
  )
  assert stop.stopped_epoch == 2
  assert len(stop.best_weights) == len(model.trainable_variables)
  for wanted, new in zip(expected, values_of(encoder), strict=True):
    np.testing.assert_array_equal(wanted, new)
  for best, new in zip(stop.best_weights, model.get_weights(), strict=True):
    np.testing.assert_array_equal(best, new)


def test_keras_own_folder_computes_the_same(encoder, tmp_path):
  model = tf_adapters.build(encoder, 4, head=tf_adapters.Head(2), seed=1)
  model.save(str(tmp_path / "folder"))
  loaded = tf_keras.models.load_model(str(tmp_path / "folder"))
  x = make_inputs()
  np.testing.assert_allclose(loaded(x), model(x), atol=1e-6)


@pytest.mark.parametrize("with_head", [False, True])
def test_what_could_not_be_loaded_is_refused_before_a_file_is_there(
  encoder, tmp_path, with_head
):
  head = tf_adapters.Head(2) if with_head else None
  model = tf_adapters.build(encoder, 4, head=head, seed=1)
  for act in (
    lambda: model.save(str(tmp_path / "model.keras")),
    model.get_config,
    model.to_json,
    lambda: tf_keras.models.clone_model(model),
    lambda: copy.deepcopy(model),
  ):
    with pytest.raises(tf_adapters.InputError, match=r"use .*`\.weights\.h5`"):
      act()
  for name in ("old.h5", "old.hdf5", "old.keras"):
    for act in (model.save_weights, model.load_weights):
      with pytest.raises(tf_adapters.InputError, match=f"`filepath`.*{name}"):
        act(str(tmp_path / name))
  with pytest.raises(tf_adapters.InputError, match="`filepath`.*old form"):
    model.save_weights(str(tmp_path / "old"), save_format="h5")
  assert not list(tmp_path.iterdir())
