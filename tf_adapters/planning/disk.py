# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Bytes of weights on disk, exactly as the store writes them."""

import json
import math
from collections.abc import Iterable
from collections.abc import Mapping

from tf_adapters.checkpoints import names
from tf_adapters.planning import variables
from tf_adapters.planning.shapes import EncoderShape

FLOAT = 4  # bytes of a float32


def safetensors(
  tensors: Mapping[str, tuple[int, ...]],
  metadata: Mapping[str, str] | None = None,
) -> int:
  """Size of a `.safetensors` file of float32 tensors, in bytes.

  8 for the length of the header, the header itself (JSON without spaces,
  filled up to a multiple of 8), and 4 for every number; tensors stand in the
  order of their names. Source: the format's description in the repository
  huggingface/safetensors.

  Args:
    tensors: Shapes by name.
    metadata: What the header says beside them.
  """
  header: dict = {} if metadata is None else {"__metadata__": dict(metadata)}
  end = 0
  for name in sorted(tensors):
    start, end = end, end + FLOAT * math.prod(tensors[name])
    header[name] = {
      "dtype": "F32",
      "shape": tensors[name],
      "data_offsets": [start, end],
    }
  text = json.dumps(header, separators=(",", ":"), ensure_ascii=False)
  length = len(text.encode())
  return 8 + length + -length % 8 + end


def of_module(own: Iterable[variables.Variable]) -> int:
  """Bytes of a task's `weights.safetensors`."""
  return safetensors({variable.name: variable.shape for variable in own})


def of_encoder(shape: EncoderShape) -> int:
  """Bytes of the `model.safetensors` of a store's encoder."""
  tensors = {}
  for at, dimensions in variables.of_encoder(shape):
    if at.attribute == "kernel":  # as PyTorch has it, [outputs, inputs]
      inputs = shape.inner if at.piece == "output" else shape.hidden
      dimensions = (math.prod(dimensions) // inputs, inputs)
    elif at.attribute == "bias":
      dimensions = (math.prod(dimensions),)
    tensors[names.hugging_face(at.name)] = dimensions
  return safetensors(tensors, {"format": "pt"})
