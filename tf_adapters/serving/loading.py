# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Tasks of a store as an export needs them: what they mean, and their arrays.

A Keras model is made once for all tasks of one form; of the others only the
arrays are read, so that hundreds of tasks take seconds.
"""

import dataclasses
import functools
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import tf_keras

from tf_adapters import data as data_lib
from tf_adapters import settings as settings_lib
from tf_adapters import tasks
from tf_adapters.config import DataConfig
from tf_adapters.modeling import model as model_lib
from tf_adapters.modeling import strategies
from tf_adapters.modeling import tuning
from tf_adapters.store import modules
from tf_adapters.store.store import Module


@dataclasses.dataclass(frozen=True, eq=False)
class ServedTask:
  """One task of an export.

  Attributes:
    module: As it is in the store.
    task: What it means.
    model: A model of its form. Tasks share it: what the model's own variables
      hold means nothing.
    items: The model's variables that are a task's own.
    arrays: What they hold for this task, float32, by name.
  """

  module: Module
  task: tasks.Task
  model: model_lib.TaskModel
  items: tuple[tuning.TaskVariable, ...]
  arrays: dict[str, np.ndarray]

  @property
  def name(self) -> str:
    return self.module.task

  @functools.cached_property
  def data(self) -> DataConfig:
    """How its texts are cut."""
    return settings_lib.from_dict(self.module.config).data

  @property
  def inputs(self) -> tuple[str, ...]:
    """Names of what its signature takes."""
    return self.task.inputs(data_lib.Columns(**self.module.columns))

  def cost(self) -> dict[str, Any]:
    """What it adds to the encoder, in parameters and bytes."""
    copies = {address.module_name for address, _ in self.model.encoder.owned()}
    return {
      "strategy": self.model.encoder.plan.tuning.strategy,
      "parameters": sum(array.size for array in self.arrays.values()),
      "bytes": sum(array.nbytes for array in self.arrays.values()),
      "bytes_in_place": sum(self.arrays[name].nbytes for name in copies),
    }

  @property
  def in_place(self) -> bool:
    """Whether copies of kernels or biases stand in the encoder's place."""
    return strategies.of(self.model.encoder.plan).in_place


def load(
  encoder: tf_keras.layers.Layer, loaded: Iterable[Module], merge: bool
) -> list[ServedTask]:
  """The tasks of some modules.

  Args:
    encoder: Theirs.
    loaded: Modules.
    merge: Whether tasks of the strategy `lora` get plain kernels.

  Raises:
    InputError: if a module's weights are not those of what it says it is.
  """
  forms: dict[str, tuple] = {}
  return [_load(encoder, module, merge, forms) for module in loaded]


def _load(encoder, module, merge, forms) -> ServedTask:
  task = tasks.from_dict(module.definition)
  config = settings_lib.from_dict(module.config)
  if merge and config.tuning.strategy == "lora":
    model = model_lib.merge(modules.restore(encoder, module)[0])
    items = tuple(tuning.task_variables(model))
    return _served(module, task, model, items, modules.weights(model))
  parts = [module.config.get(key) for key in ("adapter", "tuning", "head")]
  form = json.dumps([*parts, task.units, task.reads])
  if form not in forms:
    model = modules.new_model(encoder, task, config)
    forms[form] = model, tuple(tuning.task_variables(model))
  model, items = forms[form]
  modules.check(module, items)
  return _served(module, task, model, items, module.weights)


def _served(module, task, model, items, arrays) -> ServedTask:
  arrays = {
    item.name: np.asarray(arrays[item.name], np.float32) for item in items
  }
  return ServedTask(module, task, model, items, arrays)
