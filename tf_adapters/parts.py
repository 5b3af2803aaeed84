# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A BERT laid open: its weights by role.

Checkpoint loaders write through it, the fingerprint and the forward pass read
through it.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterator

import tensorflow as tf
import tf_keras


@dataclasses.dataclass(frozen=True)
class Linear:
  """A dense map y = x·W + b; W and b may be stored split by heads.

  Attributes:
    kernel: Variable of `inputs` x `outputs` numbers, in that order; a tensor
      if lowered.
    bias: The same of `outputs` numbers.
    inputs: Width of x.
    outputs: Width of y.
  """

  kernel: tf.Variable
  bias: tf.Variable
  inputs: int
  outputs: int

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """Maps `[..., inputs]` to `[..., outputs]`.

    The product is computed, and returned, in the dtype of the kernel if that
    is a lower precision, else in that of `x`.
    """
    if self.kernel.dtype == tf.bfloat16:
      x = tf.cast(x, tf.bfloat16)
    return dense(x, self.matrix, tf.reshape(self.bias, [self.outputs]))

  @property
  def matrix(self) -> tf.Tensor:
    """The kernel as `[inputs, outputs]`."""
    return tf.reshape(self.kernel, [self.inputs, self.outputs])

  def lowered(self) -> "Linear":
    """A copy in bfloat16, which nothing keeps in step with this one."""
    return dataclasses.replace(
      self,
      kernel=tf.cast(self.kernel, tf.bfloat16),
      bias=tf.cast(self.bias, tf.bfloat16),
    )


@tf.custom_gradient
def _add_bias(y, bias):
  def gradient(upstream):
    # A product sums faster than the op's own gradient, and in float32.
    ones = tf.ones([1, tf.shape(upstream)[0]], upstream.dtype)
    return upstream, tf.linalg.matmul(ones, upstream)[0]

  return tf.nn.bias_add(y, bias), gradient  # one kernel with the product


def dense(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
  """x·W + b in the dtype of `x`: `[..., inputs]` to `[..., outputs]`."""
  inputs, outputs = kernel.shape
  # One plain product: an einsum over `...` has a gradient with respect to W
  # that makes an outer product for every token before it sums them.
  y = tf.linalg.matmul(tf.reshape(x, [-1, inputs]), tf.cast(kernel, x.dtype))
  y = _add_bias(y, tf.cast(bias, x.dtype))
  return tf.reshape(y, tf.concat([tf.shape(x)[:-1], [outputs]], axis=0))


@dataclasses.dataclass(frozen=True)
class Norm:
  """Layer normalisation over the last axis, in float32 as BERT has it.

  Attributes:
    gamma: `[hidden]`.
    beta: `[hidden]`.
    epsilon: Added to the variance.
    trains: Whether gamma and beta get gradients.
  """

  gamma: tf.Variable
  beta: tf.Variable
  epsilon: float
  trains: bool = False

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    return layer_norm(x, self.gamma, self.beta, self.epsilon)


def layer_norm(
  x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor, epsilon: float
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
    query_key_value: The three in one, if lowered.
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
  query_key_value: Linear | None = None

  def lowered(self) -> "Block":
    """The same with kernels and biases in bfloat16."""
    linears = {name: getattr(self, name).lowered() for name in BLOCK_LINEARS}
    three = [linears[name] for name in ("query", "key", "value")]
    merged = Linear(
      kernel=tf.concat([part.matrix for part in three], axis=1),
      bias=tf.concat([tf.reshape(part.bias, [-1]) for part in three], axis=0),
      inputs=self.query.inputs,
      outputs=sum(part.outputs for part in three),
    )
    return dataclasses.replace(self, **linears, query_key_value=merged)


@dataclasses.dataclass(frozen=True)
class Parts:
  """A whole encoder.

  Attributes:
    word_embeddings: `[vocabulary, hidden]`.
    position_embeddings: `[max_length, hidden]`.
    type_embeddings: `[types, hidden]`.
    embedding_dropout: Rate on the embeddings.
    policy: The Keras policy under which the encoder was built; its compute
      dtype is that of products.
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

  def lowered(self) -> "Parts":
    """The same with the blocks' kernels and biases in bfloat16."""
    return dataclasses.replace(
      self, blocks=tuple(block.lowered() for block in self.blocks)
    )

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
