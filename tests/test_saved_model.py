# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""SavedModels that Model Garden's own exporter wrote are read to the bit."""

import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.nlp.configs import encoders
from official.nlp.tools import export_tfhub_lib

import tf_adapters
from tests import tiny
from tf_adapters.errors import InputError


def new_encoder(kind: str):
  """Random weights, in Model Garden's functional encoder or its V2."""
  config = encoders.BertEncoderConfig(
    vocab_size=len(tiny.VOCABULARY), hidden_size=tiny.HIDDEN,
    num_layers=tiny.LAYERS, num_attention_heads=tiny.HEADS,
    intermediate_size=tiny.INNER, max_position_embeddings=tiny.POSITIONS,
  )
  config = encoders.EncoderConfig(type=kind, **{kind: config})
  encoder = encoders.build_encoder(config)
  encoder(encoder.inputs)
  random = np.random.default_rng(0)
  encoder.set_weights([
    value + random.normal(0, 0.2, value.shape)
    for value in encoder.get_weights()
  ])
  return config, encoder


def by_order(encoder) -> tf_keras.Model:
  """The same layers without names, as encoders of 2020 were tracked."""
  plain = tf_keras.Model(encoder.inputs, encoder.outputs)
  names = {x.name: x for x in plain.inputs}
  return tf_keras.Model(names, plain(list(names.values())))


@pytest.fixture(scope="module", params=["mlm", "bert_v2", "by_order"])
def exported(request, tmp_path_factory) -> tuple[pathlib.Path, tf_keras.Model]:
  folder = tmp_path_factory.mktemp("saved_model")
  kind = request.param
  vocabulary = tiny.write_encoder(folder / "tiny") / "vocab.txt"
  config, encoder = new_encoder("bert_v2" if kind == "bert_v2" else "bert")
  if kind == "by_order":
    model = by_order(encoder)
    model.vocab_file = tf.saved_model.Asset(str(vocabulary))
    model.do_lower_case = tf.Variable(False, trainable=False)
    model.save(folder / "out", include_optimizer=False, save_format="tf")
    return folder / "out", encoder
  with_mlm = kind == "mlm"
  items = {"encoder": encoder}
  if with_mlm:
    model, pretrainer = export_tfhub_lib._create_model(
      encoder_config=config, with_mlm=True
    )
    pretrainer.encoder_network.set_weights(encoder.get_weights())
    items = pretrainer.checkpoint_items
  path = tf.train.Checkpoint(**items).save(str(folder / "checkpoint"))
  export_tfhub_lib.export_model(
    str(folder / "out"),
    encoder_config=config,
    model_checkpoint_path=path,
    with_mlm=with_mlm,
    vocab_file=str(vocabulary),
    do_lower_case=False,
  )
  return folder / "out", encoder


def batch():
  shape = [3, 12]
  random = np.random.default_rng(1)
  return {
    "input_word_ids": random.integers(0, len(tiny.VOCABULARY), shape, "int32"),
    "input_mask": np.sort(random.integers(0, 2, shape, "int32"))[:, ::-1],
    "input_type_ids": random.integers(0, 2, shape, "int32"),
  }


def test_the_encoder_is_the_one_that_was_saved(exported):
  folder, original = exported
  encoder = tf_adapters.load_encoder(str(folder))
  for name in ("sequence_output", "pooled_output"):
    np.testing.assert_array_equal(
      encoder(batch())[name], original(batch())[name]
    )
  info = encoder.pretrained
  assert info.vocabulary == tuple(tiny.VOCABULARY)
  assert info.lower_case is False  # as the SavedModel says of itself
  assert info.shape.hidden_dropout_prob == 0.1
  sizes = (
    info.shape.num_hidden_layers, info.shape.num_attention_heads,
    info.shape.intermediate_size, info.shape.max_position_embeddings,
  )
  assert sizes == (tiny.LAYERS, tiny.HEADS, tiny.INNER, tiny.POSITIONS)


def test_its_functions_are_neither_needed_nor_run(exported, tmp_path):
  folder = tmp_path / "copy"
  shutil.copytree(exported[0], folder)
  (folder / "saved_model.pb").write_bytes(b"anything")
  encoder = tf_adapters.load_encoder(str(folder), lower_case=True)
  assert encoder.pretrained.lower_case is True


def save_something_else(folder):
  shutil.rmtree(folder / "variables")
  module = tf.Module()
  module.weight = tf.Variable([1.0])
  tf.saved_model.save(module, str(folder))


def cut(name):
  def damage(folder):
    path = folder / "variables" / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

  return damage


@pytest.mark.parametrize(("damage", "reason"), [
  (save_something_else, "not of one of Model Garden's BERTs"),
  (cut("variables.index"), "damaged"),
  (cut("variables.data-00000-of-00001"), "damaged"),
  (lambda folder: (folder / "assets/vocab.txt").unlink(), "no vocab.txt"),
])
@pytest.mark.parametrize("exported", ["by_order"], indirect=True)
def test_a_damaged_one_is_an_error(exported, tmp_path, damage, reason):
  folder = tmp_path / "copy"
  shutil.copytree(exported[0], folder)
  damage(folder)
  with pytest.raises(InputError, match=reason) as caught:
    tf_adapters.load_encoder(str(folder))
  assert str(folder) in str(caught.value)
