# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Makes transformers_minilm.safetensors: what PyTorch says about 50 sentences.

The sentences of sentences.txt go through the slow reference `BertTokenizer`
and the `BertModel` (eager attention, float32, eval mode) of `transformers`,
with the all-MiniLM-L6-v2 encoder. Saved are the ids and masks of each sentence
(padded and truncated to 64), the pooled output, the hidden states of the first
and of the last real token, and the ids, types and masks of the 25 pairs
(sentence 2i, sentence 2i+1).

The file is made again, byte for byte on the same machine and versions, by

  python tests/golden/make_transformers.py --encoder ENCODER

where ENCODER is the Hugging Face folder of the encoder (config.json,
model.safetensors, vocab.txt), in an environment with torch 2.13.0,
transformers 4.57.6 and safetensors 0.8.0.
"""

import argparse
import json
import pathlib

import numpy as np
import torch
import transformers
from safetensors import numpy as safetensors_numpy

_SENTENCES = 50
_LENGTH = 64
_PAIR_LENGTH = 128
_BATCH = 10


def read_sentences(path: pathlib.Path) -> list[str]:
  """Returns the lines of a file; only a line feed ends a line."""
  text = path.read_bytes().decode("utf-8")
  sentences = text.removesuffix("\n").split("\n")
  if len(sentences) != _SENTENCES:
    raise ValueError(
        f"{path} holds {len(sentences)} sentences, not {_SENTENCES}."
    )
  return sentences


def encode_sentences(
    tokenizer: transformers.BertTokenizer, sentences: list[str]
) -> dict[str, np.ndarray]:
  """Returns the ids and masks of single sentences, all of the same length."""
  encoded = tokenizer(
      sentences,
      padding="max_length",
      truncation=True,
      max_length=_LENGTH,
      return_tensors="np",
  )
  return {
      "input_ids": encoded["input_ids"].astype(np.int32),
      "attention_mask": encoded["attention_mask"].astype(np.int32),
  }


def encode_pairs(
    tokenizer: transformers.BertTokenizer, sentences: list[str]
) -> dict[str, np.ndarray]:
  """Returns the ids, types and masks of pairs, none of which is truncated."""
  encoded = tokenizer(
      sentences[0::2],
      sentences[1::2],
      padding="max_length",
      truncation=False,
      max_length=_PAIR_LENGTH,
  )
  longest = max(len(ids) for ids in encoded["input_ids"])
  if longest > _PAIR_LENGTH:
    raise ValueError(
        f"A pair has {longest} tokens, more than {_PAIR_LENGTH}; shorten it."
    )
  mask = np.array(encoded["attention_mask"], np.int32)
  width = -(-int(mask.sum(axis=1).max()) // 8) * 8
  return {
      "pair_ids": np.array(encoded["input_ids"], np.int32)[:, :width],
      "pair_type_ids": np.array(encoded["token_type_ids"], np.int32)[:, :width],
      "pair_mask": mask[:, :width],
  }


def run_model(
    model: transformers.BertModel, input_ids: np.ndarray, mask: np.ndarray
) -> dict[str, np.ndarray]:
  """Returns the pooled output and two hidden states of each row."""
  outputs = {"pooled_output": [], "first_token": [], "last_token": []}
  for start in range(0, len(input_ids), _BATCH):
    ids = torch.from_numpy(input_ids[start : start + _BATCH]).long()
    row_mask = torch.from_numpy(mask[start : start + _BATCH]).long()
    with torch.inference_mode():
      result = model(input_ids=ids, attention_mask=row_mask)
    hidden = result.last_hidden_state
    last = row_mask.sum(dim=1) - 1
    outputs["pooled_output"].append(result.pooler_output)
    outputs["first_token"].append(hidden[:, 0])
    outputs["last_token"].append(hidden[torch.arange(len(ids)), last])
  return {
      name: torch.cat(parts).numpy().astype(np.float32)
      for name, parts in outputs.items()
  }


def main() -> None:
  folder = pathlib.Path(__file__).resolve().parent
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument(
      "--encoder",
      type=pathlib.Path,
      required=True,
      help="Hugging Face folder of all-MiniLM-L6-v2",
  )
  parser.add_argument(
      "--sentences",
      type=pathlib.Path,
      default=folder / "sentences.txt",
      help="text file with a sentence on each line",
  )
  parser.add_argument(
      "--output",
      type=pathlib.Path,
      default=folder / "transformers_minilm.safetensors",
      help="file to write",
  )
  args = parser.parse_args()

  torch.set_num_threads(1)
  sentences = read_sentences(args.sentences)
  tokenizer = transformers.BertTokenizer(
      str(args.encoder / "vocab.txt"), do_lower_case=True
  )
  model = transformers.BertModel.from_pretrained(
      args.encoder, attn_implementation="eager", dtype=torch.float32
  ).eval()

  tensors = encode_sentences(tokenizer, sentences)
  tensors |= run_model(model, tensors["input_ids"], tensors["attention_mask"])
  tensors |= encode_pairs(tokenizer, sentences)
  tensors = {
      name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)
  }
  # A single entry: safetensors writes several in no fixed order.
  versions = {
      "torch": torch.__version__,
      "transformers": transformers.__version__,
  }
  safetensors_numpy.save_file(
      tensors,
      args.output,
      metadata={"versions": json.dumps(versions, sort_keys=True)},
  )
  for name, tensor in tensors.items():
    print(f"{name}: {tensor.dtype} {list(tensor.shape)}")
  print(f"{args.output.name}: {args.output.stat().st_size} bytes")


if __name__ == "__main__":
  main()
