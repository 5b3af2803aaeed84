# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What an encoder's variables are called in published files."""

import types
from collections.abc import Mapping

_BLOCK = "encoder.layer.{index}.{role}"
_NAMES = types.MappingProxyType({
  "embeddings/word": "embeddings.word_embeddings.weight",
  "embeddings/position": "embeddings.position_embeddings.weight",
  "embeddings/type": "embeddings.token_type_embeddings.weight",
  "embeddings/norm": "embeddings.LayerNorm",
  "query": "attention.self.query",
  "key": "attention.self.key",
  "value": "attention.self.value",
  "attention_output": "attention.output.dense",
  "attention_norm": "attention.output.LayerNorm",
  "intermediate": "intermediate.dense",
  "output": "output.dense",
  "output_norm": "output.LayerNorm",
  "pooler": "pooler.dense",
  "kernel": "weight",
  "gamma": "weight",
  "beta": "bias",
})


def hugging_face(name: str) -> str:
  """The tensor of Hugging Face's BERT for a name of `Parts.named`."""
  return published(name, _NAMES, _BLOCK, ".")


def published(
  name: str, names: Mapping[str, str], block: str, separator: str
) -> str:
  """Translates a name of `Parts.named` into that of another library.

  Args:
    name: As `embeddings/word` or `block_3/query/kernel`.
    names: Whole names, stems, roles and leaves (`kernel`, …) over there.
    block: How a part of a block is called over there, with `{index}` and
      `{role}`.
    separator: Between a part and its leaf over there.
  """
  if name in names:
    return names[name]
  stem, leaf = name.rsplit("/", 1)
  if stem in names:
    stem = names[stem]
  else:
    number, role = stem.split("/")
    stem = block.format(index=number.removeprefix("block_"), role=names[role])
  return f"{stem}{separator}{names.get(leaf, leaf)}"
