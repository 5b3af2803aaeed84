# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What pictures have in common: matplotlib, marks without colour, files."""

import contextlib
import io
import pathlib
import types
from collections.abc import Iterator
from typing import Any

from tf_adapters import files
from tf_adapters.errors import InputError

FORMATS = ("png", "svg")
MARKERS = "osD^vP*Xh<>dp8"
DASHES = ("-", "--", ":", "-.")
# The same numbers make the same file, and letters in it are letters.
_SETTINGS = types.MappingProxyType(
  {"svg.hashsalt": "tf_adapters", "svg.fonttype": "none", "font.size": 9}
)
_DOTS_PER_INCH = 150


def matplotlib(what: str) -> types.ModuleType:
  """Imports matplotlib; `what` needs it, for the error."""
  try:
    import matplotlib
    import matplotlib.figure
  except ImportError as error:
    raise InputError(
      f"{what} needs matplotlib: pip install 'tf-adapters[picture]'."
    ) from error
  return matplotlib


@contextlib.contextmanager
def settings() -> Iterator[None]:
  """Figures are made, drawn and written in this context."""
  with matplotlib("a picture").rc_context(dict(_SETTINGS)):
    yield


def figure(width: float, height: float) -> Any:
  """An empty figure of so many inches."""
  library = matplotlib("a picture")
  return library.figure.Figure(figsize=(width, height), layout="constrained")


def style(index: int) -> dict[str, Any]:
  """Of line number `index`: marker and dash tell it from the others."""
  return {
    "color": "black",
    "linewidth": 1,
    "linestyle": DASHES[index % len(DASHES)],
    "marker": MARKERS[index % len(MARKERS)],
    "markersize": 5,
    "markerfacecolor": "white" if index % 2 else "black",
  }


def legend(drawn: Any, place: str, **options: Any) -> None:
  """One legend for all axes of a figure, each label once."""
  found = {}
  for axes in drawn.axes:
    for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
      found.setdefault(label, handle)
  drawn.legend(
    found.values(), found.keys(), loc=place, frameon=False, **options
  )


def nothing() -> Any:
  """What stands beside a heading in a legend."""
  from matplotlib import lines

  return lines.Line2D([], [], linestyle="none")


def write(drawn: Any, path: pathlib.Path) -> None:
  """Writes a figure into a .png or .svg file, whole or not at all."""
  content, kind = io.BytesIO(), path.suffix.lower().removeprefix(".")
  metadata = {"Date": None} if kind == "svg" else None
  drawn.savefig(content, format=kind, dpi=_DOTS_PER_INCH, metadata=metadata)
  files.write_file(path, content.getvalue())
