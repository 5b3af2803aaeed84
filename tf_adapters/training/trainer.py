# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The inner loop of training: one visible step, on any strategy."""

import dataclasses
import math
import pathlib
import time
from collections.abc import Iterator

import numpy as np
import orbit
import tensorflow as tf

from tf_adapters import metrics
from tf_adapters.config import TrainConfig
from tf_adapters.errors import InputError
from tf_adapters.modeling import compute as compute_lib
from tf_adapters.modeling import tuning
from tf_adapters.modeling.model import TaskModel
from tf_adapters.tasks import Task
from tf_adapters.tokens import batching
from tf_adapters.tokens import packing
from tf_adapters.training import distribution
from tf_adapters.training import gradients as gradients_lib
from tf_adapters.training import inference
from tf_adapters.training import optimizer as optimizer_lib
from tf_adapters.training import prefix_cache
from tf_adapters.training import reporting

# Tokens that are trained on a CPU while XLA makes the kernels of one more
# shape (MiniLM: 4 s at some 10,000 tokens/s); one that saves less costs time.
_COMPILATION = 40_000
# Tokens of a run above which kernels are compiled at all; what is shorter is
# over sooner without.
_WORTH_COMPILING = 100_000


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


class Trainer(orbit.AbstractTrainer):
  """Trains the task's variables of one model; make it in `strategy.scope()`.

  Args:
    model: Made by `tf_adapters.build` with a `Head`.
    problem: What is to be learned.
    config: How.
    reporter: Sees every step.

  Attributes:
    shape: Of the batches.
    compute: How the model is computed.
    steps_per_epoch: ceil(examples / batch_size).
    steps: Of the whole run.
    trained: The variables that train.
    optimizer: Its `iterations` count the steps of the run.
    gradients: Loss and gradients of one batch.
    prefix_outputs: `[tokens, hidden]`, what enters the lowest block that
      trains, for every token of the training set; None: computed each step.
  """

  def __init__(
    self,
    model: TaskModel,
    problem: Problem,
    config: TrainConfig,
    reporter: reporting.Reporter,
  ):
    self.strategy = tf.distribute.get_strategy()
    self.model, self.problem, self.config = model, problem, config
    self.reporter = reporter
    self._lengths = problem.train.tokens.lengths
    self.shape = packing.choose_shape(
      self._lengths,
      config.batch_size,
      worth=_COMPILATION / config.epochs,
      most=1 if config.steps_per_loop > 1 else 3,
      multiple=distribution.parts(self.strategy),
    )
    self.steps_per_epoch = -(-len(problem.train) // config.batch_size)
    self.steps = self.steps_per_epoch * config.epochs
    items = tuning.task_variables(model)
    self.trained = [item.variable for item in items]
    self.optimizer = optimizer_lib.make_optimizer(items, config, self.steps)
    self._rate = self.optimizer.learning_rate
    long = self._lengths.sum() * config.epochs > _WORTH_COMPILING
    self.compute = compute_lib.prepare(
      model.encoder.parts,
      config.precision,
      compiled=bool(long) and distribution.fuses_kernels(self.strategy),
      portions=distribution.fuses_kernels(self.strategy),
      recompute=config.recompute,
    )
    self.gradients = gradients_lib.Gradients(
      model, problem.task, self.trained, self.compute, config.seed
    )
    self.prefix_outputs: np.ndarray | None = None
    self._predictor = inference.Predictor(
      model, self.strategy, self.compute.parts
    )
    step = self.replica_step
    if distribution.compiles_steps(self.strategy):
      step = tf.function(step, jit_compile=True)
    self._replica = step
    self._loop = tf.function(self._loop_once)
    self._planned: tuple[int, list[packing.Plan]] = (-1, [])
    self._seen_shapes: set[tuple[int, int]] = set()
    self._steady = [0, 0.0]  # examples, seconds

  def cache_prefix(self, folder: pathlib.Path) -> None:
    """Fills `prefix_outputs` if `train.cache_prefix` asks for it.

    Args:
      folder: For large ones.
    """
    if not self.config.cache_prefix:
      return
    if self.strategy.num_replicas_in_sync > 1:
      raise InputError("`train.cache_prefix` works on one device only.")
    self.prefix_outputs = prefix_cache.outputs(
      self.model,
      self.problem.train.tokens,
      self.compute,
      folder,
      self.config.cache_gigabytes,
    )

  # --- One step ----------------------------------------------------------

  def replica_step(self, inputs, targets, weights, total):
    """Loss, gradients of the task's variables, update: on one replica.

    Args:
      inputs: Of the encoder, `[rows, ...]`.
      targets: `[rows · slots, ...]`.
      weights: float32 `[rows · slots]`; 0 for empty slots.
      total: float32 scalar, the sum of all replicas' weights.
    """
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    rows = inputs["input_mask"].shape[0]
    first = tf.cast(replica, tf.int64) * rows
    batch = {**inputs, "targets": targets, "weights": weights / total}
    loss, gradients = self.gradients(batch, self.optimizer.iterations, first)
    self.optimizer.apply_gradients(
      zip(gradients, self.trained, strict=True)
    )
    return loss

  def _loop_once(self, inputs, targets, weights, totals):
    """The losses `[steps]` of some steps, whose batches come stacked."""
    steps = totals.shape[0]

    def one(index):
      def step(inputs, targets, weights):
        part = {name: value[index] for name, value in inputs.items()}
        return self._replica(
          part, targets[index], weights[index], totals[index]
        )

      losses = self.strategy.run(step, args=(inputs, targets, weights))
      return self.strategy.reduce("SUM", losses, axis=None)

    if steps == 1:
      return one(0)[None]
    losses = tf.TensorArray(tf.float32, steps)
    for index in tf.range(steps):
      losses = losses.write(index, one(index))
    return losses.stack()

  # --- Orbit's inner loop, and scores --------------------------------------

  def train(self, num_steps):
    """Runs `num_steps` steps from where the optimiser stands."""
    start = int(self.optimizer.iterations.numpy())
    loops = self._loops(self._plans(start, int(num_steps)))
    losses = []
    for plans, batch in batching.prefetch(self._make, loops):
      began = time.perf_counter()
      found = self._train_on(batch)
      self._count(plans, time.perf_counter() - began)
      for loss in found.tolist():
        losses.append(loss)
        self.check("loss", loss, start + len(losses))
        self.reporter.step(loss, self.examples_per_s)
    return {
      "loss": np.mean(losses),
      "learning_rate": self._rate(self.optimizer.iterations),
    }

  def dev_scores(self) -> dict[str, float | None]:
    """Dev scores and mean loss, every example once; None: undefined."""
    return self._score(self._predictor)

  def final_scores(self):
    """The same as the module gives them: in the encoder's own precision."""
    if self.compute.parts is None:  # so are those of every epoch
      return self._score(self._predictor)
    return self._score(inference.Predictor(self.model, self.strategy))

  def _score(self, predictor: inference.Predictor):
    dev, task = self.problem.dev, self.problem.task
    logits = predictor.logits(dev.tokens)
    loss = float(tf.reduce_mean(task.loss(logits, dev.targets)))
    return metrics.finite({**task.score(logits, dev.targets), "loss": loss})

  def _plans(self, start: int, count: int) -> list[packing.Plan]:
    """The batches of steps `start` to `start + count`, within one epoch."""
    epoch, first = divmod(start, self.steps_per_epoch)
    if self._planned[0] != epoch:
      plans = packing.epoch(
        self._lengths,
        self.shape,
        self.config.batch_size,
        self.config.seed,
        epoch,
      )
      self._planned = (epoch, list(plans))
    return self._planned[1][first : first + count]

  def _loops(self, plans: list[packing.Plan]) -> Iterator[list[packing.Plan]]:
    """Runs of steps of one shape, at most `steps_per_loop` long."""
    loop: list[packing.Plan] = []
    for plan in plans:
      full = len(loop) == self.config.steps_per_loop
      if loop and (full or plan.texts.shape != loop[0].texts.shape):
        yield loop
        loop = []
      loop.append(plan)
    yield loop

  def _make(self, plans: list[packing.Plan]):
    batches = [self._assemble(plan) for plan in plans]
    stacked = {
      name: np.stack([batch[name] for batch in batches]) for name in batches[0]
    }
    return plans, stacked

  def _assemble(self, plan: packing.Plan) -> dict[str, np.ndarray]:
    train, texts = self.problem.train, plan.texts.reshape(-1)
    batch = batching.assemble(train.tokens, plan)
    if self.prefix_outputs is not None:
      batch["prefix_output"] = batching.assemble_tokens(
        self.prefix_outputs, train.tokens, plan
      )
    return {
      **batch,
      "targets": train.targets[np.maximum(texts, 0)],
      "weights": (texts >= 0).astype(np.float32),
    }

  def _train_on(self, batch: dict[str, np.ndarray]) -> np.ndarray:
    totals = tf.constant(batch["weights"].sum(axis=1))
    inputs = distribution.split(self.strategy, batch, axis=1)
    targets, weights = inputs.pop("targets"), inputs.pop("weights")
    return self._loop(inputs, targets, weights, totals).numpy()

  def check(self, what: str, value: float, step: int) -> None:
    """Raises `InputError` unless `value` is finite."""
    if not math.isfinite(value):
      raise InputError(
        f"the {what} became {value} at step {step}; lower "
        f"`train.learning_rate` (it is {self.config.learning_rate})."
      )

  def _count(self, plans: list[packing.Plan], seconds: float) -> None:
    shape = (len(plans), len(plans[0].texts))
    if shape in self._seen_shapes:
      self._steady[0] += sum(plan.examples for plan in plans)
      self._steady[1] += seconds
    self._seen_shapes.add(shape)

  @property
  def examples_per_s(self) -> float | None:
    examples, seconds = self._steady
    return examples / seconds if examples else None
