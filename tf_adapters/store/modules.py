# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Between task modules on disk and models in memory."""

from collections.abc import Iterable

import numpy as np
import tf_keras

from tf_adapters import config as config_lib
from tf_adapters import settings as settings_lib
from tf_adapters import tasks
from tf_adapters.errors import InputError
from tf_adapters.modeling import model as model_lib
from tf_adapters.modeling import strategies
from tf_adapters.modeling import tuning
from tf_adapters.modeling.layers.head import Head
from tf_adapters.store.store import Module


def new_model(
  encoder: tf_keras.layers.Layer, task: tasks.Task, config: config_lib.Config
) -> model_lib.TaskModel:
  """The untrained model of a task."""
  seed = config.train.seed
  head = Head(
    task.units,
    task.reads or config.head.input,
    config.head.dropout,
    seed,
  )
  given = {**vars(config.adapter), **vars(config.tuning)}
  strategy = given["strategy"]
  options = {
    name: given[name] for name in strategies.STRATEGIES[strategy].options
  }
  return model_lib.build(
    encoder, strategy=strategy, head=head, seed=seed, **options
  )


def weights(model: model_lib.TaskModel) -> dict:
  """The arrays that a module of this model holds."""
  return {
    item.name: item.variable.numpy() for item in tuning.task_variables(model)
  }


def restore(
  encoder: tf_keras.layers.Layer, module: Module
) -> tuple[model_lib.TaskModel, tasks.Task]:
  """The trained model and the task of a module.

  Raises:
    InputError: if the module's weights are not exactly the model's.
  """
  task = tasks.from_dict(module.definition)
  config = settings_lib.from_dict(module.config)
  model = new_model(encoder, task, config)
  items = tuning.task_variables(model)
  check(module, items)
  for item in items:
    item.variable.assign(module.weights[item.name])
  return model, task


def check(module: Module, items: Iterable[tuning.TaskVariable]) -> None:
  """Raises `InputError` unless a module's weights are exactly a model's.

  Numbers that are not finite would reach other tasks of an export: there one
  product holds several, and 0 times them is not 0.
  """
  variables = {item.name: item.variable for item in items}
  where = f"the module of the task {module.task!r}"
  for name in sorted(variables.keys() - module.weights.keys()):
    raise InputError(f"{where} lacks the weight `{name}`.")
  for name in sorted(module.weights.keys() - variables.keys()):
    raise InputError(f"{where} has a weight too many, `{name}`.")
  for name, variable in variables.items():
    value = module.weights[name]
    if value.shape != tuple(variable.shape) or value.dtype.kind != "f":
      raise InputError(
        f"{where}: `{name}` must have shape {list(variable.shape)}; got "
        f"{list(value.shape)} {value.dtype}."
      )
    if not np.isfinite(value).all():
      raise InputError(f"{where}: `{name}` has numbers that are not finite.")
