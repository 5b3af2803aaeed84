# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Model Garden's BERT encoders laid open; no other file knows their inside."""

import tensorflow as tf
import tf_keras
from official.nlp.modeling import layers as garden_layers
from official.nlp.modeling.networks import bert_encoder

from tf_adapters.errors import InputError
from tf_adapters.modeling import parts
from tf_adapters.modeling import pieces


def lay_open(encoder: tf_keras.layers.Layer) -> parts.Parts:
  """Reads the parts of `encoder`; an encoder never called is built first.

  Args:
    encoder: A `BertEncoderV2`, or the functional `BertEncoder` that Model
      Garden's `build_encoder` returns for `type: bert`.

  Raises:
    InputError: for any other object, and for BERTs that compute something
      else than post-LayerNorm blocks at full width.
  """
  _check_encoder(encoder)
  _check_embeddings(encoder._embedding_layer)
  if not encoder.built:
    build(encoder)
  blocks = tuple(_block(layer) for layer in encoder.transformer_layers)
  return parts.Parts(
    word_embeddings=encoder._embedding_layer.embeddings,
    position_embeddings=encoder._position_embedding_layer._position_embeddings,
    type_embeddings=encoder._type_embedding_layer.embeddings,
    embedding_norm=_norm(encoder._embedding_norm_layer),
    embedding_dropout=encoder.get_config()["output_dropout"],
    blocks=blocks,
    pooler=_linear(encoder.pooler_layer),
    policy=encoder.transformer_layers[0].dtype_policy,
  )


@tf.autograph.experimental.do_not_convert  # nothing here needs it; seconds
def build(encoder: tf_keras.layers.Layer) -> None:
  """Makes the variables of `encoder`."""
  encoder(encoder.inputs)


_TAKEN = "a Model Garden `BertEncoderV2` or `BertEncoder`"


def _kind(value: object) -> str:
  return f"{type(value).__module__}.{type(value).__qualname__}"


def _check_encoder(encoder: tf_keras.layers.Layer) -> None:
  if type(encoder) not in (
    bert_encoder.BertEncoderV2,
    bert_encoder.BertEncoder,
  ):
    raise InputError(f"`encoder` must be {_TAKEN}; got {_kind(encoder)}.")
  config = encoder.get_config()
  if config["embedding_width"] != config["hidden_size"]:
    raise InputError(
      "`encoder` must have `embedding_width` equal to `hidden_size` "
      f"{config['hidden_size']}; got {config['embedding_width']} "
      "(factorised embeddings are not supported)."
    )
  refused = {
    "norm_first": "its LayerNorms come before the sublayers",
    "with_dense_inputs": "it takes dense inputs",
    "return_attention_scores": "it returns attention scores",
    "return_word_embeddings": "it returns word embeddings",
    "output_range": "it cuts its output",
  }
  for key, reason in refused.items():
    if config.get(key):
      raise InputError(
        f"`encoder` was made with `{key}={config[key]}`, that is, {reason}; "
        "this is not supported."
      )
  if not config.get("dict_outputs", True):
    raise InputError(
      "`encoder` must return a dictionary; make it with `dict_outputs=True`."
    )


def _check_embeddings(layer: tf_keras.layers.Layer) -> None:
  # Nothing but its table is read: what else it does would be left out.
  if type(layer) not in (
    garden_layers.OnDeviceEmbedding,
    tf_keras.layers.Embedding,
  ):
    raise InputError(
      "`encoder` must have an `embedding_layer` that only looks up, an "
      f"`OnDeviceEmbedding` or a Keras `Embedding`; got {_kind(layer)}."
    )
  config = layer.get_config()
  for key, plain in (("scale_factor", None), ("mask_zero", False)):
    if config.get(key, plain) != plain:
      raise InputError(
        f"`encoder` has an `embedding_layer` with `{key}={config[key]}`; only "
        f"{plain} is supported."
      )


def _check_block(layer: tf_keras.layers.Layer) -> None:
  if type(layer) is not garden_layers.TransformerEncoderBlock:
    raise InputError(
      "`encoder` must consist of `TransformerEncoderBlock`s; block "
      f"{layer.name!r} is a {type(layer).__name__}."
    )
  plain = {
    "norm_first": False,
    "use_bias": True,
    "inner_dropout": 0.0,
    "num_kv_heads": None,
    "linformer_dim": None,
    "output_last_dim": None,
    "use_query_residual": True,
  }
  config = layer.get_config()
  for key, value in plain.items():
    if config[key] != value:
      raise InputError(
        f"`encoder` has a block with `{key}={config[key]}`; only {value} is "
        "supported."
      )


def _block(layer: tf_keras.layers.Layer) -> parts.Block:
  _check_block(layer)
  attention = layer._attention_layer
  return parts.Block(
    query=_linear(attention._query_dense),
    key=_linear(attention._key_dense),
    value=_linear(attention._value_dense),
    attention_output=_linear(attention._output_dense),
    attention_norm=_norm(layer._attention_layer_norm),
    intermediate=_linear(layer._intermediate_dense),
    output=_linear(layer._output_dense),
    output_norm=_norm(layer._output_layer_norm),
    num_heads=attention._num_heads,
    activation=tf_keras.activations.get(layer._inner_activation),
    probabilities_dropout=attention._dropout,
    attention_dropout=layer._attention_dropout.rate,
    output_dropout=layer._output_dropout.rate,
  )


def _linear(layer: tf_keras.layers.Layer) -> pieces.Linear:
  outputs = layer.bias.shape.num_elements()
  inputs = layer.kernel.shape.num_elements() // outputs
  return pieces.Linear(layer.kernel, layer.bias, inputs, outputs)


def _norm(layer: tf_keras.layers.Layer) -> pieces.Norm:
  return pieces.Norm(layer.gamma, layer.beta, layer.epsilon)
