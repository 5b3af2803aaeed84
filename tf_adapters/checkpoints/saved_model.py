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

INDEX = "variables/variables.index"
_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_BLOCKS = "_transformer_layers"
_WORDS = "_embedding_layer"


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
    graph = _ObjectGraph(path)
    root = graph.find_encoder()
    shape = _shape(graph, root)
    if lower_case is None:
      lower_case = bool(graph.value("do_lower_case"))
  except (tf.errors.OpError, DecodeError, KeyError, IndexError) as error:
    raise InputError(
      f"{path}: is damaged, or not of one of Model Garden's BERTs: {error}."
    ) from None
  encoder = pretrained.new_encoder(shape)
  tensorflow_bert.restore(encoder, path, root)
  vocabulary = vocabulary_lib.read(folder / "assets" / "vocab.txt")
  return pretrained.attach(encoder, source, shape, vocabulary, lower_case)


class _ObjectGraph:
  """A checkpoint's variables, by the attributes of objects that led to them."""

  def __init__(self, path: str):
    self._reader = tf.train.load_checkpoint(path)
    self._shapes = self._reader.get_variable_to_shape_map()
    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    graph.ParseFromString(self._reader.get_tensor(_OBJECT_GRAPH))
    self._nodes = graph.nodes

  def children(self, *path: str) -> dict[str, int]:
    """The attributes of an object, and which object each is."""
    children = {c.local_name: c.node_id for c in self._nodes[0].children}
    for name in path:
      node = self._nodes[children[name]]
      children = {c.local_name: c.node_id for c in node.children}
    return children

  def find_encoder(self) -> str:
    """The attribute of the root that is an encoder."""
    for name in self.children():
      if {_WORDS, _BLOCKS} <= set(self.children(name)):
        return name
    raise KeyError(_BLOCKS)

  def shape(self, *path: str) -> list[int]:
    """The shape of a variable."""
    return self._shapes[self._key(path)]

  def value(self, *path: str):
    """The value of a variable."""
    return self._reader.get_tensor(self._key(path))

  def _key(self, path: tuple[str, ...]) -> str:
    node = self._nodes[self.children(*path[:-1])[path[-1]]]
    return node.attributes[0].checkpoint_key


def _shape(graph: _ObjectGraph, root: str) -> Shape:
  vocabulary, hidden = graph.shape(root, _WORDS, "embeddings")
  types, _ = graph.shape(root, "_type_embedding_layer", "embeddings")
  positions, _ = graph.shape(
    root, "_position_embedding_layer", "_position_embeddings"
  )
  block = (root, _BLOCKS, "0")
  query = (*block, "_attention_layer", "_query_dense", "kernel")
  _, heads, _ = graph.shape(*query)  # [hidden, heads, hidden / heads]
  _, inner = graph.shape(*block, "_intermediate_dense", "kernel")
  blocks = graph.children(root, _BLOCKS)
  return Shape(
    vocab_size=vocabulary,
    hidden_size=hidden,
    num_hidden_layers=sum(name.isdigit() for name in blocks),
    num_attention_heads=heads,
    intermediate_size=inner,
    max_position_embeddings=positions,
    type_vocab_size=types,
    hidden_dropout_prob=0.1,
    attention_probs_dropout_prob=0.1,
    activation="gelu_tanh",
  )
