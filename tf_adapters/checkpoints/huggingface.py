# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Folders in Hugging Face's form: read into an encoder, written from one."""

import pathlib

import numpy as np
import safetensors
import safetensors.numpy
from official.nlp.modeling.networks import bert_encoder

from tf_adapters import json_files
from tf_adapters.checkpoints import names
from tf_adapters.checkpoints import pretrained
from tf_adapters.checkpoints import shapes
from tf_adapters.checkpoints import vocabulary as vocabulary_lib
from tf_adapters.errors import InputError
from tf_adapters.modeling import garden


def read(
  folder: pathlib.Path, source: str, lower_case: bool | None
) -> bert_encoder.BertEncoderV2:
  """Loads `config.json`, `model.safetensors` and `vocab.txt`."""
  shape = shapes.read(folder, "config.json")
  encoder = pretrained.new_encoder(shape)
  path = folder / "model.safetensors"
  try:
    with safetensors.safe_open(path, framework="np") as file:
      available = set(file.keys())
      _check_depth(available, shape, path)
      pretrained.assign(
        encoder, lambda name: _tensor(file, available, name, path), str(path)
      )
  except FileNotFoundError:
    raise InputError(f"{folder} has no model.safetensors.") from None
  except (safetensors.SafetensorError, TypeError) as error:
    raise InputError(f"{path}: cannot be read: {error}.") from None
  lower_case = _casing(folder / "tokenizer_config.json", lower_case)
  vocabulary = vocabulary_lib.read(folder / "vocab.txt")
  return pretrained.attach(encoder, source, shape, vocabulary, lower_case)


def _check_depth(available, shape: shapes.Shape, path) -> None:
  beyond = f"encoder.layer.{shape.num_hidden_layers}."
  if any(name.removeprefix("bert.").startswith(beyond) for name in available):
    raise InputError(
      f"{path}: has more layers than the `num_hidden_layers` "
      f"{shape.num_hidden_layers} of config.json."
    )


def _casing(path: pathlib.Path, asked: bool | None) -> bool | None:
  """Reads a tokenizer's settings; refuses those that are not supported."""
  if not path.exists():
    return asked
  tree = json_files.read(path)
  lower_case = tree.get("do_lower_case", True)
  if not isinstance(lower_case, bool):
    raise InputError(
      f"{path}: `do_lower_case` must be true or false; got {lower_case!r}."
    )
  lower_case = lower_case if asked is None else asked
  accents = tree.get("strip_accents")
  if accents not in (None, lower_case):
    raise InputError(
      f"{path}: `strip_accents` must be null or as `do_lower_case`; got "
      f"{accents!r}."
    )
  if tree.get("tokenize_chinese_chars", True) is not True:
    raise InputError(f"{path}: `tokenize_chinese_chars` must be true.")
  return lower_case


def write(
  encoder: bert_encoder.BertEncoderV2, folder: pathlib.Path
) -> None:
  """Writes an encoder into the empty `folder`, for `read` and for others."""
  info = pretrained.of(encoder)
  config = dict(vars(info.shape))
  activation = config.pop("activation")
  config["hidden_act"] = "gelu_new" if activation == "gelu_tanh" else activation
  config["model_type"] = "bert"
  config["architectures"] = ["BertModel"]
  config["layer_norm_eps"] = shapes.LAYER_NORM_EPSILON
  tokenizer = {
    "do_lower_case": info.lower_case,
    "tokenizer_class": "BertTokenizer",
  }
  for name, tree in (
    ("config.json", config), ("tokenizer_config.json", tokenizer)
  ):
    (folder / name).write_bytes(json_files.encode(tree))
  (folder / "vocab.txt").write_text(
    "".join(f"{piece}\n" for piece in info.vocabulary), encoding="utf-8"
  )
  tensors = {}
  for name, variable in garden.lay_open(encoder).named():
    value = variable.numpy()
    if name.endswith("/kernel"):
      value = value.reshape([_inputs(name, info.shape), -1]).T
    else:
      value = value.reshape([-1]) if name.endswith("/bias") else value
    tensors[names.hugging_face(name)] = np.ascontiguousarray(value)
  (folder / "model.safetensors").write_bytes(
    safetensors.numpy.save(tensors, metadata={"format": "pt"})
  )


def _inputs(name: str, shape: shapes.Shape) -> int:
  feeds_back = name.endswith("/output/kernel")
  return shape.intermediate_size if feeds_back else shape.hidden_size


def _tensor(file, available, name: str, path: pathlib.Path) -> np.ndarray:
  wanted = names.hugging_face(name)
  old = wanted.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
    "LayerNorm.bias", "LayerNorm.beta"
  )
  for candidate in (wanted, f"bert.{wanted}", old, f"bert.{old}"):
    if candidate in available:
      value = file.get_tensor(candidate)
      # PyTorch stores a dense kernel as [outputs, inputs].
      return value.T if name.endswith("/kernel") else value
  raise InputError(f"{path}: has no tensor `{wanted}`.")
