# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The numbers of a BERT's parameters in closed form, without the package."""

import dataclasses

VOCABULARY, POSITIONS, TYPES = 30522, 512, 2  # of the uncased BERTs


@dataclasses.dataclass(frozen=True)
class Shape:
  """A BERT; the numbers are those of Devlin et al. (2019)."""

  hidden: int
  blocks: int
  heads: int
  inner: int = 0
  vocabulary: int = VOCABULARY
  positions: int = POSITIONS
  types: int = TYPES

  @property
  def width(self) -> int:
    """Of the feed-forward layer."""
    return self.inner or 4 * self.hidden

  @property
  def in_blocks(self) -> int:
    d, i = self.hidden, self.width
    attention, feed_forward = 4 * (d * d + d), 2 * d * i + i + d
    return self.blocks * (attention + feed_forward + 4 * d)

  @property
  def in_embeddings(self) -> int:
    """With their LayerNorm."""
    rows = self.vocabulary + self.positions + self.types
    return (rows + 2) * self.hidden

  @property
  def in_pooler(self) -> int:
    return self.hidden**2 + self.hidden

  @property
  def in_all(self) -> int:
    return self.in_blocks + self.in_embeddings + self.in_pooler

  def adapters(self, size: int, each_block: int = 2) -> int:
    d = self.hidden
    return each_block * self.blocks * (2 * d * size + d + size)

  @property
  def norms(self) -> int:
    return (2 * self.blocks + 1) * 2 * self.hidden

  @property
  def biases(self) -> int:
    """Without the pooler's."""
    d = self.hidden
    # q, k, v, output, d each; two of the feed-forward layers; two LayerNorms.
    return self.blocks * (4 * d + self.width + d + 2 * d) + d

  def lora(self, rank: int) -> int:
    """Of query and value."""
    return self.blocks * 2 * rank * 2 * self.hidden

  def trained(self, size: int) -> int:
    return self.adapters(size) + self.norms


SHAPES = {"BERT-base": Shape(768, 12, 12), "BERT-large": Shape(1024, 24, 16)}
