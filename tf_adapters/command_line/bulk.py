# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`predict --export`: files of any size, on Apache Beam."""

import argparse
import dataclasses
from collections.abc import Iterator

import tf_adapters
from tf_adapters.command_line.command import json_line
from tf_adapters.errors import InputError

# What of `predict` is for `--export` alone; None where it is not given.
OPTIONS = ("column", "runner", "beam", "batch_size", "part_rows")


def add_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds `OPTIONS`."""
  group = parser.add_argument_group(
    "with --export",
    "--input takes .tsv, .csv, .jsonl and .parquet files, or a pattern in\n"
    "quotes, and may be given several times; --output is a folder.",
  )
  group.add_argument(
    "--column",
    action="append",
    metavar="INPUT=NAME",
    help="the column of an input that has another name, as text=review",
  )
  group.add_argument(
    "--batch-size", type=int, metavar="N", help="rows answered at once (32)"
  )
  group.add_argument(
    "--part-rows", type=int, metavar="N", help="rows of a file written (5000)"
  )
  group.add_argument(
    "--runner",
    metavar="RUNNER",
    help="Beam's: FlinkRunner, SparkRunner, DataflowRunner … (DirectRunner)",
  )
  group.add_argument(
    "--beam",
    action="append",
    metavar="OPTION=VALUE",
    help="an option of Beam or of its runner, as direct_num_workers=2",
  )


def predict(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters predict --export`."""
  result = tf_adapters.predict_files(
    _job(options),
    runner=options.runner or "DirectRunner",
    options=options.beam or (),
  )
  if options.json:
    yield json_line(dataclasses.asdict(result))
    return
  bad = f", {result.rejected:,} rejected ({result.output}/_rejected)"
  found = f"; {result.found:,} of them were there" if result.found else ""
  yield (
    f"{result.output}: {result.answered:,} rows answered"
    f"{bad if result.rejected else ''} in {result.parts:,} files{found}, "
    f"{result.seconds:.0f} s"
  )


def _job(options: argparse.Namespace) -> "tf_adapters.BulkJob":
  if options.texts:
    raise InputError(
      "`--export` answers files, each after an `--input` of its own or by a "
      f"pattern in quotes; got also {options.texts[0]!r}."
    )
  if not options.input or not options.output:
    raise InputError("`--export` needs `--input FILES` and `--output DIR`.")
  columns = dict(map(_column, options.column or ()))
  sizes = {
    name: getattr(options, name)
    for name in ("batch_size", "part_rows")
    if getattr(options, name) is not None
  }
  return tf_adapters.BulkJob(
    options.export,
    options.task,
    tuple(options.input),
    options.output,
    columns,
    **sizes,
  )


def _column(word: str) -> tuple[str, str]:
  name, equals, column = word.partition("=")
  if not (name and equals and column):
    raise InputError(f"`--column` must be INPUT=NAME; got {word!r}.")
  return name, column
