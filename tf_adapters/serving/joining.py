# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Weights by row of a batch whose rows belong to tasks of several families."""

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tf_adapters.modeling.address import BLOCK_LINEARS
from tf_adapters.modeling.parts import Block
from tf_adapters.modeling.parts import Parts
from tf_adapters.modeling.pieces import Norm


def join(frozen: Parts, families: list[tuple[Parts, tf.Tensor]]) -> Parts:
  """The weights of each row's own family.

  Args:
    frozen: The encoder without any task.
    families: The weights by row of each (see `Parts.mapped`), and bool
      `[batch]`, which rows are its own; a row is one family's at most.
  """
  if len(families) == 1:
    return families[0][0]
  return functools.reduce(_with, families, frozen)


def _with(parts: Parts, family: tuple[Parts, tf.Tensor]) -> Parts:
  theirs, member = family
  member = member[:, None, None]
  blocks = [
    _block(*pair, member)
    for pair in zip(parts.blocks, theirs.blocks, strict=True)
  ]
  return dataclasses.replace(
    parts,
    blocks=tuple(blocks),
    embedding_norm=_norm(parts.embedding_norm, theirs.embedding_norm, member),
  )


def _block(ours: Block, theirs: Block, member: tf.Tensor) -> Block:
  norms = {
    name: _norm(getattr(ours, name), getattr(theirs, name), member)
    for name in ("attention_norm", "output_norm")
  }
  adapters = dict(ours.adapters)
  for sublayer, bottlenecks in theirs.adapters.items():
    adapters[sublayer] = adapters.get(sublayer, ()) + tuple(
      dataclasses.replace(one, scale=tf.where(member, one.scale, 0.0))
      for one in bottlenecks
    )
  linears = {}
  for name in BLOCK_LINEARS:
    linear, update = getattr(ours, name), getattr(theirs, name).added
    if update is not None:
      update = update._replace(scale=tf.where(member, update.scale, 0.0))
      before = () if linear.added is None else linear.added.updates
      linears[name] = dataclasses.replace(
        linear, added=_Sum((*before, update))
      )
  return dataclasses.replace(ours, **norms, **linears, adapters=adapters)


class _Sum(NamedTuple):
  """The sum of low-rank updates, of which one is not 0 in each row."""

  updates: tuple[Callable[[tf.Tensor], tf.Tensor], ...]

  def __call__(self, x: tf.Tensor) -> tf.Tensor:
    return tf.add_n([update(x) for update in self.updates])


def _norm(ours: Norm, theirs: Norm, member: tf.Tensor) -> Norm:
  if theirs.gamma.shape.rank == 1:  # the encoder's: no task's own
    return ours
  return dataclasses.replace(
    ours,
    gamma=tf.where(member, theirs.gamma, ours.gamma),
    beta=tf.where(member, theirs.beta, ours.beta),
  )
