# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a task means: targets, loss, scores, and answers out of logits."""

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from tf_adapters.errors import InputError
from tf_adapters.tasks.classification import Classification
from tf_adapters.tasks.regression import Regression

Task = Classification | Regression


def from_examples(
  kind: str,
  examples: Any,
  labels: Sequence[str] = (),
  positive: str | None = None,
) -> Task:
  """The task of type `kind` that a training set defines.

  Args:
    kind: `classification` or `regression`.
    examples: The training set.
    labels: Of a classification, in their order; empty takes the examples'.
    positive: The label whose F1 is scored as `f1`.
  """
  if kind == "classification":
    return Classification.from_examples(examples, labels, positive)
  if positive is not None:
    raise InputError(
      f"`task.positive` names a label of a classification; got {positive!r} "
      f"for a {kind}."
    )
  return _KINDS[kind].from_examples(examples)


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


_KINDS = {kind.type: kind for kind in (Classification, Regression)}
