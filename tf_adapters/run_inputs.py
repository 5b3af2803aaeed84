# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A run's settings and data, read and checked before anything is built."""

import dataclasses
from typing import Any

import tensorflow as tf

from tf_adapters import config as config_lib
from tf_adapters import distribution
from tf_adapters import json_files
from tf_adapters import settings as settings_lib
from tf_adapters import store as store_lib
from tf_adapters import tasks
from tf_adapters.errors import InputError


@dataclasses.dataclass(frozen=True)
class Inputs:
  """A run's settings and data, read and checked before anything is built."""

  config: config_lib.Config
  store: store_lib.Store
  examples: dict[str, Any]  # `train` and perhaps `dev`, as the task reads
  checksums: dict[str, str]
  task: tasks.Task
  targets: dict[str, Any]
  metric: str


def read(config: config_lib.Config, overwrite: bool) -> Inputs:
  """Reads what `config` names.

  Raises:
    InputError: for settings or data that are not allowed.
  """
  config = config_lib.with_max_length(config)
  store = store_lib.Store(config.store)
  store_lib.check_name(config.task.name)
  if not overwrite:
    store.check_free(config.task.name)
  if not config.data.train:
    raise InputError("`data.train` must name the training file; got nothing.")
  examples = {
    "train": tasks.read(
      config.task.type,
      config.data.train,
      key="data.train",
      config=config.data,
    )
  }
  if config.data.eval:
    examples["dev"] = tasks.read(
      config.task.type,
      config.data.eval,
      key="data.eval",
      columns=examples["train"].columns,
    )
  task = tasks.from_examples(config.task.type, examples["train"])
  return Inputs(
    config=config,
    store=store,
    examples=examples,
    checksums={name: part.checksum() for name, part in examples.items()},
    task=task,
    targets={name: task.targets(part) for name, part in examples.items()},
    metric=_metric(config, task),
  )


def _metric(config: config_lib.Config, task: tasks.Task) -> str:
  metric = config.task.metric or task.metrics[0]
  if metric not in task.metrics:
    raise InputError(
      f"`task.metric` must be one of {', '.join(task.metrics)} for a "
      f"{task.type}; got {metric!r}."
    )
  return metric


def check_same_everywhere(
  inputs: Inputs, strategy: tf.distribute.Strategy
) -> None:
  """Before variables are made, which have the same shapes everywhere."""
  config = settings_lib.to_dict(inputs.config)
  tree = {"config": config, "data": inputs.checksums}
  if not distribution.all_agree(strategy, json_files.encode(tree)):
    raise InputError(
      "all workers must be started with the same settings and data; another "
      "worker has others than this one."
    )
