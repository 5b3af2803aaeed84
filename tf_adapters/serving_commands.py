# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The commands about a model server: `predict --server` and `serve-config`."""

import argparse
import json
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import tf_adapters
from tf_adapters import commands
from tf_adapters import data
from tf_adapters.errors import InputError
from tf_adapters.serving import model_config

# Options of `predict` that need a store, or what is in one.
_OF_A_STORE = ("split", "tfds", "tfds_dir", "glue", "form", "output")
_OF_A_SERVER = ("labels", "model")


def add_server(parser: argparse.ArgumentParser) -> None:
  """Adds what says whom `predict` asks: a store, or a server."""
  whom = parser.add_mutually_exclusive_group(required=True)
  whom.add_argument("--store", metavar="DIR")
  whom.add_argument(
    "--server",
    metavar="HOST:PORT",
    help="TensorFlow Serving's REST address, or grpc://HOST:PORT",
  )
  parser.add_argument(
    "--model", metavar="NAME", help="the server's name for it (model)"
  )
  parser.add_argument(
    "--labels",
    metavar="FILE",
    help="the export's assets.extra/tasks.json, for names of probabilities",
  )


def predict(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters predict`."""
  others = _OF_A_STORE if options.server else _OF_A_SERVER
  for name in others:
    if getattr(options, name) is not None:
      raise InputError(
        f"`--{name.replace('_', '-')}` does not go with "
        f"`--{'server' if options.server else 'store'}`."
      )
  if not options.server:
    yield from commands.predict(options)
    return
  if bool(options.texts) == bool(options.input):
    raise InputError("give texts or `--input FILE`, and not both.")
  model = {} if options.model is None else {"model": options.model}
  with tf_adapters.Client(
    options.server, labels=options.labels, **model
  ) as client:
    names = client.inputs(options.task)
    columns = _columns(options, names)
    answers = client.predict(options.task, *columns)
  for answer, *texts in zip(answers, *columns, strict=True):
    shown = dict(zip(names, texts, strict=True))
    if options.json:
      yield _json({**shown, **answer})
    else:
      yield commands.answer_line(answer, shown)


def _columns(
  options: argparse.Namespace, names: Sequence[str]
) -> list[list[str]]:
  """The texts by what the task takes."""
  if options.input:
    return _read(options.input, names)
  step = len(names)
  if len(options.texts) % step:
    raise InputError(
      f"the task {options.task!r} takes pairs of texts; got "
      f"{len(options.texts)} texts."
    )
  return [options.texts[start::step] for start in range(step)]


def _read(path: str, names: Sequence[str]) -> list[list[str]]:
  """The columns of a file that a signature's inputs name."""
  if names[0] == "question":
    from tf_adapters.spans import squad

    questions = squad.read(path, key="--input", labelled=False)
    return [questions.texts, questions.texts_b]
  paired = len(names) == 2
  columns = data.Columns("text", "text_b" if paired else None, "label")
  examples = data.read(path, key="--input", columns=columns, labelled=False)
  return [examples.texts, examples.texts_b] if paired else [examples.texts]


def add_serve_config(parser: argparse.ArgumentParser) -> None:
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
  yield _json({"path": options.output}) if options.json else options.output


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


def _json(tree: dict[str, Any]) -> str:
  return json.dumps(tree, ensure_ascii=False, sort_keys=True)
