# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The client over gRPC, against the official servicer of TensorFlow Serving."""

import collections
import concurrent.futures
import contextlib
import socket
import string
import time

import grpc
import hypothesis
import pytest
from hypothesis import strategies as st
from tensorflow_serving.apis import prediction_service_pb2_grpc as service

import tf_adapters
from tests import serving_stub


class Servicer(service.PredictionServiceServicer):
  """The model of the stub; takes a fault (code, words, or a reply) a call."""

  def __init__(self):
    self.signatures = dict(serving_stub.SIGNATURES)
    self.faults = collections.deque()
    self.asked = []
    self.metadata = []

  def _count(self, request, context):
    self.asked.append(request)
    self.metadata.append(dict(context.invocation_metadata()))
    fault = self.faults.popleft() if self.faults else None
    if isinstance(fault, grpc.StatusCode):
      context.abort(fault, f"no luck: {fault.name}.")
    if isinstance(fault, tuple):
      context.abort(*fault)
    if fault == "slow":
      time.sleep(2.5)
    if request.model_spec.name != "model":
      context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found")
    return fault

  def GetModelMetadata(self, request, context):
    from tensorflow_serving.apis import get_model_metadata_pb2 as messages

    fault = self._count(request, context)
    if list(request.metadata_field) != ["signature_def"]:
      context.abort(grpc.StatusCode.INVALID_ARGUMENT, "metadata_field")
    found = messages.SignatureDefMap()
    for name, (_, inputs, outputs) in self.signatures.items():
      item = found.signature_def[name]
      for key in inputs:
        item.inputs[key].tensor_shape.dim.add().size = -1
      for key, sizes in outputs.items():
        for size in (-1, *sizes):
          item.outputs[key].tensor_shape.dim.add().size = size
    answer = messages.GetModelMetadataResponse()
    answer.metadata["signature_def"].Pack(found)
    if fault == "damaged":
      answer.metadata["signature_def"].value = b"\xff\xff\xff"
    return answer

  def Predict(self, request, context):
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2

    fault = self._count(request, context)
    function, inputs, outputs = self.signatures[
      request.model_spec.signature_name
    ]
    if set(request.inputs) != set(inputs):
      context.abort(grpc.StatusCode.INVALID_ARGUMENT, "inputs")
    columns = [tf.make_ndarray(request.inputs[name]) for name in inputs]
    assert {column.ndim for column in columns} == {1}
    rows = [function(*row) for row in zip(*columns, strict=True)]
    answer = predict_pb2.PredictResponse()
    for name in outputs:
      values = [row[name] for row in rows]
      answer.outputs[name].CopyFrom(tf.make_tensor_proto(values))
    if fault == "damaged":
      answer.outputs["score"].tensor_shape.dim.add().size = 7
    return answer


@contextlib.contextmanager
def running():
  """A server of that model."""
  servicer = Servicer()
  with concurrent.futures.ThreadPoolExecutor(4) as pool:
    server = grpc.server(pool)
    service.add_PredictionServiceServicer_to_server(servicer, server)
    servicer.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
      yield servicer
    finally:
      server.stop(0).wait(10)


@pytest.fixture
def server():
  with running() as servicer:
    yield servicer


def ask(server, **options) -> tf_adapters.Client:
  address = f"grpc://127.0.0.1:{server.port}"
  return tf_adapters.Client(address, **{"timeout": 20, **options})


def plain(answer: dict) -> dict:
  return {
    name: value.decode() if isinstance(value, bytes) else value
    for name, value in answer.items()
  }


def test_answers_are_those_of_rest(server):
  texts = ["win a prize", "", "日本語 👍🏽", "a\x00b"]
  raw = [text.encode() for text in texts]
  questions = {
    "sms": [texts], "stars": [texts], "pairs": [texts, texts],
    "qa": [texts, texts],
  }
  with serving_stub.running() as other, ask(server) as client:
    rest = tf_adapters.Client(other.address)
    assert client.tasks() == rest.tasks()
    for task, columns in questions.items():
      found = client.predict(task, *columns)
      assert found == rest.predict(task, *columns)
    assert client.predict("sms", raw) == rest.predict("sms", texts)
    rows = [("sms", "a"), ("qa", "b", "c"), ("gone", "d"), ("hidden", "e")]
    assert client.predict_mixed(rows) == rest.predict_mixed(rows)


def test_batches_keep_their_order(server):
  texts = [f"text {number}" for number in range(10)]
  found = ask(server, batch_size=4).predict("stars", texts)
  assert found == [serving_stub.measure(text.encode()) for text in texts]
  sizes = [len(r.inputs["text"].string_val) for r in server.asked[1:]]
  assert sizes == [4, 4, 2]


@pytest.mark.parametrize("options,field", [
  ({"version": 7}, "version"), ({"label": "stable"}, "version_label"),
  ({}, None),
])
def test_version_and_label_are_asked_for(server, options, field):
  ask(server, headers={"X-Token": "a"}, **options).predict("sms", ["x"])
  for request in server.asked:
    spec = request.model_spec
    assert spec.WhichOneof("version_choice") == field
    assert spec.version.value == options.get("version", 0)
    assert spec.version_label == options.get("label", "")
  assert [sent["x-token"] for sent in server.metadata] == ["a", "a"]


@pytest.fixture(scope="module")
def calm():
  """A server that no test disturbs."""
  with running() as servicer:
    yield servicer


NAME = string.ascii_letters + string.digits + "_.-"
ANY = st.characters(exclude_categories=["Cs"])


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
  st.text(NAME) | st.text(ANY), st.text(string.printable) | st.text(ANY)
)
@hypothesis.example("Name", "Jürgen")
@hypothesis.example(" Header", "x")
@hypothesis.example("-Bin", "x")
@hypothesis.example("\N{KELVIN SIGN}", "x")  # k in lower case
def test_headers_arrive_or_are_refused(calm, name, text):
  name = f"X{name}"
  allowed = {*NAME} >= {*name} and not name.lower().endswith("-bin")
  if allowed and all(" " <= letter <= "~" for letter in text):
    ask(calm, headers={name: text}).tasks()
    assert calm.metadata[-1][name.lower()] == text
  else:
    with pytest.raises(tf_adapters.InputError, match="`headers`.*for gRPC"):
      ask(calm, headers={name: text})


def test_unavailable_is_asked_again(server):
  client = ask(server, retries=2)
  client.tasks()
  server.asked.clear()
  server.faults.extend([grpc.StatusCode.UNAVAILABLE] * 2)
  assert len(client.predict("sms", ["x"])) == 1
  assert len(server.asked) == 3
  server.faults.extend([grpc.StatusCode.UNAVAILABLE] * 3)
  words = "no luck: UNAVAILABLE, asked 3 times"
  with pytest.raises(tf_adapters.ServerError, match=words):
    client.predict("sms", ["x"])
  assert len(server.asked) == 6


@pytest.mark.parametrize(
  "code", ["INVALID_ARGUMENT", "NOT_FOUND", "INTERNAL", "FAILED_PRECONDITION"]
)
def test_nothing_else_is_asked_again(server, code):
  client = ask(server)
  client.tasks()
  server.asked.clear()
  server.faults.append(grpc.StatusCode[code])
  with pytest.raises(tf_adapters.ServerError, match=f"luck: {code}") as raised:
    client.predict("sms", ["x"])
  assert f"127.0.0.1:{server.port}" in str(raised.value)
  assert len(server.asked) == 1


def test_time_runs_out(server):
  client = ask(server, timeout=1.5)
  client.tasks()
  server.asked.clear()
  server.faults.append("slow")
  with pytest.raises(tf_adapters.ServerError, match=r"within 1\.5 s"):
    client.predict("sms", ["x"])
  assert len(server.asked) == 1


def test_damaged_tensor(server):
  client = ask(server)
  client.tasks()
  server.faults.append("damaged")
  with pytest.raises(tf_adapters.ServerError, match="damaged `score`"):
    client.predict("sms", ["x", "y"])


def test_damaged_metadata(server):
  client = ask(server)
  server.faults.append("damaged")
  with pytest.raises(tf_adapters.ServerError, match="damaged metadata"):
    client.tasks()
  assert len(server.asked) == 1
  assert client.tasks() == ["pairs", "qa", "sms", "stars"]


def test_closed_client_opens_again(server):
  client = ask(server)
  client.close()
  assert len(client.predict("sms", ["x"])) == 1


def test_no_server():
  with socket.socket() as taken:
    taken.bind(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    client = tf_adapters.Client(
      f"127.0.0.1:{port}", protocol="grpc", retries=1, timeout=5
    )
    with pytest.raises(tf_adapters.ServerError) as raised:
      client.predict("sms", ["x"])
  message = str(raised.value)
  assert f"the server 127.0.0.1:{port} cannot be reached (" in message
  assert message.endswith(
    "asked 2 times; see that it runs and that this is its address."
  )


def test_no_such_host_is_not_asked_again():
  # Look-up knows that names in .onion are none (RFC 7686), without a network.
  client = tf_adapters.Client("grpc://no-such-host.onion:1", timeout=20)
  with pytest.raises(tf_adapters.ServerError) as raised:
    client.predict("sms", ["x"])
  message = str(raised.value)
  assert "no-such-host.onion:1 cannot be reached (" in message
  assert "asked" not in message
  assert message.endswith("; see that it runs and that this is its address.")


def test_no_such_host_in_words_of_before(server):
  words = "DNS resolution failed for host:1: C-ares status is not ARES_SUCCESS"
  server.faults.append((grpc.StatusCode.UNAVAILABLE, words))
  with pytest.raises(tf_adapters.ServerError, match="cannot be reached"):
    ask(server).tasks()
  assert len(server.asked) == 1


def test_form_is_for_rest(server):
  with pytest.raises(tf_adapters.InputError, match="`form`"):
    ask(server, form="row")
