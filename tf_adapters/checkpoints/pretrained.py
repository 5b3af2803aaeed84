# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""An encoder with its vocabulary, casing and fingerprint."""

import dataclasses
import hashlib
import json
import types
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tf_keras
from official.nlp.modeling.networks import bert_encoder

from tf_adapters.checkpoints.shapes import Shape
from tf_adapters.errors import InputError
from tf_adapters.modeling import garden


@tf_keras.utils.register_keras_serializable(package="tf_adapters")
def gelu_tanh(x: tf.Tensor) -> tf.Tensor:
  """GELU by its tanh approximation: Google's BERT, Model Garden's default."""
  return tf.nn.gelu(x, approximate=True)


@tf_keras.utils.register_keras_serializable(package="tf_adapters")
def gelu(x: tf.Tensor) -> tf.Tensor:
  """Exact GELU: what Hugging Face calls `gelu`."""
  return tf.nn.gelu(x, approximate=False)


ACTIVATIONS: Mapping[str, Callable] = types.MappingProxyType(
  {"gelu": gelu, "gelu_tanh": gelu_tanh, "relu": tf.nn.relu}
)


@dataclasses.dataclass(frozen=True)
class Pretrained:
  """What belongs to an encoder besides its weights: `encoder.pretrained`.

  Attributes:
    source: What was passed to `load_encoder`; of an address, with the commit,
      version or checksum that was fetched.
    shape: Sizes and settings.
    vocabulary: WordPieces by id.
    lower_case: Whether texts are lower-cased and stripped of accents.
    fingerprint: SHA-256 over the weights, the vocabulary and the settings
      that change what the encoder computes from a text.
  """

  source: str
  shape: Shape
  vocabulary: tuple[str, ...]
  lower_case: bool
  fingerprint: str


def new_encoder(shape: Shape) -> bert_encoder.BertEncoderV2:
  """A built encoder of this shape, all weights zero."""
  encoder = bert_encoder.BertEncoderV2(
    **shape.sizes,
    inner_activation=ACTIVATIONS[shape.activation],
    output_dropout=shape.hidden_dropout_prob,
    attention_dropout=shape.attention_probs_dropout_prob,
    initializer=tf_keras.initializers.Zeros(),
    name="encoder",
  )
  garden.build(encoder)
  return encoder


def assign(
  encoder: bert_encoder.BertEncoderV2,
  weights: Callable[[str], np.ndarray],
  where: str,
) -> None:
  """Sets every variable of a fresh `encoder` to `weights(name)`.

  Args:
    encoder: Made by `new_encoder`.
    weights: From a name of `Parts.named` to the array, which may have the
      heads folded into one axis.
    where: The file, for errors.
  """
  parts = garden.lay_open(encoder)
  for name, variable in parts.named():
    value = weights(name)
    shape = tuple(variable.shape)
    if value.shape not in (shape, _heads_folded(shape, parts.hidden_size)):
      raise InputError(
        f"{where}: `{name}` has shape {list(value.shape)}; the configuration "
        f"asks for {list(shape)}."
      )
    variable.assign(value.astype(np.float32).reshape(variable.shape))


def _heads_folded(shape: tuple[int, ...], hidden: int) -> tuple[int, ...]:
  """The shape of an attention's kernel or bias without an axis of heads."""
  if len(shape) == 3:
    return (hidden, hidden)
  if len(shape) == 2 and shape[0] * shape[1] == hidden:
    return (hidden,)
  return shape


def attach(
  encoder: bert_encoder.BertEncoderV2,
  source: str,
  shape: Shape,
  vocabulary: Sequence[str],
  lower_case: bool | None,
) -> bert_encoder.BertEncoderV2:
  """Puts a `Pretrained` onto `encoder` and returns it.

  Args:
    encoder: With its weights.
    source: What was passed to `load_encoder`.
    shape: Of the encoder.
    vocabulary: WordPieces by id.
    lower_case: None: lower-case unless the vocabulary has capital letters.
  """
  if len(vocabulary) != shape.vocab_size:
    raise InputError(
      f"{source}: vocab.txt has {len(vocabulary)} entries; the configuration "
      f"has `vocab_size` {shape.vocab_size}."
    )
  if lower_case is None:
    plain = (piece for piece in vocabulary if not piece.startswith("["))
    lower_case = all(piece == piece.lower() for piece in plain)
  encoder.pretrained = Pretrained(
    source=source,
    shape=shape,
    vocabulary=tuple(vocabulary),
    lower_case=lower_case,
    fingerprint=_fingerprint(encoder, shape, vocabulary, lower_case),
  )
  return encoder


def _fingerprint(encoder, shape, vocabulary, lower_case) -> str:
  settings = {
    "activation": shape.activation,
    "heads": shape.num_attention_heads,
    "lower_case": lower_case,
    "vocabulary": list(vocabulary),
  }
  digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
  for name, variable in garden.lay_open(encoder).named():
    value = np.ascontiguousarray(variable.numpy(), np.dtype("<f4"))
    digest.update(f"{name}{list(value.shape)}".encode())
    digest.update(value)
  return digest.hexdigest()


def of(encoder: tf_keras.layers.Layer) -> Pretrained:
  """The `Pretrained` of an encoder that `load_encoder` returned."""
  found = getattr(encoder, "pretrained", None)
  if not isinstance(found, Pretrained):
    raise InputError(
      "`encoder` has no vocabulary; load it with `tf_adapters.load_encoder`."
    )
  return found
