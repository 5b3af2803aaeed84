# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Commands that train: `train`, `baseline`, `suite`, `demo`; and `split`."""

import argparse
import dataclasses
import functools
import os
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import tf_adapters
from tf_adapters import config as config_lib
from tf_adapters import settings as settings_lib
from tf_adapters.command_line.command import Command
from tf_adapters.command_line.command import json_line
from tf_adapters.command_line.command import runs_failed
from tf_adapters.command_line.command import scores
from tf_adapters.errors import InputError


def train(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters train`."""
  config = _config(options)
  _check_read(options.settings, config.tuning.strategy)
  result = tf_adapters.train(config, overwrite=options.overwrite)
  if options.json:
    yield json_line(dataclasses.asdict(result))
    return
  share = result.trainable_parameters / result.encoder_parameters
  yield (
    f"{result.task}: {_dev_and_test(result)}; "
    f"{result.trainable_parameters:,} parameters trained ({share:.2%} of the "
    f"encoder's) in {result.seconds:.0f} s; stored in {result.store}"
  )


def _train_arguments(parser: argparse.ArgumentParser) -> None:
  parser.epilog = _settings_help()
  _add_settings(parser)
  parser.add_argument(
    "--overwrite", action="store_true", help="replace the task if it exists"
  )


def _add_settings(parser: argparse.ArgumentParser) -> None:
  parser.add_argument(
    "settings",
    nargs="*",
    metavar="CONFIG.yaml | KEY=VALUE",
    help="a configuration file, then settings over it",
  )


def _settings_help() -> str:
  lines = ["settings and their defaults:"]
  defaults = settings_lib.to_dict(config_lib.Config())
  for name, value in settings_lib.dotted(defaults).items():
    lines.append(f"  {name}={_typed(value)}")
  return "\n".join(lines)


def _typed(value: Any) -> str:
  """A setting as it can be typed."""
  if isinstance(value, tuple):
    return ",".join(map(str, value))
  return "null" if value is None else str(value)


def _config(options: argparse.Namespace) -> "tf_adapters.Config":
  settings = list(options.settings)
  first = settings[0] if settings else "="
  is_file = "=" not in first or os.path.isfile(first)  # `lr=1/run.yaml`
  path = settings.pop(0) if is_file else None
  return settings_lib.load(path, settings)


def _check_read(settings: Sequence[str], strategy: str) -> None:
  """Refuses what is typed and is of other strategies alone.

  In a file it may stand: one file serves runs of several strategies.
  """
  from tf_adapters.modeling import strategies  # imports TensorFlow

  for item in settings:
    key = item.partition("=")[0]
    part, _, name = key.partition(".")
    readers = [
      f"`{each}`"
      for each in config_lib.TUNINGS
      if part in ("adapter", "tuning")
      and name in strategies.STRATEGIES[each].options
    ]
    if readers and f"`{strategy}`" not in readers:
      raise InputError(
        f"`{key}` is not read with `tuning.strategy={strategy}`, but with "
        f"{' and '.join(readers)}."
      )


def _dev_and_test(result: "tf_adapters.TrainResult") -> str:
  if not result.test_metrics:
    return scores(result.metrics)
  return f"{scores(result.metrics)}; test {scores(result.test_metrics)}"


def baseline(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters baseline`."""
  result = tf_adapters.train_baseline(_config(options))
  if options.json:
    yield json_line(dataclasses.asdict(result))
    return
  yield (
    f"{result.task} without BERT: {_dev_and_test(result)}; "
    f"{result.chosen['ngrams']} n-grams, strength "
    f"{result.chosen['strength']:g}, {result.trainable_parameters:,} "
    f"parameters in {result.seconds:.0f} s"
  )


def suite(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters suite`."""
  from tf_adapters.suites import plan
  from tf_adapters.suites import run
  from tf_adapters.suites import table
  from tf_adapters.training import reporting  # imports TensorFlow

  chosen = plan.load(
    options.file,
    output=options.output,
    storage=options.storage,
    root=options.root,
  )
  publish = functools.partial(table.write, chosen)
  if options.tables:
    with run.alone(chosen):
      outcomes = run.so_far(chosen)
      publish(outcomes)
  else:
    say = reporting.Reporter().say
    outcomes = run.run(chosen, say, publish, retry=options.retry)
  failed = sum(len(outcome.errors) for outcome in outcomes)
  if options.json:
    yield json_line({
      "output": str(chosen.output),
      "cells": len(outcomes),
      "runs": sum(len(outcome.runs) for outcome in outcomes),
      "failed": failed,
      "left": sum(outcome.left for outcome in outcomes),
    })
  else:
    yield table.markdown(chosen, outcomes)
  if failed and not options.tables:
    raise runs_failed(options.file, failed, chosen.output / "table.md")


def _suite_arguments(parser: argparse.ArgumentParser) -> None:
  parser.add_argument("file", metavar="SUITE.yaml")
  parser.add_argument("--root", metavar="DIR", help="where the data files are")
  parser.add_argument("--output", metavar="DIR", help="where results go")
  parser.add_argument(
    "--storage",
    metavar="URL",
    help="a database of Optuna, as sqlite:///a.db, of this --output alone",
  )
  parser.add_argument(
    "--retry", action="store_true", help="run again what failed before"
  )
  parser.add_argument(
    "--tables",
    action="store_true",
    help="run nothing, and table what has been run so far",
  )


def split(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters split`."""
  from tf_adapters.data import splitting
  from tf_adapters.tasks import tables  # imports TensorFlow
  from tf_adapters.training import reporting

  form = tables.form(options.form, "--form")
  parts = splitting.split(
    options.file,
    options.output,
    form,
    options.seed,
    say=reporting.Reporter().say,
  )
  if options.json:
    yield json_line({"path": options.output, "examples": parts})
  else:
    shown = ", ".join(f"{count} {name}" for name, count in parts.items())
    yield f"{options.output}: {shown}"


def _split_arguments(parser: argparse.ArgumentParser) -> None:
  parser.add_argument("file", metavar="FILE")
  parser.add_argument("--output", required=True, metavar="DIR")
  parser.add_argument(
    "--form", default="", metavar="TASK", help="whose publisher's form it has"
  )
  parser.add_argument("--seed", type=int, default=0, metavar="N")


def demo(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters demo`."""
  from tf_adapters import demo as demonstration  # imports TensorFlow

  demonstration.run(options.output)
  yield f"everything is in {options.output}"


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
  parser.add_argument("--output", default="demo", metavar="DIR")


COMMANDS = (
  Command(
    "train",
    "Trains one task and adds it to a store.",
    _train_arguments,
    train,
  ),
  Command(
    "baseline",
    "Scores n-grams and a linear model, without BERT, on the data of a run.",
    _add_settings,
    baseline,
  ),
  Command(
    "suite",
    "Runs tasks x methods x settings x seeds from one file, and tables them.",
    _suite_arguments,
    suite,
  ),
  Command(
    "split",
    "Cuts one file at random into train, dev and test, 80, 10 and 10 percent.",
    _split_arguments,
    split,
  ),
  Command(
    "demo",
    "Trains three tasks on sample data, exports them and asks the export.",
    _demo_arguments,
    demo,
  ),
)
