# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A BERT laid open: its weights by role.

Checkpoint loaders write through it, the fingerprint and the forward pass read
through it.
"""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tf_keras

from tf_adapters.modeling.address import BLOCK_LINEARS
from tf_adapters.modeling.address import BLOCK_PIECES
from tf_adapters.modeling.address import EMBEDDINGS
from tf_adapters.modeling.address import Address
from tf_adapters.modeling.pieces import Bottleneck
from tf_adapters.modeling.pieces import Linear
from tf_adapters.modeling.pieces import Norm
from tf_adapters.modeling.pieces import Read

SUBLAYERS = ("attention", "output")


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
    adapters: What is added at the end of the sublayers `attention` and
      `output`: for a model's own task at most one each.
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
  adapters: Mapping[str, tuple[Bottleneck, ...]] = dataclasses.field(
    default_factory=dict
  )

  def lowered(self) -> "Block":
    """The same with products in bfloat16; see `Linear.lowered`."""
    linears = {name: getattr(self, name).lowered() for name in BLOCK_LINEARS}
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

  def mapped(self, read: Read) -> "Block":
    """The same with `read(variable)` in the place of each variable."""
    pieces = {
      name: getattr(self, name).mapped(read) for name in BLOCK_PIECES
    }
    adapters = {
      sublayer: tuple(bottleneck.mapped(read) for bottleneck in bottlenecks)
      for sublayer, bottlenecks in self.adapters.items()
    }
    prefix = None if self.prefix is None else self.prefix.mapped(read)
    return dataclasses.replace(
      self,
      **pieces,
      adapters=adapters,
      prefix=prefix,
      query_key_value=None,  # made of kernels that are others now
    )

  def gated(self, gates: tf.Tensor) -> "Block":
    """The same with gates, `[sublayers]`, times what its adapters add."""
    by_sublayer = dict(zip(SUBLAYERS, tf.unstack(gates), strict=True))
    adapters = {
      sublayer: tuple(one.gated(by_sublayer[sublayer]) for one in bottlenecks)
      for sublayer, bottlenecks in self.adapters.items()
    }
    return dataclasses.replace(self, adapters=adapters)

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
    """The same with the blocks' products in bfloat16."""
    return dataclasses.replace(
      self, blocks=tuple(block.lowered() for block in self.blocks)
    )

  def mapped(self, read: Read) -> "Parts":
    """The same with `read(variable)` in the place of each variable.

    A variable's shape may get one more axis in front, for weights of each row
    of a batch, where it is of a LayerNorm, a bottleneck or a low-rank update;
    vectors then are `[batch, 1, n]`.
    """
    return dataclasses.replace(
      self,
      **{
        f"{kind}_embeddings": read(getattr(self, f"{kind}_embeddings"))
        for kind in EMBEDDINGS
      },
      embedding_norm=self.embedding_norm.mapped(read),
      blocks=tuple(block.mapped(read) for block in self.blocks),
      pooler=self.pooler.mapped(read),
      prompt=None if self.prompt is None else self.prompt.mapped(read),
    )

  def gated(self, gates: tf.Tensor) -> "Parts":
    """The same with gates times what the adapters add.

    A gate of 1 changes no bit, one of 0 takes an adapter away and leaves the
    LayerNorms as they are. Within a function one trace serves all values.

    Args:
      gates: float32 `[blocks, sublayers]`, sublayers as in `SUBLAYERS`.
    """
    blocks = zip(self.blocks, tf.unstack(gates), strict=True)
    return dataclasses.replace(
      self, blocks=tuple(block.gated(of_block) for block, of_block in blocks)
    )

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
