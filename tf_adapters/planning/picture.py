# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Costs as a picture: what trains, and how storage grows with the tasks."""

import os
import pathlib
from typing import Any

from tf_adapters import checks
from tf_adapters import drawing
from tf_adapters.errors import InputError
from tf_adapters.planning.costs import Costs


def check(path: str) -> None:
  """Raises `InputError` if a picture cannot go to `path`."""
  if pathlib.Path(path).suffix.lower().lstrip(".") not in drawing.FORMATS:
    raise InputError(
      f"`--picture` takes a file that ends in .png or .svg; got {path!r}."
    )
  checks.place("--picture", path)
  drawing.matplotlib("`--picture`")


def write(costs: Costs, path: str | os.PathLike) -> None:
  """Draws the costs into `path`, a .png or .svg file, whole or not at all.

  On the left the share of the encoder that each way trains, in percent, on a
  logarithmic axis; on the right the bytes of a store's weights with 1 to
  `costs.tasks` tasks. Ways differ by marker and dash, not by colour.

  Raises:
    InputError: for another kind of file, or without matplotlib.
  """
  check(str(path))
  height = max(3.6, 2.2 + 0.24 * len(costs.rows))
  with drawing.settings():
    figure = drawing.figure(10, height)
    bars, lines = figure.subplots(1, 2)
    _draw_shares(bars, costs)
    _draw_stores(lines, costs)
    what = costs.encoder or "encoder"
    figure.suptitle(
      f"{what}: {costs.encoder_parameters / 1e6:,.1f} million parameters"
    )
    drawing.write(figure, pathlib.Path(path))


def _draw_shares(axes: Any, costs: Costs) -> None:
  shares = [100 * row.share for row in costs.rows]
  places = range(len(shares))
  axes.barh(places, shares, color="0.75", edgecolor="black", linewidth=0.8)
  for place, share in zip(places, shares, strict=True):
    label = f" {share:.2f}" if share >= 0.1 else f" {share:.4f}"
    axes.text(share, place, label, va="center")
  axes.set_yticks(places, [row.way for row in costs.rows])
  axes.invert_yaxis()
  axes.set_xscale("log")
  axes.set_xticks([10.0**power for power in range(-4, 3)])
  axes.set_xlim(min(shares) / 3, 1000)  # room for what stands behind the bars
  axes.xaxis.set_major_formatter("{x:g}")
  axes.minorticks_off()  # they would take a fifth of the time to draw
  axes.set_xlabel("trained parameters of a task, % of the encoder's")
  axes.spines[["top", "right"]].set_visible(False)


def _draw_stores(axes: Any, costs: Costs) -> None:
  counts = range(1, costs.tasks + 1)
  # Markers of neighbours stand apart, where lines are one on another.
  every = max(1, costs.tasks // 8)
  rows = sorted(costs.rows, key=lambda row: row.store_bytes, reverse=True)
  for index, row in enumerate(rows):
    axes.plot(
      counts,
      [costs.store_bytes(row, count) / 1e9 for count in counts],
      markevery=(index % every, every),
      **drawing.style(index),
      label=f"{row.way}: {row.store_bytes / 1e9:.3g}",
    )
  axes.set_yscale("log")
  sizes = [costs.store_bytes(row, 1) / 1e9 for row in rows]
  axes.set_ylim(min(sizes) / 1.3, rows[0].store_bytes / 1e9 * 1.3)
  axes.yaxis.get_major_locator().set_params(subs=(1, 2, 5))
  axes.yaxis.set_major_formatter("{x:g}")
  axes.minorticks_off()
  axes.set_xlim(0.5, costs.tasks + 0.5)
  if costs.tasks <= 10:
    axes.set_xticks(counts)
  axes.set_xlabel("tasks")
  axes.set_ylabel("weights on disk, GB (10⁹ bytes)", labelpad=8)
  axes.spines[["top", "right"]].set_visible(False)
  axes.grid(axis="y", color="0.9")
  axes.legend(
    title=f"GB with {costs.tasks}",
    loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, handlelength=3.5
  )
