# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a task means: targets, loss, scores, and answers out of logits."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from tf_adapters.config import TaskConfig
from tf_adapters.errors import InputError
from tf_adapters.tasks.classification import Classification
from tf_adapters.tasks.regression import Regression
from tf_adapters.tasks.span import Span

Task = Classification | Regression | Span


def read(kind: str, source: Any, **options: Any) -> Any:
  """The examples of a source for a task of type `kind`; see `data.read`."""
  return _KINDS[kind].read(source, **options)


def from_examples(
  config: TaskConfig, examples: Any, labels: Sequence[str] = ()
) -> Task:
  """The task that settings and a training set define.

  Args:
    config: Its type, and what it has of its own.
    examples: The training set.
    labels: Of a classification, in their order; empty takes the examples'.
  """
  if config.type == "classification":
    return Classification.from_examples(examples, labels, config.positive)
  if config.type == "span":
    return Span(config.n_best_size, config.max_answer_length)
  return Regression.from_examples(examples)


def from_dict(tree: Mapping[str, Any]) -> Task:
  """The task that `Task.to_dict` described."""
  fields = dict(tree)
  kind = fields.pop("type", None)
  if kind not in _KINDS:
    raise InputError(
      f"`type` of a task must be one of {sorted(_KINDS)}; got {kind!r}."
    )
  known = dataclasses.fields(_KINDS[kind])
  wanted = {f.name for f in known if f.default is dataclasses.MISSING}
  if not wanted <= set(fields) <= {f.name for f in known}:
    raise InputError(
      f"a task of type {kind} is defined by {sorted(wanted)}; got "
      f"{sorted(fields)}."
    )
  return _KINDS[kind](**fields)


_KINDS = {kind.type: kind for kind in (Classification, Regression, Span)}
