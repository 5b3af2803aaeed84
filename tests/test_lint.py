# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Each thing that the server refuses, in a SavedModel that has it."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.core.protobuf import saved_model_pb2

from tf_adapters.serving import lint
from tf_adapters.serving import oracle as oracle_lib

TEXT = tf.TensorSpec([None], tf.string)


def save(folder, answer, *specs, **named) -> pathlib.Path:
  """A model of one signature, `a`, of what `answer` gives."""
  function = tf.function(answer)
  concrete = function.get_concrete_function(*specs, **named)
  root = tf.Module()
  root.answer = function
  tf.saved_model.save(root, str(folder), signatures={"a": concrete})
  return folder


def change(folder, edit) -> pathlib.Path:
  """Edits the graph that was saved."""
  path = folder / "saved_model.pb"
  model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
  edit(model)
  path.write_bytes(model.SerializeToString())
  return folder


@pytest.fixture(scope="module")
def good(tmp_path_factory):
  """Strings to each type that may be, of one and of two axes."""
  folder = tmp_path_factory.mktemp("good")
  return save(folder / "1", good_answer, text=TEXT)


def good_answer(text):
  size = tf.strings.length(text)
  return {
    "int32": size,
    "int64": tf.cast(size, tf.int64),
    "bool": size > 2,
    "string": text,
    "float32": tf.cast(tf.stack([size, size], 1), tf.float32),
  }


def copy(good, folder) -> pathlib.Path:
  shutil.copy(good / "saved_model.pb", folder)
  return folder


def test_what_may_be(good):
  assert lint.problems(good) == []
  assert lint.problems(str(good)) == []


# --- The graph ---------------------------------------------------------------


def test_no_file_and_no_model(good, tmp_path):
  path = tmp_path / "saved_model.pb"
  assert lint.problems(tmp_path) == [f"{path} is missing."]
  path.write_bytes(b"\xff" * 99)
  assert lint.problems(tmp_path) == [f"{path} is damaged, it is no SavedModel."]


@pytest.mark.parametrize("tags", [["serve", "tpu"], ["train"], []])
def test_tags(good, tmp_path, tags):
  def edit(model):
    model.meta_graphs[0].meta_info_def.tags[:] = tags

  (found,) = lint.problems(change(copy(good, tmp_path), edit))
  assert "one graph, with the tag `serve` alone" in found
  assert str(tags) in found


def test_two_graphs(good, tmp_path):
  def edit(model):
    model.meta_graphs.add().CopyFrom(model.meta_graphs[0])

  (found,) = lint.problems(change(copy(good, tmp_path), edit))
  assert "[['serve'], ['serve']]" in found


def test_functions_for_xla(tmp_path):
  double = tf.function(lambda x: x + x, jit_compile=True)

  def answer(text):
    return {"x": double(tf.strings.length(text))}

  (found,) = lint.problems(save(tmp_path, answer, text=TEXT))
  assert "`jit_compile=True`" in found


@pytest.mark.parametrize("call,op", [
  (tf.py_function, "EagerPyFunc"), (tf.numpy_function, "PyFunc"),
])
def test_calls_of_python(tmp_path, call, op):
  def answer(text):
    found = call(lambda x: x, [tf.strings.length(text)], tf.int32)
    return {"x": tf.ensure_shape(found, [None])}

  (found,) = lint.problems(save(tmp_path, answer, text=TEXT))
  assert "calls Python" in found and op in found


def test_ops_that_nobody_links(good, tmp_path):
  def edit(model):
    for function in model.meta_graphs[0].graph_def.library.function:
      for node in function.node_def:
        if node.op == "StringLength":
          node.op = "Elsewhere>StringLength"

  (found,) = lint.problems(change(copy(good, tmp_path), edit))
  assert "neither in `tf.raw_ops` nor tensorflow-text's" in found
  assert "(Elsewhere>StringLength)" in found


def test_the_ops_are_those_of_the_libraries():
  """In a process that has loaded nothing but them, one after the other."""
  code = """
import ctypes, glob, sys
sys.path.append(sys.argv[1])
from session.library import Buffer, Library
import session.library as library
site_packages = sys.argv[2]
slow, _ = library._open(site_packages)
slow.TF_GetAllOpList.restype = ctypes.POINTER(Buffer)
def ops():
  found = slow.TF_GetAllOpList().contents
  return ctypes.string_at(found.data, found.length)
first = ops()
Library(site_packages)
for found in (first, ops()):
  sys.stdout.buffer.write(len(found).to_bytes(8, "big") + found)
"""
  serving = pathlib.Path(oracle_lib.__file__).parent
  raw = subprocess.run(
    [
      sys.executable, "-I", "-S", "-c", code, str(serving),
      oracle_lib.find_site_packages(),
    ],
    stdout=subprocess.PIPE,
    check=True,
    timeout=300,
  ).stdout
  size = int.from_bytes(raw[:8], "big")
  core, both = (
    {op.name for op in op_def_pb2.OpList.FromString(part).op}
    for part in (raw[8 : 8 + size], raw[16 + size :])
  )
  assert both - core == lint.TEXT_OPS
  public = {name for name in dir(tf.raw_ops) if not name.startswith("_")}
  assert len(public) > 1000 and public <= core


# --- Signatures --------------------------------------------------------------


def test_no_signature(tmp_path):
  tf.saved_model.save(tf.Module(), str(tmp_path))
  assert lint.problems(tmp_path) == ["it has no signature."]


def test_nothing_comes_out(good, tmp_path):
  def edit(model):
    model.meta_graphs[0].signature_def["a"].outputs.clear()

  (found,) = lint.problems(change(copy(good, tmp_path), edit))
  assert found == "the signature 'a' needs inputs and outputs."


@pytest.mark.parametrize("spec,shown", [
  (tf.TensorSpec([None], tf.int32), "int32 [-1]"),
  (tf.TensorSpec([], tf.string), "string []"),
  (tf.TensorSpec([4], tf.string), "string [4]"),
  (tf.TensorSpec([None, 2], tf.string), "string [-1, 2]"),
  (tf.TensorSpec(None, tf.string), "string of any rank"),
])
def test_inputs(tmp_path, spec, shown):
  def answer(text):
    flat = tf.reshape(text, [-1])
    return {"x": tf.boolean_mask(flat, tf.equal(flat, flat))}

  (found,) = lint.problems(save(tmp_path, answer, text=spec))
  assert f"'a' takes 'text' as {shown}; it must be string [-1]." in found


@pytest.mark.parametrize("make,shown", [
  (lambda size: tf.reduce_sum(size), "int32 []"),
  (lambda size: size[:2] + [1, 2], "int32 [2]"),
  (lambda size: size[tf.newaxis], "int32 [1, -1]"),
  (lambda size: tf.io.parse_tensor("", tf.int32), "int32 of any rank"),
])
def test_outputs_without_rows(tmp_path, make, shown):
  def answer(text):
    return {"good": text, "x": make(tf.strings.length(text))}

  (found,) = lint.problems(save(tmp_path, answer, text=TEXT))
  assert found == (
    f"the signature 'a' gives 'x' as {shown}; its first size must be -1."
  )


@pytest.mark.parametrize("dtype", [
  tf.bfloat16, tf.float16, tf.float64, tf.uint8, tf.complex64
])
def test_types_of_outputs(tmp_path, dtype):
  def answer(text):
    return {"x": tf.cast(tf.strings.length(text), dtype)}

  (found,) = lint.problems(save(tmp_path, answer, text=TEXT))
  assert f"'a' gives 'x' as {dtype.name} [-1]; REST needs one of" in found


# --- Classify and Regress ----------------------------------------------------


def classes(text, count=2):
  return tf.tile(text[:, tf.newaxis], [1, count])


def real(text):
  return tf.cast(tf.strings.length(text), tf.float32)


def scores(text, count=2):
  return tf.tile(real(text)[:, tf.newaxis], [1, count])


@pytest.mark.parametrize("make", [
  lambda x: {"classes": classes(x)},
  lambda x: {"scores": scores(x)},
  lambda x: {"classes": classes(x), "scores": scores(x)},
  lambda x: {"outputs": real(x)},
  lambda x: {"outputs": scores(x, 1)},
])
def test_what_examples_may_be_answered_by(tmp_path, make):
  def answer(inputs):
    return make(inputs)

  assert lint.problems(save(tmp_path, answer, inputs=TEXT)) == []


@pytest.mark.parametrize("make,words", [
  (lambda x: {"label": x}, r"gives \['label'\]; Classify gives `classes`"),
  (lambda x: {"classes": classes(x), "scores": scores(x), "x": x}, "Classify"),
  (lambda x: {"outputs": real(x), "scores": scores(x)}, "Classify gives"),
  (lambda x: {"classes": x}, r"`classes` as string \[-1\]; .* two sizes"),
  (lambda x: {"scores": real(x)}, r"`scores` as float32 \[-1\]; .* two sizes"),
  (lambda x: {"classes": scores(x)}, "Classify needs string"),
  (lambda x: {"scores": classes(x)}, "Classify needs float32"),
  (
    lambda x: {"classes": classes(x, 3), "scores": scores(x)},
    r"\[2, 3\] classes and scores",
  ),
  (lambda x: {"outputs": scores(x)}, r"float32 \[-1, 2\]; Regress needs"),
  (lambda x: {"outputs": tf.strings.length(x)}, "Regress needs float32"),
])
def test_what_they_may_not(tmp_path, make, words):
  def answer(inputs):
    return make(inputs)

  (found,) = lint.problems(save(tmp_path, answer, inputs=TEXT))
  assert re.search(words, found), found


def test_examples_come_alone(tmp_path):
  def answer(inputs, text):
    return {"outputs": real(inputs) + real(text)}

  (found,) = lint.problems(save(tmp_path, answer, inputs=TEXT, text=TEXT))
  assert found == (
    "the signature 'a' takes ['inputs', 'text']; of examples it takes `inputs`."
  )


@pytest.mark.parametrize("method,outputs", [
  ("classify", "outputs"), ("regress", "scores"), ("classify", "x"),
])
def test_a_method_that_is_named_must_fit(tmp_path, method, outputs):
  def answer(inputs):
    return {outputs: real(inputs) if outputs == "outputs" else scores(inputs)}

  def edit(model):
    signature = model.meta_graphs[0].signature_def["a"]
    signature.method_name = f"tensorflow/serving/{method}"

  folder = save(tmp_path, answer, inputs=TEXT)
  (found,) = lint.problems(change(folder, edit))
  assert f"gives ['{outputs}']; Classify gives" in found


def test_every_problem_is_told(tmp_path):
  double = tf.function(lambda x: x + x, jit_compile=True)

  def answer(number):
    return {"x": tf.reduce_sum(double(number)), "y": tf.cast(number, tf.half)}

  spec = tf.TensorSpec([None], tf.float32)
  assert len(lint.problems(save(tmp_path, answer, number=spec))) == 4
