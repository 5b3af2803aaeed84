# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Batches in portions, of which a CPU with several cores computes two at once.

What lies between matrix products is a row of small kernels, most of which run
on one core. Two portions, each with cores of its own, keep all cores at work
and wait for each other once a step. Small portions also take less memory, and
what is written is still in the cache when it is read.
"""

import os

import tensorflow as tf

SIDE_BY_SIDE = 2
_TOKENS = 1024  # of a portion


def share_cores() -> None:
  """Gives each of two portions its own cores.

  Each runs on a thread of its own; the cores beyond these two help both. Once
  TensorFlow runs its threads are what they are, and so they stay: the same
  numbers come a little later.
  """
  helpers = max(1, _cores() - SIDE_BY_SIDE)
  try:
    tf.config.threading.set_intra_op_parallelism_threads(helpers)
  except RuntimeError:
    return


def _cores() -> int:
  """Those that this process may use."""
  if hasattr(os, "sched_getaffinity"):  # not on macOS
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1


def count(rows: int, length: int) -> int:
  """Into how many equal portions a batch goes.

  Args:
    rows: Of the batch.
    length: Tokens a row.

  Returns:
    The least even divisor of `rows` with portions that are small enough; if
    `rows` is odd, or there is one core alone, the least divisor.
  """
  step = 2 if rows % 2 == 0 and _cores() > 1 else 1
  for number in range(step, rows, step):
    if rows % number == 0 and rows // number * length <= _TOKENS:
      return number
  return rows


def run(function, batch: dict[str, tf.Tensor], number: int) -> tf.Tensor:
  """`function` of a batch, portion by portion.

  Args:
    function: From a batch to one float32 tensor, whose first dimension grows
      with that of the batch.
    batch: Tensors whose first dimension is a multiple of `number`.
    number: Of portions.
  """
  if number == 1:
    return function(batch)
  outputs = tf.map_fn(
    function,
    cut(batch, number),
    parallel_iterations=SIDE_BY_SIDE,
    fn_output_signature=tf.float32,
  )
  return tf.reshape(outputs, [-1, *outputs.shape[2:]])


def cut(batch: dict[str, tf.Tensor], number: int) -> dict[str, tf.Tensor]:
  """The same tensors as `[number, ...]`."""
  return {
    name: tf.reshape(value, [number, -1, *value.shape[1:]])
    for name, value in batch.items()
  }
