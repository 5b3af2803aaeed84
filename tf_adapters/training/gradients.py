# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Loss and gradients of one batch, which may go through in portions."""

import dataclasses

import tensorflow as tf

from tf_adapters.modeling.compute import Compute
from tf_adapters.modeling.layers import dropout
from tf_adapters.modeling.model import TaskModel
from tf_adapters.tasks import Task
from tf_adapters.training import portions


@dataclasses.dataclass(frozen=True)
class Gradients:
  """Differentiates the loss by what trains, and by nothing else.

  Attributes:
    model: Made by `tf_adapters.build` with a `Head`.
    task: Gives the loss.
    trained: The variables.
    compute: How the model is computed.
    seed: Of dropout.
  """

  model: TaskModel
  task: Task
  trained: list[tf.Variable]
  compute: Compute
  seed: int

  def __call__(self, batch, step, first):
    """Loss, summed by weight, and its gradients.

    Args:
      batch: Inputs of the encoder, `targets` and `weights`; the first
        dimension of each is a multiple of the number of rows.
      step: int64 scalar, number of the training step.
      first: int64 scalar, the batch's first row in the global batch.
    """
    rows, length = batch["input_mask"].shape
    count = portions.count(rows, length) if self.compute.portions else 1
    if count == 1:
      return self._once(batch, step, first)
    return self._in_portions(batch, step, first, count, rows // count)

  @tf.autograph.experimental.do_not_convert
  def _once(self, batch, step, first):
    inputs = dict(batch)
    targets, weights = inputs.pop("targets"), inputs.pop("weights")
    noise = dropout.noise(self.seed, step, first)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(self.trained)
      logits = self.model(
        inputs, training=True, noise=noise, compute=self.compute
      )
      loss = tf.reduce_sum(self.task.loss(logits, targets) * weights)
    # Those of embeddings come in pieces, whose norm is not that of their sum.
    gradients = tape.gradient(loss, self.trained)
    return loss, [tf.convert_to_tensor(gradient) for gradient in gradients]

  def _in_portions(self, batch, step, first, count, rows):
    parts = portions.cut(batch, count)
    sums = [tf.constant(0.0), *map(tf.zeros_like, self.trained)]
    for index in tf.range(count):
      tf.autograph.experimental.set_loop_options(
        parallel_iterations=portions.SIDE_BY_SIDE
      )
      loss, gradients = self._once(
        {name: value[index] for name, value in parts.items()},
        step,
        first + tf.cast(index, tf.int64) * rows,
      )
      sums = [
        total + value
        for total, value in zip(sums, [loss, *gradients], strict=True)
      ]
    return sums[0], sums[1:]
