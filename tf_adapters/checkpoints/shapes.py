# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The sizes and settings of a published BERT, read without TensorFlow."""

import dataclasses
import pathlib
import types
from collections.abc import Mapping

from tf_adapters import json_files
from tf_adapters.errors import InputError

LAYER_NORM_EPSILON = 1e-12  # fixed in Model Garden's encoder
# What `hidden_act` means in the configurations of either kind.
_ACTIVATIONS: Mapping[str, Mapping[str, str]] = types.MappingProxyType({
  "config.json": {
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
  },
  "bert_config.json": {
    "gelu": "gelu_tanh", "gelu_new": "gelu_tanh", "relu": "relu"
  },
})


@dataclasses.dataclass(frozen=True)
class Shape:
  """The sizes and settings of a BERT, by their Hugging Face names.

  Attributes:
    num_attention_heads: They divide `hidden_size`.
    activation: `gelu` (exact), `gelu_tanh` or `relu`.
  """

  vocab_size: int
  hidden_size: int
  num_hidden_layers: int
  num_attention_heads: int
  intermediate_size: int
  max_position_embeddings: int
  type_vocab_size: int
  hidden_dropout_prob: float
  attention_probs_dropout_prob: float
  activation: str

  @property
  def sizes(self) -> dict[str, int]:
    """By the names of the arguments of Model Garden's encoders."""
    return {
      "vocab_size": self.vocab_size,
      "hidden_size": self.hidden_size,
      "num_layers": self.num_hidden_layers,
      "num_attention_heads": self.num_attention_heads,
      "max_sequence_length": self.max_position_embeddings,
      "type_vocab_size": self.type_vocab_size,
      "inner_dim": self.intermediate_size,
    }


def read(folder: pathlib.Path, name: str) -> Shape:
  """Reads a BERT's configuration, without its weights.

  Args:
    folder: Where it is.
    name: `config.json` (Hugging Face) or `bert_config.json` (TensorFlow).

  Raises:
    InputError: if it is missing, or not that of a BERT that can be loaded.
  """
  path, activations = folder / name, _ACTIVATIONS[name]
  tree = json_files.read(path)
  given = tree.get("hidden_act", "gelu")
  if not isinstance(given, str) or given not in activations:
    raise InputError(
      f"{path}: `hidden_act` must be one of {sorted(activations)}; got "
      f"{given!r}."
    )
  fixed = {
    "layer_norm_eps": LAYER_NORM_EPSILON,
    "position_embedding_type": "absolute",
    "model_type": "bert",
  }
  for key, value in fixed.items():
    if tree.get(key, value) != value:
      raise InputError(f"{path}: `{key}` must be {value}; got {tree[key]!r}.")
  defaults = {"hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1}
  values = {}
  for field in dataclasses.fields(Shape):
    if field.name == "activation":
      continue
    value = tree.get(field.name, defaults.get(field.name))
    _check_number(value, field.type, f"{path}: `{field.name}`")
    values[field.name] = value
  _check_heads(values["num_attention_heads"], values["hidden_size"], path)
  return Shape(**values, activation=activations[given])


def _check_heads(heads: int, hidden: int, path: pathlib.Path) -> None:
  if hidden % heads:
    raise InputError(
      f"{path}: `num_attention_heads` must divide `hidden_size`, here "
      f"{hidden}; got {heads}."
    )


def _check_number(value: object, kind: type, name: str) -> None:
  if kind is int:
    if type(value) is not int or value < 1:
      raise InputError(f"{name} must be a whole number above 0; got {value!r}.")
  elif type(value) not in (int, float) or not 0 <= value < 1:
    raise InputError(
      f"{name} must be at least 0 and below 1; got {value!r}."
    )
