# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What trains: a task's variables by name and role, and the table of them."""

import dataclasses
from collections.abc import Iterator

import tensorflow as tf
import tf_keras

from tf_adapters.errors import InputError
from tf_adapters.modeling.address import Address
from tf_adapters.modeling.layers.adapter import AdapterLayer
from tf_adapters.modeling.layers.head import Head
from tf_adapters.modeling.layers.lora import LoraLayer
from tf_adapters.modeling.layers.prefix import PrefixLayer
from tf_adapters.modeling.layers.prompt import PromptLayer
from tf_adapters.modeling.model import TaskModel


@dataclasses.dataclass(frozen=True)
class TaskVariable:
  """One variable that a task owns.

  Attributes:
    name: Its name on disk, as `block_0/attention_adapter/down_kernel`.
    role: Of what is added: `adapter`, `lora`, `prefix`, `prompt`, `head`; of
      copies of the encoder's variables: `embeddings`, `attention`,
      `feed_forward`, `layer_norm`, `pooler`.
    decays: Whether weight decay applies: all but biases and LayerNorms.
    variable: The variable itself.
  """

  name: str
  role: str
  decays: bool
  variable: tf.Variable


def task_variables(model: TaskModel) -> list[TaskVariable]:
  """All variables that `model` trains, in a fixed order.

  Names and roles come from where a variable sits, never from its own name:
  layers built by hand lose their name scope.

  Args:
    model: Made by `build`, with a head.

  Returns:
    Each variable once, with its name on disk, its role, and whether weight
    decay applies to it.

  Raises:
    InputError: for a model without a head, or that `build` did not make.
  """
  _check(model)
  trained = {id(variable) for variable in model.trainable_variables}
  # Of what a layer has, its owner may have frozen some.
  found = [item for item in _collect(model) if id(item.variable) in trained]
  if {id(item.variable) for item in found} != trained:
    raise AssertionError("a trained variable has no role")  # our own invariant
  return found


def _check(model: TaskModel) -> None:
  if not isinstance(model, TaskModel):
    raise InputError(
      f"`model` must be one that `build` made with a head; got {model!r}."
    )


def _collect(model: TaskModel) -> Iterator[TaskVariable]:
  encoder = model.encoder
  copies: dict[int | str, list[TaskVariable]] = {}
  for address, variable in encoder.owned():
    place = address.piece if address.block is None else address.block
    copies.setdefault(place, []).append(_copy(address, variable))
  for piece in ("embeddings", "embeddings/norm"):
    yield from copies.get(piece, ())
  if encoder.parts.prompt is not None:
    yield from _of(encoder.parts.prompt, "prompt")
  for index, block in enumerate(encoder.adapter_blocks):
    prefix = f"block_{index}"
    for sublayer, adapter in block.adapters.items():
      yield from _of(adapter, f"{prefix}/{sublayer}_adapter")
    for name, layer in encoder.parts.blocks[index].added():
      yield from _of(layer, f"{prefix}/{name}")
    yield from copies.get(index, ())
  yield from copies.get("pooler", ())
  if type(model.head) is Head:  # one derived from it may have more
    yield from _of(model.head, "head")
    return
  for index, variable in enumerate(model.head.trainable_variables):
    matrix = variable.shape.rank > 1  # of a layer we know nothing about
    yield TaskVariable(f"head/{index}", "head", matrix, variable)


_ATTRIBUTES = {
  AdapterLayer: (
    "adapter", ("down_kernel", "down_bias", "up_kernel", "up_bias")
  ),
  LoraLayer: ("lora", ("down_kernel", "up_kernel")),
  PrefixLayer: ("prefix", ("keys", "values")),
  PromptLayer: ("prompt", ("embeddings",)),
  Head: ("head", ("kernel", "bias")),
}


def _copy(address: Address, variable: tf.Variable) -> TaskVariable:
  decays = _decays(address.attribute)
  return TaskVariable(address.module_name, address.role, decays, variable)


def _of(layer: tf_keras.layers.Layer, prefix: str) -> Iterator[TaskVariable]:
  role, attributes = _ATTRIBUTES[type(layer)]
  for attribute in attributes:
    yield TaskVariable(
      f"{prefix}/{attribute}",
      role,
      _decays(attribute),
      getattr(layer, attribute),
    )


def _decays(attribute: str) -> bool:
  return not attribute.endswith(("bias", "gamma", "beta"))


@dataclasses.dataclass(frozen=True)
class Row:
  """A line of the parameter table.

  Attributes:
    role: Of the variables counted.
    shapes: Their shapes, each with how often it occurs.
    count: Parameters.
    share: Of the encoder's parameters.
    trained: Whether they train.
  """

  role: str
  shapes: str
  count: int
  share: float
  trained: bool


def parameter_table(model: TaskModel) -> list[Row]:
  """What trains and what is frozen, as `train` shows it at its start.

  Args:
    model: Made by `build`, with a head.

  Returns:
    Rows by role with shapes, numbers of parameters and their share of the
    encoder's; what trains first, the frozen encoder last.

  Raises:
    InputError: for a model without a head, or that `build` did not make.
  """
  total = encoder_parameters(model)
  by_role: dict[str, list[tf.Variable]] = {}
  for item in task_variables(model):
    by_role.setdefault(item.role, []).append(item.variable)
  rows = [
    _row(role, variables, total, True) for role, variables in by_role.items()
  ]
  frozen = [variable for _, variable in model.encoder.borrowed.named()]
  count = sum(variable.shape.num_elements() for variable in frozen)
  return [*rows, Row("encoder", f"{len(frozen)} variables", count, 1.0, False)]


def _row(
  role: str, variables: list[tf.Variable], total: int, trained: bool
) -> Row:
  occurrences: dict[str, int] = {}
  for variable in variables:
    shape = "x".join(str(size) for size in variable.shape)
    occurrences[shape] = occurrences.get(shape, 0) + 1
  count = sum(variable.shape.num_elements() for variable in variables)
  shapes = ", ".join(f"{n} of {shape}" for shape, n in occurrences.items())
  return Row(role, shapes, count, count / total, trained)


def encoder_parameters(model: TaskModel) -> int:
  """Parameters of the borrowed encoder, its pooler included."""
  _check(model)
  return sum(
    variable.shape.num_elements()
    for _, variable in model.encoder.borrowed.named()
  )


def trainable_parameters(model: TaskModel) -> int:
  """Parameters that the task trains and owns."""
  return sum(
    item.variable.shape.num_elements() for item in task_variables(model)
  )
