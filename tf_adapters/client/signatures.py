# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a served model's signatures take and give."""

import dataclasses
import types
from collections.abc import Iterable
from collections.abc import Mapping

from tf_adapters.reserved import RESERVED

# Inputs of a task, in the order in which `predict` takes them.
_INPUTS = (("text",), ("text", "text_b"), ("question", "context"))
_MIXED = (("task", "text"), ("task", "text", "text_b"))
# Outputs of a task by its type.
OUTPUTS = types.MappingProxyType({
  "classification": ("label", "score", "probabilities"),
  "regression": ("value",),
  "span": ("answer", "score", "start", "end"),
})


@dataclasses.dataclass(frozen=True)
class Signature:
  """One signature of a served model.

  Attributes:
    name: Its name: of a task's, the task.
    inputs: In the order of `predict`'s arguments.
    outputs: The names of what it gives.
    labels: How many probabilities it gives; None where that is not said.
  """

  name: str
  inputs: tuple[str, ...]
  outputs: tuple[str, ...]
  labels: int | None = None

  @property
  def type(self) -> str | None:
    """The type of the task that answers so; None: no task does."""
    if self.name in RESERVED or self.inputs not in _INPUTS:
      return None
    given = set(self.outputs)
    return next(
      (kind for kind, names in OUTPUTS.items() if set(names) <= given), None
    )

  @property
  def is_mixed(self) -> bool:
    """Whether it answers every row by a task of the row's own."""
    return (
      self.name == "mixed"
      and self.inputs in _MIXED
      and {"label", "score"} <= {*self.outputs}
    )


def make(
  name: str,
  inputs: Iterable[str],
  outputs: Mapping[str, tuple[int, ...]],
) -> Signature:
  """From the names of inputs and the shapes of outputs by name."""
  given = set(inputs)
  ordered = next(
    (form for form in (*_INPUTS, *_MIXED) if set(form) == given),
    tuple(sorted(given)),
  )
  shape = outputs.get("probabilities", ())
  labels = shape[1] if len(shape) == 2 and shape[1] > 0 else None
  return Signature(name, ordered, tuple(sorted(outputs)), labels)
