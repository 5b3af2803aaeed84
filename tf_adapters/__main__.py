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

import tf_adapters
from tf_adapters.command_line import answering
from tf_adapters.command_line import inspecting
from tf_adapters.command_line import planning
from tf_adapters.command_line import serving
from tf_adapters.command_line import studies
from tf_adapters.command_line import training
from tf_adapters.command_line.command import Command
from tf_adapters.errors import InputError
from tf_adapters.errors import ServerError

_ROOMS = (training, studies, answering, serving, inspecting, planning)


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
  for room in _ROOMS:
    for command in room.COMMANDS:
      _add(subparsers, command)
  return parser


def _add(subparsers, command: Command) -> None:
  parser = subparsers.add_parser(
    command.name,
    help=command.help,
    description=command.help,
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.set_defaults(run=command.run)
  parser.add_argument(
    "--json", action="store_true", help="print results as JSON"
  )
  command.add_arguments(parser)


if __name__ == "__main__":
  sys.exit(main())
