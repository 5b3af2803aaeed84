# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A Model Garden BERT laid open: its weights by role.

This is the only file that knows Model Garden's attributes. Checkpoint loaders
write through it, the fingerprint and the forward pass read through it.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterator

import tensorflow as tf
import tf_keras
from official.nlp.modeling import layers as garden_layers
from official.nlp.modeling.networks import bert_encoder

from tf_adapters.errors import InputError


@dataclasses.dataclass(frozen=True)
class Linear:
  """A dense map y = x·W + b; W and b may be stored split by heads.

  Attributes:
    kernel: Variable of `inputs` x `outputs` numbers, in that order.
    bias: Variable of `outputs` numbers.
    inputs: Width of x.
    outputs: Width of y.
  """

  kernel: tf.Variable
  bias: tf.Variable
  inputs: int
  outputs: int

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """Maps `[..., inputs]` to `[..., outputs]` in the dtype of `x`."""
    kernel = tf.reshape(self.kernel, [self.inputs, self.outputs])
    return dense(x, kernel, tf.reshape(self.bias, [self.outputs]))


def dense(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
  """x·W + b in the dtype of `x`: `[..., inputs]` to `[..., outputs]`."""
  inputs, outputs = kernel.shape
  # One plain product: an einsum over `...` has a gradient with respect to W
  # that makes an outer product for every token before it sums them.
  y = tf.linalg.matmul(tf.reshape(x, [-1, inputs]), tf.cast(kernel, x.dtype))
  y = y + tf.cast(bias, x.dtype)
  return tf.reshape(y, tf.concat([tf.shape(x)[:-1], [outputs]], axis=0))


@dataclasses.dataclass(frozen=True)
class Norm:
  """Layer normalisation over the last axis, in float32 as BERT has it."""

  gamma: tf.Variable
  beta: tf.Variable
  epsilon: float

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    return layer_norm(x, self.gamma, self.beta, self.epsilon)


def layer_norm(
  x: tf.Tensor, gamma: tf.Variable, beta: tf.Variable, epsilon: float
) -> tf.Tensor:
  """(x - mean) / sqrt(variance + epsilon) · gamma + beta, in float32."""
  x = tf.cast(x, tf.float32)
  mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
  return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)


@dataclasses.dataclass(frozen=True)
class Block:
  """One Transformer block, post-LayerNorm.

  Attributes:
    num_heads: Heads of the self-attention.
    activation: Between `intermediate` and `output`.
    probabilities_dropout: Rate on the attention probabilities.
    attention_dropout: Rate on the attention sublayer's output.
    output_dropout: Rate on the feed-forward sublayer's output.
  """

  query: Linear
  key: Linear
  value: Linear
  attention_output: Linear
  attention_norm: Norm
  intermediate: Linear
  output: Linear
  output_norm: Norm
  num_heads: int
  activation: Callable[[tf.Tensor], tf.Tensor]
  probabilities_dropout: float
  attention_dropout: float
  output_dropout: float


@dataclasses.dataclass(frozen=True)
class Parts:
  """A whole encoder.

  Attributes:
    word_embeddings: `[vocabulary, hidden]`.
    position_embeddings: `[max_length, hidden]`.
    type_embeddings: `[types, hidden]`.
    embedding_dropout: Rate on the embeddings.
    compute_dtype: Dtype of matrix products, from the Keras policy under
      which the encoder was built.
  """

  word_embeddings: tf.Variable
  position_embeddings: tf.Variable
  type_embeddings: tf.Variable
  embedding_norm: Norm
  embedding_dropout: float
  blocks: tuple[Block, ...]
  pooler: Linear
  policy: tf_keras.mixed_precision.Policy

  @property
  def hidden_size(self) -> int:
    return self.pooler.outputs

  @property
  def max_length(self) -> int:
    return self.position_embeddings.shape[0]

  @property
  def vocabulary_size(self) -> int:
    return self.word_embeddings.shape[0]

  def named(self) -> Iterator[tuple[str, tf.Variable]]:
    """Every variable with its name, in one fixed order."""
    yield "embeddings/word", self.word_embeddings
    yield "embeddings/position", self.position_embeddings
    yield "embeddings/type", self.type_embeddings
    yield from _named_norm("embeddings/norm", self.embedding_norm)
    for index, block in enumerate(self.blocks):
      for role in BLOCK_LINEARS:
        yield from _named_linear(
          f"block_{index}/{role}", getattr(block, role)
        )
      for role in BLOCK_NORMS:
        yield from _named_norm(f"block_{index}/{role}", getattr(block, role))
    yield from _named_linear("pooler", self.pooler)


BLOCK_LINEARS = (
  "query", "key", "value", "attention_output", "intermediate", "output"
)
BLOCK_NORMS = ("attention_norm", "output_norm")


def _named_linear(name: str, linear: Linear):
  yield f"{name}/kernel", linear.kernel
  yield f"{name}/bias", linear.bias


def _named_norm(name: str, norm: Norm):
  yield f"{name}/gamma", norm.gamma
  yield f"{name}/beta", norm.beta


def lay_open(encoder: tf_keras.layers.Layer) -> Parts:
  """Reads the parts of `encoder`; an encoder never called is built first.

  Args:
    encoder: A `BertEncoderV2`, or the functional `BertEncoder` that Model
      Garden's `build_encoder` returns for `type: bert`.

  Raises:
    InputError: for any other object, and for BERTs that compute something
      else than post-LayerNorm blocks at full width.
  """
  _check_encoder(encoder)
  if not encoder.built:
    encoder(encoder.inputs)
  blocks = tuple(_block(layer) for layer in encoder.transformer_layers)
  return Parts(
    word_embeddings=encoder._embedding_layer.embeddings,
    position_embeddings=encoder._position_embedding_layer._position_embeddings,
    type_embeddings=encoder._type_embedding_layer.embeddings,
    embedding_norm=_norm(encoder._embedding_norm_layer),
    embedding_dropout=encoder.get_config()["output_dropout"],
    blocks=blocks,
    pooler=_linear(encoder.pooler_layer),
    policy=encoder.transformer_layers[0].dtype_policy,
  )


_TAKEN = "a Model Garden `BertEncoderV2` or `BertEncoder`"


def _check_encoder(encoder: tf_keras.layers.Layer) -> None:
  if type(encoder) not in (
    bert_encoder.BertEncoderV2,
    bert_encoder.BertEncoder,
  ):
    kind = f"{type(encoder).__module__}.{type(encoder).__qualname__}"
    raise InputError(f"`encoder` must be {_TAKEN}; got {kind}.")
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


def _block(layer: tf_keras.layers.Layer) -> Block:
  _check_block(layer)
  attention = layer._attention_layer
  return Block(
    query=_linear(attention._query_dense),
    key=_linear(attention._key_dense),
    value=_linear(attention._value_dense),
    attention_output=_linear(attention._output_dense),
    attention_norm=_norm(layer._attention_layer_norm),
    intermediate=_linear(layer._intermediate_dense),
    output=_linear(layer._output_dense),
    output_norm=_norm(layer._output_layer_norm),
    num_heads=attention._num_heads,
    activation=layer._inner_activation,
    probabilities_dropout=attention._dropout,
    attention_dropout=layer._attention_dropout.rate,
    output_dropout=layer._output_dropout.rate,
  )


def _linear(layer: tf_keras.layers.Layer) -> Linear:
  outputs = layer.bias.shape.num_elements()
  inputs = layer.kernel.shape.num_elements() // outputs
  return Linear(layer.kernel, layer.bias, inputs, outputs)


def _norm(layer: tf_keras.layers.Layer) -> Norm:
  return Norm(layer.gamma, layer.beta, layer.epsilon)
