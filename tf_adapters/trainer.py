# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The inner loop of training: one visible step, on any strategy."""

import dataclasses
import math
import time

import numpy as np
import orbit
import tensorflow as tf

from tf_adapters import batching
from tf_adapters import distribution
from tf_adapters import inference
from tf_adapters import optimizer as optimizer_lib
from tf_adapters import reporting
from tf_adapters import tuning
from tf_adapters.config import TrainConfig
from tf_adapters.encoder import TaskModel
from tf_adapters.errors import InputError
from tf_adapters.layers import dropout
from tf_adapters.tasks import Task

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


class Trainer(orbit.AbstractTrainer, orbit.AbstractEvaluator):
  """Trains the task's variables of one model; make it in `strategy.scope()`.

  Args:
    model: Made by `tf_adapters.build` with a `Head`.
    problem: What is to be learned.
    config: How.
    reporter: Sees every step.

  Attributes:
    steps_per_epoch: ceil(examples / batch_size).
    steps: Of the whole run.
    trained: The variables that train.
    optimizer: Its `iterations` count the steps of the run.
  """

  def __init__(
    self,
    model: TaskModel,
    problem: Problem,
    config: TrainConfig,
    reporter: reporting.Reporter,
  ):
    self.strategy = tf.distribute.get_strategy()
    replicas = self.strategy.num_replicas_in_sync
    if config.batch_size % replicas:
      raise InputError(
        f"`train.batch_size` must be a multiple of the {replicas} replicas; "
        f"got {config.batch_size}."
      )
    self._model, self.problem, self.config = model, problem, config
    self.reporter = reporter
    self._lengths = problem.train.tokens.lengths
    self._buckets = batching.choose_buckets(
      self._lengths, worth=_COMPILATION / config.epochs
    )
    self.steps_per_epoch = -(-len(problem.train) // config.batch_size)
    self.steps = self.steps_per_epoch * config.epochs
    items = tuning.task_variables(model)
    self.trained = [item.variable for item in items]
    self.optimizer = optimizer_lib.make_optimizer(items, config, self.steps)
    self._predictor = inference.Predictor(model, self.strategy)
    step = self._replica_step
    if distribution.compiles_steps(self.strategy):
      step = tf.function(step, jit_compile=True)
    self._replica = step
    self._step = tf.function(self._global_step)
    self._planned: tuple[int, list[batching.Plan]] = (-1, [])
    self._seen_shapes: set[int] = set()
    self._steady = [0, 0.0]  # examples, seconds

  # --- One step ----------------------------------------------------------

  def _replica_step(self, inputs, targets, weights, total):
    """Loss, gradients of the task's variables, update: on one replica."""
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    row = tf.cast(replica, tf.int64) * targets.shape[0]
    noise = dropout.noise(self.config.seed, self.optimizer.iterations, row)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(self.trained)
      logits = self._model(inputs, training=True, noise=noise)
      losses = self.problem.task.loss(logits, targets)
      loss = tf.reduce_sum(losses * weights) / total
    gradients = tape.gradient(loss, self.trained)
    self.optimizer.apply_gradients(
      zip(gradients, self.trained, strict=True)
    )
    return loss

  def _global_step(self, inputs, targets, weights, total):
    losses = self.strategy.run(
      self._replica, args=(inputs, targets, weights, total)
    )
    return self.strategy.reduce("SUM", losses, axis=None)

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
          f"`train.learning_rate` (it is {self.config.learning_rate})."
        )
      losses.append(loss)
      self.reporter.step(loss, self.examples_per_s)
    return {
      "loss": np.mean(losses),
      "learning_rate": self.optimizer.learning_rate,
    }

  def evaluate(self, num_steps):
    """Dev scores and mean loss, every example once."""
    del num_steps  # always the whole set
    dev, task = self.problem.dev, self.problem.task
    logits = self._predictor.logits(dev.tokens)
    loss = float(tf.reduce_mean(task.loss(logits, dev.targets)))
    return {**task.score(logits, dev.targets), "loss": loss}

  def _plans(self, start: int, count: int) -> list[batching.Plan]:
    """The batches of steps `start` to `start + count`, within one epoch."""
    epoch, first = divmod(start, self.steps_per_epoch)
    if self._planned[0] != epoch:
      plans = batching.epoch(
        self._lengths,
        self._buckets,
        self.config.batch_size,
        self.config.seed,
        epoch,
      )
      self._planned = (epoch, list(plans))
    return self._planned[1][first : first + count]

  def _train_on(self, plan: batching.Plan) -> tf.Tensor:
    train = self.problem.train
    weights = (plan.rows >= 0).astype(np.float32)
    batch = {
      **batching.assemble(train.tokens, plan),
      "targets": train.targets[np.maximum(plan.rows, 0)],
      "weights": weights,
    }
    inputs = distribution.split(self.strategy, batch)
    targets, weights_of = inputs.pop("targets"), inputs.pop("weights")
    return self._step(inputs, targets, weights_of, tf.constant(weights.sum()))

  def _count(self, plan: batching.Plan, seconds: float) -> None:
    if plan.length in self._seen_shapes:
      self._steady[0] += int((plan.rows >= 0).sum())
      self._steady[1] += seconds
    self._seen_shapes.add(plan.length)

  @property
  def examples_per_s(self) -> float | None:
    examples, seconds = self._steady
    return examples / seconds if examples else None
