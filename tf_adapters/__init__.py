# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Adapter tuning of BERT with TensorFlow: many tasks beside one encoder.

The public names below are imported when first used, so that commands which
need no TensorFlow do not wait for it.
"""

import importlib
import types

from tf_adapters import environment as _environment
from tf_adapters.version import __version__

_environment.check()

_HOMES = types.MappingProxyType({
  "AdapterConfig": "config",
  "AdapterEncoder": "modeling.encoder",
  "AdapterLayer": "modeling.layers.adapter",
  "BulkJob": "bulk.plan",
  "Change": "serving.versions",
  "Client": "client.client",
  "Config": "config",
  "EncoderShape": "planning.shapes",
  "ExportError": "errors",
  "Head": "modeling.layers.head",
  "InputError": "errors",
  "LoadedTask": "scoring",
  "ServerError": "errors",
  "Store": "store.store",
  "TrainResult": "training.runs",
  "TuningConfig": "config",
  "build": "modeling.model",
  "evaluate": "scoring",
  "export": "serving.export",
  "load_config": "settings",
  "load_encoder": "checkpoints.load",
  "load_task": "scoring",
  "merge": "modeling.model",
  "parameter_table": "modeling.tuning",
  "plan": "planning.costs",
  "predict": "scoring",
  "predict_files": "bulk.run",
  "task_variables": "modeling.tuning",
  "train": "training.runs",
  "train_baseline": "baseline",
})
_RENAMED = types.MappingProxyType({"load_config": "load"})

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str):
  if name not in _HOMES:
    raise AttributeError(f"module 'tf_adapters' has no attribute {name!r}")
  home = importlib.import_module(f"tf_adapters.{_HOMES[name]}")
  return getattr(home, _RENAMED.get(name, name))


def __dir__() -> list[str]:
  return sorted(__all__)
