# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Stage 1 of `make tpu-check`: the trainer's own steps as serialised HLO.

Runs in the project's environment and needs no accelerator. Weights are
random: a compiler sees shapes alone.
"""

import functools
import pathlib
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf
import tf_keras
from official.nlp.modeling import networks
from tensorflow.python.framework import op_def_registry

from tf_adapters import config as config_lib
from tf_adapters import files
from tf_adapters.store import modules
from tf_adapters.tasks.classification import Classification
from tf_adapters.tokens import batching
from tf_adapters.tokens import packing
from tf_adapters.training import distribution
from tf_adapters.training import reporting
from tf_adapters.training import trainer as trainer_lib

_SIZES = ("num_layers", "hidden_size", "num_attention_heads", "inner_dim")
MODELS = {"base": (12, 768, 12, 3072), "large": (24, 1024, 16, 4096)}
STEPS = ("training", "evaluation")
VOCABULARY = 30_522  # of the published uncased BERTs
CONFIG = config_lib.Config()  # houlsby, adapters of size 64


class Steps:
  """Both steps of one BERT, built as `train` builds them on a TPU.

  Args:
    name: A key of MODELS.
  """

  def __init__(self, name: str):
    tf_keras.mixed_precision.set_global_policy("mixed_bfloat16")
    sizes = dict(zip(_SIZES, MODELS[name], strict=True))
    encoder = networks.BertEncoderV2(
      vocab_size=VOCABULARY, type_vocab_size=2, **sizes
    )
    self._task = Classification(("no", "yes"))
    self._model = modules.new_model(encoder, self._task, CONFIG)

  def write(
    self, step: str, length: int, batch_size: int, path: pathlib.Path
  ) -> None:
    """Writes one step as HLO.

    Args:
      step: One of STEPS.
      length: Tokens an example.
      batch_size: Examples.
      path: The file that is written.

    Raises:
      ValueError: if the step holds what no TPU can run.
    """
    function, arguments = self._traced(step, length, batch_size)
    check_graph(function.get_concrete_function(*arguments).graph)
    compiler = function.experimental_get_compiler_ir(*arguments)
    hlo = compiler(stage="hlo_serialized", device_name="/CPU:0")
    files.write_file(path, hlo)

  def _traced(
    self, step: str, length: int, batch_size: int
  ) -> tuple[Callable, tuple[Any, ...]]:
    """The step and its arguments: all that knows the trainer's interface."""
    random = np.random.default_rng(0)
    tokens = batching.Tokenised(
      ids=random.integers(1, VOCABULARY, batch_size * length, np.int32),
      starts=np.arange(batch_size + 1) * length,
      firsts=np.full(batch_size, length, np.int32),
    )
    data = trainer_lib.Dataset(tokens, np.zeros(batch_size, np.int32))
    problem = trainer_lib.Problem(self._task, data, None, "accuracy")
    config = config_lib.TrainConfig(batch_size=batch_size)
    # As under a TPU's strategy: no kernels and no portions made for a CPU.
    with mock.patch.object(distribution, "fuses_kernels", return_value=False):
      trainer = trainer_lib.Trainer(
        self._model, problem, config, reporting.Silent()
      )
    plan = packing.Plan(np.arange(batch_size)[:, None], length)
    inputs = {
      name: tf.constant(value)
      for name, value in batching.assemble(tokens, plan).items()
    }
    if step == "evaluation":
      forward = functools.partial(self._model, compute=trainer.compute)
      return tf.function(forward, jit_compile=True), (inputs,)
    targets = tf.constant(data.targets)
    weights = tf.ones(batch_size)
    arguments = (inputs, targets, weights, tf.constant(float(batch_size)))
    return tf.function(trainer.replica_step, jit_compile=True), arguments


def check_graph(graph: tf.Graph) -> None:
  """Raises `ValueError` for an input of unknown shape and for any string."""
  for operation in graph.get_operations():
    if operation.type == "Placeholder":
      shape = operation.outputs[0].shape
      if not shape.is_fully_defined():
        raise ValueError(
          f"the step's input {operation.name!r} has the shape {shape}; a TPU "
          "needs every dimension known."
        )
  definition = graph.as_graph_def()
  _check_strings("the step", definition.node)
  for function in definition.library.function:
    _check_strings(function.signature.name, function.node_def)


def _check_strings(where: str, nodes) -> None:
  for node in nodes:
    if tf.string.as_datatype_enum in _dtypes(node):
      raise ValueError(
        f"{where} has the string op {node.name!r} ({node.op}); strings "
        "belong on the host."
      )


def _dtypes(node) -> Iterator[int]:
  """Dtypes of all that goes into and comes out of a node."""
  definition = op_def_registry.get(node.op)
  if definition is None:  # a call of a library function, checked by itself
    return
  for item in [*definition.input_arg, *definition.output_arg]:
    if item.type_attr:
      yield node.attr[item.type_attr].type
    elif item.type_list_attr:
      yield from node.attr[item.type_list_attr].list.type
    else:
      yield item.type
