# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The command line: `tf-adapters`, or `python -m tf_adapters`.

  tf-adapters train task.name=sms data.train=train.tsv data.eval=dev.tsv
  tf-adapters predict --store store --task sms "You have won a prize"
  tf-adapters export --store store --output serving/sms

Results go to stdout, everything else to stderr. Bad input: one sentence and
exit status 2; a model server that does not answer: one and status 3.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

import tf_adapters
from tf_adapters import commands
from tf_adapters import config as config_lib
from tf_adapters import serving_commands
from tf_adapters import settings as settings_lib
from tf_adapters.errors import InputError
from tf_adapters.errors import ServerError
from tf_adapters.planning import command as plan_command


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs one command; returns the exit status."""
  # TensorFlow's start-up notes would bury what the user should read.
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
  options = _parse(arguments)
  try:
    for line in options.run(options):
      print(line, flush=True)
  except InputError as error:
    print(f"tf-adapters: {error}", file=sys.stderr)
    return 2
  except ServerError as error:
    print(f"tf-adapters: {error}", file=sys.stderr)
    return 3
  except BrokenPipeError:  # the reader of our output, `head` say, has gone
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
  except OSError as error:
    print(f"tf-adapters: {_describe(error)}", file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    print("tf-adapters: interrupted; run it again to go on.", file=sys.stderr)
    return 130
  return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
  parser = _parser()
  options, rest = parser.parse_known_args(arguments)
  # argparse takes positional arguments of a sub-command in one run only, but
  # people write `train a=1 --json b=2`.
  lists = ("settings", "texts", "models")
  many = next((name for name in lists if name in options), None)
  if rest and (many is None or any(word.startswith("-") for word in rest)):
    parser.error(f"unrecognized arguments: {' '.join(rest)}")
  if rest:
    getattr(options, many).extend(rest)
  return options


def _describe(error: OSError) -> str:
  where = f"{error.filename}: " if error.filename else ""
  return f"{where}cannot be read or written: {error.strerror or error}."


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog="tf-adapters",
    description="Adapts one frozen BERT to many tasks and serves them all.",
  )
  parser.add_argument(
    "--version", action="version", version=tf_adapters.__version__
  )
  subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
  _add_train(subparsers)
  _add_baseline(subparsers)
  _add_suite(subparsers)
  _add_split(subparsers)
  _add_evaluate(subparsers)
  _add_predict(subparsers)
  _add_export(subparsers)
  _add_serve_config(subparsers)
  _add_list(subparsers)
  _add_show(subparsers)
  _add_plan(subparsers)
  _add_demo(subparsers)
  return parser


def _add_command(subparsers, name: str, run, text: str, **options):
  parser = subparsers.add_parser(name, help=text, description=text, **options)
  parser.set_defaults(run=run)
  parser.add_argument(
    "--json", action="store_true", help="print results as JSON"
  )
  return parser


def _add_store(parser) -> None:
  parser.add_argument("--store", required=True, metavar="DIR")


def _add_settings(parser) -> None:
  parser.add_argument(
    "settings",
    nargs="*",
    metavar="CONFIG.yaml | KEY=VALUE",
    help="a configuration file, then settings over it",
  )


def _add_train(subparsers) -> None:
  parser = _add_command(
    subparsers,
    "train",
    commands.train,
    "Trains one task and adds it to a store.",
    epilog=_settings_help(),
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  _add_settings(parser)
  parser.add_argument(
    "--overwrite", action="store_true", help="replace the task if it exists"
  )


def _add_baseline(subparsers) -> None:
  parser = _add_command(
    subparsers,
    "baseline",
    commands.baseline,
    "Scores n-grams and a linear model, without BERT, on the data of a run.",
  )
  _add_settings(parser)


def _add_suite(subparsers) -> None:
  parser = _add_command(
    subparsers,
    "suite",
    commands.suite,
    "Runs tasks x methods x settings x seeds from one file, and tables them.",
  )
  parser.add_argument("file", metavar="SUITE.yaml")
  parser.add_argument("--root", metavar="DIR", help="where the data files are")
  parser.add_argument("--output", metavar="DIR", help="where results go")
  parser.add_argument(
    "--storage", metavar="URL", help="a database of Optuna, as sqlite:///a.db"
  )


def _add_split(subparsers) -> None:
  parser = _add_command(
    subparsers,
    "split",
    commands.split,
    "Cuts one file at random into train, dev and test, 80, 10 and 10 percent.",
  )
  parser.add_argument("file", metavar="FILE")
  parser.add_argument("--output", required=True, metavar="DIR")
  parser.add_argument(
    "--form", default="", metavar="TASK", help="whose publisher's form it has"
  )
  parser.add_argument("--seed", type=int, default=0, metavar="N")


def _add_source(parser, file: str, text: str) -> None:
  parser.add_argument(f"--{file}", metavar="FILE", help=text)
  parser.add_argument(
    "--split", metavar="SPLIT", help="a split of a TFDS data set instead"
  )
  parser.add_argument(
    "--tfds", metavar="NAME", help="the data set; by default the training's"
  )
  parser.add_argument("--tfds-dir", metavar="DIR", help="where it is")


def _settings_help() -> str:
  lines = ["settings and their defaults:"]
  for name, value in _flatten(settings_lib.to_dict(config_lib.Config()), ""):
    lines.append(f"  {name}={'' if value is None else value}")
  return "\n".join(lines)


def _flatten(tree: dict[str, Any], prefix: str):
  for key, value in tree.items():
    if isinstance(value, dict):
      yield from _flatten(value, f"{prefix}{key}.")
    else:
      yield f"{prefix}{key}", value


def _add_evaluate(subparsers) -> None:
  parser = _add_command(
    subparsers,
    "evaluate",
    commands.evaluate,
    "Scores a task on a labelled file or split.",
  )
  _add_store(parser)
  parser.add_argument("--task", required=True, metavar="NAME")
  _add_source(parser, "data", "a labelled file")
  parser.add_argument(
    "--report", action="store_true", help="scores by class, confusion matrix"
  )


def _add_predict(subparsers) -> None:
  parser = _add_command(
    subparsers,
    "predict",
    serving_commands.predict,
    "Answers texts with a task of a store or of a model server.",
  )
  serving_commands.add_server(parser)
  parser.add_argument("--task", required=True, metavar="NAME")
  _add_source(parser, "input", "a file of texts with a header")
  parser.add_argument(
    "--glue", metavar="DIR", help="write a file for the GLUE server there"
  )
  parser.add_argument(
    "--form", metavar="TASK", help="whose form the input has (data.form)"
  )
  parser.add_argument(
    "--output",
    metavar="FILE",
    help="for spans: answers by question as JSON, as SQuAD's script takes them",
  )
  parser.add_argument(
    "texts",
    nargs="*",
    metavar="TEXT",
    help="for pairs: A B A B …; for spans: QUESTION CONTEXT …",
  )


def _add_export(subparsers) -> None:
  parser = _add_command(
    subparsers,
    "export",
    commands.export,
    "Writes all tasks of a store as the next version of one SavedModel.",
  )
  _add_store(parser)
  parser.add_argument("--output", required=True, metavar="DIR")
  parser.add_argument(
    "--merge", action="store_true", help="add up the kernels of `lora` tasks"
  )


def _add_serve_config(subparsers) -> None:
  parser = _add_command(
    subparsers,
    "serve-config",
    serving_commands.serve_config,
    "Writes TensorFlow Serving's model config file for exported models.",
  )
  serving_commands.add_serve_config(parser)


def _add_list(subparsers) -> None:
  parser = _add_command(
    subparsers, "list", commands.list_, "Lists the tasks of a store."
  )
  _add_store(parser)


def _add_show(subparsers) -> None:
  parser = _add_command(
    subparsers, "show", commands.show, "Shows how a task was made, as JSON."
  )
  _add_store(parser)
  parser.add_argument("--task", required=True, metavar="NAME")


def _add_plan(subparsers) -> None:
  parser = _add_command(subparsers, "plan", plan_command.run, plan_command.HELP)
  plan_command.add_arguments(parser)


def _add_demo(subparsers) -> None:
  parser = _add_command(
    subparsers,
    "demo",
    commands.demo,
    "Trains three tasks on sample data, exports them and asks the export.",
  )
  parser.add_argument("--output", default="demo", metavar="DIR")


if __name__ == "__main__":
  sys.exit(main())
