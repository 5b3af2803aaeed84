# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a person sees while training: tables and a bar, on stderr or inline."""

import contextlib
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import rich.box
import rich.console
import rich.progress
import rich.table
import rich.text

from tf_adapters.modeling import tuning


class Reporter:
  """Shows a run with `rich`, in a terminal, a log or a notebook.

  Args:
    console: Where to; None: stderr, so that stdout stays for results.
  """

  def __init__(self, console: rich.console.Console | None = None):
    self._console = console or rich.console.Console(stderr=True)

  def parameters(self, rows: Sequence[tuning.Row]) -> None:
    """Shows what trains and what is frozen."""
    table = rich.table.Table(box=rich.box.SIMPLE, pad_edge=False)
    for column in ("", "role", "shapes"):
      table.add_column(column, overflow="fold")
    table.add_column("parameters", justify="right")
    table.add_column("of encoder", justify="right")
    for row in rows:
      table.add_row(
        "trains" if row.trained else "frozen",
        row.role,
        row.shapes,
        f"{row.count:,}",
        f"{row.share:.3%}",
      )
    trained = [row for row in rows if row.trained]
    table.add_section()
    table.add_row(
      "trains",
      "all",
      "",
      f"{sum(row.count for row in trained):,}",
      f"{sum(row.share for row in trained):.3%}",
    )
    self._console.print(table)

  def say(self, message: str) -> None:
    """Shows one line."""
    # As text, or names of files and tasks would be read as markup.
    self._console.print(rich.text.Text(message), soft_wrap=True)

  @contextlib.contextmanager
  def counting(
    self, what: str, total: int, done: int
  ) -> Iterator[Callable[[int], None]]:
    """Shows a bar of `total`; yields what takes how many are done."""
    with rich.progress.Progress(
      rich.progress.TextColumn("{task.description}", markup=False),
      rich.progress.BarColumn(),
      rich.progress.MofNCompleteColumn(),
      rich.progress.TimeRemainingColumn(),
      console=self._console,
      redirect_stdout=False,
    ) as bar:
      task = bar.add_task(what, total=total, completed=done)
      yield lambda count: bar.update(task, completed=count)

  @contextlib.contextmanager
  def running(self, steps: int, done: int) -> Iterator[None]:
    """Shows the bar of a run of `steps`, of which `done` lie behind."""
    if done:
      self.say(f"resumed at step {done} of {steps}")
    with rich.progress.Progress(
      rich.progress.TextColumn("{task.description}"),
      rich.progress.BarColumn(),
      rich.progress.MofNCompleteColumn(),
      rich.progress.TextColumn("{task.fields[rate]}"),
      rich.progress.TextColumn("{task.fields[loss]}"),
      rich.progress.TimeRemainingColumn(),
      console=self._console,
      redirect_stdout=False,
    ) as self._bar:
      self._task = self._bar.add_task(
        "training", total=steps, completed=done, rate="", loss=""
      )
      yield

  def step(self, loss: float, rate: float | None) -> None:
    """Advances the bar; `rate` is in examples/s."""
    shown = f"{rate:.1f} examples/s" if rate else "compiling"
    self._bar.update(
      self._task, advance=1, rate=shown, loss=f"loss {loss:.4f}"
    )

  def evaluation(
    self, epoch: int, scores: Mapping[str, float | None], best: bool
  ) -> None:
    """Shows the dev scores of an epoch."""
    text = "  ".join(
      f"{name} {'undefined' if value is None else f'{value:.4f}'}"
      for name, value in scores.items()
    )
    self.say(f"epoch {epoch}: {text}{'  (best so far)' if best else ''}")


class Silent(Reporter):
  """Shows nothing."""

  def __init__(self):
    super().__init__(rich.console.Console(quiet=True))
