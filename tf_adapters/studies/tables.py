# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A table of words and numbers: as Markdown that reads well, and as HTML."""

import html
import io
from collections.abc import Sequence
from typing import NamedTuple

import rich.box
import rich.console
import rich.table

_WIDTH = 1000  # characters; no line is broken


class Table(NamedTuple):
  """A table whose first `words` columns are words, the others numbers."""

  title: str
  head: Sequence[str]
  rows: Sequence[Sequence[str]]
  words: int = 1


def markdown(table: Table) -> str:
  """The title and the table, columns of one width."""
  shown = rich.table.Table(box=rich.box.MARKDOWN)
  for index, name in enumerate(table.head):
    justify = "left" if index < table.words else "right"
    shown.add_column(_plain(name), justify=justify, no_wrap=True)
  for row in table.rows:
    shown.add_row(*map(_plain, row))
  text = io.StringIO()
  rich.console.Console(file=text, width=_WIDTH, color_system=None).print(shown)
  lines = [line.rstrip() for line in text.getvalue().splitlines()]
  return "\n".join([f"{table.title}:", "", *filter(None, lines), ""])


def _plain(text: str) -> rich.text.Text:
  return rich.text.Text(text)  # no markup is read in it


def as_html(table: Table) -> str:
  """The same for a page."""
  rows = [_row("th", table.head, table.words)]
  rows += [_row("td", row, table.words) for row in table.rows]
  caption = f"<caption>{html.escape(table.title)}</caption>"
  return "\n".join(["<table>", caption, *rows, "</table>"])


def _row(tag: str, cells: Sequence[str], words: int) -> str:
  marked = [
    f'<{tag}{"" if index < words else " class=n"}>{html.escape(cell)}</{tag}>'
    for index, cell in enumerate(cells)
  ]
  return f"<tr>{''.join(marked)}</tr>"


def mean_and_error(mean: float, error: float | None) -> str:
  """As `-1.25 ± 0.30`; of one value there is no error."""
  return number(mean) + ("" if error is None else f" ± {error:.2f}")


def number(value: float) -> str:
  """With two decimals, and no minus before a zero."""
  text = f"{value:.2f}"
  return text.removeprefix("-") if float(text) == 0 else text
