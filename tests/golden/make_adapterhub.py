# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Makes adapterhub.safetensors and adapterhub.json: what AdapterHub computes.

A tiny BERT with random weights runs on three padded rows of ids, without an
adapter and with a bottleneck adapter of each of three methods, all by the
AdapterHub library `adapters` on PyTorch (float32, eval mode):

  houlsby   DoubleSeqBnConfig, tanh-GELU
  pfeiffer  SeqBnConfig, ReLU
  parallel  ParBnConfig, ReLU, scaling 4

Saved are the encoder ("base/" and its Hugging Face name), the adapters
("METHOD/layer.{i}.{attention|output}.{down|up}.{weight|bias}", [out, in]), the
inputs, and the outputs ("METHOD/" or "base_output/", then "sequence_output" or
"pooled_output"). The JSON file has the versions and all configurations.

Both files are made again, byte for byte on the same machine and versions, by

  python tests/golden/make_adapterhub.py

in an environment with torch 2.13.0, transformers 4.57.6, adapters 1.3.0 and
safetensors 0.8.0.
"""

import argparse
import json
import pathlib

import adapters
import numpy as np
import torch
import transformers
from safetensors import numpy as safetensors_numpy

_BOTTLENECK = 6
_LENGTHS = (10, 7, 4)
_FIRST_SEGMENTS = (6, 3, 4)
_ROW_LENGTH = 10
_BASE_SEED = 1
_INPUT_SEED = 2
_ADAPTER_SEEDS = {"houlsby": 3, "pfeiffer": 4, "parallel": 5}


def make_bert_config() -> transformers.BertConfig:
  """Returns the configuration of the tiny encoder."""
  return transformers.BertConfig(
      vocab_size=40,
      hidden_size=16,
      num_hidden_layers=2,
      num_attention_heads=2,
      intermediate_size=32,
      max_position_embeddings=24,
      type_vocab_size=2,
      hidden_act="gelu",
      attn_implementation="eager",
  )


def make_adapter_configs(hidden_size: int) -> dict[str, adapters.BnConfig]:
  """Returns the library's own configuration of each method."""
  # The library takes int(hidden_size // reduction_factor) units.
  factor = hidden_size / (_BOTTLENECK + 0.5)
  return {
      "houlsby": adapters.DoubleSeqBnConfig(
          reduction_factor=factor, non_linearity="gelu_new"
      ),
      "pfeiffer": adapters.SeqBnConfig(
          reduction_factor=factor, non_linearity="relu"
      ),
      "parallel": adapters.ParBnConfig(
          reduction_factor=factor, non_linearity="relu", scaling=4.0
      ),
  }


def fill(parameters: dict[str, torch.nn.Parameter], seed: int) -> None:
  """Fills parameters with normal numbers, in the order of their names."""
  generator = torch.Generator().manual_seed(seed)
  with torch.no_grad():
    for name in sorted(parameters):
      parameter = parameters[name]
      values = torch.randn(parameter.shape, generator=generator)
      if name.endswith("LayerNorm.weight"):
        parameter.copy_(1 + 0.1 * values)
      elif name.endswith("bias"):
        parameter.copy_(0.1 * values)
      else:
        parameter.copy_(0.3 * values)


def get_adapter_parameters(
    model: adapters.BertAdapterModel, method: str
) -> dict[str, torch.nn.Parameter]:
  """Returns the parameters of one adapter under simple names."""
  places = {"attention": "attention.output", "output": "output"}
  layers = {"down": "adapter_down.0", "up": "adapter_up"}
  parameters = {}
  for i in range(model.config.num_hidden_layers):
    for place, module in places.items():
      output = model.bert.encoder.layer[i].get_submodule(module)
      if method not in output.adapters:
        continue
      for layer, submodule in layers.items():
        linear = output.adapters[method].get_submodule(submodule)
        parameters[f"layer.{i}.{place}.{layer}.weight"] = linear.weight
        parameters[f"layer.{i}.{place}.{layer}.bias"] = linear.bias
  total = sum(f".{method}." in name for name, _ in model.named_parameters())
  if len(parameters) != total:
    raise ValueError(
        f"{method} has {total} parameters, but {len(parameters)} are known."
    )
  return parameters


def make_inputs(config: transformers.BertConfig) -> dict[str, torch.Tensor]:
  """Returns padded rows of different lengths, with two segments."""
  generator = torch.Generator().manual_seed(_INPUT_SEED)
  positions = torch.arange(_ROW_LENGTH)
  mask = (positions < torch.tensor(_LENGTHS)[:, None]).long()
  types = (positions >= torch.tensor(_FIRST_SEGMENTS)[:, None]).long()
  ids = torch.randint(1, config.vocab_size, mask.shape, generator=generator)
  return {
      "input_ids": ids * mask,
      "attention_mask": mask,
      "token_type_ids": types * mask,
  }


def run(
    model: adapters.BertAdapterModel,
    inputs: dict[str, torch.Tensor],
    method: str | None,
) -> dict[str, torch.Tensor]:
  """Returns the outputs with one adapter, or with none."""
  model.set_active_adapters(method)
  with torch.inference_mode():
    result = model(**inputs)
  return {
      "sequence_output": result.last_hidden_state,
      "pooled_output": result.pooler_output,
  }


def check_same(
    first: dict[str, torch.Tensor], second: dict[str, torch.Tensor], what: str
) -> None:
  """Raises ValueError unless two runs give the same bits."""
  for name, tensor in first.items():
    if not torch.equal(tensor, second[name]):
      raise ValueError(f"{what}: {name} differs.")


def check_different(
    first: dict[str, torch.Tensor], second: dict[str, torch.Tensor], what: str
) -> None:
  """Raises ValueError unless two runs differ clearly."""
  for name, tensor in first.items():
    difference = float((tensor - second[name]).abs().max())
    if difference < 0.1:
      raise ValueError(f"{what}: {name} differs by {difference} only.")


def check_plain_bert(
    config: transformers.BertConfig,
    base: dict[str, torch.nn.Parameter],
    inputs: dict[str, torch.Tensor],
    expected: dict[str, torch.Tensor],
) -> None:
  """Raises ValueError unless a plain `BertModel` agrees but for rounding."""
  plain = transformers.BertModel(config, add_pooling_layer=True).eval()
  plain.load_state_dict(base, strict=True)
  with torch.inference_mode():
    result = plain(**inputs)
  torch.testing.assert_close(
      result.last_hidden_state, expected["sequence_output"], atol=1e-5, rtol=0
  )
  torch.testing.assert_close(
      result.pooler_output, expected["pooled_output"], atol=1e-5, rtol=0
  )


def main() -> None:
  folder = pathlib.Path(__file__).resolve().parent
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument(
      "--output",
      type=pathlib.Path,
      default=folder / "adapterhub.safetensors",
      help="file to write; the JSON file lies beside it",
  )
  args = parser.parse_args()

  torch.set_num_threads(1)
  bert_config = make_bert_config()
  bert_config_dict = bert_config.to_dict()
  model = adapters.BertAdapterModel(bert_config)
  prefix = "bert."
  base = {
      name.removeprefix(prefix): parameter
      for name, parameter in model.named_parameters()
      if name.startswith(prefix)
  }
  fill(base, _BASE_SEED)
  configs = make_adapter_configs(bert_config.hidden_size)
  methods = {}
  for method, config in configs.items():
    model.add_adapter(method, config=config)
    methods[method] = get_adapter_parameters(model, method)
    fill(methods[method], _ADAPTER_SEEDS[method])
  model.eval()

  inputs = make_inputs(bert_config)
  outputs = {None: run(model, inputs, None)}
  check_plain_bert(make_bert_config(), base, inputs, outputs[None])
  for method in methods:
    outputs[method] = run(model, inputs, method)
    for other in outputs:
      if other != method:
        check_different(outputs[other], outputs[method], f"{other}, {method}")
  for method in outputs:
    check_same(outputs[method], run(model, inputs, method), f"{method} again")

  tensors = {name: tensor.int() for name, tensor in inputs.items()}
  for name, parameter in base.items():
    tensors[f"base/{name}"] = parameter
  for method, parameters in methods.items():
    for name, parameter in parameters.items():
      tensors[f"{method}/{name}"] = parameter
  for method, results in outputs.items():
    for name, tensor in results.items():
      tensors[f"{method or 'base_output'}/{name}"] = tensor
  arrays = {
      name: np.ascontiguousarray(tensors[name].detach().numpy())
      for name in sorted(tensors)
  }
  versions = {
      "adapters": adapters.__version__,
      "torch": torch.__version__,
      "transformers": transformers.__version__,
  }
  # A single entry: safetensors writes several in no fixed order.
  safetensors_numpy.save_file(
      arrays,
      args.output,
      metadata={"versions": json.dumps(versions, sort_keys=True)},
  )
  description = {
      "bert_config": bert_config_dict,
      "methods": {name: config.to_dict() for name, config in configs.items()},
      "versions": versions,
  }
  json_path = args.output.with_suffix(".json")
  json_path.write_text(
      json.dumps(description, indent=2, sort_keys=True) + "\n",
      encoding="utf-8",
      newline="\n",
  )
  for path in (args.output, json_path):
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
  main()
