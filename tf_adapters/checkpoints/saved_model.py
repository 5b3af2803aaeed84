# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""SavedModels of Model Garden's BERTs, as TensorFlow Hub and Kaggle have them.

They are read as checkpoints: no function of theirs is ever run. They carry no
configuration, so sizes are those of their variables; activation and dropout
are the ones of all BERTs that were published so, tanh-GELU and 0.1.
"""

import pathlib

import tensorflow as tf
from google.protobuf.message import DecodeError
from official.nlp.modeling.networks import bert_encoder
from tensorflow.core.protobuf import trackable_object_graph_pb2

from tf_adapters.checkpoints import pretrained
from tf_adapters.checkpoints import tensorflow_bert
from tf_adapters.checkpoints import vocabulary as vocabulary_lib
from tf_adapters.checkpoints.shapes import Shape
from tf_adapters.errors import InputError
from tf_adapters.modeling import garden

INDEX = "variables/variables.index"
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def read(
  folder: pathlib.Path, source: str, lower_case: bool | None
) -> bert_encoder.BertEncoderV2:
  """Loads `variables/` and `assets/vocab.txt`.

  Args:
    folder: As `official.nlp.tools.export_tfhub` writes it.
    source: What was passed to `load_encoder`.
    lower_case: None: what the SavedModel says of itself.
  """
  path = str(folder / INDEX).removesuffix(".index")
  try:
    objects = _Objects(path)
    root, encoder = objects.find_encoder()
    shape = _shape(objects, encoder)
    if lower_case is None:
      lower_case = bool(objects.value(0, "do_lower_case"))
    saved = _functional(shape)
    tensorflow_bert.restore(saved, path, root)
  except (tf.errors.OpError, DecodeError, KeyError, IndexError) as error:
    raise InputError(
      f"{path}: is damaged, or not of one of Model Garden's BERTs: {error}."
    ) from None
  weights = dict(garden.lay_open(saved).named())
  encoder = pretrained.new_encoder(shape)
  pretrained.assign(encoder, lambda name: weights[name].numpy(), path)
  vocabulary = vocabulary_lib.read(folder / "assets" / "vocab.txt")
  return pretrained.attach(encoder, source, shape, vocabulary, lower_case)


def _functional(shape: Shape) -> bert_encoder.BertEncoder:
  """What was saved: Model Garden's encoder by Keras' functional API.

  Its layers are found by attributes, as today's exports have them, or by
  their order, as those of 2020.
  """
  return bert_encoder.BertEncoder(**shape.sizes, dict_outputs=True)


class _Objects:
  """A checkpoint's objects by number, from the root 0 on, and variables."""

  def __init__(self, path: str):
    self._reader = tf.train.load_checkpoint(path)
    self._shapes = self._reader.get_variable_to_shape_map()
    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    graph.ParseFromString(self._reader.get_tensor(_OBJECT_GRAPH))
    self._nodes = graph.nodes

  def children(self, number: int) -> dict[str, int]:
    """The attributes of an object, and which object each is."""
    return {c.local_name: c.node_id for c in self._nodes[number].children}

  def blocks(self, number: int) -> set[int]:
    """The Transformer blocks of an encoder; of anything else none."""
    children = self.children(number)
    found = set(children.values())
    if "_transformer_layers" in children:
      found |= set(self.children(children["_transformer_layers"]).values())
    return {one for one in found if "_attention_layer" in self.children(one)}

  def find_encoder(self) -> tuple[str, int]:
    """The attribute of the root that is an encoder, and its number."""
    for name, number in self.children(0).items():
      if self.blocks(number):
        return name, number
    raise KeyError("_transformer_layers")

  def shape(self, number: int, *path: str) -> list[int]:
    """The shape of a variable below an object."""
    return self._shapes[self._key(number, path)]

  def value(self, number: int, *path: str):
    """The value of a variable below an object."""
    return self._reader.get_tensor(self._key(number, path))

  def _key(self, number: int, path: tuple[str, ...]) -> str:
    for name in path:
      number = self.children(number)[name]
    return self._nodes[number].attributes[0].checkpoint_key


def _shape(objects: _Objects, encoder: int) -> Shape:
  words, positions, types = (
    attribute if attribute in objects.children(encoder) else order
    for attribute, order in (
      ("_embedding_layer", "layer_with_weights-0"),
      ("_position_embedding_layer", "layer_with_weights-1"),
      ("_type_embedding_layer", "layer_with_weights-2"),
    )
  )
  blocks = objects.blocks(encoder)
  query = ("_attention_layer", "_query_dense", "kernel")
  hidden, heads, _ = objects.shape(min(blocks), *query)
  return Shape(
    vocab_size=objects.shape(encoder, words, "embeddings")[0],
    hidden_size=hidden,
    num_hidden_layers=len(blocks),
    num_attention_heads=heads,
    intermediate_size=objects.shape(
      min(blocks), "_intermediate_dense", "kernel"
    )[1],
    max_position_embeddings=objects.shape(
      encoder, positions, "_position_embeddings"
    )[0],
    type_vocab_size=objects.shape(encoder, types, "embeddings")[0],
    hidden_dropout_prob=0.1,
    attention_probs_dropout_prob=0.1,
    activation="gelu_tanh",
  )
