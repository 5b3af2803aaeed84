# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Where a command finds examples: a file, or a split of TFDS."""

import argparse
from typing import TYPE_CHECKING
from typing import Any

from tf_adapters import data
from tf_adapters.command_line.command import flag
from tf_adapters.errors import InputError

if TYPE_CHECKING:
  import tf_adapters


def add_arguments(
  parser: argparse.ArgumentParser, file: str, text: str, **more: Any
) -> None:
  """Adds `--FILE`, and the options that name a split instead."""
  parser.add_argument(f"--{file}", metavar="FILE", help=text, **more)
  parser.add_argument(
    "--split", metavar="SPLIT", help="a split of a TFDS data set instead"
  )
  parser.add_argument(
    "--tfds", metavar="NAME", help="the data set; by default the training's"
  )
  parser.add_argument("--tfds-dir", metavar="DIR", help="where it is")


def check(options: argparse.Namespace, file: str) -> None:
  """Before anything is loaded: a file or a split, not both."""
  given = getattr(options, file)
  if bool(given) == bool(options.split):
    raise InputError(
      f"give `--{file} FILE` or `--split SPLIT`; got "
      f"{'both' if given else 'neither'}."
    )
  for name in ("tfds", "tfds_dir"):
    if given and getattr(options, name) is not None:
      raise InputError(f"{flag(name)} is for `--split`; got `--{file}`.")


def of(
  options: argparse.Namespace, task: "tf_adapters.LoadedTask", file: str
) -> str | data.Split:
  """The file, or the split of the data set that is named or was trained on."""
  if not options.split:
    return getattr(options, file)
  name = options.tfds or task.settings.tfds
  if not name:
    raise InputError(
      f"the task {task.name!r} was not trained on a data set of TFDS; name one "
      "by `--tfds`."
    )
  folder = options.tfds_dir or task.settings.tfds_dir
  return data.Split(name, options.split, folder)
