# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Whether training at full speed costs accuracy; writes ACCURACY.md.

  python benchmarks/accuracy.py --data DATA

Trains each task with every seed, once with what `train` does by itself
(products in bfloat16 where the processor multiplies it faster) and once with
`train.precision=float32`. Every run goes into the raw file as soon as it is
there; one that is there is not run again.
"""

import argparse
import pathlib
import statistics
import sys

import results
import rich.console
import speed

HERE = pathlib.Path(__file__).resolve().parent
TASKS = {"sst2": 8000, "cola": 0, "sms_spam": 0}  # rows to train on; 0: all
PRECISIONS = ("auto", "float32")
_ALLOWED = 0.3  # points
_PAGE = """\
# Accuracy at full speed

Written by

    python benchmarks/accuracy.py --data DATA --epochs {epochs} --seeds {seeds}

Dev accuracy in percent of the better epoch, MiniLM, adapters of size 64, mean
of {seeds} seeds (least to greatest); the lines of each seed come from

    python benchmarks/ours.py task --data DATA/TASK --epochs {epochs} \\
      --cap ROWS --seed SEED --precision auto|float32

ROWS is 8000 for sst2, else 0 (all). `auto` is the default of `train`: products
with frozen kernels in bfloat16 on this processor.

| task | dev examples | auto | float32 | difference | within {allowed} |
|---|---|---|---|---|---|
{rows}

{machine}
"""


def parse() -> argparse.Namespace:
  """Reads the command line."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  add = parser.add_argument
  add("--data", type=pathlib.Path, required=True)
  add("--epochs", type=int, default=2)
  add("--seeds", type=int, default=3)
  add("--raw", type=pathlib.Path, default=HERE / "accuracy.jsonl")
  add("--output", type=pathlib.Path, default=HERE / "ACCURACY.md")
  return parser.parse_args()


def arguments(options, task: str, seed: int, precision: str) -> list[str]:
  """Of `ours.py`, for one run."""
  return [
    "task",
    *("--data", str(options.data / task)),
    *("--epochs", str(options.epochs)),
    *("--cap", str(TASKS[task])),
    *("--seed", str(seed)),
    *("--precision", precision),
  ]


def measure(options) -> dict[tuple[str, int, str], float]:
  """Accuracy of every run, read or measured."""
  source, console = speed.source(), rich.console.Console(stderr=True)
  known = {
    tuple(entry["run"]): entry["accuracy"]
    for entry in speed.read_raw(options.raw)
    if entry["source"] == source and entry["epochs"] == options.epochs
  }
  for task in TASKS:
    for seed in range(options.seeds):
      for precision in PRECISIONS:
        run = (task, seed, precision)
        if run not in known:
          known[run] = _measure_one(options, run, source)
        console.print(*run, f"{100 * known[run]:.2f}")
  return known


def _measure_one(options, run, source: str) -> float:
  command = [sys.executable, str(HERE / "ours.py"), *arguments(options, *run)]
  found = speed.run_command(command, timeout=3600)
  if "error" in found:
    sys.exit(f"{run}: {found['error']}")
  entry = {
    "source": source,
    "epochs": options.epochs,
    "run": run,
    "accuracy": found["result"]["dev_accuracy"],
  }
  speed.append_raw(options.raw, entry)
  return entry["accuracy"]


def line(options, task: str, found) -> str:
  """A row of the table."""
  by = {
    precision: [
      100 * found[task, seed, precision] for seed in range(options.seeds)
    ]
    for precision in PRECISIONS
  }
  fast, plain = (statistics.mean(by[precision]) for precision in PRECISIONS)
  text = (options.data / task / "dev.tsv").read_bytes()
  cells = [
    task,
    text.rstrip(b"\n").count(b"\n"),
    *(
      f"{statistics.mean(each):.2f} ({min(each):.2f}–{max(each):.2f})"
      for each in by.values()
    ),
    f"{fast - plain:+.2f}",
    "yes" if fast >= plain - _ALLOWED else "no",
  ]
  return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
  """Measures all and writes the page."""
  options = parse()
  found = measure(options)
  page = _PAGE.format(
    epochs=options.epochs,
    seeds=options.seeds,
    allowed=_ALLOWED,
    rows="\n".join(line(options, task, found) for task in TASKS),
    machine="\n".join(
      f"* {name}: {value}" for name, value in results.machine().items()
    ),
  )
  options.output.write_text(page, encoding="utf-8")


if __name__ == "__main__":
  main()
