# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Answers to a test set in the form that the GLUE server takes."""

import pathlib

from tf_adapters import data as data_lib
from tf_adapters import files
from tf_adapters.errors import InputError
from tf_adapters.scoring import LoadedTask
from tf_adapters.tasks import tables
from tf_adapters.tasks.tables import Table


def write(
  task: LoadedTask,
  source: data_lib.Source,
  folder: str,
  form: str | None = None,
) -> str:
  """Answers a test set; returns the path of the file that was written.

  The file has the lines `index` TAB `prediction`, in the order of the index
  of the examples: GLUE's numbers where its files have numbers, its names
  otherwise, and scores within their range.

  Args:
    task: The trained task.
    source: GLUE's test file, or the test split of TFDS.
    folder: Gets the file, by the name that the server expects.
    form: The GLUE task; None takes the module's `data.form`.

  Raises:
    InputError: if the task's answers are not those of the GLUE task, or the
      test set has an index twice.
  """
  table = _table(task, form)
  examples = task.read(source, "--input", labelled=False, form=table.name)
  indices = _indices(examples)
  path = pathlib.Path(folder) / table.submission.file
  path.parent.mkdir(parents=True, exist_ok=True)  # it fails before they cost
  answers = task.predict(examples.texts, examples.texts_b)
  lines = [
    f"{index}\t{_prediction(table, answer)}"
    for index, answer in sorted(
      zip(indices, answers, strict=True), key=lambda pair: pair[0]
    )
  ]
  files.write_file(path, "\n".join(["index\tprediction", *lines, ""]).encode())
  return str(path)


def _table(task: LoadedTask, form: str | None) -> Table:
  name = form or task.settings.form
  key = "--form" if form else "data.form"
  if not name:
    raise InputError(
      f"the task {task.name!r} was trained without `data.form`; say by "
      "`--form` which task of GLUE it is."
    )
  table = tables.get(name, key)
  if table.submission is None:
    raise InputError(f"`{key}`: {name!r} is not a task of GLUE.")
  labels = getattr(task.task, "labels", ())
  if task.task.type != table.type or set(labels) != set(table.form.labels):
    raise InputError(
      f"the task {task.name!r} ({task.task.type}"
      f"{_listed(labels)}) does not answer {name!r} ({table.type}"
      f"{_listed(table.form.labels)})."
    )
  return table


def _listed(labels) -> str:
  return f" of {', '.join(repr(label) for label in labels)}" if labels else ""


def _indices(examples: data_lib.Examples) -> list[int]:
  if examples.indices is None:
    return list(range(len(examples)))
  lines: dict[int, int] = {}
  for line, value in zip(examples.lines, examples.indices, strict=True):
    if not value.strip().isdecimal():
      raise InputError(
        f"{examples.where(line)}: the index must be a whole number; got "
        f"{value!r}."
      )
    index = int(value)
    if index in lines:
      raise InputError(
        f"{examples.where(line)}: the index {index} is that of "
        f"{examples.unit} {lines[index]} too."
      )
    lines[index] = line
  return list(lines)


def _prediction(table: Table, answer: dict) -> str:
  if table.type == "regression":
    limits = table.submission.least, table.submission.most
    return f"{min(max(answer['value'], limits[0]), limits[1]):.3f}"
  return table.submission.values.get(answer["label"], answer["label"])
