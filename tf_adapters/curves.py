# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The curves of a run, those that TensorBoard shows, as numbers and drawn."""

import io
import os
import pathlib

from tf_adapters import files
from tf_adapters.errors import InputError


def read(
  store: str | os.PathLike, task: str
) -> dict[str, tuple[list[int], list[float]]]:
  """The points of a task's curves.

  Args:
    store: Folder of the store in which the task was trained.
    task: Its name.

  Returns:
    Ascending steps, and values, by curve: `train/loss`,
    `train/learning_rate`, and `dev/loss`, `dev/accuracy` or what other scores
    the task has.

  Raises:
    InputError: if there are none.
  """
  from tensorboard.backend.event_processing import event_accumulator
  from tensorboard.util import tensor_util

  folder = pathlib.Path(store) / "runs" / task / "curves"
  found = {}
  for part in ("train", "dev"):
    if not (folder / part).is_dir():
      continue
    events = event_accumulator.EventAccumulator(
      str(folder / part), size_guidance={event_accumulator.TENSORS: 0}
    )
    for tag in events.Reload().Tags()[event_accumulator.TENSORS]:
      # A run that went on from a checkpoint has written some steps twice.
      last = {
        point.step: tensor_util.make_ndarray(point.tensor_proto).item()
        for point in events.Tensors(tag)
      }
      steps = sorted(last)
      found[f"{part}/{tag}"] = (steps, [last[step] for step in steps])
  if not found:
    raise InputError(f"there are no curves in {str(folder)!r}.")
  return found


def write(
  store: str | os.PathLike, task: str, metric: str, path: str | os.PathLike
) -> str:
  """Draws a task's loss, and a score on the dev set, over the steps.

  Args:
    store: Folder of the store in which the task was trained.
    task: Its name.
    metric: The score, as `accuracy`.
    path: A .png file, which is written whole or not at all.

  Returns:
    The path.

  Raises:
    InputError: for a score that has no curve, or without matplotlib.
  """
  points = read(store, task)
  if f"dev/{metric}" not in points:
    scores = [name.removeprefix("dev/") for name in points if "dev/" in name]
    raise InputError(
      f"`metric` must be one of {', '.join(scores) or 'none'}; got {metric!r}."
    )
  try:
    from matplotlib import figure as figure_lib
  except ImportError as error:
    raise InputError(
      "a picture needs matplotlib: pip install 'tf-adapters[picture]'."
    ) from error
  figure = figure_lib.Figure(figsize=(9, 3), layout="constrained")
  left, right = figure.subplots(1, 2)
  left.plot(*points["train/loss"], "k.-", label="training")
  left.plot(*points["dev/loss"], "ko--", markerfacecolor="white", label="dev")
  left.set_ylabel("loss, mean of examples")
  left.legend(frameon=False)
  right.plot(*points[f"dev/{metric}"], "ko--", markerfacecolor="white")
  right.set_ylabel(f"{metric} on dev")
  for axes in (left, right):
    axes.set_xlabel("steps")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.spines[["top", "right"]].set_visible(False)
  figure.suptitle(task)
  content = io.BytesIO()
  figure.savefig(content, format="png", dpi=110)
  files.write_file(pathlib.Path(path), content.getvalue())
  return str(path)
