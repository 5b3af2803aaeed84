# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Pictures of the ablation: heat maps of spans, curves of the lowest blocks."""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from tf_adapters import drawing
from tf_adapters.studies import paper

_GREY = "0.55"
_CELL = 0.62  # inches


def spans(ablations: Sequence[Any]) -> Any:
  """A heat map a task: rows are first blocks, columns last ones."""
  blocks = len(ablations[0].spans)
  side = max(3.2, _CELL * blocks)
  width = (side + 1.4) * len(ablations)
  figure = drawing.figure(width, side + 2)
  grid = figure.subplots(1, len(ablations), squeeze=False)
  for axes, ablation in zip(grid.flat, ablations, strict=True):
    _draw_spans(figure, axes, ablation)
  seeds = max(ablation.seeds for ablation in ablations)
  title = (
    "score without the adapters of a span of blocks minus that with all, "
    f"points: means over {seeds} seeds ± standard error"
  )
  figure.suptitle(textwrap.fill(title, int(11 * width)))
  note = textwrap.fill(_stated(), int(15 * width))
  figure.supxlabel(note, fontsize=8, color="0.3")
  return figure


def _draw_spans(figure: Any, axes: Any, ablation: Any) -> None:
  blocks = len(ablation.spans)
  values = np.full([blocks, blocks], np.nan)
  for first, last, estimate in _cells(ablation):
    values[first, last] = estimate[0]
  least = float(np.nanmin(values, initial=-1.0))
  shades = axes.imshow(values, cmap="Greys_r", vmin=least, vmax=0)
  for first, last, (mean, error) in _cells(ablation):
    dark = mean < 0.55 * least
    text = f"{mean:+.1f}" + ("" if error is None else f"\n±{error:.1f}")
    axes.text(
      last,
      first,
      text,
      ha="center",
      va="center",
      fontsize=7,
      color="white" if dark else "black",
    )
  for block in range(blocks):  # a frame around single blocks, as in the paper
    corner = (block - 0.5, block - 0.5)
    axes.add_patch(_rectangle(corner))
  axes.set_xticks(range(blocks))
  axes.set_yticks(range(blocks))
  axes.set_xlabel("last block without adapters")
  axes.set_ylabel("first block without adapters")
  whole, error = ablation.whole
  spread = "" if error is None else f" ± {error:.1f}"
  axes.set_title(f"{ablation.task}: {ablation.metric} {whole:.1f}{spread} %")
  axes.spines[:].set_visible(False)
  figure.colorbar(shades, ax=axes, shrink=0.8, label="points")


def _rectangle(corner: tuple[float, float]) -> Any:
  from matplotlib import patches  # which is there, or nothing were drawn

  return patches.Rectangle(
    corner, 1, 1, fill=False, linewidth=1.5, clip_on=False
  )


def _cells(ablation: Any):
  for first, row in enumerate(ablation.spans):
    for last, estimate in enumerate(row):
      if estimate is not None:
        yield first, last, estimate


def _stated() -> str:
  stated = paper.numbers()["ablation"]
  alone = ", ".join(
    f"{paper.SHOWN[task]} {score} %"
    for task, score in stated["accuracy"].items()
  )
  return (
    f"{paper.SOURCE}, Figure 6 (BERT-base, {stated['blocks']} blocks, size 64, "
    f"accuracy): one block at most {stated['one_block']:g} points; "
    f"without any adapter {alone}, the share of the largest class"
  )


def lowest(ablations: Sequence[Any]) -> Any:
  """A column a task: scores above, speed below."""
  count = len(ablations)
  figure = drawing.figure(1 + 4.2 * count, 6.4)
  grid = figure.subplots(2, count, squeeze=False, sharex="col")
  for (scores, speeds), ablation in zip(grid.T, ablations, strict=True):
    _draw_curves(
      scores,
      (
        ("trained adapters taken away", ablation.lowest),
        ("trained without them", ablation.trained),
      ),
    )
    _draw_paper(scores, len(ablation.spans))
    _draw_curves(
      speeds,
      (
        ("prediction", ablation.prediction), ("training", ablation.training)
      ),
    )
    scores.set_title(f"{ablation.task}: {ablation.metric}, dev set")
    speeds.set_xlabel(
      f"lowest blocks without adapters, of {len(ablation.spans)}"
    )
    speeds.set_xticks(range(len(ablation.spans) + 1))
  grid[0, 0].set_ylabel("score minus that with all adapters, points")
  grid[1, 0].set_ylabel("speed, × that with all adapters")
  grid[1, 0].legend(frameon=False, fontsize=8)
  lines = grid[0, 0].get_legend_handles_labels()
  columns = 1 if count == 1 else len(lines[0])
  figure.legend(
    *lines, frameon=False, fontsize=8, ncols=columns, loc="outside lower center"
  )
  seeds = max(ablation.seeds for ablation in ablations)
  figure.suptitle(f"means over {seeds} seeds ± standard error")
  return figure


def _draw_curves(axes: Any, curves: Sequence[tuple[str, Any]]) -> None:
  for index, (label, estimates) in enumerate(curves):
    known = [(n, e) for n, e in enumerate(estimates) if e is not None]
    if len(known) < 2:  # nothing but the start, which is given
      continue
    axes.errorbar(
      [n for n, _ in known],
      [mean for _, (mean, _) in known],
      [error or 0 for _, (_, error) in known],
      **drawing.style(index),
      capsize=3,
      label=label,
    )
  axes.spines[["top", "right"]].set_visible(False)
  axes.grid(axis="y", color="0.9")


def _draw_paper(axes: Any, blocks: int) -> None:
  stated = paper.numbers()["ablation"]
  free = stated["lowest_without_loss"]
  axes.plot(
    [blocks * free["blocks"] / stated["blocks"]],
    [0],
    color=_GREY,
    linestyle="none",
    marker="P",
    markersize=8,
    label=(
      f"{paper.SOURCE}: lowest {free['blocks']} of {stated['blocks']} blocks,\n"
      f"{paper.SHOWN[free['task']]}, taken away: about no loss"
    ),
  )
