# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`plan`: what each way to tune would cost."""

import dataclasses
import math
import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from tf_adapters import checks
from tf_adapters import config as config_lib
from tf_adapters import settings
from tf_adapters import validation
from tf_adapters.config import Config
from tf_adapters.errors import InputError
from tf_adapters.modeling.copied import Plan
from tf_adapters.planning import disk
from tf_adapters.planning import memory
from tf_adapters.planning import shapes
from tf_adapters.planning import variables


@dataclasses.dataclass(frozen=True)
class Cost:
  """What one way to tune costs.

  Attributes:
    way: The strategy with what its size depends on, as `houlsby 64`.
    strategy: As `adapter`; see `tf_adapters.TuningConfig`.
    parameters: What a task trains, by role, exactly.
    share: Of the encoder's parameters.
    module_bytes: Of a task's `weights.safetensors`, exactly; the module.json
      beside it has some kilobytes.
    store_bytes: Of the encoder and all tasks, exactly, weights alone.
    training: Estimated memory while one task trains.
    serving: Estimated memory while all tasks are served.
  """

  way: str
  strategy: str
  parameters: Mapping[str, int]
  share: float
  module_bytes: int
  store_bytes: int
  training: memory.TrainingMemory
  serving: memory.ServingMemory

  @property
  def trained(self) -> int:
    """Parameters that a task trains."""
    return sum(self.parameters.values())


@dataclasses.dataclass(frozen=True)
class Costs:
  """What `plan` returns.

  Attributes:
    encoder: Its name or folder; empty for a shape.
    shape: Its sizes.
    encoder_parameters: Embeddings and pooler among them.
    encoder_bytes: Of a store's `model.safetensors`, exactly.
    tasks: How many.
    classes: Outputs of each head.
    batch: Texts and tokens that memory is estimated for.
    rows: A row a way.
  """

  encoder: str
  shape: shapes.EncoderShape
  encoder_parameters: int
  encoder_bytes: int
  tasks: int
  classes: int
  batch: memory.Batch
  rows: tuple[Cost, ...]

  def store_bytes(self, row: Cost, tasks: int) -> int:
    """Weights of a store with so many tasks of one way, in bytes."""
    return self.encoder_bytes + tasks * row.module_bytes


def plan(
  encoder: str | os.PathLike | shapes.EncoderShape = "bert-base",
  *,
  sizes: Sequence[int] = (),
  methods: Sequence[str] = (),
  strategies: Sequence[str] = config_lib.TUNINGS,
  tasks: int = 10,
  classes: int | None = None,
  config: Config | Mapping[str, Any] | None = None,
) -> Costs:
  """Counts what tuning would take, without weights and without TensorFlow.

  Parameters and bytes on disk are exact: those of the model that `build` makes
  and of the files that a store holds. With width d, inner width i, L blocks, h
  heads and a vocabulary, positions and types of V, S and T rows, the encoder
  has (V + S + T + 2)·d + L·(4·(d² + d) + 2·d·i + i + d + 4·d) + d² + d; a
  bottleneck of size m has 2·d·m + d + m (Houlsby et al., ICML 2019, section
  2.1), `houlsby` two of them a block and (2·L + 1)·2·d in LayerNorms; for the
  other ways see `tf_adapters.build`. Memory is estimated by the formula that
  `tf_adapters.planning.memory` states.

  Args:
    encoder: A name of `tf_adapters.planning.shapes.NAMED`, as `bert-large`
      or `minilm`; a folder with the configuration of a BERT; or a shape.
    sizes: Of the bottlenecks, a row each; none: `config.adapter.size`.
    methods: Placements of adapters, a row each and size; none:
      `config.adapter.method`.
    strategies: A row each; where sizes or methods are given, `adapter` is one.
    tasks: How many share the encoder.
    classes: Outputs of the head; None: 1 for a regression, else 2, as for two
      classes and for spans.
    config: Options of all strategies, `head.input`, and for the memory
      `train.batch_size`, `data.max_length`, `task.type` and
      `train.recompute`, as for a run; the rest is not read. A dictionary has
      nested or dotted keys. None: the defaults.

  Returns:
    The encoder's size and a row for each way.

  Raises:
    InputError: for an encoder that is not known, or an option that is not
      allowed.
  """
  config = settings.checked(Config() if config is None else config)
  if classes is None:
    classes = 1 if config.task.type == "regression" else 2
  for key, value in (("tasks", tasks), ("classes", classes)):
    checks.whole(key, value)
    checks.at_least(key, value, 1)
  _check_rows(sizes, methods, strategies)
  named = not isinstance(encoder, shapes.EncoderShape)
  shape = shapes.find(encoder) if named else encoder
  batch = _batch(config, shape)
  empty = Costs(
    encoder=str(encoder) if named else "",
    shape=shape,
    encoder_parameters=sum(
      math.prod(dimensions) for _, dimensions in variables.of_encoder(shape)
    ),
    encoder_bytes=disk.of_encoder(shape),
    tasks=tasks,
    classes=classes,
    batch=batch,
    rows=(),
  )
  reads_pooler = config.head.input == "pooled_output"
  rows = [
    _cost(empty, Plan(tuning, adapter, shape.layers, reads_pooler))
    for tuning, adapter in _ways(config, strategies, methods, sizes)
  ]
  return dataclasses.replace(empty, rows=tuple(rows))


def _check_rows(sizes, methods, strategies) -> None:
  checks.names("sizes", sizes, "whole numbers")
  checks.names("methods", methods)
  checks.names("strategies", strategies)
  if not strategies:
    raise InputError("`strategies` must name at least one; got none.")
  if "adapter" in strategies:
    return
  for key, values in (("sizes", sizes), ("methods", methods)):
    if values:
      raise InputError(
        f"`{key}` are of the strategy `adapter`, which is not among "
        f"{', '.join(strategies)}; got {', '.join(map(str, values))}."
      )


def _batch(config: Config, shape: shapes.EncoderShape) -> memory.Batch:
  """What memory is estimated for; by default texts that the encoder takes."""
  length, longest = config.data.max_length, shape.positions
  if length is None:
    length = min(config_lib.MAX_LENGTH[config.task.type], longest)
  if length > longest:
    raise InputError(
      f"`data.max_length` must be at most {longest}, the encoder's "
      f"`positions`; got {length}."
    )
  return memory.Batch(
    texts=config.train.batch_size,
    length=length,
    every_token=config.task.type == "span",
    recompute=config.train.recompute,
  )


def _ways(config: Config, strategies, methods, sizes):
  """The settings of every row, checked."""
  for strategy in strategies:
    tuning = dataclasses.replace(config.tuning, strategy=strategy)
    validation.validate_tuning(tuning)
    if strategy != "adapter":
      yield tuning, config.adapter
      continue
    for method in methods or (config.adapter.method,):
      for size in sizes or (config.adapter.size,):
        adapter = dataclasses.replace(config.adapter, method=method, size=size)
        validation.validate_adapter(adapter)
        yield tuning, adapter


def _cost(costs: Costs, asked: Plan) -> Cost:
  own = variables.of_task(costs.shape, asked, costs.classes)
  by_role: dict[str, int] = {}
  for variable in own:
    by_role[variable.role] = by_role.get(variable.role, 0) + variable.count
  trained, module = sum(by_role.values()), disk.of_module(own)
  whole = costs.encoder_parameters
  return Cost(
    way=_way(asked),
    strategy=asked.tuning.strategy,
    parameters=by_role,
    share=trained / whole,
    module_bytes=module,
    store_bytes=costs.encoder_bytes + costs.tasks * module,
    training=memory.training(costs.shape, asked, own, whole, costs.batch),
    serving=memory.serving(
      costs.shape, asked, whole + costs.tasks * trained, costs.batch
    ),
  )


def _way(asked: Plan) -> str:
  tuning = asked.tuning
  if tuning.strategy == "adapter":
    return f"{asked.adapter.method} {asked.adapter.size}"
  number = {
    "top_k": tuning.top_k,
    "lora": tuning.rank,
    "prefix": tuning.length,
    "prompt": tuning.length,
  }.get(tuning.strategy)
  return tuning.strategy if number is None else f"{tuning.strategy} {number}"
