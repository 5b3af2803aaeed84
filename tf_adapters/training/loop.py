# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The outer loop of training: epochs under Orbit, checkpoints, the best."""

import contextlib
import dataclasses
import io
import math
import pathlib
from collections.abc import Callable

import orbit
import tensorflow as tf

from tf_adapters import metrics as metrics_lib
from tf_adapters import writing
from tf_adapters.errors import InputError
from tf_adapters.training import distribution
from tf_adapters.training.trainer import Trainer

_STEPS_PER_CURVE_POINT = 20


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


class _BestEpoch:
  """The variables of the best epoch so far, kept with every checkpoint.

  Attributes:
    evaluated: Epochs that were trained and evaluated.
  """

  def __init__(self, trainer: Trainer):
    self._trainer = trainer
    self._kept = [
      tf.Variable(variable, trainable=False) for variable in trainer.trained
    ]
    self._score = tf.Variable(-math.inf, dtype=tf.float64)
    self._epoch = tf.Variable(0, dtype=tf.int64)
    self.evaluated = tf.Variable(0, dtype=tf.int64)

  def state(self) -> dict:
    """What a checkpoint holds of it."""
    return {
      "best": self._kept,
      "best_score": self._score,
      "best_epoch": self._epoch,
      "evaluated": self.evaluated,
    }

  @property
  def epoch(self) -> int:
    return int(self._epoch.numpy())

  def offer(self, epoch: int, score: float) -> bool:
    """Keeps this epoch if it is the first or better than the best."""
    better = epoch == 1 or score > self._score.numpy()
    if better:
      _copy(self._trainer.trained, self._kept)
      self._score.assign(score)
      self._epoch.assign(epoch)
    self.evaluated.assign(epoch)
    return better

  def take(self) -> None:
    """Gives the model the best epoch's variables."""
    _copy(self._kept, self._trainer.trained)


class _Evaluator(orbit.AbstractEvaluator):
  """Scores for Orbit, whose curves take numbers alone.

  Attributes:
    scores: All of the last evaluation; None: undefined.
  """

  def __init__(self, trainer: Trainer):
    self._trainer = trainer
    self.scores: dict[str, float | None] = {}

  def evaluate(self, num_steps):
    """The scores that are defined."""
    del num_steps  # always the whole set
    self.scores = self._trainer.dev_scores()
    return {
      name: value for name, value in self.scores.items() if value is not None
    }


def _copy(sources, targets) -> None:
  for source, target in zip(sources, targets, strict=True):
    target.assign(source)


class _Curves(orbit.utils.SummaryManager):
  """Points for TensorBoard; a disk that is full is an `OSError`.

  Args:
    folder: Where to; None: nowhere.
    step: The step of the points.
  """

  def __init__(self, folder: str | None, step: tf.Variable):
    super().__init__(folder, tf.summary.scalar, step)
    self._failing = lambda: writing.as_os_error(folder)

  def summary_writer(self, relative_path=""):
    with self._failing():
      return super().summary_writer(relative_path)

  def write_summaries(self, summary_dict):
    with self._failing():
      super().write_summaries(summary_dict)

  def flush(self):
    with self._failing():
      super().flush()


def fit(trainer: Trainer, folder: pathlib.Path) -> Result:
  """Trains to the end; resumes where checkpoints in `folder` left off.

  Args:
    trainer: Made in its strategy's scope, in which this is called too.
    folder: Gets `checkpoints/` (the trained variables, the optimiser's
      state and the best epoch's variables, nothing frozen) and `curves/`
      for TensorBoard. Workers look into it once all have come here.

  Raises:
    InputError: if workers find different checkpoints there, or one that is
      damaged, or for a run that diverges.
    OSError: for checkpoints or curves that cannot be written.
  """
  trainer.cache_prefix(folder / "prefix")
  distribution.wait_for_all(trainer.strategy)
  best = _BestEpoch(trainer)
  iterations = trainer.optimizer.iterations
  manager = _checkpoints(trainer, best, folder)

  def save(_=None):
    if distribution.is_chief(trainer.strategy):
      with writing.as_os_error(manager.directory):
        manager.save(int(iterations.numpy()))

  # Orbit prints what it also logs; stdout is for results.
  with contextlib.redirect_stdout(io.StringIO()):
    controller = _controller(trainer, save, folder)
    _restore(manager)
    _check_same_step(trainer, folder)
    with trainer.reporter.running(trainer.steps, int(iterations.numpy())):
      while best.evaluated.numpy() < trainer.config.epochs:
        epoch = int(best.evaluated.numpy()) + 1
        controller.train(
          epoch * trainer.steps_per_epoch, checkpoint_at_completion=False
        )
        _evaluate(trainer, controller, best, epoch)
        save()
  best.take()
  metrics = {} if trainer.problem.dev is None else trainer.final_scores()
  return Result(metrics, best.epoch, trainer.examples_per_s)


def _checkpoints(
  trainer: Trainer, best: _BestEpoch, folder: pathlib.Path
) -> tf.train.CheckpointManager:
  _check_list(folder / "checkpoints")
  iterations = trainer.optimizer.iterations
  checkpoint = tf.train.Checkpoint(
    trained=trainer.trained, optimizer=trainer.optimizer, **best.state()
  )
  # Made here by every worker at once; made at the first save it would be made
  # by the chief alone, who would wait for the others for ever.
  _ = checkpoint.save_counter
  return tf.train.CheckpointManager(
    checkpoint,
    str(folder / "checkpoints"),
    max_to_keep=1,
    step_counter=iterations,
  )


def _restore(manager: tf.train.CheckpointManager) -> None:
  """Goes on from the checkpoint that is there, if one is."""
  try:
    manager.restore_or_initialize()
  except (tf.errors.OpError, IndexError) as error:  # IndexError: cut short
    raise _damaged(manager.directory) from error


def _check_list(directory: pathlib.Path) -> None:
  """Sees that the list of checkpoints is none or whole.

  TensorFlow takes a damaged one for none, but an empty one for an error.
  """
  if not (directory / "checkpoint").exists():
    return
  try:
    whole = tf.train.get_checkpoint_state(str(directory)) is not None
  except ValueError:
    whole = False
  if not whole:
    raise _damaged(directory)


def _damaged(directory: str | pathlib.Path) -> InputError:
  return InputError(
    f"{directory}: is cut short or damaged; remove it to train anew."
  )


def _controller(
  trainer: Trainer, save: Callable[..., None], folder: pathlib.Path
) -> orbit.Controller:
  """Orbit's, which draws curves, and saves where it stops for it."""
  iterations = trainer.optimizer.iterations
  chief = distribution.is_chief(trainer.strategy)

  def curves(part):
    return _Curves(str(folder / "curves" / part) if chief else None, iterations)

  return orbit.Controller(
    global_step=iterations,
    trainer=trainer,
    evaluator=_Evaluator(trainer),
    strategy=trainer.strategy,
    steps_per_loop=lambda step: _steps_to_next_stop(trainer, int(step)),
    train_actions=[
      orbit.actions.ConditionalAction(
        lambda _: _is_checkpoint(trainer, int(iterations.numpy())), save
      )
    ],
    summary_manager=curves("train"),
    eval_summary_dir="dev",  # without, Orbit takes the training's for both
    eval_summary_manager=curves("dev"),
  )


def _check_same_step(trainer: Trainer, folder: pathlib.Path) -> None:
  step = str(int(trainer.optimizer.iterations.numpy()))
  if not distribution.all_agree(trainer.strategy, step.encode()):
    raise InputError(
      "`store` must be one folder that all workers share; they found "
      f"different checkpoints in {str(folder)!r}."
    )


def _steps_to_next_stop(trainer: Trainer, step: int) -> int:
  """Stops at ends of epochs, at checkpoints and for points of curves."""
  intervals = (
    trainer.steps_per_epoch,
    trainer.config.checkpoint_steps,
    _STEPS_PER_CURVE_POINT,
  )
  return min(every - step % every for every in intervals)


def _is_checkpoint(trainer: Trainer, step: int) -> bool:
  # The end of an epoch is saved after its evaluation, not before.
  ends_epoch = step % trainer.steps_per_epoch == 0
  return step % trainer.config.checkpoint_steps == 0 and not ends_epoch


def _evaluate(
  trainer: Trainer, controller: orbit.Controller, best: _BestEpoch, epoch: int
) -> None:
  step = int(trainer.optimizer.iterations.numpy())
  if trainer.problem.dev is None:
    norm = float(tf.linalg.global_norm(trainer.trained))
    trainer.check("norm of what trains", norm, step)
    best.offer(epoch, float(epoch))  # the last epoch is the best
    return
  controller.evaluate()
  scores = controller.evaluator.scores
  loss = scores["loss"]
  trainer.check("dev loss", math.nan if loss is None else loss, step)
  metric = trainer.problem.metric
  score = metrics_lib.rank(metric, scores[metric])
  trainer.reporter.evaluation(epoch, scores, best.offer(epoch, score))
