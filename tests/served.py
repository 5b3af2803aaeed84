# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Models for tests of serving: signatures by arithmetic, and tiny tasks.

  python -m tests.served DIR [ROOT]

writes both, and `DIR/models.config`, for a real server to serve: what runs
`tests/test_protocol.py` against it is said there. ROOT is where the server
sees DIR, as /models in a container.
"""

import pathlib
import sys
import tempfile

import numpy as np
import tensorflow as tf
import tensorflow_text

import tf_adapters
from tests import stores
from tests import tiny
from tf_adapters import data
from tf_adapters.serving import model_config
from tf_adapters.spans import squad
from tf_adapters.training.reporting import Silent

# Definition, columns, settings.
TASKS = {
  "single": (stores.CLASSES, stores.TEXT, {}),
  "pairs": (stores.THREE, stores.PAIR, {"tuning__strategy": "lora"}),
  "numbers": (stores.NUMBER, stores.TEXT, {}),
  "qa": (
    stores.SPAN, stores.QUESTION,
    {"data__doc_stride": 8, "data__max_question_length": 6},
  ),
}
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
      "folded": tensorflow_text.case_fold_utf8(
        tf.strings.unicode_transcode(text, "UTF-8", "UTF-8")
      ),
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
  """Writes a store with a task of each type, of random weights."""
  encoder = tf_adapters.load_encoder(
    str(tiny.write_encoder(folder / "encoder"))
  )
  store = stores.create(folder / "store", encoder)
  for seed, (name, (definition, columns, given)) in enumerate(TASKS.items()):
    stores.add(
      store, encoder, name, definition, columns=columns, seed=seed, **given
    )
  return folder / "store"


def questions(name: str) -> dict[str, list[str]]:
  """A dev set for a task of the store, and texts of no such kind."""
  odd = ["", "good " * 200, "日本語 👍🏽", "\x00\x07"]
  with tempfile.TemporaryDirectory() as folder:
    if name == "qa":
      path = tiny.write_squad(pathlib.Path(folder))
      found = squad.read(path, key="data")
    else:
      _, path = tiny.write_task(pathlib.Path(folder), pair=name == "pairs")
      found = data.read(path, key="data", labelled=False)
  columns = [found.texts + odd]
  if found.texts_b is not None:
    columns.append(found.texts_b + odd[::-1])
  names = ("question", "context") if name == "qa" else ("text", "text_b")
  return dict(zip(names, columns, strict=False))


def write(folder: pathlib.Path, root: str | None = None) -> pathlib.Path:
  """Writes both models and the server's file of them."""
  write_arithmetic(folder / "arithmetic" / "1")
  store = write_store(folder / "tasks.of")
  tf_adapters.export(
    str(store), str(folder / "tasks"), examples=True, reporter=Silent()
  )
  models = [
    model_config.ServedModel(name, str(folder / name))
    for name in ("arithmetic", "tasks")
  ]
  model_config.write(str(folder / "models.config"), models, root)
  return folder


if __name__ == "__main__":
  write(pathlib.Path(sys.argv[1]).absolute(), *sys.argv[2:])
