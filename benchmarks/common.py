# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What both sides of the benchmark share: options, clocks and the report.

Only the standard library is imported, since either side has an environment
of its own.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any


def add_model_options(parser: argparse.ArgumentParser) -> None:
  """Options that say which model is measured."""
  parser.add_argument(
    "--encoder",
    help="folder with config.json, model.safetensors and vocab.txt; without "
    "it: random weights of --hidden and --layers",
  )
  parser.add_argument("--hidden", type=int, default=384)
  parser.add_argument("--layers", type=int, default=6)
  parser.add_argument("--size", type=int, default=64, help="of the adapters")
  parser.add_argument("--batch", type=int, default=32)
  parser.add_argument("--seq", type=int, default=128, help="longest, in tokens")
  parser.add_argument("--seed", type=int, default=0)


def add_step_options(parser: argparse.ArgumentParser) -> None:
  """Options of one batch of fixed shape, repeated."""
  parser.add_argument("--steps", type=int, default=7, help="after two others")
  parser.add_argument(
    "--infer", action="store_true", help="forward passes, no training"
  )
  parser.add_argument("--mode", choices=["adapter", "full"], default="adapter")


def add_task_options(parser: argparse.ArgumentParser) -> None:
  """Options of whole epochs on a task."""
  parser.add_argument(
    "--data",
    required=True,
    help="folder with train.tsv and dev.tsv: text_a[, text_b], label",
  )
  parser.add_argument("--epochs", type=int, default=3)
  parser.add_argument("--rate", type=float, default=1e-3)
  parser.add_argument(
    "--cap", type=int, default=0, help="train on the first rows; 0: all"
  )


def seconds_since_start() -> float:
  """Since this process was started, its imports included (Linux)."""
  with open("/proc/self/stat", encoding="ascii", errors="replace") as file:
    fields = file.read().rpartition(")")[2].split()
  started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
  return time.clock_gettime(time.CLOCK_BOOTTIME) - started


class Clock:
  """Times calls of `one`, the first apart.

  Args:
    one: What is timed: `loop` steps.
    calls: How many are timed, after two others.
    loop: Steps a call.

  Attributes:
    first: Seconds from the start of the process to the end of the first call.
    median: Seconds of a step.
  """

  def __init__(self, one: Callable[[], Any], calls: int, loop: int = 1):
    one()
    self.first = seconds_since_start()
    one()
    seconds = []
    for _ in range(calls):
      began = time.perf_counter()
      one()
      seconds.append(time.perf_counter() - began)
    self.median = statistics.median(seconds) / loop

  def report(self, examples: int) -> dict[str, float]:
    """What is said of steps that take `examples` each."""
    return {
      "examples_per_s": round(examples / self.median, 3),
      "step_ms": round(self.median * 1e3, 3),
      "seconds_to_first_step": round(self.first, 3),
    }


def report_epochs(seconds: list[float], examples: int) -> dict[str, Any]:
  """What is said of epochs of `examples` each that took so long to train.

  The speed counts all epochs, so whatever the first one compiles as well.
  """
  later = seconds[1:]
  return {
    "epoch_s": [round(each, 3) for each in seconds],
    "examples_per_s": round(len(seconds) * examples / sum(seconds), 3),
    "later_examples_per_s": (
      round(examples / statistics.median(later), 3) if later else None
    ),
    "train_examples": examples,
  }


def print_report(
  options: argparse.Namespace, versions: dict[str, str], **values: Any
) -> None:
  """Prints one line of JSON: options, versions, peak memory and `values`."""
  # Linux counts in units of 1024 bytes.
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
  tree = {
    "options": vars(options),
    "versions": {"Python": platform.python_version(), **versions},
    "peak_rss_gb": round(peak / 1e9, 4),
    **values,
  }
  print(json.dumps(tree, sort_keys=True))
