# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Tasks of a store as an export needs them: what they mean, and their arrays.

A Keras model is made once for all tasks of one form; of the others only the
arrays are read, so that hundreds of tasks take seconds.
"""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import tf_keras

from tf_adapters import data as data_lib
from tf_adapters import model as model_lib
from tf_adapters import modules
from tf_adapters import settings as settings_lib
from tf_adapters import strategies
from tf_adapters import tasks
from tf_adapters import tuning
from tf_adapters.config import DataConfig
from tf_adapters.store import Module


@dataclasses.dataclass(frozen=True, eq=False)
class ServedTask:
  """One task of an export.

  Attributes:
    module: As it is in the store.
    task: What it means.
    model: A model of its form. Tasks share it: what the model's own variables
      hold means nothing.
    arrays: What they hold for this task, float32, by `id` of the variable.
  """

  module: Module
  task: tasks.Task
  model: model_lib.TaskModel
  arrays: dict[int, np.ndarray]

  @property
  def name(self) -> str:
    return self.module.task

  @property
  def data(self) -> DataConfig:
    """How its texts are cut."""
    return settings_lib.from_dict(self.module.config).data

  @property
  def inputs(self) -> tuple[str, ...]:
    """Names of what its signature takes."""
    return self.task.inputs(data_lib.Columns(**self.module.columns))

  def cost(self) -> dict[str, Any]:
    """What it adds to the encoder, in parameters and bytes."""
    copies = [variable for _, variable in self.model.encoder.owned()]
    return {
      "strategy": self.model.encoder.plan.tuning.strategy,
      "parameters": tuning.trainable_parameters(self.model),
      "bytes": sum(array.nbytes for array in self.arrays.values()),
      "bytes_in_place": sum(v.shape.num_elements() * 4 for v in copies),
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
  forms: dict[str, model_lib.TaskModel] = {}
  return [_load(encoder, module, merge, forms) for module in loaded]


def _load(encoder, module, merge, forms) -> ServedTask:
  config = settings_lib.from_dict(module.config)
  if merge and config.tuning.strategy == "lora":
    model, task = modules.restore(encoder, module)
    model = model_lib.merge(model)
    arrays = modules.weights(model)
  else:
    task = tasks.from_dict(module.definition)
    form = json.dumps([
      *(module.config.get(key) for key in ("adapter", "tuning", "head")),
      task.units,
      task.reads,
    ])
    if form not in forms:
      forms[form] = modules.new_model(encoder, task, config)
    model = forms[form]
    modules.check(module, model)
    arrays = module.weights
  return ServedTask(
    module,
    task,
    model,
    {
      id(item.variable): np.asarray(arrays[item.name], np.float32)
      for item in tuning.task_variables(model)
    },
  )
