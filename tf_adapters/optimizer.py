# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""AdamW as the protocol has it: clipping, warm-up, decay on kernels only."""

import tensorflow as tf
import tf_keras

from tf_adapters import tuning
from tf_adapters.config import TrainConfig


def make_optimizer(
  variables: list[tuning.TaskVariable], config: TrainConfig, steps: int
) -> tf_keras.optimizers.Optimizer:
  """AdamW with decoupled decay on kernels, clipping, warm-up and decay."""
  optimizer = tf_keras.optimizers.AdamW(
    WarmupLinear(config.learning_rate, steps, config.warmup),
    weight_decay=config.weight_decay,
    epsilon=1e-6,  # as in BERT's own optimiser
    global_clipnorm=config.clip_norm,
  )
  # By object: names of hand-built layers say nothing.
  optimizer.exclude_from_weight_decay(
    var_list=[item.variable for item in variables if not item.decays]
  )
  optimizer.build([item.variable for item in variables])
  return optimizer


class WarmupLinear(tf_keras.optimizers.schedules.LearningRateSchedule):
  """Linear from 0 to `peak` over a share `warmup` of `steps`, then to 0.

      rate(t) = peak · min((t + 1) / w, (steps - t) / (steps - w))

  for t = 0, 1, … and w = max(1, warmup · steps).
  """

  def __init__(self, peak: float, steps: int, warmup: float):
    self.peak, self.steps, self.warmup = peak, steps, warmup

  def __call__(self, step):
    step = tf.cast(step, tf.float32)
    warm = max(1.0, self.warmup * self.steps)
    down = (self.steps - step) / max(1.0, self.steps - warm)
    return self.peak * tf.clip_by_value(
      tf.minimum((step + 1.0) / warm, down), 0.0, 1.0
    )

  def get_config(self):
    return {"peak": self.peak, "steps": self.steps, "warmup": self.warmup}
