# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Paths that TensorFlow takes for patterns are refused, before all work."""

import string

import pytest
import tensorflow as tf

import tf_adapters
from tests import tiny
from tf_adapters import checks
from tf_adapters.bulk import answers
from tf_adapters.suites import plan


@pytest.mark.parametrize("letter", sorted(set(string.punctuation) - {"/"}))
def test_tensorflow_finds_again_what_is_allowed(tmp_path, letter):
  folder = tmp_path / f"a{letter}b"
  folder.mkdir()
  path = tf.train.Checkpoint(v=tf.Variable(1.0)).write(str(folder / "ckpt"))
  if letter in "*?[\\":
    with pytest.raises(tf_adapters.InputError, match="`there` must be a path"):
      checks.literal("there", folder)
  else:
    checks.literal("there", folder)
    assert tf.train.list_variables(path)


@pytest.mark.parametrize("letter", ["[", "\\"])
def test_tensorflow_does_not_find_what_is_refused(tmp_path, letter):
  folder = tmp_path / f"a{letter}b]"
  folder.mkdir()
  path = tf.train.Checkpoint(v=tf.Variable(1.0)).write(str(folder / "ckpt"))
  with pytest.raises(tf.errors.OpError):
    tf.train.list_variables(path)


def train(place):
  files = tiny.write_task(place.parent)
  tf_adapters.train({
    "task.name": "mood",
    "data.train": files[0],
    "data.eval": files[1],
    "encoder": str(tiny.write_encoder(place.parent / "encoder")),
    "store": str(place),
  })


def read_suite(place):
  plan.from_tree("suite.yaml", {
    "output": str(place),
    "tasks": {"mood": {"data.train": "train.tsv", "data.eval": "dev.tsv"}},
    "methods": {"adapter": {}},
  })


def load_encoder(place):
  place.mkdir()
  (place / "bert_config.json").touch()
  tf_adapters.load_encoder(str(place))


def find_export(place):
  place.mkdir()
  (place / "saved_model.pb").touch()
  answers.find(str(place), "mood")


@pytest.mark.parametrize("name,do", [
  ("store", train),
  ("output", lambda place: tf_adapters.export("store", str(place))),
  ("output", read_suite),
  ("--export", find_export),
  ("encoder", load_encoder),
])
def test_the_sentence_names_the_path(tmp_path, name, do):
  place = tmp_path / "models[raw]"
  with pytest.raises(tf_adapters.InputError) as error:
    do(place)
  assert str(error.value) == (
    f"`{name}` must be a path without `*`, `?`, `[` and `\\`, by which "
    f"TensorFlow takes it for a pattern; got {str(place)!r}."
  )
