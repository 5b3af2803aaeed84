# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A batch in portions gives what it gives whole."""

import os

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import tf_adapters
from tests import tiny
from tf_adapters import tasks
from tf_adapters.modeling import tuning
from tf_adapters.modeling.compute import Compute
from tf_adapters.training import gradients as gradients_lib
from tf_adapters.training import portions


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 200), st.integers(1, 600), st.integers(1, 3))
def test_portions_are_equal_small_and_as_few_as_can_be(rows, length, cores):
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(
      os, "sched_getaffinity", lambda process: range(cores), raising=False
    )
    number = portions.count(rows, length)
  assert rows % number == 0
  assert rows // number * length <= 1024 or number == rows
  step = 2 if rows % 2 == 0 and cores > 1 else 1
  assert number % step == 0  # two run side by side to the end
  fewer = range(step, number, step)
  assert all(
    rows % less or rows // less * length > 1024 for less in fewer
  )


@pytest.mark.parametrize(("cores", "helpers"), [(1, 1), (3, 1), (8, 6)])
def test_cores_are_those_that_the_process_may_use(
  monkeypatch, cores, helpers
):
  set_to = []
  allowed = set(range(cores))
  monkeypatch.setattr(os, "cpu_count", lambda: 64)
  monkeypatch.setattr(
    os, "sched_getaffinity", lambda process: allowed, raising=False
  )
  monkeypatch.setattr(
    tf.config.threading, "set_intra_op_parallelism_threads", set_to.append
  )
  portions.share_cores()
  assert set_to == [helpers]


def test_run_keeps_the_order_of_rows():
  values = np.arange(24, dtype=np.float32).reshape(8, 3)

  @tf.function
  def run(values):
    return portions.run(lambda part: 2 * part["x"], {"x": values}, 4)

  np.testing.assert_array_equal(run(values), 2 * values)


def make_batch(rows=8, length=12):
  random = np.random.default_rng(0)
  shape = (rows, length)
  mask = np.arange(length) < random.integers(2, length, rows)[:, None]
  ids = random.integers(5, len(tiny.VOCABULARY), shape)
  inputs = {
    "input_word_ids": (ids * mask).astype(np.int32),
    "input_mask": mask.astype(np.int32),
    "input_type_ids": np.zeros(shape, np.int32),
    "targets": random.integers(0, 3, rows).astype(np.int32),
    "weights": random.random(rows).astype(np.float32),
  }
  return {name: tf.constant(value) for name, value in inputs.items()}


def test_gradients_of_portions_add_up_to_those_of_the_batch(
  encoder, monkeypatch
):
  monkeypatch.setattr(portions, "_TOKENS", 24)  # two rows
  model = tf_adapters.build(
    encoder, 4, head=tf_adapters.Head(3, seed=0), seed=0
  )
  task = tasks.from_dict({"type": "classification", "labels": ["a", "b", "c"]})
  trained = [item.variable for item in tuning.task_variables(model)]
  batch, found = make_batch(), {}
  for cut in (False, True):
    compute = Compute(portions=cut)
    differentiate = gradients_lib.Gradients(model, task, trained, compute, 5)
    found[cut] = tf.function(differentiate.__call__)(
      batch, tf.constant(7, tf.int64), tf.constant(16, tf.int64)
    )
  (loss, gradients), (loss_of_parts, gradients_of_parts) = (
    found[False], found[True]
  )
  np.testing.assert_allclose(loss_of_parts, loss, rtol=1e-5)
  for part, whole in zip(gradients_of_parts, gradients, strict=True):
    whole = tf.convert_to_tensor(whole)
    atol = 1e-5 * np.abs(whole).max() + 1e-9
    np.testing.assert_allclose(part, whole, atol=atol)
