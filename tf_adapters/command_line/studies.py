# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`tf-adapters study`: its arguments, and what it prints."""

import argparse
import pathlib
import shlex
from collections.abc import Iterator

from tf_adapters.command_line.command import Command
from tf_adapters.command_line.command import json_line
from tf_adapters.command_line.command import runs_failed

_NAMES = ("trade-off", "ablation", "initialisation", "size")
_CONFIGS = pathlib.Path("configs/studies")


def study(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters study`."""
  from tf_adapters.studies import kinds
  from tf_adapters.studies import plan
  from tf_adapters.studies import run
  from tf_adapters.studies import tables
  from tf_adapters.training import reporting  # imports TensorFlow

  kind = kinds.KINDS[options.name]
  path = options.config or str(_CONFIGS / f"{options.name}.yaml")
  chosen = plan.load(
    kind,
    path,
    output=options.output,
    storage=options.storage,
    root=options.root,
  )
  results = run.run(
    chosen,
    reporting.Reporter().say,
    _command(kind.name, path),
    retry=options.retry,
  )
  failed = sum(len(point.failed) for point in results.points)
  if options.json:
    yield json_line({
      "study": kind.name,
      "output": str(chosen.folder),
      "report": str(chosen.suite.output / "report.html"),
      "points": len(results.points),
      "failed": failed,
    })
  else:
    for table in kind.tables(results):
      yield tables.markdown(table)
    is_drawn = any(point.runs for point in results.points)
    what = "pictures" if is_drawn else "tables without pictures"
    yield f"{what} are in {chosen.folder}, all studies in report.html beside it"
  if failed:
    raise runs_failed(path, failed, chosen.folder / "runs.csv")


def _command(name: str, path: str) -> str:
  """As somebody else would type it: with the names of files, not of folders."""
  shown = pathlib.Path(path)
  if shown.is_absolute():
    shown = pathlib.Path(shown.name)
  config = shlex.quote(str(shown))
  return f"tf-adapters study {name} --config {config} --root DATA --output DIR"


def _arguments(parser: argparse.ArgumentParser) -> None:
  parser.add_argument("name", choices=_NAMES, metavar="NAME", help=(
    ", ".join(_NAMES)
  ))
  parser.add_argument(
    "--config",
    metavar="FILE",
    help=f"what to run; by default {_CONFIGS}/NAME.yaml",
  )
  parser.add_argument("--root", metavar="DIR", help="where the data files are")
  parser.add_argument(
    "--output",
    required=True,
    metavar="DIR",
    help="where results go; studies may share it",
  )
  parser.add_argument(
    "--storage",
    metavar="URL",
    help="a database of Optuna, as sqlite:///a.db, of this --output alone",
  )
  parser.add_argument(
    "--retry", action="store_true", help="run again what failed before"
  )


COMMANDS = (
  Command(
    "study",
    "Repeats a study of the paper: data, tables, pictures and a report.",
    _arguments,
    study,
  ),
)
