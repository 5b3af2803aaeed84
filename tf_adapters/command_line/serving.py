# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Commands about serving: `export` and `serve-config`."""

import argparse
from collections.abc import Iterator

import tf_adapters
from tf_adapters.command_line.command import Command
from tf_adapters.command_line.command import add_store
from tf_adapters.command_line.command import json_line
from tf_adapters.errors import InputError
from tf_adapters.serving import model_config


def export(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters export`."""
  version = tf_adapters.export(
    options.store,
    options.output,
    tasks=_tasks(options),
    keep=options.keep,
    merge=options.merge,
    examples=options.examples,
    precision=options.precision,
  )
  if options.json:
    yield json_line({"path": version})
  else:
    yield version


def _tasks(options: argparse.Namespace) -> "list[str] | tf_adapters.Change":
  if not (options.add or options.remove):
    return options.task
  if options.task:
    raise InputError("give `--task`, or `--add` and `--remove`, not both.")
  return tf_adapters.Change(add=options.add, remove=options.remove)


def _export_arguments(parser: argparse.ArgumentParser) -> None:
  add_store(parser)
  parser.add_argument("--output", required=True, metavar="DIR")
  for name, default, text in (
    ("task", None, "a task to export; by default all are"),
    ("add", [], "add this task to those of the newest version"),
    ("remove", [], "leave this task of the newest version out"),
  ):
    parser.add_argument(
      f"--{name}",
      action="append",
      default=default,
      metavar="NAME",
      help=f"{text}; may be given several times",
    )
  parser.add_argument(
    "--keep", type=int, metavar="N", help="keep the newest N versions only"
  )
  parser.add_argument(
    "--merge", action="store_true", help="add up the kernels of `lora` tasks"
  )
  parser.add_argument(
    "--examples",
    action="store_true",
    help="add signatures for the Classify and Regress calls of a server",
  )
  parser.add_argument(
    "--precision",
    metavar="P",
    help="float32 or bfloat16, of products with the encoder's kernels",
  )


def serve_config(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters serve-config`."""
  folders = dict(_pair("NAME=DIR", word) for word in options.models)
  if len(folders) < len(options.models):
    raise InputError("`NAME=DIR`: two models have one name.")
  labels: dict[str, dict[str, int]] = {name: {} for name in folders}
  for word in options.label:
    _add_label(labels, word)
  models = [
    model_config.ServedModel(name, folder, labels[name])
    for name, folder in folders.items()
  ]
  model_config.write(options.output, models, options.root)
  yield json_line({"path": options.output}) if options.json else options.output


def _serve_config_arguments(parser: argparse.ArgumentParser) -> None:
  """Adds the arguments of `serve-config`."""
  parser.add_argument("--output", required=True, metavar="FILE")
  parser.add_argument(
    "--label",
    action="append",
    default=[],
    metavar="[NAME:]LABEL=VERSION",
    help="a label of a version, as stable=1; may be given several times",
  )
  parser.add_argument(
    "--root",
    metavar="DIR",
    help="where the server finds the folders by name, as /models in a "
    "container; by default where they are here",
  )
  parser.add_argument(
    "models",
    nargs="*",
    metavar="NAME=DIR",
    help="a model's name and the folder that `export` wrote",
  )


def _add_label(labels: dict[str, dict[str, int]], word: str) -> None:
  """Reads `stable=1`, of all models, or `NAME:stable=1`, of one."""
  key, version = _pair("--label", word)
  name, colon, label = key.rpartition(":")
  if colon and name not in labels:
    raise InputError(f"`--label` {word}: there is no model {name!r}.")
  if not (version.isascii() and version.isdecimal()):
    raise InputError(
      f"`--label` {word}: the version must be a number; got {version!r}."
    )
  for model in [name] if colon else labels:
    if label in labels[model]:
      raise InputError(f"`--label` {word}: {model} has that label already.")
    labels[model][label] = int(version)


def _pair(key: str, word: str) -> tuple[str, str]:
  left, equals, right = word.partition("=")
  if not (equals and left and right):
    raise InputError(f"`{key}` needs something on both sides of `=`: {word!r}.")
  return left, right


COMMANDS = (
  Command(
    "export",
    "Writes tasks of a store as the next version of one SavedModel.",
    _export_arguments,
    export,
  ),
  Command(
    "serve-config",
    "Writes TensorFlow Serving's model config file for exported models.",
    _serve_config_arguments,
    serve_config,
  ),
)
