# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A BERT laid open: its weights by role.

Checkpoint loaders write through it, the fingerprint and the forward pass read
through it.
"""

import dataclasses
import operator
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import ClassVar

import tensorflow as tf
import tf_keras

from tf_adapters.address import BLOCK_LINEARS
from tf_adapters.address import BLOCK_PIECES
from tf_adapters.address import EMBEDDINGS
from tf_adapters.address import Address


@dataclasses.dataclass(frozen=True)
class Linear:
  """A dense map y = x·W + b; W and b may be stored split by heads.

  Attributes:
    kernel: Variable of `inputs` x `outputs` numbers, in that order; a tensor
      if lowered.
    bias: The same of `outputs` numbers.
    inputs: Width of x.
    outputs: Width of y.
    trains: Which of the variables are a task's own and get gradients.
    added: A task's own map of x whose result is added to y.
  """

  kernel: tf.Variable
  bias: tf.Variable
  inputs: int
  outputs: int
  trains: tuple[str, ...] = ()
  added: Callable[[tf.Tensor], tf.Tensor] | None = None

  VARIABLES: ClassVar[tuple[str, ...]] = ("kernel", "bias")

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    """Maps `[..., inputs]` to `[..., outputs]`.

    The product is computed, and returned, in the dtype of the kernel if that
    is a lower precision, else in that of `x`.
    """
    read = x
    if self.kernel.dtype == tf.bfloat16:
      read = tf.cast(x, tf.bfloat16)
    y = dense(read, self.matrix, tf.reshape(self.bias, [self.outputs]))
    return y if self.added is None else y + tf.cast(self.added(x), y.dtype)

  @property
  def matrix(self) -> tf.Tensor:
    """The kernel as `[inputs, outputs]`."""
    return tf.reshape(self.kernel, [self.inputs, self.outputs])

  @property
  def frozen(self) -> bool:
    """Whether it is the encoder's, and nothing else."""
    return not self.trains and self.added is None

  def lowered(self) -> "Linear":
    """The same with what is frozen in bfloat16.

    Nothing keeps that in step with this one, so what trains stays as it is.
    """
    if "kernel" in self.trains:
      return self
    lower = [name for name in self.VARIABLES if name not in self.trains]
    return dataclasses.replace(
      self,
      **{name: tf.cast(getattr(self, name), tf.bfloat16) for name in lower},
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
    trains: Which of the variables are a task's own and get gradients.
  """

  gamma: tf.Variable
  beta: tf.Variable
  epsilon: float
  trains: tuple[str, ...] = ()

  VARIABLES: ClassVar[tuple[str, ...]] = ("gamma", "beta")

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
    query_key_value: The three in one, if lowered and frozen.
    prefix: A task's own keys and values before those of each text.
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
  prefix: Any = None

  def lowered(self) -> "Block":
    """The same with frozen kernels and biases in bfloat16."""
    linears = {name: getattr(self, name).lowered() for name in BLOCK_LINEARS}
    if all(linears[name] is getattr(self, name) for name in linears):
      return self
    three = [linears[name] for name in ("query", "key", "value")]
    if not all(part.frozen for part in three):
      return dataclasses.replace(self, **linears)
    merged = Linear(
      kernel=tf.concat([part.matrix for part in three], axis=1),
      bias=tf.concat([tf.reshape(part.bias, [-1]) for part in three], axis=0),
      inputs=self.query.inputs,
      outputs=sum(part.outputs for part in three),
    )
    return dataclasses.replace(self, **linears, query_key_value=merged)

  def added(self) -> Iterator[tuple[str, Any]]:
    """Layers that a task put beside the block's own, by name."""
    for role in BLOCK_LINEARS:
      if getattr(self, role).added is not None:
        yield f"{role}_lora", getattr(self, role).added
    if self.prefix is not None:
      yield "prefix", self.prefix


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
    prompt: A task's own vectors before the embeddings of each text.
  """

  word_embeddings: tf.Variable
  position_embeddings: tf.Variable
  type_embeddings: tf.Variable
  embedding_norm: Norm
  embedding_dropout: float
  blocks: tuple[Block, ...]
  pooler: Linear
  policy: tf_keras.mixed_precision.Policy
  prompt: Any = None

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
    """The same with the blocks' frozen kernels and biases in bfloat16."""
    blocks = tuple(block.lowered() for block in self.blocks)
    if all(map(operator.is_, blocks, self.blocks)):
      return self
    return dataclasses.replace(self, blocks=blocks)

  def added(self) -> Iterator[tuple[str, Any]]:
    """Layers that a task put beside the encoder's own, by name."""
    if self.prompt is not None:
      yield "prompt", self.prompt
    for index, block in enumerate(self.blocks):
      for name, layer in block.added():
        yield f"block_{index}/{name}", layer

  def named(self) -> Iterator[tuple[str, tf.Variable]]:
    """Every variable with its name, in one fixed order."""
    for address, variable in self.addressed():
      yield address.name, variable

  def addressed(self) -> Iterator[tuple[Address, tf.Variable]]:
    """Every variable with its address, in the same order."""
    for kind in EMBEDDINGS:
      variable = getattr(self, f"{kind}_embeddings")
      yield Address(None, "embeddings", kind), variable
    yield from _addressed(None, "embeddings/norm", self.embedding_norm)
    for index, block in enumerate(self.blocks):
      for role in BLOCK_PIECES:
        yield from _addressed(index, role, getattr(block, role))
    yield from _addressed(None, "pooler", self.pooler)


def _addressed(block: int | None, name: str, piece: Linear | Norm):
  for attribute in piece.VARIABLES:
    yield Address(block, name, attribute), getattr(piece, attribute)
