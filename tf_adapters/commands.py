# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What each command does; it yields the lines of stdout, text or JSON."""

import argparse
import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import tf_adapters
from tf_adapters import data
from tf_adapters import files
from tf_adapters import settings as settings_lib
from tf_adapters.errors import InputError


def train(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters train`."""
  result = tf_adapters.train(_config(options), overwrite=options.overwrite)
  if options.json:
    yield _json(dataclasses.asdict(result))
    return
  share = result.trainable_parameters / result.encoder_parameters
  yield (
    f"{result.task}: {_dev_and_test(result)}; "
    f"{result.trainable_parameters:,} parameters trained ({share:.2%} of the "
    f"encoder's) in {result.seconds:.0f} s; stored in {result.store}"
  )


def _config(options: argparse.Namespace) -> "tf_adapters.Config":
  settings = list(options.settings)
  path = settings.pop(0) if settings and "=" not in settings[0] else None
  return settings_lib.load(path, settings)


def _dev_and_test(result: "tf_adapters.TrainResult") -> str:
  if not result.test_metrics:
    return _scores(result.metrics)
  return f"{_scores(result.metrics)}; test {_scores(result.test_metrics)}"


def baseline(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters baseline`."""
  result = tf_adapters.train_baseline(_config(options))
  if options.json:
    yield _json(dataclasses.asdict(result))
    return
  yield (
    f"{result.task} without BERT: {_dev_and_test(result)}; "
    f"{result.chosen['ngrams']} n-grams, strength "
    f"{result.chosen['strength']:g}, {result.trainable_parameters:,} "
    f"parameters in {result.seconds:.0f} s"
  )


def suite(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters suite`."""
  from tf_adapters import reporting  # imports TensorFlow
  from tf_adapters.suites import plan
  from tf_adapters.suites import run
  from tf_adapters.suites import table

  chosen = plan.load(
    options.file,
    output=options.output,
    storage=options.storage,
    root=options.root,
  )
  outcomes = run.run(chosen, reporting.Reporter().say)
  text = table.markdown(chosen, outcomes)
  files.write_file(chosen.output / "table.md", text.encode())
  runs = table.table_of_runs(outcomes)
  files.write_file(chosen.output / "runs.csv", runs.encode())
  if options.json:
    yield _json({"output": str(chosen.output), "runs": len(outcomes)})
  else:
    yield text


def split(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters split`."""
  from tf_adapters.data import splitting
  from tf_adapters.tasks import tables  # imports TensorFlow

  form = tables.form(options.form)
  parts = splitting.split(options.file, options.output, form, options.seed)
  if options.json:
    yield _json({"path": options.output, "examples": parts})
  else:
    shown = ", ".join(f"{count} {name}" for name, count in parts.items())
    yield f"{options.output}: {shown}"


def evaluate(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters evaluate`."""
  _check_source(options, "data")
  task = tf_adapters.load_task(options.store, options.task)
  report = task.report(_source(options, task, "data"))
  if not options.report:
    report = {"metrics": report["metrics"]}
  if options.json:
    yield _json({"task": options.task, **report})
    return
  yield _scores(report["metrics"])
  yield from _class_lines(report)


def _class_lines(report: dict[str, Any]) -> Iterator[str]:
  """Tables of fields between tabs, for people and spreadsheets."""
  if "classes" not in report:
    return
  columns = ("precision", "recall", "f1", "examples")
  yield "\t".join(["", *columns])
  for label, row in report["classes"].items():
    *shares, count = (row[name] for name in columns)
    yield "\t".join([label, *(f"{value:.4f}" for value in shares), str(count)])
  labels = report["confusion"]["labels"]
  yield "\t".join(["label, answered as", *labels])
  for label, counts in zip(
    labels, report["confusion"]["counts"], strict=True
  ):
    yield "\t".join([label, *map(str, counts)])


def _check_source(options: argparse.Namespace, file: str) -> None:
  """Before anything is loaded: a file or a split, not both."""
  given = getattr(options, file)
  if bool(given) == bool(options.split):
    raise InputError(
      f"give `--{file} FILE` or `--split SPLIT`; got "
      f"{'both' if given else 'neither'}."
    )


def _source(options, task: "tf_adapters.LoadedTask", file: str):
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


def predict(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters predict`."""
  if options.texts and (options.input or options.split):
    raise InputError("give texts or a file or a split, not several of them.")
  if not options.texts:
    _check_source(options, "input")
  if options.texts and options.glue:
    raise InputError("`--glue` needs the test set: `--input` or `--split`.")
  task = tf_adapters.load_task(options.store, options.task)
  if options.glue:
    yield _submit(options, task)
    return
  ids, *columns = _asked(options, task)
  names = task.task.inputs(task.columns)
  answers = task.predict(*columns)
  if options.output:
    _write_predictions(options, task, ids, answers)
  for index, answer in enumerate(answers):
    shown = {
      name: column[index] for name, column in zip(names, columns, strict=False)
    }
    if options.json:
      yield _json({**shown, **answer})
    else:
      yield answer_line(answer, shown)


def _write_predictions(options, task, ids, answers) -> None:
  """Answers by the ids of the questions, as SQuAD's own script reads them."""
  if task.task.type != "span" or ids is None:
    raise InputError(
      "`--output` is for the answers of a span task to the questions of an "
      "`--input` file."
    )
  pairs = zip(ids, answers, strict=True)
  text = json.dumps({name: found["answer"] for name, found in pairs})
  files.write_file(pathlib.Path(options.output), text.encode())


def _submit(options, task: "tf_adapters.LoadedTask") -> str:
  from tf_adapters import submission

  source = _source(options, task, "input")
  path = submission.write(task, source, options.glue, options.form)
  return _json({"path": path}) if options.json else path


def _asked(
  options: argparse.Namespace, task: "tf_adapters.LoadedTask"
) -> tuple[list[str] | None, list[str], list[str] | None]:
  """Ids, where the file has them, first and second texts."""
  if not options.texts:
    source = _source(options, task, "input")
    examples = task.read(source, "--input", labelled=False, form=options.form)
    ids = getattr(examples, "ids", None)
    return ids, examples.texts, examples.texts_b
  if not task.columns.text_b:
    return None, options.texts, None
  if len(options.texts) % 2:
    raise InputError(
      f"the task {task.name!r} takes pairs of texts; got "
      f"{len(options.texts)} texts."
    )
  return None, options.texts[::2], options.texts[1::2]


def answer_line(answer: dict[str, Any], shown: dict[str, str]) -> str:
  """One line of `predict`: the answer, then the texts, between tabs."""
  if "value" in answer:
    fields = [f"{answer['value']:.4f}"]
  elif "answer" in answer:
    fields = [answer["answer"], f"{answer['score']:.4f}"]
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
