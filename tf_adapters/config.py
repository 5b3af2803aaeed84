# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""All settings of a run: frozen dataclasses < YAML < dotted `key=value`."""

import dataclasses
import math
import pathlib
import types
import typing
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import yaml

from tf_adapters.errors import InputError

METHODS = ("houlsby", "pfeiffer", "parallel")
ACTIVATIONS = ("gelu_tanh", "gelu", "relu", "swish", "tanh")
STRATEGIES = ("one_device", "mirrored", "multi_worker_mirrored", "tpu")
HEAD_INPUTS = ("first_token", "pooled_output")
TASK_TYPES = ("classification", "regression")


@dataclasses.dataclass(frozen=True)
class TaskConfig:
  """What is learned.

  Attributes:
    name: The task's folder in the store and its signature when served.
    type: `classification` or `regression`.
    metric: The dev metric by which the best epoch is kept; `None` takes
      `accuracy` or `pearson`.
  """

  name: str = ""
  type: str = "classification"
  metric: str | None = None


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """Where the examples are.

  Attributes:
    train: A `.tsv`, `.csv` or `.jsonl` file with a header, UTF-8.
    eval: The same for the dev set; empty: no evaluation, last epoch kept.
    text: Column of the text; `None` takes the first present of `text`,
      `text_a`, `sentence`.
    text_b: Column of the second text of a pair; `None` takes `text_b` where
      present; `""` takes none.
    label: Column of the label or of the target.
    max_length: Longest input in tokens, [CLS] and [SEP] included; longer
      ones are cut, pairs token by token from the longer text.
  """

  train: str = ""
  eval: str = ""
  text: str | None = None
  text_b: str | None = None
  label: str = "label"
  max_length: int = 128


@dataclasses.dataclass(frozen=True)
class AdapterConfig:
  """Where adapters sit and what trains beside them; see `tf_adapters.build`.

  Attributes:
    method: `houlsby`, `pfeiffer` or `parallel`.
    size: Bottleneck size m; 64 is the paper's fixed size (its Table 1).
    activation: `None` takes the method's own: tanh-GELU for `houlsby`, ReLU
      for the others.
    init_stddev: Standard deviation of the truncated normal (cut at two) that
      draws adapter kernels. 1e-2 as in Houlsby et al. 2019, section 3.1;
      their published code has 1e-3.
    dropout: Rate on the bottleneck's output, before it is added.
    layers: Blocks that get adapters, counted from 0; `None` is all of them.
    train_layer_norm: `None` takes the method's own: true for `houlsby`.
    train_pooler: Whether the task trains a copy of the pooler.
  """

  method: str = "houlsby"
  size: int = 64
  activation: str | None = None
  init_stddev: float = 1e-2
  dropout: float = 0.0
  layers: tuple[int, ...] | None = None
  train_layer_norm: bool | None = None
  train_pooler: bool = False


@dataclasses.dataclass(frozen=True)
class HeadConfig:
  """What the task's head reads.

  Attributes:
    input: `first_token` of the last block, or `pooled_output`, which is what
      the paper's code reads. The pooler of an encoder that was trained on
      after its pre-training, as MiniLM for sentence vectors, may have lost
      its sense, and learning through it is slow.
    dropout: Rate on that vector.
  """

  input: str = "first_token"
  dropout: float = 0.1


@dataclasses.dataclass(frozen=True)
class TrainConfig:
  """How it is trained; the defaults are the paper's protocol (section 3.1).

  Attributes:
    epochs: Passes over the training file.
    batch_size: Examples a step over all replicas.
    learning_rate: Peak, reached after the warm-up, then linear to 0.
    warmup: Share of all steps that warm up.
    weight_decay: Decoupled, on kernels only.
    clip_norm: Global norm to which gradients are clipped.
    seed: Of initialisation, order of examples and dropout.
    strategy: `one_device`, `mirrored`, `multi_worker_mirrored` or `tpu`.
    replicas: Devices of `mirrored`; 0 takes all GPUs, or one CPU. More than
      one without a GPU splits the CPU into that many virtual devices.
    tpu: Address of the TPU, `local` on a TPU VM or in Colab.
    checkpoint_steps: Steps between resumable checkpoints; one is also
      written after every epoch.
  """

  epochs: int = 3
  batch_size: int = 32
  learning_rate: float = 1e-3
  warmup: float = 0.1
  weight_decay: float = 0.01
  clip_norm: float = 1.0
  seed: int = 0
  strategy: str = "one_device"
  replicas: int = 0
  tpu: str = "local"
  checkpoint_steps: int = 500


@dataclasses.dataclass(frozen=True)
class Config:
  """One training run.

  Attributes:
    encoder: `minilm`, or a folder that `tf_adapters.load_encoder` reads;
      `None` takes the store's, and `minilm` for a new store.
    store: Folder of the store that the task joins.
    copy_encoder: Whether a new store holds a copy of the encoder, so that it
      can be moved as a whole; false: a reference to it.
  """

  task: TaskConfig = TaskConfig()
  encoder: str | None = None
  store: str = "store"
  copy_encoder: bool = True
  data: DataConfig = DataConfig()
  adapter: AdapterConfig = AdapterConfig()
  head: HeadConfig = HeadConfig()
  train: TrainConfig = TrainConfig()


def load(
  path: str | None = None, overrides: Sequence[str] = ()
) -> Config:
  """Reads a configuration: `overrides` over the YAML at `path` over defaults.

  Args:
    path: A YAML file of nested keys, or None.
    overrides: `key=value` with dotted keys, as `train.epochs=3`.

  Raises:
    InputError: for an unknown key or a value that is not allowed, by name.
  """
  tree = _read_yaml(path) if path else {}
  for item in overrides:
    _override(tree, item)
  return from_dict(tree)


def from_dict(tree: Mapping[str, Any]) -> Config:
  """Makes a validated `Config` of nested (or dotted) keys."""
  nested: dict[str, Any] = {}
  for key, value in tree.items():
    _place(nested, str(key).split("."), value)
  config = _parse(Config, nested, "")
  validate(config)
  return config


def to_dict(config: Any) -> dict[str, Any]:
  """The nested dictionary that `from_dict` reads."""
  return dataclasses.asdict(config)


def _read_yaml(path: str) -> dict[str, Any]:
  try:
    text = pathlib.Path(path).read_text(encoding="utf-8")
    tree = yaml.safe_load(text)
  except FileNotFoundError:
    raise InputError(f"{path}: no such configuration file.") from None
  except UnicodeDecodeError as error:
    raise InputError(f"{path}: is not UTF-8: {error}.") from error
  except yaml.YAMLError as error:
    reason = " ".join(str(error).split())
    raise InputError(f"{path}: is not valid YAML: {reason}.") from error
  if tree is None:
    return {}
  if not isinstance(tree, dict):
    raise InputError(
      f"{path}: must hold `key: value` pairs; got a {type(tree).__name__}."
    )
  return tree


def _override(tree: dict[str, Any], item: str) -> None:
  key, separator, value = item.partition("=")
  if not separator or not key:
    raise InputError(
      f"{item!r} is not a setting; write it as `key=value`, for instance "
      "`train.epochs=3`."
    )
  _place(tree, key.split("."), value)


def _place(tree: dict[str, Any], path: Sequence[str], value: Any) -> None:
  for part in path[:-1]:
    tree = tree.setdefault(part, {})
    if not isinstance(tree, dict):
      raise InputError(f"`{part}` is a value, so it cannot hold `{path[-1]}`.")
  if isinstance(value, Mapping) and isinstance(tree.get(path[-1]), dict):
    tree[path[-1]].update(value)
  else:
    tree[path[-1]] = dict(value) if isinstance(value, Mapping) else value


def _parse(cls: type, tree: Any, prefix: str) -> Any:
  if not isinstance(tree, Mapping):
    raise InputError(
      f"`{prefix.rstrip('.')}` holds settings; got {tree!r}. Write "
      f"`{prefix}key=value`."
    )
  hints = typing.get_type_hints(cls)
  unknown = [key for key in tree if key not in hints]
  if unknown:
    raise InputError(
      f"unknown key `{prefix}{unknown[0]}`; allowed are "
      + ", ".join(f"`{prefix}{key}`" for key in hints)
      + "."
    )
  values = {}
  for key, value in tree.items():
    if dataclasses.is_dataclass(hints[key]):
      values[key] = _parse(hints[key], value, f"{prefix}{key}.")
    else:
      values[key] = _convert(hints[key], value, f"{prefix}{key}")
  return cls(**values)


def _convert(hint: Any, value: Any, key: str) -> Any:
  """Converts a YAML value or a command-line string to the field's type."""
  options = typing.get_args(hint) if _is_union(hint) else (hint,)
  if type(None) in options and (value is None or value in ("null", "none")):
    return None
  target = next(option for option in options if option is not type(None))
  if typing.get_origin(target) is tuple:
    return _convert_indices(value, key)
  try:
    return _CONVERTERS[target](value)
  except (TypeError, ValueError):
    raise InputError(
      f"`{key}` takes {_KINDS[target]}; got {value!r}."
    ) from None


def _is_union(hint: Any) -> bool:
  return isinstance(hint, types.UnionType)


def _convert_indices(value: Any, key: str) -> tuple[int, ...]:
  items = value.split(",") if isinstance(value, str) else value
  try:
    if isinstance(items, int) and not isinstance(items, bool):
      return (items,)
    return tuple(_to_int(item) for item in items)
  except (TypeError, ValueError):
    raise InputError(
      f"`{key}` takes block numbers, as `0,1,2`; got {value!r}."
    ) from None


def _to_int(value: Any) -> int:
  if isinstance(value, bool) or isinstance(value, float):
    raise TypeError
  return int(value)


def _to_float(value: Any) -> float:
  if isinstance(value, bool):
    raise TypeError
  return float(value)


def _to_bool(value: Any) -> bool:
  if isinstance(value, bool):
    return value
  return {"true": True, "false": False}[str(value).lower()]


def _to_str(value: Any) -> str:
  if isinstance(value, bool | dict | list):
    raise TypeError
  return "" if value is None else str(value)


def _bool_or_raise(value: Any) -> bool:
  try:
    return _to_bool(value)
  except KeyError:
    raise ValueError from None


_CONVERTERS = types.MappingProxyType(
  {int: _to_int, float: _to_float, bool: _bool_or_raise, str: _to_str}
)
_KINDS = types.MappingProxyType({
  int: "a whole number",
  float: "a number",
  bool: "`true` or `false`",
  str: "text",
})


def validate(config: Config) -> None:
  """Raises `InputError` for the first setting that is not allowed."""
  _one_of("task.type", config.task.type, TASK_TYPES)
  _one_of("train.strategy", config.train.strategy, STRATEGIES)
  _at_least("data.max_length", config.data.max_length, 8)
  validate_adapter(config.adapter, "adapter.")
  validate_head(config.head, "head.")
  for key in ("epochs", "batch_size", "checkpoint_steps"):
    _at_least(f"train.{key}", getattr(config.train, key), 1)
  for key in ("learning_rate", "clip_norm"):
    _positive(f"train.{key}", getattr(config.train, key))
  for key in ("warmup", "weight_decay"):
    _share(f"train.{key}", getattr(config.train, key))
  _at_least("train.replicas", config.train.replicas, 0)
  _at_least("train.seed", config.train.seed, 0)


def validate_adapter(adapter: AdapterConfig, prefix: str = "") -> None:
  """The same for the adapter's part, whose keys start with `prefix`."""
  _one_of(f"{prefix}method", adapter.method, METHODS)
  _at_least(f"{prefix}size", adapter.size, 1)
  if adapter.activation is not None:
    _one_of(f"{prefix}activation", adapter.activation, ACTIVATIONS)
  _positive(f"{prefix}init_stddev", adapter.init_stddev)
  _share(f"{prefix}dropout", adapter.dropout)


def validate_head(head: HeadConfig, prefix: str = "") -> None:
  """The same for the head's part."""
  _one_of(f"{prefix}input", head.input, HEAD_INPUTS)
  _share(f"{prefix}dropout", head.dropout)


def _one_of(key: str, value: str, allowed: Sequence[str]) -> None:
  if value not in allowed:
    names = ", ".join(f"`{name}`" for name in allowed)
    raise InputError(f"`{key}` must be one of {names}; got {value!r}.")


def _at_least(key: str, value: int, least: int) -> None:
  if value < least:
    raise InputError(f"`{key}` must be at least {least}; got {value}.")


def _positive(key: str, value: float) -> None:
  if not (math.isfinite(value) and value > 0):
    raise InputError(f"`{key}` must be a finite number above 0; got {value}.")


def _share(key: str, value: float) -> None:
  if not 0 <= value < 1:
    raise InputError(f"`{key}` must be at least 0 and below 1; got {value}.")
