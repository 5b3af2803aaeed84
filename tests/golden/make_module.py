# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Makes module/mood: a task module from before `tuning.strategy` was there.

The tiny BERT and the easy task of tests/tiny.py, two epochs of adapters of
size 4 with a pooler of their own. `logits.json` beside the module holds texts
and the logits that the code of then gave them. To make it again, check out
commit d1c5521, with this file and tests/tiny.py added, and run

  python -m tests.golden.make_module
"""

import json
import os
import pathlib
import shutil
import tempfile

import tf_adapters
from tests import tiny
from tf_adapters.training.reporting import Silent

_FOLDER = pathlib.Path(__file__).parent.resolve() / "module"
_TEXTS = ["the film is very good", "a sad and awful play", "it", "nice book"]


def main() -> None:
  """Trains in a folder that is left again, so that no path is in the module."""
  here = pathlib.Path.cwd()
  with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    tiny.write_encoder(pathlib.Path("encoder"))
    train, dev = tiny.write_task(pathlib.Path("data"))
    tf_adapters.train(
      {
        "task.name": "mood",
        "data.train": train,
        "data.eval": dev,
        "data.max_length": 24,
        "encoder": "encoder",
        "adapter.size": 4,
        "adapter.train_pooler": True,
        "head.input": "pooled_output",
        "train.epochs": 2,
        "train.batch_size": 8,
        "train.precision": "float32",
      },
      reporter=Silent(),
    )
    logits = tf_adapters.load_task("store", "mood").logits(_TEXTS)
    shutil.rmtree(_FOLDER, ignore_errors=True)
    shutil.copytree("store/tasks/mood", _FOLDER / "mood")
    os.chdir(here)
  tree = {"texts": _TEXTS, "logits": logits.tolist()}
  (_FOLDER / "logits.json").write_text(json.dumps(tree, indent=2) + "\n")


if __name__ == "__main__":
  main()
