# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a task means: targets, loss, scores, and answers out of logits."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from tf_adapters.errors import InputError
from tf_adapters.tasks.classification import Classification
from tf_adapters.tasks.regression import Regression
from tf_adapters.tasks.span import Span

Task = Classification | Regression | Span


def read(kind: str, path: str, **options: Any) -> Any:
  """The examples of a file for a task of type `kind`; see `data.read`."""
  return _KINDS[kind].read(path, **options)


def from_examples(kind: str, examples: Any) -> Task:
  """The task of type `kind` that a training file defines."""
  return _KINDS[kind].from_examples(examples)


def from_dict(tree: Mapping[str, Any]) -> Task:
  """The task that `Task.to_dict` described."""
  fields = dict(tree)
  kind = fields.pop("type", None)
  if kind not in _KINDS:
    raise InputError(
      f"`type` of a task must be one of {sorted(_KINDS)}; got {kind!r}."
    )
  wanted = {field.name for field in dataclasses.fields(_KINDS[kind])}
  if set(fields) != wanted:
    raise InputError(
      f"a task of type {kind} is defined by {sorted(wanted)}; got "
      f"{sorted(fields)}."
    )
  return _KINDS[kind](**fields)


_KINDS = {kind.type: kind for kind in (Classification, Regression, Span)}
