# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""From measurements to ratios, and to the table of them in RESULTS.md."""

import dataclasses
import os
import pathlib
import re
import statistics
from collections.abc import Iterable
from collections.abc import Mapping

from rows import Measure
from rows import Row

from tf_adapters import files

MARKER = "<!-- What follows is written by hand; a new run keeps it. -->"
_NOTES = "\n\nNothing yet.\n"
_FORMATS = {
  "examples_per_s": "{:.1f} examples/s",
  "step_ms": "{:.1f} ms",
  "peak_rss_gb": "{:.2f} GB",
  "seconds_to_first_step": "{:.1f} s",
  "gflop_per_s": "{:.0f} GFLOP/s",
  "float32_gflop_per_s": "{:.0f} GFLOP/s",
}

# What was found for a measure in a repeat: `result` or `error`.
Found = Mapping[tuple[Measure, int], Mapping]


@dataclasses.dataclass(frozen=True)
class Outcome:
  """A row, measured.

  Attributes:
    ours: What is shown above the line.
    other: The same below it.
    ratios: One a repeat; none if there is a problem.
    problem: Why there is no ratio, or empty.
  """

  ours: str = ""
  other: str = ""
  ratios: tuple[float, ...] = ()
  problem: str = ""

  @property
  def median(self) -> float:
    return statistics.median(self.ratios)


def outcome(row: Row, found: Found, repeats: int) -> Outcome:
  """The ratios of a row; a row of which anything lacks or failed has none."""
  entries = [
    found.get((measure, repeat))
    for measure in row.measures
    for repeat in range(repeats)
  ]
  if not any(entries):
    return Outcome(problem="not measured")
  for entry in entries:
    if entry and "error" in entry:
      return Outcome(problem=f"failed: {entry['error']}")
  if not all(entries):
    return Outcome(problem="not finished")
  other_key = row.other_key or row.key
  best = (min if row.lower else max)(
    row.others,
    key=lambda measure: statistics.median(
      _figures(found, measure, other_key, repeats)
    ),
  )
  ours = _figures(found, row.ours, row.key, repeats)
  others = _figures(found, best, other_key, repeats)
  return Outcome(
    _show(found, row.ours, row.key, repeats),
    _show(found, best, other_key, repeats),
    tuple(a / b for a, b in zip(ours, others, strict=True)),
  )


def _figures(found: Found, measure, key: str, repeats: int) -> list[float]:
  return [found[measure, r]["result"][key] for r in range(repeats)]


def _show(found: Found, measure: Measure, key: str, repeats: int) -> str:
  figures = _figures(found, measure, key, repeats)
  text = _FORMATS[key].format(statistics.median(figures))
  if measure.label:
    text += f" ({measure.label})"
  if "dev_accuracy" in found[measure, 0]["result"]:
    scores = _figures(found, measure, "dev_accuracy", repeats)
    text += f", dev accuracy {statistics.median(scores):.3f}"
  return text


def reached(row: Row, ratio: float) -> str:
  """Which of the two bounds a ratio keeps: `goal`, `at least` or `no`."""
  for bound, word in ((row.goal, "goal"), (row.least, "at least")):
    if ratio <= bound if row.lower else ratio >= bound:
      return word
  return "no"


def table(rows: Iterable[Row], found: Found, repeats: int) -> str:
  """The table of all rows, in Markdown."""
  lines = [
    "| row | ours | against | ratio, median (min–max) | goal | at least "
    "| reached |",
    "|---|---|---|---|---|---|---|",
  ]
  for row in rows:
    sign = "≤" if row.lower else "≥"
    bounds = f"{sign} {row.goal:g} | {sign} {row.least:g}"
    result = outcome(row, found, repeats)
    if result.problem:
      cells = f"| | | {_cell(result.problem)} | {bounds} | –"
    else:
      low, high = min(result.ratios), max(result.ratios)
      ratio = f"{result.median:.2f} ({low:.2f}–{high:.2f})"
      verdict = reached(row, result.median)
      cells = f"| {result.ours} | {result.other} | {ratio} | {bounds} "
      cells += f"| {verdict}"
    lines.append(f"| {row.title} {cells} |")
  return "\n".join(lines)


def _cell(text: str) -> str:
  return text.replace("|", "\\|").replace("\n", " ")


def commands(rows: Iterable[Row]) -> str:
  """The command of every figure, row by row, in Markdown."""
  lines = []
  for row in rows:
    lines.append(f"* {row.title}:")
    lines += [f"  * `{measure.command}`" for measure in row.measures]
  return "\n".join(lines)


def versions(found: Found) -> dict[str, str]:
  """What the measured processes said of themselves."""
  names: dict[str, str] = {}
  for (measure, _), entry in found.items():
    for name, version in entry.get("result", {}).get("versions", {}).items():
      shown = f"Python ({measure.side})" if name == "Python" else name
      names[shown] = version
  return dict(sorted(names.items()))


def machine() -> dict[str, str]:
  """Processor, cores and memory, as the system names them (Linux)."""
  cpu = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
  model = re.search(r"^model name\s*:\s*(.+)$", cpu, re.MULTILINE)
  flags = set(cpu.partition("flags")[2].partition("\n")[0].split())
  units = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
  memory = pathlib.Path("/proc/meminfo").read_text(encoding="utf-8")
  kib = int(re.search(r"MemTotal:\s*(\d+)", memory).group(1))
  return {
    "CPU": model.group(1) if model else "unknown",
    "instructions": ", ".join(u for u in units if u in flags) or "none of note",
    "cores": str(len(os.sched_getaffinity(0))),
    "memory": f"{kib * 1024 / 1e9:.1f} GB",
  }


def document(rows: Iterable[Row], found: Found, run: Mapping) -> str:
  """RESULTS.md up to the marker.

  Args:
    rows: All there are; those that were not measured say so.
    found: The measurements of this run.
    run: Its id, `repeats`, `machine`, `source` and `quick`.
  """
  rows = tuple(rows)

  def listed(tree):
    return "\n".join(f"* {name}: {value}" for name, value in tree.items())

  times = run["repeats"]
  quick = "**A quick try, not a measurement.**\n\n" if run["quick"] else ""
  return f"""# Speed

{quick}Written by `make bench BENCH="--data DATA --repeats {times}"`:
run {run["run"]}, source {run["source"]}. All commands
of a block were run in turn, {times} times over, each a process of its own;
a ratio is that of two neighbours, and its median, least and greatest of this
one run are shown. Of several rivals the one with the better median counts.

{table(rows, found, run["repeats"])}

## Machine

{listed(run["machine"])}

## Versions

{listed(versions(found))}

## Commands

ENCODER is the folder of the encoder (by default that of `minilm`), DATA that of
the tasks{" (the quick try adds options that make all small)" * run["quick"]}.

{commands(rows)}

## What was tried and what limits

"""


def write(path: pathlib.Path, text: str) -> None:
  """Writes `text` and the marker; keeps what followed it before."""
  notes = _NOTES
  if path.exists():
    _, marker, after = path.read_text(encoding="utf-8").partition(MARKER)
    notes = after if marker else notes
  files.write_file(path, f"{text}{MARKER}{notes}".encode())
