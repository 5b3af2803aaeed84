# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The training loop: Orbit outside, one visible step inside."""

import contextlib
import dataclasses
import io
import math
import pathlib
import time

import numpy as np
import orbit
import tensorflow as tf
import tf_keras

from tf_adapters import batching
from tf_adapters import distribution
from tf_adapters import inference
from tf_adapters import reporting
from tf_adapters import tuning
from tf_adapters import writing
from tf_adapters.config import TrainConfig
from tf_adapters.encoder import TaskModel
from tf_adapters.errors import InputError
from tf_adapters.layers import dropout
from tf_adapters.tasks import Task

_STEPS_PER_CURVE_POINT = 20
# Tokens that are trained on a CPU while XLA compiles one more shape (MiniLM:
# 12 s at some 6,000 tokens/s); a shape that saves less is not worth it.
_COMPILATION = 70_000


@dataclasses.dataclass(frozen=True)
class Dataset:
  """Tokenised examples with `task.targets` of them."""

  tokens: batching.Tokenised
  targets: np.ndarray

  def __len__(self) -> int:
    return len(self.targets)


@dataclasses.dataclass(frozen=True)
class Problem:
  """What is to be learned, from what.

  Attributes:
    task: Gives loss and scores.
    train: Examples to learn from.
    dev: Examples by which the best epoch is kept; None keeps the last.
    metric: One of `task.metrics`, the one that says which is best.
  """

  task: Task
  train: Dataset
  dev: Dataset | None
  metric: str


@dataclasses.dataclass(frozen=True)
class Result:
  """How training went; the model then holds the best epoch's variables.

  Attributes:
    metrics: Dev scores of the best epoch; empty without a dev set.
    epoch: The best epoch, from 1.
    examples_per_s: Trained examples over time, without first steps of a
      shape, which compile; None if there were no others.
  """

  metrics: dict[str, float | None]
  epoch: int
  examples_per_s: float | None


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


class Trainer(orbit.AbstractTrainer, orbit.AbstractEvaluator):
  """Trains the task's variables of one model; make it in `strategy.scope()`.

  Args:
    model: Made by `tf_adapters.build` with a `Head`.
    problem: What is to be learned.
    config: How.
    reporter: Sees every step.
  """

  def __init__(
    self,
    model: TaskModel,
    problem: Problem,
    config: TrainConfig,
    reporter: reporting.Reporter,
  ):
    self._strategy = tf.distribute.get_strategy()
    replicas = self._strategy.num_replicas_in_sync
    if config.batch_size % replicas:
      raise InputError(
        f"`train.batch_size` must be a multiple of the {replicas} replicas; "
        f"got {config.batch_size}."
      )
    self._model, self._problem, self._config = model, problem, config
    self._reporter = reporter
    self._lengths = problem.train.tokens.lengths
    self._buckets = batching.choose_buckets(
      self._lengths, worth=_COMPILATION / config.epochs
    )
    self.steps_per_epoch = -(-len(problem.train) // config.batch_size)
    self.steps = self.steps_per_epoch * config.epochs
    items = tuning.task_variables(model)
    self._variables = [item.variable for item in items]
    self.optimizer = make_optimizer(items, config, self.steps)
    self._best = [tf.Variable(v, trainable=False) for v in self._variables]
    self._best_score = tf.Variable(-math.inf, dtype=tf.float64)
    self._best_epoch = tf.Variable(0, dtype=tf.int64)
    self._evaluated = tf.Variable(0, dtype=tf.int64)
    self._predictor = inference.Predictor(model, self._strategy)
    step = self._replica_step
    if distribution.compiles_steps(self._strategy):
      step = tf.function(step, jit_compile=True)
    self._replica = step
    self._step = tf.function(self._global_step)
    self._seen_shapes: set[int] = set()
    self._steady = [0, 0.0]  # examples, seconds

  # --- One step ----------------------------------------------------------

  def _replica_step(self, inputs, targets, weights, total):
    """Loss, gradients of the task's variables, update: on one replica."""
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    row = tf.cast(replica, tf.int64) * targets.shape[0]
    noise = dropout.noise(self._config.seed, self.optimizer.iterations, row)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(self._variables)
      logits = self._model(inputs, training=True, noise=noise)
      losses = self._problem.task.loss(logits, targets)
      loss = tf.reduce_sum(losses * weights) / total
    gradients = tape.gradient(loss, self._variables)
    self.optimizer.apply_gradients(
      zip(gradients, self._variables, strict=True)
    )
    return loss

  def _global_step(self, batch, total):
    inputs, targets, weights = batch["inputs"], batch["t"], batch["w"]
    losses = self._strategy.run(
      self._replica, args=(inputs, targets, weights, total)
    )
    return self._strategy.reduce("SUM", losses, axis=None)

  # --- Orbit's inner loops -------------------------------------------------

  def train(self, num_steps):
    """Runs `num_steps` steps from where the optimiser stands."""
    losses = []
    start = int(self.optimizer.iterations.numpy())
    for plan in self._plans(start, int(num_steps)):
      began = time.perf_counter()
      loss = float(self._train_on(plan))
      self._count(plan, time.perf_counter() - began)
      if not math.isfinite(loss):
        raise InputError(
          f"the loss became {loss} at step {start + len(losses) + 1}; lower "
          f"`train.learning_rate` (it is {self._config.learning_rate})."
        )
      losses.append(loss)
      self._reporter.step(loss, self.examples_per_s)
    return {
      "loss": np.mean(losses),
      "learning_rate": self.optimizer.learning_rate,
    }

  def evaluate(self, num_steps):
    """Dev scores and mean loss, every example once."""
    del num_steps  # always the whole set
    dev, task = self._problem.dev, self._problem.task
    logits = self._predictor.logits(dev.tokens)
    loss = float(tf.reduce_mean(task.loss(logits, dev.targets)))
    return {**task.score(logits, dev.targets), "loss": loss}

  def _plans(self, start: int, count: int):
    """The batches of steps `start` to `start + count`, within one epoch."""
    epoch, first = divmod(start, self.steps_per_epoch)
    plans = batching.epoch(
      self._lengths,
      self._buckets,
      self._config.batch_size,
      self._config.seed,
      epoch,
    )
    for index, plan in enumerate(plans):
      if first <= index < first + count:
        yield plan

  def _train_on(self, plan: batching.Plan):
    train = self._problem.train
    real = (plan.rows >= 0).astype(np.float32)
    batch = batching.assemble(train.tokens, plan)
    batch["t"] = train.targets[np.maximum(plan.rows, 0)]
    batch["w"] = real
    parts = distribution.split(self._strategy, batch)
    targets, weights = parts.pop("t"), parts.pop("w")
    return self._step(
      {"inputs": parts, "t": targets, "w": weights}, tf.constant(real.sum())
    )

  def _count(self, plan: batching.Plan, seconds: float) -> None:
    if plan.length in self._seen_shapes:
      self._steady[0] += int((plan.rows >= 0).sum())
      self._steady[1] += seconds
    self._seen_shapes.add(plan.length)

  @property
  def examples_per_s(self) -> float | None:
    examples, seconds = self._steady
    return examples / seconds if examples else None

  # --- The whole run -------------------------------------------------------

  def fit(self, folder: pathlib.Path) -> Result:
    """Trains to the end; resumes where checkpoints in `folder` left off.

    Args:
      folder: Holds `checkpoints/` (the trained variables, the optimiser's
        state and the best epoch's variables, nothing frozen) and `curves/`
        for TensorBoard.
    """
    checkpoint = tf.train.Checkpoint(
      trained=self._variables,
      optimizer=self.optimizer,
      best=self._best,
      best_score=self._best_score,
      best_epoch=self._best_epoch,
      evaluated=self._evaluated,
    )
    manager = tf.train.CheckpointManager(
      checkpoint,
      str(folder / "checkpoints"),
      max_to_keep=1,
      step_counter=self.optimizer.iterations,
    )
    chief = distribution.is_chief(self._strategy)

    def save():
      if chief:
        with writing.as_os_error(manager.directory):
          manager.save(int(self.optimizer.iterations.numpy()))

    # Orbit prints what it also logs; stdout is for results.
    with contextlib.redirect_stdout(io.StringIO()), self._bar():
      controller = orbit.Controller(
        global_step=self.optimizer.iterations,
        trainer=self,
        evaluator=self,
        strategy=self._strategy,
        steps_per_loop=self._steps_to_next_stop,
        checkpoint_manager=manager,
        train_actions=[lambda _: self._save_between(save)],
        summary_dir=str(folder / "curves/train") if chief else None,
        eval_summary_dir=str(folder / "curves/dev") if chief else None,
      )
      done = int(self.optimizer.iterations.numpy())
      self._reporter.start(self.steps, done)
      if done:
        self._reporter.say(f"resumed at step {done} of {self.steps}")
      while self._evaluated.numpy() < self._config.epochs:
        epoch = int(self._evaluated.numpy()) + 1
        controller.train(
          epoch * self.steps_per_epoch, checkpoint_at_completion=False
        )
        self._finish_epoch(epoch, controller)
        save()
    return self._take_best()

  @contextlib.contextmanager
  def _bar(self):
    try:
      yield
    finally:
      self._reporter.stop()

  def _steps_to_next_stop(self, step) -> int:
    """Stops at ends of epochs, at checkpoints and for points of curves."""
    intervals = (
      self.steps_per_epoch,
      self._config.checkpoint_steps,
      _STEPS_PER_CURVE_POINT,
    )
    return min(every - int(step) % every for every in intervals)

  def _save_between(self, save) -> None:
    step = int(self.optimizer.iterations.numpy())
    # The end of an epoch is saved after its evaluation, not before.
    ends_epoch = step % self.steps_per_epoch == 0
    if step % self._config.checkpoint_steps == 0 and not ends_epoch:
      save()

  def _finish_epoch(self, epoch: int, controller: orbit.Controller) -> None:
    score = float(epoch)  # without a dev set the last epoch is the best
    if self._problem.dev is not None:
      scores = controller.evaluate()
      value = scores[self._problem.metric]
      sign = -1.0 if self._problem.metric == "mse" else 1.0
      score = -math.inf if value is None else sign * float(value)
    best = score > self._best_score.numpy() or epoch == 1
    if best:
      for kept, variable in zip(self._best, self._variables, strict=True):
        kept.assign(variable)
      self._best_score.assign(score)
      self._best_epoch.assign(epoch)
    self._evaluated.assign(epoch)
    if self._problem.dev is not None:
      self._reporter.evaluation(epoch, scores, best)

  def _take_best(self) -> Result:
    for kept, variable in zip(self._best, self._variables, strict=True):
      variable.assign(kept)
    metrics = {} if self._problem.dev is None else self.evaluate(-1)
    return Result(
      metrics, int(self._best_epoch.numpy()), self.examples_per_s
    )
