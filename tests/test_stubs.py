# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A SavedModel whose functions get shorter answers as before, bit by bit."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tf_adapters.serving import oracle as oracle_lib
from tf_adapters.serving import stubs
from tf_adapters.serving.session import Refused

TEXT = tf.TensorSpec([None], tf.string, "text")
TASKS = 5
TEXTS = ["a", "", "some words", "ü"]


class Model(tf.Module):
  """Tasks that differ in a constant, and what can be said shorter."""

  def __init__(self):
    super().__init__()
    self.weights = tf.Variable(np.linspace(-1, 1, 12, dtype=np.float32))
    self.shared = tf.function(
      self._shared, [tf.TensorSpec([], tf.int32), TEXT], autograph=False
    )

  def _shared(self, row, text):
    size = tf.cast(tf.strings.length(text), tf.float32)
    flat = tf.convert_to_tensor(self.weights)
    again = tf.reshape(tf.reshape(flat, [6, 2]), [2, -1])
    x = tf.identity(size[:, None] * tf.gather(again, row % 2)[None])
    shapes = tf.shape(x)[0] + tf.shape(x)[0] + tf.shape(size)[0]
    unused = tf.reshape(x, [-1])
    del unused
    stopped = tf.stop_gradient(x)
    with tf.control_dependencies([tf.debugging.assert_less(size, 50.0)]):
      total = tf.reduce_sum(stopped, axis=1)
    return {
      "wide": tf.reshape(x, tf.concat([tf.shape(size), [6]], 0)),
      "total": total + tf.cast(row, tf.float32),
      "count": tf.fill([tf.size(text)], shapes),
      "same": tf.strings.join([text, text]),
    }

  def signature(self, number):
    return tf.function(
      lambda text: stubs.call(self.shared, tf.constant(number), text),
      input_signature=[TEXT],
      autograph=False,
    )


def write(folder):
  model = Model()
  signatures = {f"task_{n}": model.signature(n) for n in range(TASKS)}
  signatures["serving_default"] = signatures["task_0"]
  tf.saved_model.save(model, str(folder), signatures=signatures)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
  """As TensorFlow saves it, and shortened."""
  folder = tmp_path_factory.mktemp("stubs")
  write(folder / "long")
  shutil.copytree(folder / "long", folder / "short")
  stubs.shorten(folder / "short")
  return folder / "long", folder / "short"


def read(folder):
  data = (folder / "saved_model.pb").read_bytes()
  (graph,) = saved_model_pb2.SavedModel.FromString(data).meta_graphs
  return graph


def test_each_signature_answers_the_same_bits(folders):
  answers = []
  for folder in folders:
    with oracle_lib.Oracle(folder) as oracle:
      answers.append({
        name: oracle.ask(name, {"text": TEXTS}, text=False)
        for name in oracle.signatures
      })
      with pytest.raises(Refused, match="assert"):
        oracle.ask("task_1", {"text": ["x" * 50]})
  long, short = answers
  assert long == short
  assert len({str(long[f"task_{n}"]["total"]) for n in range(TASKS)}) == TASKS
  again = np.linspace(-1, 1, 12, dtype=np.float32).reshape(2, 6)
  sizes = np.array([1, 0, 10, 2], np.float32)
  np.testing.assert_array_equal(
    short["task_3"]["wide"], sizes[:, None] * again[1]
  )


def test_tensorflow_loads_it(folders):
  long, short = (tf.saved_model.load(str(folder)) for folder in folders)
  texts = tf.constant(TEXTS)
  for name, function in long.signatures.items():
    found = short.signatures[name](text=texts)
    for key, value in function(text=texts).items():
      np.testing.assert_array_equal(found[key], value)


def test_the_graph_calls_the_shared_function(folders):
  long, short = map(read, folders)
  calls = [
    node
    for node in short.graph_def.node
    if "_shared_" in node.attr["f"].func.name
  ]
  assert len(calls) == TASKS == len({tuple(node.input) for node in calls})
  (text,) = {
    info.name
    for signature in short.signature_def.values()
    for info in signature.inputs.values()
  }
  assert text.endswith(":0")
  default, first = (
    short.signature_def[key].outputs["total"].name
    for key in ("serving_default", "task_0")
  )
  assert default == first
  sizes = [len(graph.graph_def.node) for graph in (long, short)]
  assert sizes[1] < sizes[0]


def test_nothing_is_said_twice(folders):
  long, short = (
    {f.signature.name: f for f in read(folder).graph_def.library.function}
    for folder in folders
  )
  (name,) = [name for name in short if "_shared_" in name]
  ops = [node.op for node in short[name].node_def]
  before = [node.op for node in long[name].node_def]
  assert ops.count("Shape") == 2 < before.count("Shape")
  assert "StopGradient" not in ops and "StopGradient" in before
  constants = [
    node.attr["value"].SerializeToString(deterministic=True)
    for node in short[name].node_def
    if node.op == "Const"
  ]
  assert len(set(constants)) == len(constants) < before.count("Const")
  assert ops.count("Assert") == before.count("Assert")


def test_shortening_again_finds_nothing(folders, tmp_path):
  shutil.copytree(folders[1], tmp_path / "again")
  stubs.shorten(tmp_path / "again")
  first, second = (nodes(path) for path in (folders[1], tmp_path / "again"))
  assert first == second


def nodes(folder):
  graph = read(folder).graph_def
  functions = {f.signature.name: f.node_def for f in graph.library.function}
  return {
    name: sorted(str(node) for node in found)
    for name, found in {"": graph.node, **functions}.items()
  }


def test_signatures_that_share_an_input_get_one_column(folders):
  with oracle_lib.Oracle(folders[1]) as oracle:
    both = {f"task_{n}": {"text": TEXTS} for n in (1, 2)}
    found = oracle.ask_all(both)
    assert found["task_2"] == oracle.ask("task_2", both["task_2"])
    both["task_2"] = {"text": ["b"]}
    with pytest.raises(Refused, match="'task_2' shares its 'text' with"):
      oracle.ask_all(both)
