# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The numbers of the paper that are drawn beside ours.

Houlsby et al., "Parameter-Efficient Transfer Learning for NLP", ICML 2019.
"""

import functools
import pathlib
import types
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import numpy as np
import yaml

from tf_adapters.tasks import tables

SOURCE = "Houlsby et al. 2019"
PERCENTILES = (20, 50, 80)
_NAMES = types.MappingProxyType({
  "adapters": "adapters, best size of each task",
  "adapters_64": "adapters of size 64",
  "variable": "top layers, best number",
})
SHOWN = types.MappingProxyType(
  {"mnli": "MNLI", "cola": "CoLA", "squad": "SQuAD"}
)


@functools.cache
def numbers() -> Mapping[str, Any]:
  """What `paper.yaml` holds."""
  path = pathlib.Path(__file__).with_suffix(".yaml")
  return yaml.safe_load(path.read_text(encoding="utf-8"))


class Difference(NamedTuple):
  """A score minus that of full fine-tuning, as the paper states both.

  Attributes:
    what: The method.
    where: Table or section.
    share: Trained parameters, in percent of the encoder's.
    low: Of several tasks the 20th percentile; of one the mean less its error.
    middle: Of several tasks the median; of one the mean. In points.
    high: As `low`, the 80th, or more its error.
  """

  what: str
  where: str
  share: float
  low: float
  middle: float
  high: float


def of_task(name: str) -> list[Difference]:
  """What the paper states of one task; empty if it is none of the paper's."""
  found = list(_of_figures(name))
  table = tables.all_tables().get(name)
  if table is None:
    return found
  for method, share in _shares(table.collection):
    error = 0.0
    if method == "adapters":
      error = table.paper.get("adapters_error", 0.0)
    middle = table.paper[method] - table.paper["full"]
    found.append(
      Difference(
        _NAMES[method],
        _table(table.collection),
        share,
        middle - error,
        middle,
        middle + error,
      )
    )
  return found


def over_tasks() -> list[Difference]:
  """Percentiles over the tasks of Table 1 and of Table 2."""
  found = []
  for collection in tables.COLLECTIONS:
    papers = [
      table.paper
      for table in tables.all_tables().values()
      if table.collection == collection
    ]
    for method, share in _shares(collection):
      values = [paper[method] - paper["full"] for paper in papers]
      where = f"{_table(collection)}, {len(values)} tasks"
      found.append(
        Difference(
          _NAMES[method], where, share, *np.percentile(values, PERCENTILES)
        )
      )
  return [*found, *_of_figures("mnli")]


def _of_figures(task: str):
  for item in numbers()["differences"].get(task, ()):
    middle, error = item["difference"], item.get("error", 0.0)
    share = 100 * item["trained"] / float(numbers()["encoder"])
    yield Difference(
      item["what"],
      f"{item['where']}, {SHOWN[task]}",
      share,
      middle - error,
      middle,
      middle + error,
    )


def _shares(collection: str):
  return numbers()["shares"][collection].items()


def _table(collection: str) -> str:
  return {"glue": "Table 1", "further": "Table 2"}[collection]
