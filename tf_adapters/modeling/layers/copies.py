# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A task's own copies of frozen variables: they start equal and train apart."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf
import tf_keras

from tf_adapters.modeling.address import BLOCK_PIECES
from tf_adapters.modeling.address import Address
from tf_adapters.modeling.parts import Parts


class Copies(tf_keras.layers.Layer):
  """Holds one task's copies of an encoder's variables.

  A layer that nobody calls: Keras finds, counts and saves the copies in it,
  and the forward pass reads them in the place of what they are copies of.
  """

  def __init__(self, **kwargs):
    super().__init__(**{**kwargs, "dtype": tf.float32})
    self.built = True

  def put_into(self, parts: Parts, copied: Callable[[Address], bool]) -> Parts:
    """`parts` with a copy of each variable for whose address `copied` is true.

    The variables themselves are read and never written.
    """

    def choose(address, variable):
      return self._copy(address, variable) if copied(address) else variable

    return _replaced(parts, choose)

  def _copy(self, address: Address, variable: tf.Variable) -> tf.Variable:
    value = tf.constant(variable.numpy())

    def initial(shape, dtype=None, **kwargs):
      del shape, dtype, kwargs
      return value

    return self.add_weight(
      address.name, variable.shape, dtype=variable.dtype, initializer=initial
    )


def _replaced(parts: Parts, choose: Callable) -> Parts:
  """`parts` with `choose(address, variable)` in the place of each variable."""
  chosen = {
    address: choose(address, variable)
    for address, variable in parts.addressed()
  }

  def piece(block, name, old):
    values = {key: chosen[Address(block, name, key)] for key in old.VARIABLES}
    own = tuple(key for key in values if values[key] is not getattr(old, key))
    return dataclasses.replace(old, **values, trains=own)

  blocks = []
  for index, block in enumerate(parts.blocks):
    pieces = {
      name: piece(index, name, getattr(block, name))
      for name in BLOCK_PIECES
    }
    blocks.append(dataclasses.replace(block, **pieces))
  return dataclasses.replace(
    parts,
    **{
      f"{address.attribute}_embeddings": value
      for address, value in chosen.items()
      if address.piece == "embeddings"
    },
    embedding_norm=piece(None, "embeddings/norm", parts.embedding_norm),
    blocks=tuple(blocks),
    pooler=piece(None, "pooler", parts.pooler),
  )
