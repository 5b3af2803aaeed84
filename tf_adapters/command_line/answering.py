# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Commands that answer: `evaluate`; `predict` by store, server or export."""

import argparse
import json
import pathlib
import types
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import tf_adapters
from tf_adapters import checks
from tf_adapters import data
from tf_adapters import files
from tf_adapters.command_line import bulk
from tf_adapters.command_line import sources
from tf_adapters.command_line.command import Command
from tf_adapters.command_line.command import add_store
from tf_adapters.command_line.command import flag
from tf_adapters.command_line.command import json_line
from tf_adapters.command_line.command import scores
from tf_adapters.command_line.command import tab_line
from tf_adapters.errors import InputError

# Options of `predict` by whom it asks; those of one are not for another.
_OPTIONS = types.MappingProxyType({
  "store": ("split", "tfds", "tfds_dir", "glue", "form", "output"),
  "server": ("labels", "model"),
  "export": ("output", *bulk.OPTIONS),
})
_OF_SOURCES = ("input", *_OPTIONS["store"])  # and not of texts


def evaluate(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters evaluate`."""
  sources.check(options, "data")
  task = tf_adapters.load_task(options.store, options.task)
  if options.report and task.task.type != "classification":
    raise InputError(
      f"`--report` is for a classification; got {options.task!r}, a "
      f"{task.task.type}."
    )
  report = task.report(sources.of(options, task, "data"))
  if not options.report:
    report = {"metrics": report["metrics"]}
  if options.json:
    yield json_line({"task": options.task, **report})
    return
  yield scores(report["metrics"])
  if options.report:
    yield from _class_lines(report)


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
  add_store(parser)
  parser.add_argument("--task", required=True, metavar="NAME")
  sources.add_arguments(parser, "data", "a labelled file")
  parser.add_argument(
    "--report", action="store_true", help="scores by class, confusion matrix"
  )


def _class_lines(report: dict[str, Any]) -> Iterator[str]:
  """Tables of fields between tabs, for people and spreadsheets."""
  columns = ("precision", "recall", "f1", "examples")
  yield tab_line(["", *columns])
  for label, row in report["classes"].items():
    *shares, count = (row[name] for name in columns)
    yield tab_line([label, *(f"{value:.4f}" for value in shares), str(count)])
  labels = report["confusion"]["labels"]
  yield tab_line(["label, answered as", *labels])
  for label, counts in zip(
    labels, report["confusion"]["counts"], strict=True
  ):
    yield tab_line([label, *map(str, counts)])


def predict(options: argparse.Namespace) -> Iterator[str]:
  """Runs `tf-adapters predict`."""
  whom = next(name for name in _OPTIONS if getattr(options, name) is not None)
  for name in sum(_OPTIONS.values(), ()):
    if name not in _OPTIONS[whom] and getattr(options, name) is not None:
      raise InputError(f"{flag(name)} does not go with `--{whom}`.")
  if whom == "export":
    yield from bulk.predict(options)
    return
  if options.input and len(options.input) > 1:
    raise InputError("give `--input` once; `--export` alone takes it again.")
  options.input = options.input[0] if options.input else None
  yield from (_by_store if whom == "store" else _by_server)(options)


def _predict_arguments(parser: argparse.ArgumentParser) -> None:
  _add_whom(parser)
  parser.add_argument("--task", required=True, metavar="NAME")
  sources.add_arguments(
    parser, "input", "a file of texts with a header", action="append"
  )
  parser.add_argument(
    "--glue", metavar="DIR", help="write a file for the GLUE server there"
  )
  parser.add_argument(
    "--form", metavar="TASK", help="whose form the input has (data.form)"
  )
  parser.add_argument(
    "--output",
    metavar="PATH",
    help="for spans: answers by question as JSON, as SQuAD's script takes them",
  )
  parser.add_argument(
    "texts",
    nargs="*",
    metavar="TEXT",
    help="for pairs: A B A B …; for spans: QUESTION CONTEXT …",
  )
  bulk.add_arguments(parser)


def _add_whom(parser: argparse.ArgumentParser) -> None:
  """Adds what says whom `predict` asks: a store, a server or an export."""
  whom = parser.add_mutually_exclusive_group(required=True)
  whom.add_argument("--store", metavar="DIR")
  whom.add_argument(
    "--server",
    metavar="HOST:PORT",
    help="TensorFlow Serving's REST address, or grpc://HOST:PORT",
  )
  whom.add_argument(
    "--export",
    metavar="DIR",
    help="what `export` wrote, for files of any size, on Apache Beam",
  )
  parser.add_argument(
    "--model", metavar="NAME", help="the server's name for it (model)"
  )
  parser.add_argument(
    "--labels",
    metavar="FILE",
    help="the export's assets.extra/tasks.json, for names of probabilities",
  )


def _by_store(options: argparse.Namespace) -> Iterator[str]:
  if options.texts:
    _check_texts_alone(options)
  else:
    _check_source(options)
  task = tf_adapters.load_task(options.store, options.task)
  if options.output and task.task.type != "span":
    raise InputError(
      f"`--output` is for a span task; got {options.task!r}, a "
      f"{task.task.type}."
    )
  if options.glue:
    yield _submit(options, task)
    return
  ids, *columns = _asked(options, task)
  names = task.task.inputs(task.columns)
  answers = task.predict(*columns)
  if options.output:
    _write_predictions(options.output, ids, answers)
  for index, answer in enumerate(answers):
    shown = {
      name: column[index] for name, column in zip(names, columns, strict=False)
    }
    if options.json:
      yield json_line({**shown, **answer})
    else:
      yield _answer_line(answer, shown)


def _check_texts_alone(options: argparse.Namespace) -> None:
  for name in _OF_SOURCES:
    if getattr(options, name) is not None:
      raise InputError(
        f"{flag(name)} is for a file or a split; got the text "
        f"{options.texts[0]!r}."
      )


def _check_source(options: argparse.Namespace) -> None:
  """Before anything is loaded: what to read, and where answers go."""
  sources.check(options, "input")
  if options.output is not None:
    if options.glue is not None:
      raise InputError("`--output` does not go with `--glue`.")
    checks.place("--output", options.output)
  from tf_adapters.tasks import tables  # imports TensorFlow

  tables.form(options.form, "--form")


def _write_predictions(path: str, ids: list[str], answers: list[dict]) -> None:
  """Answers by the ids of the questions, as SQuAD's own script reads them."""
  pairs = zip(ids, answers, strict=True)
  text = json.dumps({name: found["answer"] for name, found in pairs})
  files.write_file(pathlib.Path(path), text.encode())


def _submit(options, task: "tf_adapters.LoadedTask") -> str:
  from tf_adapters import submission

  source = sources.of(options, task, "input")
  path = submission.write(task, source, options.glue, options.form)
  return json_line({"path": path}) if options.json else path


def _asked(
  options: argparse.Namespace, task: "tf_adapters.LoadedTask"
) -> tuple[list[str] | None, list[str], list[str] | None]:
  """Ids, where the file has them, first and second texts."""
  if not options.texts:
    source = sources.of(options, task, "input")
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


def _answer_line(answer: dict[str, Any], shown: dict[str, str]) -> str:
  """One line of `predict`: the answer, then the texts, between tabs."""
  if "value" in answer:
    fields = [f"{answer['value']:.4f}"]
  elif "answer" in answer:
    fields = [answer["answer"], f"{answer['score']:.4f}"]
  else:
    fields = [answer["label"], f"{answer['score']:.4f}"]
  return tab_line([*fields, *shown.values()])


def _by_server(options: argparse.Namespace) -> Iterator[str]:
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
      yield json_line({**shown, **answer})
    else:
      yield _answer_line(answer, shown)


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


COMMANDS = (
  Command(
    "evaluate",
    "Scores a task on a labelled file or split.",
    _evaluate_arguments,
    evaluate,
  ),
  Command(
    "predict",
    "Answers texts with a task of a store, of a model server or of an export.",
    _predict_arguments,
    predict,
  ),
)
