# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A BERT in NumPy, float64, as the papers write it: the truth of tests.

Weights come under Hugging Face's names, kernels as [outputs, inputs].
"""

import numpy as np
import scipy.special

from tests import tiny


def first_token(
  tensors: dict[str, np.ndarray],
  ids: np.ndarray,
  types: np.ndarray,
  prefixes: list[tuple[np.ndarray, np.ndarray]] | None = None,
  prompt: np.ndarray | None = None,
) -> np.ndarray:
  """What the last block has at [CLS], `[hidden]`, for one text alone.

  Args:
    tensors: The weights.
    ids: `[seq]`.
    types: `[seq]`.
    prefixes: For every block keys and values `[length, hidden]` in front of
      those of the text.
    prompt: `[length, hidden]` in front of the embeddings of the text.
  """
  x = (
    tensors["embeddings.word_embeddings.weight"][ids]
    + tensors["embeddings.position_embeddings.weight"][: len(ids)]
    + tensors["embeddings.token_type_embeddings.weight"][types]
  )
  if prompt is not None:
    x = np.concatenate([prompt, x])
  x = _norm(tensors, "embeddings.LayerNorm", x)
  for index in range(tiny.LAYERS):
    layer = f"encoder.layer.{index}"
    query, key, value = (
      _linear(tensors, f"{layer}.attention.self.{name}", x)
      for name in ("query", "key", "value")
    )
    if prefixes is not None:
      key = np.concatenate([prefixes[index][0], key])
      value = np.concatenate([prefixes[index][1], value])
    a = _linear(
      tensors, f"{layer}.attention.output.dense", _attend(query, key, value)
    )
    h = _norm(tensors, f"{layer}.attention.output.LayerNorm", x + a)
    f = _linear(tensors, f"{layer}.intermediate.dense", h)
    f = f * (1 + scipy.special.erf(f / np.sqrt(2))) / 2
    f = _linear(tensors, f"{layer}.output.dense", f)
    x = _norm(tensors, f"{layer}.output.LayerNorm", h + f)
  return x[0 if prompt is None else len(prompt)]


def _attend(query, key, value):
  mixed = []
  for part in np.split(np.arange(tiny.HIDDEN), tiny.HEADS):
    scores = query[:, part] @ key[:, part].T / np.sqrt(len(part))
    mixed.append(scipy.special.softmax(scores, axis=-1) @ value[:, part])
  return np.concatenate(mixed, axis=-1)


def _linear(tensors, name, x):
  return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]


def _norm(tensors, name, x):
  centred = x - x.mean(-1, keepdims=True)
  deviation = np.sqrt(x.var(-1, keepdims=True) + tiny.CONFIG["layer_norm_eps"])
  scaled = centred / deviation
  return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]
