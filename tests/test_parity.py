# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The same numbers as PyTorch: AdapterHub's adapters, transformers' BERT."""

import json
import os
import pathlib
import subprocess

import numpy as np
import pytest
import safetensors.numpy

import tf_adapters
from tf_adapters.checkpoints import minilm as minilm_wheel
from tf_adapters.tokens.text import Tokenizer

GOLDEN = pathlib.Path(__file__).parent / "golden"
OUTPUTS = ("sequence_output", "pooled_output")
INPUTS = ("input_word_ids", "input_mask", "input_type_ids")
# Runs under PyTorch's interpreter: golden folder, encoder folder, file.
REFERENCE = """
import pathlib, sys
import torch, transformers
from safetensors import numpy
sys.path.insert(0, sys.argv[1])
import make_transformers as make
tokenizer = transformers.BertTokenizer(sys.argv[2] + "/vocab.txt")
model = transformers.BertModel.from_pretrained(
  sys.argv[2], attn_implementation="eager", dtype=torch.float32
).eval()
path = pathlib.Path(sys.argv[1]) / "sentences.txt"
tensors = make.encode_sentences(tokenizer, make.read_sentences(path))
with torch.inference_mode():
  result = model(
    input_ids=torch.tensor(tensors["input_ids"]).long(),
    attention_mask=torch.tensor(tensors["attention_mask"]).long(),
  )
tensors["sequence_output"] = result.last_hidden_state.numpy()
tensors["pooled_output"] = result.pooler_output.numpy()
numpy.save_file(tensors, sys.argv[3])
"""


@pytest.fixture(scope="module")
def adapterhub():
  """Weights, inputs and outputs of AdapterHub 1.3.0 on PyTorch."""
  return safetensors.numpy.load_file(GOLDEN / "adapterhub.safetensors")


@pytest.fixture(scope="module")
def hub_encoder(adapterhub, tmp_path_factory):
  """AdapterHub's tiny encoder, by way of a Hugging Face folder."""
  folder = tmp_path_factory.mktemp("adapterhub")
  described = json.loads((GOLDEN / "adapterhub.json").read_text("utf-8"))
  config = described["bert_config"]
  pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
  pieces += [f"made{number}" for number in range(5, config["vocab_size"])]
  (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
  (folder / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
  safetensors.numpy.save_file(
    {
      name.removeprefix("base/"): tensor
      for name, tensor in adapterhub.items()
      if name.startswith("base/")
    },
    folder / "model.safetensors",
  )
  return tf_adapters.load_encoder(str(folder))


def as_inputs(ids, mask, types=None):
  types = np.zeros_like(ids) if types is None else types
  return dict(zip(INPUTS, (ids, mask, types), strict=True))


def assert_real_tokens_close(result, expected, mask, tolerance):
  real = mask > 0
  np.testing.assert_allclose(
    result["sequence_output"][real], expected["sequence_output"][real],
    rtol=0, atol=tolerance,
  )
  np.testing.assert_allclose(
    result["pooled_output"], expected["pooled_output"], rtol=0, atol=tolerance
  )


@pytest.mark.parametrize("method", [None, "houlsby", "pfeiffer", "parallel"])
def test_outputs_are_adapterhubs(adapterhub, hub_encoder, method):
  model = hub_encoder
  if method:
    model = tf_adapters.build(
      hub_encoder, 6, method=method, train_layer_norm=False
    )
    for index, block in enumerate(model.adapter_blocks):
      for place, adapter in block.adapters.items():
        # PyTorch stores a kernel as [outputs, inputs].
        adapter.set_weights([
          adapterhub[f"{method}/layer.{index}.{place}.{name}"].T
          for name in ("down.weight", "down.bias", "up.weight", "up.bias")
        ])
  mask = adapterhub["attention_mask"]
  x = as_inputs(adapterhub["input_ids"], mask, adapterhub["token_type_ids"])
  where = method or "base_output"
  expected = {name: adapterhub[f"{where}/{name}"] for name in OUTPUTS}
  assert_real_tokens_close(model(x), expected, mask, 5e-5)


@pytest.fixture(scope="module")
def minilm():
  try:
    return tf_adapters.load_encoder("minilm")
  except tf_adapters.InputError as error:
    pytest.skip(str(error))


@pytest.fixture(scope="module")
def transformers():
  """Ids and outputs of transformers 4.57.6 on the sentences."""
  return safetensors.numpy.load_file(GOLDEN / "transformers_minilm.safetensors")


@pytest.fixture(scope="module")
def sentences():
  text = (GOLDEN / "sentences.txt").read_bytes().decode("utf-8")
  found = text.removesuffix("\n").split("\n")
  assert len(found) == 50
  return found


def new_tokenizer(encoder, max_length):
  info = encoder.pretrained
  return Tokenizer(info.vocabulary, info.lower_case, max_length)


def assert_padded_equal(result, expected):
  room = expected.shape[1] - result.shape[1]
  np.testing.assert_array_equal(np.pad(result, [(0, 0), (0, room)]), expected)


@pytest.mark.minilm
def test_token_ids_are_the_reference_tokenizers(
  minilm, transformers, sentences
):
  result = new_tokenizer(minilm, 64)(sentences)
  assert_padded_equal(result["input_word_ids"], transformers["input_ids"])
  assert_padded_equal(result["input_mask"], transformers["attention_mask"])
  assert not np.any(result["input_type_ids"])


@pytest.mark.minilm
def test_pair_ids_are_the_reference_tokenizers(minilm, transformers, sentences):
  result = new_tokenizer(minilm, 128)(sentences[0::2], sentences[1::2])
  assert_padded_equal(result["input_word_ids"], transformers["pair_ids"])
  assert_padded_equal(result["input_mask"], transformers["pair_mask"])
  assert_padded_equal(result["input_type_ids"], transformers["pair_type_ids"])


@pytest.mark.minilm
@pytest.mark.parametrize("adapted", [False, True])
def test_minilm_gives_what_transformers_gives(minilm, transformers, adapted):
  model = minilm
  if adapted:
    model = tf_adapters.build(minilm, 8, init_stddev=1e-9)
  ids, mask = transformers["input_ids"], transformers["attention_mask"]
  result = model(as_inputs(ids, mask))
  rows = np.arange(len(ids))
  hidden = result["sequence_output"].numpy()
  found = {
    "first_token": hidden[:, 0],
    "last_token": hidden[rows, mask.sum(axis=1) - 1],
    "pooled_output": result["pooled_output"],
  }
  for name, values in found.items():
    np.testing.assert_allclose(
      values, transformers[name], rtol=0, atol=1e-4, err_msg=name
    )


@pytest.mark.minilm
@pytest.mark.pytorch
def test_every_token_is_what_pytorch_gives_now(minilm, sentences, tmp_path):
  """TF_ADAPTERS_PYTORCH_PYTHON: a Python that has torch and transformers."""
  python = os.environ.get("TF_ADAPTERS_PYTORCH_PYTHON")
  if not python:
    pytest.skip("TF_ADAPTERS_PYTORCH_PYTHON names no Python with PyTorch")
  path = tmp_path / "reference.safetensors"
  arguments = [GOLDEN, minilm_wheel.find(), path]
  done = subprocess.run(
    [python, "-c", REFERENCE, *map(str, arguments)],
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  expected = safetensors.numpy.load_file(path)
  x = new_tokenizer(minilm, 64)(sentences)
  mask = x["input_mask"].numpy()
  length = mask.shape[1]
  assert_padded_equal(x["input_word_ids"], expected["input_ids"])
  expected["sequence_output"] = expected["sequence_output"][:, :length]
  for model in (minilm, tf_adapters.build(minilm, 8, init_stddev=1e-9)):
    assert_real_tokens_close(model(x), expected, mask, 1e-4)
