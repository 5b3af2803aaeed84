# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""From a server's columns to answers as `tf_adapters.predict` gives them."""

import array
import math
import types
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from tf_adapters.client.signatures import OUTPUTS
from tf_adapters.client.signatures import Signature
from tf_adapters.errors import InputError


class Malformed(ValueError):
  """Columns that are no answer; says in what."""


def rows(
  columns: Mapping[str, Any], names: Sequence[str], count: int
) -> list[dict[str, Any]]:
  """The named columns by row.

  Args:
    columns: Outputs by name, `[rows, …]` as lists.
    names: Those to take; all must be there.
    count: The number of rows that were asked.

  Raises:
    Malformed: if they are not that many, or no texts or numbers.
  """
  read = [_column(columns, name, count) for name in names]
  return [
    dict(zip(names, values, strict=True)) for values in zip(*read, strict=True)
  ]


def _column(columns: Mapping[str, Any], name: str, count: int) -> list:
  values = columns.get(name)
  if not isinstance(values, list):
    raise Malformed(f"without `{name}`")
  if len(values) != count:
    raise Malformed(f"with {len(values)} `{name}` to {count} texts")
  try:
    return _READERS[name](values)
  except (TypeError, ValueError, OverflowError):
    raise Malformed(f"with `{name}` of another type") from None


def _texts(values: list) -> list[str]:
  for value in values:
    if not isinstance(value, str):
      raise TypeError
  return values


def _whole(values: list) -> list[int]:
  for value in values:
    if not isinstance(value, int) or isinstance(value, bool):
      raise TypeError
  return values


def _numbers(values: list) -> list[float]:
  """As float32, whose shortest decimals the server writes: to the bit."""
  for value in values:
    if not isinstance(value, int | float) or isinstance(value, bool):
      raise TypeError
  return array.array("f", values).tolist()


def _matrix(values: list) -> list[list[float]]:
  return [_numbers(value) for value in values]


_READERS: Mapping[str, Callable[[list], list]] = types.MappingProxyType({
  "label": _texts,
  "answer": _texts,
  "score": _numbers,
  "value": _numbers,
  "probabilities": _matrix,
  "start": _whole,
  "end": _whole,
})
KNOWN = tuple(_READERS)


def mixed(
  row: Mapping[str, Any], task: str, signature: Signature | None
) -> dict[str, Any]:
  """One row of `mixed`, without what belongs to other types of task.

  A task that the model does not know has an empty label and the score NaN,
  and no value.

  Args:
    row: All that `mixed` gives.
    task: The task that was asked.
    signature: The task's own, where the model has it.
  """
  answered = _type(row)
  kind = signature.type if signature else answered
  if answered is None and kind != "regression":  # whose value may be NaN
    return {"error": f"the model has no task {task!r}."}
  answer = {name: row[name] for name in OUTPUTS[kind] if name in row}
  if signature and signature.labels and "probabilities" in answer:
    answer["probabilities"] = answer["probabilities"][: signature.labels]
  return answer


def fits(row: Mapping[str, Any], signature: Signature | None) -> bool:
  """Whether a row of `mixed` can be by the signature that its task had.

  Not if it is another type's answer or none, or if it has more or fewer
  probabilities than the task has labels; a softmax is 0 where it underflows,
  so that a last probability of 0 gives a doubt and no proof.

  Args:
    row: All that `mixed` gives.
    signature: The task's own, as it was; None: fits all.
  """
  if signature is None:
    return True
  if _type(row) != signature.type:
    return False
  found = row.get("probabilities")
  return None in (signature.labels, found) or _used(found) == signature.labels


def _type(row: Mapping[str, Any]) -> str | None:
  """Of the task that answered a row; None: it has no answer."""
  if row.get("label"):
    return "classification"
  if not math.isnan(row.get("value", math.nan)):
    return "regression"
  return None if math.isnan(row.get("score", math.nan)) else "span"


def _used(probabilities: Sequence[float]) -> int:
  """How many there are before the zeros that fill a row up."""
  places = [place for place, p in enumerate(probabilities, start=1) if p]
  return places[-1] if places else 0


def by_label(
  answer: dict[str, Any], task: str, labels: Sequence[str], exact: bool
) -> dict[str, Any]:
  """The same with `probabilities` by label.

  Args:
    answer: An answer, of whatever type.
    task: The task, for the error.
    labels: Its labels in their order.
    exact: Whether there is one probability a label; else there may be more.

  Raises:
    InputError: if they are not the labels that the server has, as far as an
      answer shows: their number, and the label where the largest probability
      is.
  """
  if "probabilities" not in answer:
    return answer
  found = answer["probabilities"]
  fits = len(found) == len(labels) if exact else len(found) >= len(labels)
  if not fits or not _is_best(answer["label"], labels, found):
    raise InputError(
      f"`labels` of the task {task!r} must be the server's in their order; got "
      f"{len(labels)} labels, and the server gave {len(found)} probabilities, "
      f"the largest for {answer['label']!r}; give the `tasks.json` of the "
      "version that is served."
    )
  return {**answer, "probabilities": dict(zip(labels, found, strict=False))}


def _is_best(
  label: str, labels: Sequence[str], probabilities: Sequence[float]
) -> bool:
  """Whether no probability is above that of the label; others may equal it."""
  if label not in labels:
    return False
  own = probabilities[labels.index(label)]
  return not any(other > own for other in probabilities)
