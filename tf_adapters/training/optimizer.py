# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""AdamW as the protocol has it: clipping, warm-up, decay on kernels only."""

import tensorflow as tf
import tf_keras

from tf_adapters.config import TrainConfig
from tf_adapters.modeling import tuning


def make_optimizer(
  variables: list[tuning.TaskVariable], config: TrainConfig, steps: int
) -> tf_keras.optimizers.legacy.Optimizer:
  """AdamW with decoupled decay on kernels, clipping, warm-up and decay."""
  optimizer = AdamW(
    WarmupLinear(config.learning_rate, steps, config.warmup),
    # By object: names of hand-built layers say nothing.
    decayed=[item.variable for item in variables if item.decays],
    weight_decay=config.weight_decay,
    epsilon=1e-6,  # as in BERT's own optimiser
    global_clipnorm=config.clip_norm,
  )
  optimizer._create_all_weights([item.variable for item in variables])
  return optimizer


class AdamW(tf_keras.optimizers.legacy.Adam):
  """Adam with decoupled weight decay, one operation a variable.

      θ ← θ - rate·decay·θ;  then Adam's step

  Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization",
  ICLR 2019, algorithm 2. The `AdamW` of tf_keras computes the same by some 25
  operations a variable, which take longer to trace and to run.

  Args:
    learning_rate: A schedule.
    decayed: The variables that decay.
    weight_decay: Factor of the decay.
    **kwargs: Of `tf_keras.optimizers.legacy.Adam`.
  """

  def __init__(self, learning_rate, decayed, weight_decay, **kwargs):
    super().__init__(learning_rate, **kwargs)
    self._decayed = {variable.ref() for variable in decayed}
    self._weight_decay = weight_decay

  def _resource_apply_dense(self, grad, var, apply_state=None):
    if var.ref() not in self._decayed:
      return super()._resource_apply_dense(grad, var, apply_state)
    rate = apply_state[var.device, var.dtype.base_dtype]["lr_t"]
    decay = var.assign_sub(
      rate * self._weight_decay * var, use_locking=self._use_locking
    )
    with tf.control_dependencies([decay]):
      return super()._resource_apply_dense(grad, var, apply_state)


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
