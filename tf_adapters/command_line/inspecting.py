# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Commands that look into a store: `list` and `show`."""

import argparse
import json
from collections.abc import Iterator

import tf_adapters
from tf_adapters.command_line.command import Command
from tf_adapters.command_line.command import add_store
from tf_adapters.command_line.command import json_line
from tf_adapters.command_line.command import scores


def list_(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters list`."""
  store = tf_adapters.Store(options.store)
  rows = []
  for name in store.tasks():
    tree = store.describe(name)
    rows.append({
      "task": name,
      "type": tree["definition"]["type"],
      "metrics": tree["metrics"],
      "parameters": tree["parameters"],
      "bytes": store.size(name),
    })
  if options.json:
    yield json_line({"tasks": rows})
    return
  for row in rows:
    yield (
      f"{row['task']}\t{row['type']}\t{scores(row['metrics'])}\t"
      f"{row['parameters']:,} parameters\t{row['bytes'] / 1e6:.2f} MB"
    )


def show(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters show`."""
  tree = tf_adapters.Store(options.store).describe(options.task)
  if options.json:
    yield json_line(tree)
  else:
    yield json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False)


def _show_arguments(parser: argparse.ArgumentParser) -> None:
  add_store(parser)
  parser.add_argument("--task", required=True, metavar="NAME")


COMMANDS = (
  Command("list", "Lists the tasks of a store.", add_store, list_),
  Command(
    "show",
    "Shows how a task was made, as JSON.",
    _show_arguments,
    show,
  ),
)
