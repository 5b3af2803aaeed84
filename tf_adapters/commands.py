# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What each command does; it yields the lines of stdout, text or JSON."""

import argparse
import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import tf_adapters
from tf_adapters import data
from tf_adapters import settings as settings_lib
from tf_adapters.errors import InputError


def train(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters train`."""
  settings = list(options.settings)
  path = settings.pop(0) if settings and "=" not in settings[0] else None
  config = settings_lib.load(path, settings)
  result = tf_adapters.train(config, overwrite=options.overwrite)
  if options.json:
    yield _json(dataclasses.asdict(result))
    return
  share = result.trainable_parameters / result.encoder_parameters
  yield (
    f"{result.task}: {_scores(result.metrics)}; "
    f"{result.trainable_parameters:,} parameters trained ({share:.2%} of the "
    f"encoder's) in {result.seconds:.0f} s; stored in {result.store}"
  )


def evaluate(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters evaluate`."""
  metrics = tf_adapters.evaluate(options.store, options.task, options.data)
  if options.json:
    yield _json({"task": options.task, "metrics": metrics})
  else:
    yield _scores(metrics)


def predict(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters predict`."""
  if options.texts and options.input:
    raise InputError("give texts or `--input`, not both.")
  if not options.texts and not options.input:
    raise InputError("`predict` needs texts or `--input FILE`; got neither.")
  task = tf_adapters.load_task(options.store, options.task)
  texts, texts_b = _asked(options, task)
  for index, answer in enumerate(task.predict(texts, texts_b)):
    shown = {"text": texts[index]}
    if texts_b is not None:
      shown["text_b"] = texts_b[index]
    if options.json:
      yield _json({**shown, **answer})
    else:
      yield _answer(answer, shown)


def _asked(
  options: argparse.Namespace, task: "tf_adapters.LoadedTask"
) -> tuple[list[str], list[str] | None]:
  if options.input:
    examples = data.read(
      options.input, key="--input", columns=task.columns, labelled=False
    )
    return examples.texts, examples.texts_b
  if not task.columns.text_b:
    return options.texts, None
  if len(options.texts) % 2:
    raise InputError(
      f"the task {task.name!r} takes pairs of texts; got "
      f"{len(options.texts)} texts."
    )
  return options.texts[::2], options.texts[1::2]


def _answer(answer: dict[str, Any], shown: dict[str, str]) -> str:
  if "value" in answer:
    fields = [f"{answer['value']:.4f}"]
  else:
    fields = [answer["label"], f"{answer['score']:.4f}"]
  return "\t".join([*fields, *shown.values()])


def export(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters export`."""
  version = tf_adapters.export(
    options.store, options.output, merge=options.merge
  )
  if options.json:
    yield _json({"path": version})
  else:
    yield version


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
    yield _json({"tasks": rows})
    return
  for row in rows:
    yield (
      f"{row['task']}\t{row['type']}\t{_scores(row['metrics'])}\t"
      f"{row['parameters']:,} parameters\t{row['bytes'] / 1e6:.2f} MB"
    )


def show(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters show`."""
  tree = tf_adapters.Store(options.store).describe(options.task)
  if options.json:
    yield _json(tree)
  else:
    yield json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False)


def demo(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters demo`."""
  from tf_adapters import demo as demonstration  # imports TensorFlow

  demonstration.run(options.output)
  yield f"everything is in {options.output}"


def _scores(metrics: dict[str, float | None]) -> str:
  return "  ".join(
    f"{name} {'undefined' if value is None else f'{value:.4f}'}"
    for name, value in metrics.items()
  )


def _json(tree: dict[str, Any]) -> str:
  return json.dumps(tree, ensure_ascii=False, sort_keys=True)
