# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Where in an encoder a variable sits, and what it is called from there.

Without TensorFlow, for what counts variables and has none.
"""

import types
from typing import NamedTuple

from tf_adapters import config as config_lib

EMBEDDINGS = ("word", "position", "type")
BLOCK_LINEARS = config_lib.LINEARS
BLOCK_PIECES = (*BLOCK_LINEARS, "attention_norm", "output_norm")

_ROLES = types.MappingProxyType({
  "embeddings": "embeddings",
  "embeddings/norm": "layer_norm",
  "query": "attention",
  "key": "attention",
  "value": "attention",
  "attention_output": "attention",
  "attention_norm": "layer_norm",
  "intermediate": "feed_forward",
  "output": "feed_forward",
  "output_norm": "layer_norm",
  "pooler": "pooler",
})


class Address(NamedTuple):
  """Where in an encoder a variable sits.

  Attributes:
    block: Number of the block; None: outside the blocks.
    piece: As `query`, `output_norm`, `embeddings` or `pooler`.
    attribute: As `kernel`, `bias`, `gamma`, `beta` or `word`.
  """

  block: int | None
  piece: str
  attribute: str

  @property
  def name(self) -> str:
    """As `block_0/query/kernel`."""
    inside = f"{self.piece}/{self.attribute}"
    return inside if self.block is None else f"block_{self.block}/{inside}"

  @property
  def module_name(self) -> str:
    """Of a task's copy in its module."""
    # The one name that modules had before they could hold any other copy.
    return self.name.replace("embeddings/norm", "embedding_norm")

  @property
  def role(self) -> str:
    """As `attention`; see `tf_adapters.modeling.tuning.TaskVariable`."""
    return _ROLES[self.piece]
