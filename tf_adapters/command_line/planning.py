# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`tf-adapters plan`: its arguments, and what it prints."""

import argparse
import dataclasses
import textwrap
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from tf_adapters import settings as settings_lib
from tf_adapters.command_line.command import Command
from tf_adapters.command_line.command import json_line
from tf_adapters.errors import InputError
from tf_adapters.planning import costs as costs_lib
from tf_adapters.planning import picture
from tf_adapters.planning import shapes
from tf_adapters.planning import table

_EPILOG = (
  "Parameters and bytes of weights are exact; memory is an estimate, whose "
  "formula is in tf_adapters/planning/memory.py. Of the settings of a run, "
  "adapter.*, tuning.*, head.input, task.type, data.max_length, "
  "train.batch_size and train.recompute are read: tf-adapters plan minilm "
  "--size 8,64 adapter.layers=3,4,5 tuning.rank=16"
)
_SIZES = tuple(field.name for field in dataclasses.fields(shapes.EncoderShape))


def _arguments(parser: argparse.ArgumentParser) -> None:
  parser.epilog = textwrap.fill(_EPILOG, 79)
  parser.add_argument(
    "settings",
    nargs="*",
    metavar="ENCODER | KEY=VALUE",
    help=(
      f"an encoder: {', '.join(shapes.NAMED)} (by default bert-base), or a "
      "folder with its config.json; then settings as those of `train`"
    ),
  )
  sizes = parser.add_argument_group(
    "another shape of encoder, where it differs from the one that is named"
  )
  for name in _SIZES:
    sizes.add_argument(f"--{name}", type=int, metavar="N")
  for name, kind, text in (
    ("size", int, "sizes of bottlenecks, as 8,64,256"),
    ("method", str, "placements of adapters, as houlsby,pfeiffer"),
    ("strategy", str, "ways to tune, as adapter,full; by default all"),
  ):
    parser.add_argument(
      f"--{name}", type=_list_of(kind), default=(), metavar="LIST", help=text
    )
  parser.add_argument(
    "--tasks",
    type=int,
    default=10,
    metavar="N",
    help="how many share the encoder (by default 10)",
  )
  parser.add_argument(
    "--classes",
    type=int,
    metavar="N",
    help="outputs of each head (by default 2, for a regression 1)",
  )
  parser.add_argument(
    "--picture", metavar="FILE", help="draw it too, into a .png or .svg file"
  )


def _list_of(kind: Callable[[str], Any]) -> Callable[[str], tuple]:
  def parse(text: str) -> tuple:
    return tuple(kind(item) for item in text.split(","))

  parse.__name__ = f"list of {kind.__name__}"  # argparse names it in errors
  return parse


def plan(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters plan`."""
  if options.picture:
    picture.check(options.picture)
  settings = list(options.settings)
  named = settings.pop(0) if settings and "=" not in settings[0] else None
  config = settings_lib.load(None, settings)
  if named is not None and config.encoder is not None:
    raise InputError(
      f"the encoder is named twice: {named!r} and encoder={config.encoder!r}."
    )
  chosen = {"strategies": options.strategy} if options.strategy else {}
  costs = costs_lib.plan(
    _encoder(options, named or config.encoder or "bert-base"),
    sizes=options.size,
    methods=options.method,
    tasks=options.tasks,
    classes=options.classes,
    config=config,
    **chosen,
  )
  if options.picture:
    picture.write(costs, options.picture)
  if options.json:
    yield json_line(table.to_dict(costs))
  else:
    yield from table.markdown(costs)


def _encoder(
  options: argparse.Namespace, name: str
) -> str | shapes.EncoderShape:
  """The named one, or its shape with other sizes."""
  sizes = {key: getattr(options, key) for key in _SIZES}
  given = {key: size for key, size in sizes.items() if size is not None}
  if not given:
    return name
  if "hidden" in given:
    given.setdefault("inner", None)
  return dataclasses.replace(shapes.find(name), **given)


COMMANDS = (
  Command(
    "plan",
    "Counts what tuning would cost, without weights: size, disk, memory.",
    _arguments,
    plan,
  ),
)
