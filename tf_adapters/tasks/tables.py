# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The paper's tasks: what `glue.yaml` and `further.yaml` say of each.

Houlsby et al. 2019, Tables 1 and 2; SQuAD is a task of another kind.
"""

import dataclasses
import functools
import pathlib
import types
from collections.abc import Mapping
from typing import Any

import yaml

from tf_adapters.data import OWN
from tf_adapters.data import Form
from tf_adapters.errors import InputError

COLLECTIONS = ("glue", "further")


@dataclasses.dataclass(frozen=True)
class Submission:
  """What the GLUE server takes for a task.

  Attributes:
    file: Its name, as `CoLA.tsv`.
    values: What stands for each label; empty: the label itself.
    least: Of the values of a regression.
    most: The same.
  """

  file: str
  values: Mapping[str, str] = dataclasses.field(default_factory=dict)
  least: float | None = None
  most: float | None = None


@dataclasses.dataclass(frozen=True)
class Table:
  """One task of the paper.

  Attributes:
    name: Of its configuration, its form and its module.
    collection: `glue` or `further`.
    title: What it asks.
    type: `classification` or `regression`.
    metrics: Those that are reported; the first chooses the epoch and is the
      paper's.
    positive: The label whose F1 is `f1`.
    form: Of the publisher's files and of TFDS.
    splits: Names of the TFDS splits by `train`, `eval` and `test`.
    tfds: Name of the TFDS data set; None: there is none.
    submission: To the GLUE server.
    paper: What the paper says of it: scores in percent by method, sizes.
  """

  name: str
  collection: str
  title: str
  type: str
  metrics: tuple[str, ...]
  positive: str | None
  form: Form
  tfds: str | None
  splits: Mapping[str, str]
  submission: Submission | None
  paper: Mapping[str, Any]


@functools.cache
def all_tables() -> Mapping[str, Table]:
  """Every table by its name, in the paper's order."""
  tables = {}
  for collection in COLLECTIONS:
    path = pathlib.Path(__file__).parent / f"{collection}.yaml"
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, fields in tree["tasks"].items():
      tables[name] = _table(name, collection, fields)
  return types.MappingProxyType(tables)


def protocol(collection: str) -> dict[str, Any]:
  """What the paper tried for a collection: encoder, rates, epochs, sizes."""
  path = pathlib.Path(__file__).parent / f"{collection}.yaml"
  return yaml.safe_load(path.read_text(encoding="utf-8"))["protocol"]


def get(name: str, key: str = "data.form") -> Table:
  """The table of a task; `key` is the setting that named it, for errors."""
  tables = all_tables()
  if name not in tables:
    names = ", ".join(f"`{known}`" for known in tables)
    raise InputError(f"`{key}` must be one of {names}; got {name!r}.")
  return tables[name]


def form(name: str | None, key: str = "data.form") -> Form:
  """The form of a task's table; without a name the package's own."""
  return get(name, key).form if name else OWN


def _table(name: str, collection: str, fields: dict[str, Any]) -> Table:
  tree = {"positive": None, "tfds": None, "splits": {}, **fields}
  submission = tree.pop("submission", None)
  form_tree = tree.pop("form", {})
  return Table(
    name=name,
    collection=collection,
    form=_form(form_tree),
    submission=Submission(**submission) if submission else None,
    metrics=tuple(tree.pop("metrics")),
    **tree,
  )


def _form(tree: dict[str, Any]) -> Form:
  """A form, which reads files with the package's own columns as well."""
  values = dict(tree)
  pairs = values.get("text_b")
  for key in ("text", "label"):
    values[key] = (*values.get(key, ()), *getattr(OWN, key))
  if pairs:
    values["text_b"] = (*pairs, *OWN.text_b)
  return Form(**{
    key: tuple(value) if isinstance(value, list) else value
    for key, value in values.items()
  })
