# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The sizes of an encoder: those of published BERTs, or anybody's."""

import dataclasses
import os
import pathlib
import types

from tf_adapters import checks
from tf_adapters.checkpoints import shapes
from tf_adapters.errors import InputError


@dataclasses.dataclass(frozen=True)
class EncoderShape:
  """The sizes of a BERT that numbers of parameters depend on.

  Attributes:
    hidden: Width d of the blocks.
    layers: Number L of the blocks.
    heads: Of the self-attention; they divide `hidden`.
    inner: Width of the feed-forward layer; None: 4 d, as in all of Google's.
    vocabulary: WordPieces; 30,522 are those of the uncased English BERTs.
    positions: Longest input in tokens.
    types: Kinds of segments.

  Raises:
    InputError: for a size that is no whole number above 0, or heads that do
      not divide the width.
  """

  hidden: int
  layers: int
  heads: int
  inner: int | None = None
  vocabulary: int = 30522
  positions: int = 512
  types: int = 2

  def __post_init__(self):
    checks.whole("hidden", self.hidden)
    if self.inner is None:
      object.__setattr__(self, "inner", 4 * self.hidden)
    for field in dataclasses.fields(self):
      checks.whole(field.name, getattr(self, field.name))
      checks.at_least(field.name, getattr(self, field.name), 1)
    if self.hidden % self.heads:
      raise InputError(
        f"`heads` must divide `hidden`, here {self.hidden}; got {self.heads}."
      )


# Devlin et al. 2019, section 3, the small ones Turc et al. 2019 ("Well-Read
# Students Learn Better", table 1); vocabularies as published with them.
NAMED = types.MappingProxyType({
  "bert-tiny": EncoderShape(128, 2, 2),
  "bert-mini": EncoderShape(256, 4, 4),
  "bert-small": EncoderShape(512, 4, 8),
  "bert-medium": EncoderShape(512, 8, 8),
  "minilm": EncoderShape(384, 6, 12),
  "bert-base": EncoderShape(768, 12, 12),
  "bert-base-cased": EncoderShape(768, 12, 12, vocabulary=28996),
  "bert-base-multilingual-cased": EncoderShape(768, 12, 12, vocabulary=119547),
  "bert-large": EncoderShape(1024, 24, 16),
  "bert-large-cased": EncoderShape(1024, 24, 16, vocabulary=28996),
})


def find(encoder: str | os.PathLike) -> EncoderShape:
  """The shape of a published encoder, or of one in a folder.

  Args:
    encoder: A name of `NAMED`, or a folder with the `config.json` (Hugging
      Face) or `bert_config.json` (TensorFlow) of a BERT; it needs no weights.

  Raises:
    InputError: if it is neither, or the configuration is not a BERT's.
  """
  if isinstance(encoder, str) and encoder in NAMED:
    return NAMED[encoder]
  if isinstance(encoder, str | os.PathLike):
    folder = pathlib.Path(encoder)
    for name in ("config.json", "bert_config.json"):
      if (folder / name).exists():
        return _of(shapes.read(folder, name))
  known = ", ".join(f"`{name}`" for name in NAMED)
  raise InputError(
    f"`encoder` must be one of {known}, or a folder with a config.json or "
    f"bert_config.json; got {str(encoder)!r}."
  )


def _of(shape: shapes.Shape) -> EncoderShape:
  return EncoderShape(
    hidden=shape.hidden_size,
    layers=shape.num_hidden_layers,
    heads=shape.num_attention_heads,
    inner=shape.intermediate_size,
    vocabulary=shape.vocab_size,
    positions=shape.max_position_embeddings,
    types=shape.type_vocab_size,
  )
