# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Trained adapters taken away again, without training: scores and speed."""

import dataclasses
import pathlib
import statistics
import time
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import tf_keras

from tf_adapters import config as config_lib
from tf_adapters import data as data_lib
from tf_adapters import scoring
from tf_adapters import settings as settings_lib
from tf_adapters.checkpoints.load import load_encoder
from tf_adapters.errors import InputError
from tf_adapters.modeling.parts import SUBLAYERS
from tf_adapters.store import modules
from tf_adapters.store.store import Store
from tf_adapters.tokens import batching
from tf_adapters.training import inference

_ROUNDS = 5


def inspect(store: pathlib.Path, settings: Mapping[str, Any]) -> dict[str, Any]:
  """`measure` of a task that was just trained, on its dev set."""
  config = settings_lib.from_dict(settings)
  data = config.data
  source: data_lib.Source = data.eval
  if data.tfds:
    source = data_lib.Split(data.tfds, data.tfds_eval, data.tfds_dir)
  return measure(str(store), config.task.name, source, config.task.metric)


def measure(
  store: str,
  name: str,
  source: data_lib.Source,
  metric: str | None = None,
) -> dict[str, Any]:
  """What a task of a store loses without some adapters, and what it gains.

  Its LayerNorms and its head stay as they were trained, as in Houlsby et al.
  2019, section 3.6. One traced function computes all scores: gates of 0 take
  adapters away.

  Args:
    store: Folder of the store.
    name: A task that was trained with adapters.
    source: A labelled file or split.
    metric: One of the task's; None takes its first.

  Returns:
    `metric`; `whole`, its score with all adapters; `spans`, scores without
    those of blocks `first` to `last` as `spans[first][last]`, None where
    last < first and where a score is undefined; `prediction`, examples/s of
    models that have no adapters in the lowest 0, 1, … blocks, measured in
    turn.

  Raises:
    InputError: for a task without adapters.
  """
  encoder = load_encoder(Store(store).encoder_path())
  task = scoring.load_task(store, name, encoder)
  if not any(block.adapters for block in task.model.encoder.adapter_blocks):
    raise InputError(f"the task {name!r} has no adapters to take away.")
  tokens, targets = task.labelled(source)
  metric = metric or task.task.metrics[0]
  predictor = inference.Predictor(task.model)
  blocks = len(task.model.encoder.adapter_blocks)

  def score(gates):
    return task.task.score(predictor.logits(tokens, gates), targets)[metric]

  def span(first, last):
    return None if last < first else score(without(blocks, first, last))

  return {
    "metric": metric,
    "whole": score(without(blocks, 0, -1)),
    "spans": [
      [span(first, last) for last in range(blocks)] for first in range(blocks)
    ],
    "prediction": prediction_speeds(encoder, task, tokens),
  }


def without(blocks: int, first: int, last: int) -> np.ndarray:
  """Gates that close the adapters of blocks `first` to `last`.

  Returns:
    float32 `[blocks, sublayers]`.
  """
  gates = np.ones([blocks, len(SUBLAYERS)], np.float32)
  gates[first : last + 1] = 0
  return gates


def prediction_speeds(
  encoder: tf_keras.layers.Layer,
  task: scoring.LoadedTask,
  tokens: batching.Tokenised,
) -> list[float]:
  """Examples/s without adapters in the lowest 0, 1, … blocks: medians.

  Of models that are built without them, as a gate of 0 saves nothing. They
  take turns, so that whatever else the machine does meets all alike.
  """
  config = task.config
  blocks = len(task.model.encoder.adapter_blocks)
  predictors = [
    inference.Predictor(
      modules.new_model(encoder, task.task, _lacking(config, lowest, blocks))
    )
    for lowest in range(blocks + 1)
  ]
  for predictor in predictors:  # traces and compiles
    predictor.logits(tokens)
  seconds = [
    [_seconds(predictor, tokens) for predictor in predictors]
    for _ in range(_ROUNDS)
  ]
  return [
    len(tokens.lengths) / statistics.median(column)
    for column in zip(*seconds, strict=True)
  ]


def _lacking(
  config: config_lib.Config, lowest: int, blocks: int
) -> config_lib.Config:
  """The same without adapters in the `lowest` blocks."""
  every: Sequence[int] = range(blocks)
  layers = tuple(
    layer for layer in config.adapter.layers or every if layer >= lowest
  )
  if not layers:
    tuning = dataclasses.replace(config.tuning, strategy="head")
    return dataclasses.replace(config, tuning=tuning)
  adapter = dataclasses.replace(config.adapter, layers=layers)
  return dataclasses.replace(config, adapter=adapter)


def _seconds(predictor, tokens) -> float:
  began = time.perf_counter()
  predictor.logits(tokens)
  return time.perf_counter() - began
