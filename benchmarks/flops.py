# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Floating-point operations of one training step, by formula from shapes.

Only matrix products count: [a, b] times [b, c] is 2·a·b·c. What is left out
(softmax, LayerNorm, GELU, dropout, the optimiser) costs time but is small in
operations, so a share of the machine's limit that is reckoned so is a lower
bound.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Shape:
  """A training step.

  Attributes:
    batch: Examples.
    seq: Tokens an example.
    hidden: Width d of the encoder.
    inner: Width of its feed-forward layers.
    layers: Blocks.
    size: Bottleneck of the Houlsby adapters; 0: full fine-tuning instead.
    lowest: First block with adapters; all above have them too. Block 0 goes
      with the embedding's LayerNorm, which trains.
    cached: Whether blocks below `lowest` come out of a cache.
    classes: Width of the head.
  """

  batch: int
  seq: int
  hidden: int
  inner: int
  layers: int
  size: int = 64
  lowest: int = 0
  cached: bool = False
  classes: int = 2


@dataclasses.dataclass(frozen=True)
class _Block:
  """Operations of one block's forward products, by part."""

  inputs: int  # query, key and value
  attention: int  # scores and mixture: both operands are activations
  projection: int  # of the attention
  feed_forward: int
  adapter: int  # one of the two: down and up

  def forward(self, adapted: bool) -> int:
    return self.frozen + self.attention + 2 * self.adapter * adapted

  @property
  def frozen(self) -> int:
    """Products with the encoder's own kernels."""
    return self.inputs + self.projection + self.feed_forward


def _block(shape: Shape, queries: int) -> _Block:
  """A block of which `queries` positions are computed."""
  out, all_tokens = shape.batch * queries, shape.batch * shape.seq
  square = 2 * shape.hidden * shape.hidden
  return _Block(
    inputs=out * square + 2 * all_tokens * square,
    attention=2 * (2 * out * shape.seq * shape.hidden),
    projection=out * square,
    feed_forward=2 * (2 * out * shape.hidden * shape.inner),
    adapter=2 * (2 * out * shape.hidden * shape.size),
  )


def _backward(block: _Block, shape: Shape, index: int) -> int:
  """Operations of one block's backward products."""
  if not shape.size:  # each product has two gradients
    return 2 * (block.frozen + block.attention)
  if index < shape.lowest:
    return 0
  if index == shape.lowest and index > 0:
    # Nothing below trains: the way ends at the attention's adapter, of which
    # three products are left, as its input needs no gradient.
    return block.feed_forward + 2 * block.adapter + 3 * block.adapter // 2
  # A frozen product has the gradient of its input alone; the attention's
  # have two, and so have the adapters' (a kernel's and an input's).
  return block.frozen + 2 * block.attention + 2 * 2 * block.adapter


def training_step(shape: Shape) -> int:
  """Operations of forward and backward products of one step.

  The last block is computed for the first token alone, since the head reads
  nothing else; its keys and values are of all tokens.
  """
  total = 3 * 2 * shape.batch * shape.hidden * shape.classes  # the head
  for index in range(shape.layers):
    last = index == shape.layers - 1
    block = _block(shape, 1 if last else shape.seq)
    below = index < shape.lowest
    if not (below and shape.cached):
      total += block.forward(adapted=bool(shape.size) and not below)
    total += _backward(block, shape, index)
  return total
