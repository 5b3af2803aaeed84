# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What is allowed of the settings of a run."""

from collections.abc import Sequence

from tf_adapters import checks
from tf_adapters import config as config_lib
from tf_adapters.errors import InputError


def validate(config: config_lib.Config) -> None:
  """Raises `InputError` for the first setting that is not allowed."""
  _validate_task(config.task)
  checks.one_of("train.strategy", config.train.strategy, config_lib.STRATEGIES)
  _validate_lengths(config)
  validate_tuning(config.tuning, "tuning.")
  validate_adapter(config.adapter, "adapter.")
  validate_head(config.head, "head.")
  if config.adapter.train_pooler and config.head.input != "pooled_output":
    raise InputError(
      "`adapter.train_pooler` needs `head.input=pooled_output`; got "
      f"{config.head.input!r}, which does not read the pooler."
    )
  precision = config.train.precision
  checks.one_of("train.precision", precision, config_lib.PRECISIONS)
  for key in ("epochs", "batch_size", "checkpoint_steps", "steps_per_loop"):
    checks.at_least(f"train.{key}", getattr(config.train, key), 1)
  for key in ("learning_rate", "clip_norm", "cache_gigabytes"):
    checks.positive(f"train.{key}", getattr(config.train, key))
  for key in ("warmup", "weight_decay"):
    checks.share(f"train.{key}", getattr(config.train, key))
  checks.at_least("train.replicas", config.train.replicas, 0)
  if config.train.replicas > 1 and config.train.strategy == "one_device":
    raise InputError(
      "`train.replicas` needs `train.strategy=mirrored`; got "
      f"{config.train.replicas} on `one_device`."
    )
  checks.at_least("train.seed", config.train.seed, 0)
  checks.at_most("train.seed", config.train.seed, 2**63 - 1)


def _validate_task(task: config_lib.TaskConfig) -> None:
  checks.one_of("task.type", task.type, config_lib.TASK_TYPES)
  for key in ("n_best_size", "max_answer_length"):
    checks.at_least(f"task.{key}", getattr(task, key), 1)
  if task.positive is not None and task.type != "classification":
    raise InputError(
      "`task.positive` names a label of a classification; got "
      f"{task.positive!r} for a {task.type}."
    )
  allowed = config_lib.metrics_of(task.type, task.positive)
  if task.metric is not None and task.metric not in allowed:
    remedy = " `f1` needs `task.positive`." if task.metric == "f1" else ""
    raise InputError(
      f"`task.metric` must be one of {', '.join(allowed)} for a {task.type}; "
      f"got {task.metric!r}.{remedy}"
    )


def _validate_lengths(config: config_lib.Config) -> None:
  data = config_lib.with_max_length(config).data
  checks.at_least("data.max_length", data.max_length, 8)
  for key in ("doc_stride", "max_question_length"):
    checks.at_least(f"data.{key}", getattr(data, key), 1)
  if config.task.type != "span":
    return
  least = data.max_question_length + 3 + 1
  if data.max_length < least:
    raise InputError(
      f"`data.max_length` must be at least {least} for questions of "
      f"`data.max_question_length` {data.max_question_length}, [CLS], two "
      f"[SEP] and some context; got {data.max_length}."
    )
  if config.head.input != config_lib.HeadConfig().input:
    raise InputError(
      "`head.input` is not for a span task, whose head reads every token; got "
      f"{config.head.input!r}."
    )


def validate_tuning(tuning: config_lib.TuningConfig, prefix: str = "") -> None:
  """The same for the strategy's part, whose keys start with `prefix`."""
  checks.one_of(f"{prefix}strategy", tuning.strategy, config_lib.TUNINGS)
  for key in ("top_k", "rank", "length"):
    checks.whole(f"{prefix}{key}", getattr(tuning, key))
    checks.at_least(f"{prefix}{key}", getattr(tuning, key), 1)
  if tuning.alpha is not None:
    checks.positive(f"{prefix}alpha", tuning.alpha)
  if not isinstance(tuning.targets, tuple | list) or not tuning.targets:
    raise InputError(
      f"`{prefix}targets` takes names, as `query,value`; got "
      f"{tuning.targets!r}."
    )
  for target in tuning.targets:
    checks.one_of(f"{prefix}targets", target, config_lib.LINEARS)


def validate_adapter(
  adapter: config_lib.AdapterConfig, prefix: str = ""
) -> None:
  """The same for the adapter's part, whose keys start with `prefix`."""
  checks.one_of(f"{prefix}method", adapter.method, config_lib.METHODS)
  checks.whole(f"{prefix}size", adapter.size)
  checks.at_least(f"{prefix}size", adapter.size, 1)
  layers = adapter.layers
  if layers is not None:
    if not isinstance(layers, tuple | list):
      raise InputError(f"`{prefix}layers` takes block numbers; got {layers!r}.")
    for layer in layers:
      checks.whole(f"{prefix}layers", layer)
  if adapter.activation is not None:
    checks.one_of(
      f"{prefix}activation", adapter.activation, config_lib.ACTIVATIONS
    )
  checks.positive(f"{prefix}init_stddev", adapter.init_stddev)
  checks.share(f"{prefix}dropout", adapter.dropout)
  if adapter.train_layer_norm is not None:
    checks.boolean(f"{prefix}train_layer_norm", adapter.train_layer_norm)
  checks.boolean(f"{prefix}train_pooler", adapter.train_pooler)


def validate_head(
  head: config_lib.HeadConfig,
  prefix: str = "",
  inputs: Sequence[str] = config_lib.HEAD_INPUTS,
) -> None:
  """The same for the head's part, whose `input` is one of `inputs`."""
  checks.one_of(f"{prefix}input", head.input, inputs)
  checks.share(f"{prefix}dropout", head.dropout)
