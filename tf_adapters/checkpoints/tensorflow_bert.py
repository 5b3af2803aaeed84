# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""TensorFlow's BERT checkpoints: Google's of 2018 and Model Garden's."""

import pathlib
import types

import tensorflow as tf
import tf_keras
from official.nlp.modeling.networks import bert_encoder

from tf_adapters.checkpoints import pretrained
from tf_adapters.checkpoints import shapes
from tf_adapters.checkpoints import vocabulary as vocabulary_lib
from tf_adapters.checkpoints.names import published
from tf_adapters.errors import InputError

_BLOCK = "encoder/layer_{index}/{role}"
_NAMES = types.MappingProxyType({
  "embeddings/word": "embeddings/word_embeddings",
  "embeddings/position": "embeddings/position_embeddings",
  "embeddings/type": "embeddings/token_type_embeddings",
  "embeddings/norm": "embeddings/LayerNorm",
  "query": "attention/self/query",
  "key": "attention/self/key",
  "value": "attention/self/value",
  "attention_output": "attention/output/dense",
  "attention_norm": "attention/output/LayerNorm",
  "intermediate": "intermediate/dense",
  "output": "output/dense",
  "output_norm": "output/LayerNorm",
  "pooler": "pooler/dense",
})
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def read(
  folder: pathlib.Path, source: str, lower_case: bool | None
) -> bert_encoder.BertEncoderV2:
  """Loads `bert_config.json`, a checkpoint and `vocab.txt`.

  The checkpoint is Google's TF1 BERT, or object-based: a Model Garden
  `BertEncoder` (V1) or `BertEncoderV2` saved as `encoder` or `model`.
  """
  shape = shapes.read(folder, "bert_config.json")
  encoder = pretrained.new_encoder(shape)
  path = _checkpoint(folder)
  try:
    reader = tf.train.load_checkpoint(path)
    available = reader.get_variable_to_shape_map()
    _check_depth(available, shape, path)
    if _OBJECT_GRAPH in available:
      _restore(encoder, path, available)
    else:
      pretrained.assign(
        encoder, lambda name: _tensor(reader, available, name, path), path
      )
  except (tf.errors.OpError, IndexError) as error:
    raise InputError(f"{path}: cannot be read: {error}.") from None
  vocabulary = vocabulary_lib.read(folder / "vocab.txt")
  return pretrained.attach(encoder, source, shape, vocabulary, lower_case)


def _checkpoint(folder: pathlib.Path) -> str:
  """The prefix of the only checkpoint in `folder`."""
  prefixes = sorted(folder.glob("*.index"))
  if len(prefixes) != 1:
    names = [path.name for path in prefixes]
    raise InputError(
      f"{folder} must hold one checkpoint (`*.index`); found {names}."
    )
  return str(prefixes[0]).removesuffix(".index")


def _check_depth(available, shape: shapes.Shape, path: str) -> None:
  beyond = shape.num_hidden_layers
  # TF1's name, and those of V1's and V2's attributes.
  parts = (f"/layer_{beyond}/", f"_transformer_layers/{beyond}/")
  if any(part in name for name in available for part in parts):
    raise InputError(
      f"{path}: has more layers than the `num_hidden_layers` {beyond} of "
      "bert_config.json."
    )


def _tensor(reader, available, name: str, path: str):
  wanted = f"bert/{_published(name)}"
  if wanted not in available:
    raise InputError(f"{path}: has no variable `{wanted}`.")
  return reader.get_tensor(wanted)


def _published(name: str) -> str:
  return published(name, _NAMES, _BLOCK, "/")


def _restore(encoder, path: str, available) -> None:
  roots = {name.split("/")[0] for name in available}
  for root in ("encoder", "model"):
    if root in roots:
      return restore(encoder, path, root)
  raise InputError(
    f"{path}: must hold the encoder as `encoder` or `model`; its roots are "
    f"{sorted(roots - {_OBJECT_GRAPH})}."
  )


def restore(encoder: tf_keras.layers.Layer, path: str, root: str) -> None:
  """Sets all variables from an object-based checkpoint.

  Args:
    encoder: Of Model Garden, built.
    path: Prefix of the checkpoint.
    root: What the encoder is called in its root.

  Raises:
    InputError: if a variable is not there, or has another shape.
  """
  checkpoint = tf.train.Checkpoint(**{root: encoder})
  try:
    checkpoint.read(path).assert_existing_objects_matched().expect_partial()
  except (AssertionError, ValueError) as error:
    reason = str(error).split("\n")[0]
    raise InputError(
      f"{path}: does not fit its configuration: {reason}"
    ) from None
