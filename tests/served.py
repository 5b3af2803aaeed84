# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Models for tests of serving: signatures by arithmetic, and a tiny store.

  python -m tests.served DIR [ROOT]

writes both, and `DIR/models.config`, for a real server to serve: what runs
`tests/test_protocol.py` against it is said there. ROOT is where the server
sees DIR, as /models in a container.
"""

import pathlib
import sys

import numpy as np
import tensorflow as tf
import tensorflow_text

import tf_adapters
from tests import tiny
from tf_adapters.reporting import Silent
from tf_adapters.serving import model_config

TASKS = ("single", "pairs", "numbers", "qa")
CLASSES = (b"short", b"long")
_TEXTS = tf.TensorSpec([None], tf.string)


class _Arithmetic(tf.Module):
  """Answers by the number of bytes of a text, as `truth` says."""

  def __init__(self):
    super().__init__()
    self.bias = tf.Variable(0.25)

  @tf.function(input_signature=[_TEXTS])
  def texts(self, text):
    size = tf.strings.length(text)
    real = tf.cast(size, tf.float32)
    return {
      "folded": tensorflow_text.case_fold_utf8(text),
      "same_bytes": tf.identity(text),
      "count": tf.cast(size, tf.int64),
      "size": size,
      "tenth": real * 0.1,
      "wide": tf.stack([real, real * 0.1], axis=1),
      "is_empty": tf.equal(size, 0),
    }

  @tf.function(input_signature=[_TEXTS, _TEXTS])
  def pair(self, text, text_b):
    return {"joined": tf.strings.join([text, text_b], "|")}

  @tf.function(input_signature=[_TEXTS])
  def unbatched(self, text):
    return {"size": tf.strings.length(text), "labels": tf.constant(CLASSES)}

  @tf.function(input_signature=[_TEXTS])
  def classify(self, inputs):
    size = self._sizes(inputs)
    scores = tf.stack([1 / (1 + size), size / (1 + size)], axis=1)
    names = tf.tile([tf.constant(CLASSES)], [tf.size(inputs), 1])
    return {"classes": names, "scores": scores}

  @tf.function(input_signature=[_TEXTS])
  def regress(self, inputs):
    return {"outputs": self._sizes(inputs) / 4 + self.bias}

  def _sizes(self, inputs):
    features = {"text": tf.io.FixedLenFeature([], tf.string)}
    texts = tf.io.parse_example(inputs, features)["text"]
    return tf.cast(tf.strings.length(texts), tf.float32)


def truth(texts: list[bytes]) -> dict[str, list]:
  """What the signatures answer, by output."""
  size = np.array([len(text) for text in texts], np.float32)
  tenth = size * np.float32(0.1)
  return {
    "same_bytes": list(texts),
    "count": [len(text) for text in texts],
    "size": [len(text) for text in texts],
    "tenth": tenth.tolist(),
    "wide": np.stack([size, tenth], 1).tolist(),
    "is_empty": [not text for text in texts],
    "scores": np.stack([1 / (1 + size), size / (1 + size)], 1).tolist(),
    "outputs": (size / 4 + np.float32(0.25)).tolist(),
  }


def example(text: bytes) -> tf.train.Example:
  """What Classify and Regress take."""
  found = tf.train.Example()
  found.features.feature["text"].bytes_list.value.append(text)
  return found


def write_arithmetic(folder: pathlib.Path) -> pathlib.Path:
  """Writes the SavedModel."""
  root = _Arithmetic()
  signatures = {
    "serving_default": root.texts,
    "texts": root.texts,
    "pair": root.pair,
    "unbatched": root.unbatched,
    "classify": root.classify,
    "regress": root.regress,
  }
  tf.saved_model.save(root, str(folder), signatures=signatures)
  return folder


def write_store(folder: pathlib.Path) -> pathlib.Path:
  """Trains a task of each type; what they learn does not matter here."""
  encoder = tiny.write_encoder(folder / "encoder")
  for name in TASKS:
    train = dev = _write_data(folder / name, name)
    if name in ("single", "pairs"):
      train, dev = (folder / name / f"{part}.tsv" for part in ("train", "dev"))
    settings = {
      "encoder": str(encoder),
      "store": str(folder / "store"),
      "task.name": name,
      "data.train": str(train),
      "data.eval": str(dev),
      "data.max_length": 24,
      "adapter.size": 4,
      "adapter.init_stddev": 0.5,
      "train.epochs": 1,
      "train.batch_size": 8,
    }
    if name == "numbers":
      settings["task.type"] = "regression"
    if name == "qa":
      settings |= {
        "task.type": "span",
        "data.doc_stride": 8,
        "data.max_question_length": 6,
      }
    tf_adapters.train(settings, reporter=Silent())
  return folder / "store"


def _write_data(folder: pathlib.Path, name: str) -> pathlib.Path:
  folder.mkdir()
  if name == "qa":
    return pathlib.Path(tiny.write_squad(folder, questions=12))
  if name != "numbers":
    tiny.write_task(folder, rows=16, pair=name == "pairs")
    return folder
  rows = [f'"{"good " * n}",{100 + 10 * n}\n' for n in range(1, 9)]
  path = folder / "dev.csv"
  path.write_text("text,label\n" + "".join(rows), encoding="utf-8")
  return path


def write(folder: pathlib.Path, root: str | None = None) -> pathlib.Path:
  """Writes both models and the server's file of them."""
  folder.mkdir(parents=True, exist_ok=True)
  write_arithmetic(folder / "arithmetic" / "1")
  store = write_store(folder / "tasks.of")
  tf_adapters.export(str(store), str(folder / "tasks"), reporter=Silent())
  models = [
    model_config.ServedModel(name, str(folder / name))
    for name in ("arithmetic", "tasks")
  ]
  model_config.write(str(folder / "models.config"), models, root)
  return folder


if __name__ == "__main__":
  write(pathlib.Path(sys.argv[1]).absolute(), *sys.argv[2:])
