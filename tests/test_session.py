# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A SavedModel through TensorFlow's C API, with no package beside it."""

import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.core.protobuf import saved_model_pb2

from tests import served
from tf_adapters.serving import oracle as oracle_lib
from tf_adapters.serving.oracle import Oracle
from tf_adapters.serving.session import Refused
from tf_adapters.serving.session import definitions

FOLDER = pathlib.Path(oracle_lib.__file__).parent / "session"
SITE_PACKAGES = oracle_lib.find_site_packages()
TEXTS = [b"", b"Win a PRIZE", "日本語".encode(), b"\xff\x00\xfe", b"x" * 100]


@pytest.fixture(scope="module")
def oracle(arithmetic):
  with Oracle(arithmetic) as found:
    yield found


def alone(code: str, *arguments: str) -> str:
  """What a program prints that has the standard library and the session."""
  start = f"import sys; sys.path.append({str(FOLDER.parent)!r})\n"
  start += f"SITE_PACKAGES = {SITE_PACKAGES!r}\n"
  return subprocess.run(
    [sys.executable, "-I", "-S", "-c", start + code, *arguments],
    stdout=subprocess.PIPE,
    text=True,
    check=True,
    timeout=300,
  ).stdout


# --- Answers -----------------------------------------------------------------


def test_outputs_are_what_the_formulas_say(oracle):
  found = oracle.ask("texts", {"text": TEXTS}, text=False)
  truth = served.truth(TEXTS)
  assert found.pop("folded")[1] == b"win a prize"
  assert found == {name: truth[name] for name in found}
  assert set(found) == set(truth) - {"scores", "outputs"}
  assert [type(value) for value in found["is_empty"]] == [bool] * len(TEXTS)


@hypothesis.settings(max_examples=100, deadline=None)
@hypothesis.given(st.lists(st.binary() | st.text(
  st.characters(exclude_categories=["Cs"])
), max_size=9))
def test_any_string_comes_back(oracle, texts):
  raw = [text.encode() if isinstance(text, str) else text for text in texts]
  found = oracle.ask("texts", {"text": texts}, text=False)
  assert found["same_bytes"] == raw
  assert found["size"] == [len(text) for text in raw]
  shown = oracle.ask("pair", {"text": texts, "text_b": texts})["joined"]
  pairs = [text + b"|" + text for text in raw]
  assert shown == [pair.decode("utf-8", "replace") for pair in pairs]


def test_no_row(oracle):
  found = oracle.ask("texts", {"text": []})
  assert set(map(len, found.values())) == {0}


def test_several_signatures_in_one_run(oracle, arithmetic):
  inputs = {"inputs": [served.example(t).SerializeToString() for t in TEXTS]}
  questions = {"regress": inputs, "classify": inputs, "texts": {"text": ["ab"]}}
  found = oracle.ask_all(questions, text=False)
  for name, columns in questions.items():
    assert found[name] == oracle.ask(name, columns, text=False)
  truth = served.truth(TEXTS)
  assert found["regress"] == {"outputs": truth["outputs"]}
  assert found["classify"]["classes"] == [list(served.CLASSES)] * len(TEXTS)
  np.testing.assert_allclose(
    found["classify"]["scores"], truth["scores"], rtol=1e-6
  )
  runs = alone(
    """
import session
with session.Session(sys.argv[1], SITE_PACKAGES) as found:
  run, calls = found._c.TF_SessionRun, []
  found._c.TF_SessionRun = lambda *words: (calls.append(1), run(*words))
  found.run_all({"texts": {"text": ["a"]}, "serving_default": {"text": ["b"]},
                 "pair": {"text": ["c"], "text_b": ["d"]}})
print(len(calls))
""",
    str(arithmetic),
  )
  assert int(runs) == 1


def test_signatures_are_those_of_the_meta_graph(oracle, arithmetic):
  model = saved_model_pb2.SavedModel.FromString(
    (arithmetic / "saved_model.pb").read_bytes()
  )
  definition = model.meta_graphs[0].signature_def
  assert set(oracle.signatures) == set(definition) - {"__saved_model_init_op"}
  for name, signature in oracle.signatures.items():
    assert signature.method == definition[name].method_name
    for ours, theirs in (
      (signature.inputs, definition[name].inputs),
      (signature.outputs, definition[name].outputs),
    ):
      assert ours == {key: plain(info) for key, info in theirs.items()}


def plain(info) -> definitions.Tensor:
  shape = tf.TensorShape(info.tensor_shape)
  sizes = None if shape.rank is None else tuple(
    -1 if size is None else size for size in shape
  )
  return definitions.Tensor(info.name, info.dtype, sizes)


SHAPES = st.none() | st.lists(
  st.integers(0, 2**62) | st.just(-1), max_size=4
).map(tuple)


@hypothesis.given(st.dictionaries(
  st.text(max_size=5),
  st.tuples(st.text(max_size=200), st.sampled_from([1, 3, 7, 9, 10]), SHAPES),
))
def test_any_signature_is_read_as_protobuf_writes_it(tensors):
  graph = meta_graph_pb2.MetaGraphDef()
  graph.graph_def.node.add(name="x" * 300)
  item = graph.signature_def["a"]
  item.method_name = "m"
  truth = {}
  for key, (name, dtype, shape) in tensors.items():
    info = item.outputs[key]
    info.name, info.dtype = name, dtype
    info.tensor_shape.CopyFrom(tf.TensorShape(
      None if shape is None else [None if s == -1 else s for s in shape]
    ).as_proto())
    truth[key] = definitions.Tensor(name, dtype, shape)
  found = definitions.read(graph.SerializeToString())
  assert found == {"a": definitions.Signature({}, truth, "m")}


# --- Refusals ----------------------------------------------------------------


@pytest.mark.parametrize("signature,columns,words", [
  ("gone", {"text": ["a"]}, 'signature key "gone" not found'),
  ("pair", {"text": ["a"]}, r"'pair' takes \['text', 'text_b'\]"),
  ("texts", {"text": ["a"], "b": ["a"]}, "'texts' takes"),
  ("texts", {"text": [1]}, "'text' is not of its type"),
  ("texts", {"text": ["\ud800"]}, "'text' is not of its type"),
  ("texts", {"text": [["a"], ["b", "c"]]}, "different lengths"),
  ("texts", {"text": [["a"], "b"]}, "different lengths"),
  ("pair", {"text": ["a"], "text_b": ["b", "c"]}, "(?i)shape"),
  ("classify", {"inputs": ["no example"]}, "Could not parse example"),
])
def test_what_is_refused_leaves_it_answering(oracle, signature, columns, words):
  with pytest.raises(Refused, match=words) as raised:
    oracle.ask(signature, columns)
  assert raised.value.code in (3, 9)
  assert oracle.ask("pair", {"text": ["a"], "text_b": ["b"]}) == {
    "joined": ["a|b"]
  }


def test_xla_is_off_as_in_the_server(tmp_path):
  root = tf.Module()

  @tf.function(jit_compile=True)
  def double(x):
    return 2 * x

  @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
  def answer(text):
    return {"x": double(tf.cast(tf.strings.length(text), tf.float32))}

  root.answer = answer
  tf.saved_model.save(root, str(tmp_path), signatures={"a": answer})
  with Oracle(tmp_path) as oracle:
    with pytest.raises(Refused, match="XLA compilation disabled"):
      oracle.ask("a", {"text": ["b"]})


def test_no_model(tmp_path):
  with pytest.raises(Refused, match="Could not find SavedModel"):
    Oracle(tmp_path)
  (tmp_path / "saved_model.pb").write_bytes(b"\xff" * 99)
  with pytest.raises(Refused, match="(?i)parse"):
    Oracle(tmp_path)


def test_ops_of_tensorflow_text_are_needed(arithmetic, tmp_path):
  """So that it shows whether a server has them."""
  with pytest.raises(Refused, match="libtensorflow_framework"):
    Oracle(arithmetic, str(tmp_path))
  (tmp_path / "tensorflow").symlink_to(f"{SITE_PACKAGES}/tensorflow")
  with pytest.raises(Refused, match="there is no .*tensorflow_text"):
    Oracle(arithmetic, str(tmp_path))
  ops = tmp_path / "tensorflow_text/python/ops"
  ops.mkdir(parents=True)
  shutil.copy(
    f"{SITE_PACKAGES}/tensorflow_text/python/ops/_trimmer_ops.so", ops
  )
  with pytest.raises(Refused, match="not registered.*CaseFoldUTF8"):
    Oracle(arithmetic, str(tmp_path))


# --- The process -------------------------------------------------------------


def test_nothing_but_the_standard_library_is_imported(arithmetic):
  code = """
import session
with session.Session(sys.argv[1], SITE_PACKAGES) as found:
  assert found.run("texts", {"text": ["abc"]})["size"] == [3]
names = {name.partition(".")[0] for name in sys.modules}
print(sorted(names - sys.stdlib_module_names))
"""
  assert alone(code, str(arithmetic)) == "['__main__', 'session']\n"


def test_memory_stays_as_it_is(arithmetic):
  """Over runs that would lose 500 MB if texts were not freed."""
  code = """
import resource, session
def memory():
  with open("/proc/self/statm") as file:
    return int(file.read().split()[1]) * resource.getpagesize()
with session.Session(sys.argv[1], SITE_PACKAGES) as found:
  def run(times):
    for _ in range(times):
      found.run("texts", {"text": ["x" * 4096] * 32}, text=False)
      try:
        found.run("classify", {"inputs": ["x" * 4096] * 8})
      except session.Refused:
        pass
  run(200)
  before = memory()
  run(3000)
  print(memory() - before)
"""
  assert int(alone(code, str(arithmetic))) < 40e6


def test_threads_share_a_session(arithmetic):
  code = """
import concurrent.futures, session
def ask(found, number):
  texts = [f"{number} {row}" for row in range(number % 7 + 1)]
  answer = found.run("texts", {"text": texts})
  return (answer["same_bytes"] == texts
          and answer["size"] == [len(text) for text in texts])
with session.Session(sys.argv[1], SITE_PACKAGES) as found:
  with concurrent.futures.ThreadPoolExecutor(32) as pool:
    right = pool.map(lambda number: ask(found, number), range(2000))
    print(sum(right))
"""
  assert int(alone(code, str(arithmetic))) == 2000


def test_lines_of_json(arithmetic):
  questions = [
    b'{"pair": {"text": ["a"], "text_b": [{"b64": "/w=="}]}}',
    b"{", b"[]", b'{"pair": 1}', b'{"pair": {"text": {"b64": 1}}}', b"[" * 9999,
    b'{"texts": {"text": ["ab"]}, "pair": {"text": [], "text_b": []}}',
  ]
  done = subprocess.run(
    [
      sys.executable, "-I", "-S", str(FOLDER), str(arithmetic),
      "--site-packages", SITE_PACKAGES,
    ],
    input=b"\n".join(questions),
    stdout=subprocess.PIPE,
    check=True,
    timeout=300,
  )
  first, *answers = map(json.loads, done.stdout.splitlines())
  assert set(first["signatures"]) >= {"texts", "pair"}
  assert answers[0] == {"answers": {"pair": {"joined": [{"b64": "YXz/"}]}}}
  for answer in answers[1:-1]:
    assert set(answer) == {"error", "code"} and answer["code"] == 3
  assert answers[-1]["answers"]["texts"]["tenth"] == [
    float(np.float32(2) * np.float32(0.1))
  ]


def test_numbers_that_json_does_not_know(tmp_path):
  root = tf.Module()

  @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
  def answer(text):
    return {"x": tf.strings.to_number(text)}

  root.answer = answer
  tf.saved_model.save(root, str(tmp_path), signatures={"a": answer})
  with Oracle(tmp_path) as oracle:
    nan, *rest = oracle.ask("a", {"text": ["nan", "inf", "-inf", "1e-45"]})["x"]
  assert math.isnan(nan)
  assert rest == [math.inf, -math.inf, float(np.float32(1e-45))]


def test_a_dead_or_closed_oracle_says_so(arithmetic):
  oracle = Oracle(arithmetic)
  os.kill(oracle._process.pid, signal.SIGKILL)
  with pytest.raises(Refused, match="ended with status -9"):
    oracle.ask("texts", {"text": ["a"]})
  oracle.close()
  oracle.close()
  with pytest.raises(Refused, match="closed"):
    oracle.ask("texts", {"text": ["a"]})


def test_an_interrupted_oracle_gives_no_answer_to_another_question(arithmetic):
  class Interrupted(Exception):
    pass

  def interrupt(number, frame):
    raise Interrupted

  before = signal.signal(signal.SIGALRM, interrupt)
  try:
    with Oracle(arithmetic) as oracle:
      os.kill(oracle._process.pid, signal.SIGSTOP)
      signal.setitimer(signal.ITIMER_REAL, 0.5)
      with pytest.raises(Interrupted):
        oracle.ask("texts", {"text": ["first"]})
      os.kill(oracle._process.pid, signal.SIGCONT)
      with pytest.raises(Refused, match="ended with status -9"):
        oracle.ask("texts", {"text": ["second"]})
  finally:
    signal.signal(signal.SIGALRM, before)


def test_packages_may_be_in_two_folders_with_any_names(arithmetic, tmp_path):
  places = []
  for name in ("tensorflow", "tensorflow_text"):
    place = tmp_path / f"[{name}]"
    place.mkdir()
    (place / name).symlink_to(f"{SITE_PACKAGES}/{name}")
    places.append(str(place))
  with Oracle(arithmetic, os.pathsep.join(places)) as oracle:
    answer = oracle.ask("texts", {"text": ["a"]})
  with Oracle(arithmetic) as oracle:
    assert oracle.ask("texts", {"text": ["a"]}) == answer


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_a_program_in_c_answers_alike(arithmetic, oracle, tmp_path):
  folder = pathlib.Path(SITE_PACKAGES, "tensorflow")
  libraries = [folder / f"libtensorflow_{n}.so.2" for n in ("framework", "cc")]
  source = pathlib.Path(__file__).with_name("serve.c")
  program = tmp_path / "serve"
  subprocess.run(
    [
      "gcc", str(source), "-o", str(program), f"-I{folder / 'include'}",
      *map(str, libraries), f"-Wl,-rpath,{folder}",
    ],
    check=True,
  )
  signature = oracle.signatures["texts"]
  ops = pathlib.Path(SITE_PACKAGES).glob("tensorflow_text/python/ops/*.so")
  done = subprocess.run(
    [
      str(program), str(arithmetic), signature.inputs["text"].name,
      signature.outputs["wide"].name, "Win a PRIZE", *map(str, ops),
    ],
    stdout=subprocess.PIPE,
    text=True,
    check=True,
    env={},  # no Python in it, and none to be found
    timeout=300,
  )
  found = [np.float32(line) for line in done.stdout.split()]
  assert [found] == served.truth([b"Win a PRIZE"])["wide"]
