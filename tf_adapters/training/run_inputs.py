# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A run's settings and data, read and checked before anything is built."""

import dataclasses
from typing import Any

import tensorflow as tf

from tf_adapters import checks
from tf_adapters import config as config_lib
from tf_adapters import data
from tf_adapters import json_files
from tf_adapters import settings as settings_lib
from tf_adapters import tasks
from tf_adapters.errors import InputError
from tf_adapters.store import store as store_lib
from tf_adapters.tasks import tables
from tf_adapters.training import distribution


@dataclasses.dataclass(frozen=True)
class Inputs:
  """A run's settings and data, read and checked before anything is built."""

  config: config_lib.Config
  store: store_lib.Store
  examples: dict[str, Any]  # `train`, perhaps `dev`, `test`; as the task reads
  checksums: dict[str, str]
  task: tasks.Task
  targets: dict[str, Any]
  metric: str

  @property
  def is_paired(self) -> bool:
    """Whether each example has two texts."""
    return self.examples["train"].texts_b is not None


def read(config: config_lib.Config, overwrite: bool) -> Inputs:
  """Reads what `config` names.

  Raises:
    InputError: for settings or data that are not allowed.
  """
  config = config_lib.with_max_length(config)
  checks.literal("store", config.store)
  store = store_lib.Store(config.store)
  store_lib.check_name(config.task.name)
  store.check_free(config.task.name, overwrite)
  examples = _examples(config)
  labels = tables.form(config.data.form).labels
  task = tasks.from_examples(config.task, examples["train"], labels)
  return Inputs(
    config=config,
    store=store,
    examples=examples,
    checksums={name: part.checksum() for name, part in examples.items()},
    task=task,
    targets={name: task.targets(part) for name, part in examples.items()},
    metric=config.task.metric or task.metrics[0],
  )


def _examples(config: config_lib.Config) -> dict[str, Any]:
  settings = config.data
  form = tables.form(settings.form)
  examples: dict[str, Any] = {}
  for name, (key, source) in _sources(settings).items():
    columns = examples["train"].columns if examples else None
    if form is not data.OWN:
      columns = None  # a publisher may name them otherwise in each file
    examples[name] = tasks.read(
      config.task.type,
      source,
      key=key,
      columns=columns,
      config=settings,
      form=form,
    )
  return examples


def _sources(
  settings: config_lib.DataConfig,
) -> dict[str, tuple[str, str | data.Split]]:
  """The setting that names each set, and the set."""
  files = {
    name: (f"data.{key}", getattr(settings, key))
    for name, key in (("train", "train"), ("dev", "eval"), ("test", "test"))
  }
  if not settings.tfds:
    if not settings.train:
      raise InputError(
        "`data.train` must name the training file, or `data.tfds` a data set; "
        "got nothing."
      )
    return {name: named for name, named in files.items() if named[1]}
  for key, path in files.values():
    if path:
      raise InputError(
        f"set `data.tfds` or `{key}`, not both; got {settings.tfds!r} and "
        f"{path!r}. `data.tfds=` takes back what a file of settings says."
      )
  splits = {
    "train": ("data.tfds_train", settings.tfds_train),
    "dev": ("data.tfds_eval", settings.tfds_eval),
    "test": ("data.tfds_test", settings.tfds_test),
  }
  if not settings.tfds_train:
    raise InputError("`data.tfds_train` must name a split; got nothing.")
  return {
    name: (key, data.Split(settings.tfds, split, settings.tfds_dir))
    for name, (key, split) in splits.items()
    if split
  }


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
