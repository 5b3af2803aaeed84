# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Whether a run goes on from what an interrupted one has left."""

import pathlib
import shutil
from typing import Any

import tensorflow as tf
import tf_keras

from tf_adapters import files
from tf_adapters import json_files
from tf_adapters import settings as settings_lib
from tf_adapters.checkpoints import pretrained
from tf_adapters.training.reporting import Reporter
from tf_adapters.training.run_inputs import Inputs
from tf_adapters.version import __version__

# Settings that a run may go on without: places, whose content counts, and
# what bounds or secures a run.
_WITHOUT_EFFECT = frozenset({
  "store", "encoder", "copy_encoder", "data.train", "data.eval", "data.test",
  "data.tfds_dir", "train.checkpoint_steps", "train.cache_gigabytes",
})


def resume_or_clear(
  folder: pathlib.Path,
  inputs: Inputs,
  encoder: tf_keras.layers.Layer,
  reporter: Reporter,
) -> None:
  """Keeps checkpoints only if they are of this very run, curves with them.

  Args:
    folder: Of the run; nobody else looks into it meanwhile.
    inputs: Of the run.
    encoder: Of the run.
    reporter: Is told of checkpoints of another run, which are removed.
  """
  content = json_files.encode(_identity(inputs, encoder))
  path, checkpoints = folder / "run.json", folder / "checkpoints"
  same = path.exists() and path.read_bytes() == content
  resumable = (checkpoints / "checkpoint").exists()
  if resumable and same:
    return
  if resumable:
    reporter.say(
      "begins anew: what an interrupted run has left here is of other "
      "settings, data or versions"
    )
  shutil.rmtree(checkpoints, ignore_errors=True)
  shutil.rmtree(folder / "curves", ignore_errors=True)
  files.write_file(path, content)


def _identity(
  inputs: Inputs, encoder: tf_keras.layers.Layer
) -> dict[str, Any]:
  """All that decides what a run gives, wherever its files are."""
  info = pretrained.of(encoder)
  config = settings_lib.dotted(settings_lib.to_dict(inputs.config))
  return {
    "config": {key: config[key] for key in config.keys() - _WITHOUT_EFFECT},
    "data": inputs.checksums,
    "encoder_fingerprint": info.fingerprint,
    "encoder_shape": vars(info.shape),
    "package_version": __version__,
    "tensorflow_version": tf.__version__,
  }
