# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Pictures of the trade-off: over all tasks, and task by task."""

import itertools
import types
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from tf_adapters import drawing
from tf_adapters.studies import paper
from tf_adapters.studies.results import Results
from tf_adapters.studies.results import measure

_PAPER_MARKS = "PX*dp<>"
_GREY = "0.5"
# Most points lie within two of full fine-tuning, a few far below: the axis is
# linear within them and logarithmic beyond.
_LINEAR = 2
_HEIGHT = (
  "score minus that of full fine-tuning, points\n"
  f"(linear within ±{_LINEAR}, logarithmic beyond)"
)
_TICKS = (-100, -50, -20, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50, 100)

_ABOVE = types.MappingProxyType({"xytext": (0, 4), "ha": "center"})
_BESIDE = types.MappingProxyType({"xytext": (6, -3), "ha": "left"})


class Mark(NamedTuple):
  """A point of a picture: `share` in percent, the rest in points."""

  series: str
  value: Any
  share: float
  low: float
  middle: float
  high: float


def percentiles(results: Results, rows: Sequence[Any], count: int) -> Any:
  """Medians over `count` tasks with the 20th and the 80th percentile."""
  marks = [
    Mark(row.series, row.value, row.share, row.low, row.middle, row.high)
    for row in rows
  ]
  figure = drawing.figure(10, 5)
  axes = figure.subplots()
  stated = paper.over_tasks()
  _draw(axes, marks, stated, results, _shapes(stated))
  axes.set_ylabel(_HEIGHT)
  axes.set_title(
    f"{count} tasks: medians, 20th and 80th percentiles of "
    f"means over {results.seeds} seeds"
  )
  _legend(figure, [axes])
  return figure


def tasks(results: Results, rows: Sequence[Any]) -> Any:
  """An axes a task: means over seeds with their standard errors."""
  names = results.tasks
  columns = min(2, len(names))
  lines = -(-len(names) // columns)
  figure = drawing.figure(3.2 + 4 * columns, 1 + 3.6 * lines)
  grid = figure.subplots(lines, columns, squeeze=False)
  shapes = _shapes([item for task in names for item in paper.of_task(task)])
  for axes, task in zip(grid.flat, names, strict=False):
    marks = [
      Mark(
        row.point.series,
        row.point.value,
        row.point.share,
        row.mean - (row.error or 0),
        row.mean,
        row.mean + (row.error or 0),
      )
      for row in rows
      if row.point.task == task
    ]
    _draw(axes, marks, paper.of_task(task), results, shapes)
    points = [point for point in results.points if point.task == task]
    axes.set_title(f"{task}: {measure(points)}")
  for axes in grid[:, 0]:
    axes.set_ylabel(_HEIGHT)
  for axes in grid.flat[len(names) :]:
    axes.remove()
  figure.suptitle(f"means over {results.seeds} seeds ± standard error")
  _legend(figure, list(grid.flat[: len(names)]))
  return figure


def _shapes(stated: Sequence[paper.Difference]) -> dict[str, str]:
  """Markers of the paper's points by their labels."""
  labels = dict.fromkeys(map(_stated_label, stated))
  return dict(zip(labels, itertools.cycle(_PAPER_MARKS), strict=False))


def _stated_label(point: paper.Difference) -> str:
  return f"{point.what} ({point.where})"


def _draw(
  axes: Any,
  marks: Sequence[Mark],
  stated: Sequence[paper.Difference],
  results: Results,
  shapes: Mapping[str, str],
) -> None:
  """Ours in black, the paper's in grey."""
  axes.axhline(0, color="black", linewidth=0.6)
  series = list(dict.fromkeys(point.series for point in results.points))
  for index, name in enumerate(series):
    line = sorted(
      (mark for mark in marks if mark.series == name),
      key=lambda mark: mark.share,
    )
    if line:
      _draw_line(axes, line, drawing.style(index))
  for point in stated:
    axes.errorbar(
      *_bars([point]),
      color=_GREY,
      linestyle="none",
      marker=shapes[_stated_label(point)],
      markersize=8,
      markerfacecolor="white",
      capsize=4 if point.high > point.low else 0,
      label=_stated_label(point),
    )
  _set_scales(axes, results)


def _draw_line(axes: Any, line: Sequence[Mark], style: dict[str, Any]) -> None:
  name, values = line[0].series, [mark.value for mark in line]
  if len(line) == 1:
    style = {**style, "linestyle": "none"}
  label = name if values[0] is None else f"{name} {values[0]} … {values[-1]}"
  axes.errorbar(*_bars(line), **style, capsize=2, label=label)
  # Beside a steep line there is room for the values, above a flat one.
  rise = abs(line[-1].middle - line[0].middle)
  steep = rise > _LINEAR and line[-1].share < 10 * line[0].share
  for mark in line:
    if mark.value is not None:
      axes.annotate(
        str(mark.value),
        (mark.share, mark.middle if steep else mark.high),
        **_BESIDE if steep else _ABOVE,
        textcoords="offset points",
        fontsize=6,
      )


def _bars(line: Sequence[Any]) -> tuple:
  shares = [mark.share for mark in line]
  middles = [mark.middle for mark in line]
  below = [mark.middle - mark.low for mark in line]
  above = [mark.high - mark.middle for mark in line]
  return shares, middles, (below, above)


def _set_scales(axes: Any, results: Results) -> None:
  encoder = next(p.encoder for p in results.points if p.runs)
  axes.set_xscale("log")
  axes.xaxis.set_major_formatter("{x:g}")
  axes.set_xlabel("trained parameters of a task, % of the encoder's")
  counts = axes.secondary_xaxis(
    "top",
    functions=(
      lambda share: share * encoder / 100, lambda count: count * 100 / encoder
    ),
  )
  counts.set_xlabel(f"trained parameters, of {encoder / 1e6:.1f} million")
  axes.set_yscale("symlog", linthresh=_LINEAR, linscale=1)
  low, high = (1.2 * limit for limit in axes.get_ylim())
  axes.set_yticks([tick for tick in _TICKS if low <= tick <= high])
  axes.set_ylim(low, max(high, 1))  # setting ticks may widen it
  axes.yaxis.set_major_formatter(lambda tick, _: f"{tick:+g}" if tick else "0")
  axes.tick_params(axis="y", which="minor", length=0)
  axes.grid(axis="y", color="0.9")
  axes.set_axisbelow(True)


def _legend(figure: Any, drawn: Sequence[Any]) -> None:
  """Ours at the top, the paper's below it, each name once."""
  ours, stated = {}, {}
  for axes in drawn:
    for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
      grey = handle.lines[0].get_color() == _GREY
      (stated if grey else ours).setdefault(label, handle)
  handles, labels = [], []
  for title, found in (("measured", ours), (paper.SOURCE, stated)):
    if found:
      handles += [drawing.nothing(), *found.values()]
      labels += [f"{title}:", *found]
  figure.legend(
    handles,
    labels,
    loc="outside right upper",
    frameon=False,
    fontsize=8,
    handlelength=3,
  )
