# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The server's protocols: gRPC and REST, in a process without this package.

Against `tests/model_server.py`, and against the real server: where
`tensorflow_model_server` is on the PATH, or anywhere else as this says:

  python -m tests.served DIR /models
  docker run -p 8500:8500 -p 8501:8501 -v DIR:/models \
    tensorflow/serving:2.20.0 --model_config_file=/models/models.config
  TF_SERVING_URL=http://localhost:8501 TF_SERVING_MODELS=DIR \
    python -m pytest tests/test_protocol.py

gRPC is on port 8500 of that host unless TF_SERVING_GRPC names another.
"""

import base64
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import typing
import urllib.error
import urllib.parse
import urllib.request

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2
from tensorflow_serving.apis import inference_pb2
from tensorflow_serving.apis import input_pb2
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc as service
from tensorflow_serving.apis import regression_pb2

import tf_adapters
from tests import served

REAL = "tensorflow_model_server"
TEXTS = [b"", b"win a prize", "日本語".encode(), b"\xff\x00\xfe", b"x" * 100]
CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


class Address(typing.NamedTuple):
  rest: str
  grpc: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
  """The models, and the store of those that were trained."""
  given = os.environ.get("TF_SERVING_MODELS")
  if given:
    return pathlib.Path(given)
  return served.write(tmp_path_factory.mktemp("served"))


@pytest.fixture(params=["stand_in", "real"])
def server(request) -> Address:
  return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def stand_in(folder):
  command = [sys.executable, "-m", "tests.model_server"]
  yield from started(command, folder)


@pytest.fixture(scope="module")
def real(request):
  if url := os.environ.get("TF_SERVING_URL"):
    if "TF_SERVING_MODELS" not in os.environ:
      pytest.skip("TF_SERVING_MODELS must name what `tests.served` wrote")
    host = urllib.parse.urlsplit(url).hostname
    yield Address(url, os.environ.get("TF_SERVING_GRPC", f"{host}:8500"))
  elif shutil.which(REAL):
    yield from started([REAL], request.getfixturevalue("folder"))
  else:
    pytest.skip(f"{REAL} is not on the PATH, and TF_SERVING_URL is not set")


def started(command, folder):
  ports = [free_port(), free_port()]
  options = [
    f"--port={ports[0]}", f"--rest_api_port={ports[1]}",
    f"--model_config_file={folder / 'models.config'}",
  ]
  address = Address(f"http://127.0.0.1:{ports[1]}", f"127.0.0.1:{ports[0]}")
  with subprocess.Popen([*command, *options], cwd=ROOT) as process:
    try:
      wait_for(address, process)
      yield address
    finally:
      process.kill()


ROOT = pathlib.Path(__file__).parents[1]


def free_port() -> int:
  with socket.socket() as found:
    found.bind(("127.0.0.1", 0))
    return found.getsockname()[1]


def wait_for(address: Address, process) -> None:
  end = time.monotonic() + 120
  while time.monotonic() < end and process.poll() is None:
    try:
      for model in ("arithmetic", "tasks"):
        path = f"{address.rest}/v1/models/{model}/metadata"
        urllib.request.urlopen(path, timeout=20).close()
      return
    except OSError:
      time.sleep(0.1)
  raise AssertionError(f"no server within 120 s, status {process.poll()}")


@pytest.fixture
def stub(server):
  with grpc.insecure_channel(server.grpc) as channel:
    yield service.PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def tasks(folder) -> dict[str, tf_adapters.LoadedTask]:
  """The trained models, by name."""
  encoder = tf_adapters.load_encoder(str(folder / "tasks.of" / "encoder"))
  store = str(folder / "tasks.of" / "store")
  return {
    name: tf_adapters.load_task(store, name, encoder) for name in served.TASKS
  }


@pytest.fixture(scope="module")
def truth(tasks) -> dict[str, list[dict]]:
  """What they answer to `served.questions`."""
  return {
    name: task.predict(*served.questions(name).values())
    for name, task in tasks.items()
  }


def assert_same(answers: list[dict], truth: list[dict]) -> None:
  """Words alike, numbers as alike as batches of other sizes give them."""
  assert len(answers) == len(truth) > 0
  for answer, other in zip(answers, truth, strict=True):
    assert set(answer) == set(other)
    for name, value in other.items():
      if isinstance(value, str | int):
        assert answer[name] == value
      else:
        np.testing.assert_allclose(
          numbers(answer[name]), numbers(value), rtol=1e-5, atol=1e-5
        )


def numbers(value):
  """Of an answer, with or without labels; these are in their order."""
  return list(value.values()) if isinstance(value, dict) else value


# --- What was trained is what is served --------------------------------------


@pytest.fixture(params=["row", "column", "grpc"])
def client(request, server):
  if request.param == "grpc":
    options = {"address": f"grpc://{server.grpc}"}
  else:
    options = {"address": server.rest, "form": request.param}
  with tf_adapters.Client(**options, model="tasks", batch_size=9) as found:
    yield found


def test_the_client_gets_the_trained_models_answers(client, truth):
  """On whole dev sets, through the session in another process."""
  assert set(truth) <= set(client.tasks())
  for name, answers in truth.items():
    found = client.predict(name, *served.questions(name).values())
    assert_same(found, answers)


def test_the_client_mixes_tasks_in_a_request(client, truth):
  rows = [
    [(name, *row) for row in zip(*served.questions(name).values(), strict=True)]
    for name in truth
  ]
  turns = [row for turn in zip(*rows, strict=False) for row in turn]
  answers = [row for turn in zip(*truth.values(), strict=False) for row in turn]
  assert_same(client.predict_mixed(turns), answers)


# --- gRPC, by the official stub ----------------------------------------------


def predict(stub, signature, columns, model="arithmetic", outputs=()):
  request = predict_pb2.PredictRequest(output_filter=outputs)
  request.model_spec.name = model
  request.model_spec.signature_name = signature
  for name, column in columns.items():
    request.inputs[name].CopyFrom(tf.make_tensor_proto(column, tf.string))
  answer = stub.Predict(request, timeout=60)
  return {
    name: tf.make_ndarray(tensor).tolist()
    for name, tensor in answer.outputs.items()
  }


def examples(texts) -> input_pb2.Input:
  found = input_pb2.Input()
  found.example_list.examples.extend(map(served.example, texts))
  return found


def refused(call, *arguments) -> str:
  """The name of gRPC's status."""
  with pytest.raises(grpc.RpcError) as raised:
    call(*arguments, timeout=60)
  return raised.value.code().name


def test_predict(stub):
  truth = served.truth(TEXTS)
  found = predict(stub, "texts", {"text": TEXTS})
  for name in ("same_bytes", "count", "size", "tenth", "wide", "is_empty"):
    assert found[name] == truth[name], name
  assert found["folded"][1] == b"win a prize"
  assert predict(stub, "", {"text": TEXTS}) == found
  assert predict(stub, "texts", {"text": TEXTS}, outputs=["size"]) == {
    "size": truth["size"]
  }
  pair = {"text": [b"a", b""], "text_b": [b"\xff", b"c"]}
  assert predict(stub, "pair", pair) == {"joined": [b"a|\xff", b"|c"]}


def test_predict_refuses(stub):
  request = predict_pb2.PredictRequest()
  request.model_spec.name = "arithmetic"
  request.model_spec.signature_name = "gone"
  assert refused(stub.Predict, request) in (
    "FAILED_PRECONDITION", "INVALID_ARGUMENT"
  )
  request.model_spec.signature_name = "pair"
  request.inputs["text"].CopyFrom(tf.make_tensor_proto(["a"]))
  assert refused(stub.Predict, request) == "INVALID_ARGUMENT"
  request.model_spec.name = "gone"
  assert refused(stub.Predict, request) == "NOT_FOUND"


def test_classify(stub):
  request = classification_pb2.ClassificationRequest(input=examples(TEXTS))
  request.model_spec.name = "arithmetic"
  request.model_spec.signature_name = "classify"
  answer = stub.Classify(request, timeout=60)
  check_classes(answer.result)
  request.model_spec.signature_name = "regress"
  assert refused(stub.Classify, request) != "OK"
  request.model_spec.signature_name = "classify"
  request.input.Clear()
  assert refused(stub.Classify, request) == "INVALID_ARGUMENT"


def test_regress(stub):
  request = regression_pb2.RegressionRequest(input=examples(TEXTS))
  request.model_spec.name = "arithmetic"
  request.model_spec.signature_name = "regress"
  check_numbers(stub.Regress(request, timeout=60).result)


def check_classes(result):
  found = [
    [(item.label, item.score) for item in row.classes]
    for row in result.classifications
  ]
  scores = served.truth(TEXTS)["scores"]
  names = [name.decode() for name in served.CLASSES]
  assert [[label for label, _ in row] for row in found] == [names] * len(TEXTS)
  np.testing.assert_allclose(
    [[score for _, score in row] for row in found], scores, rtol=1e-6
  )


def check_numbers(result):
  values = [item.value for item in result.regressions]
  assert values == served.truth(TEXTS)["outputs"]


def multi_inference(
  tasks, texts=TEXTS, model="arithmetic"
) -> inference_pb2.MultiInferenceRequest:
  request = inference_pb2.MultiInferenceRequest(input=examples(texts))
  for signature, method in tasks:
    task = request.tasks.add(method_name=method)
    task.model_spec.name = model
    task.model_spec.signature_name = signature
  return request


def test_multi_inference_answers_several_tasks_at_once(stub):
  request = multi_inference([("regress", REGRESS), ("classify", CLASSIFY)])
  first, second = stub.MultiInference(request, timeout=60).results
  assert first.model_spec.signature_name == "regress"
  check_numbers(first.regression_result)
  check_classes(second.classification_result)


def test_multi_inference_answers_as_the_trained_models(stub, tasks):
  """Two tasks of an export, by its signatures for examples."""
  texts = served.questions("single")["text"]
  request = multi_inference(
    [("single.classify", CLASSIFY), ("numbers.regress", REGRESS)],
    [text.encode() for text in texts],
    "tasks",
  )
  first, second = stub.MultiInference(request, timeout=60).results
  found = [
    {"probabilities": {item.label: item.score for item in row.classes}}
    for row in first.classification_result.classifications
  ], [{"value": item.value} for item in second.regression_result.regressions]
  for name, answers in zip(("single", "numbers"), found, strict=True):
    (key,) = answers[0]
    rows = tasks[name].predict(texts)
    assert_same(answers, [{key: row[key]} for row in rows])


def test_multi_inference_refuses(stub):
  wrong = [("texts", "tensorflow/serving/predict")]
  assert refused(stub.MultiInference, multi_inference(wrong)) == "UNIMPLEMENTED"
  twice = [("regress", REGRESS), ("regress", REGRESS)]
  assert refused(stub.MultiInference, multi_inference(twice)) == (
    "INVALID_ARGUMENT"
  )


# --- REST, by hand -----------------------------------------------------------


def post(server, body, model="arithmetic") -> tuple[int, dict]:
  request = urllib.request.Request(
    f"{server.rest}/v1/models/{model}:predict",
    body if isinstance(body, bytes) else json.dumps(body).encode(),
    {"Content-Type": "application/json"},
  )
  try:
    with urllib.request.urlopen(request, timeout=60) as answer:
      return answer.status, json.load(answer)
  except urllib.error.HTTPError as error:
    with error:
      return error.code, json.load(error)


def b64(raw: bytes) -> dict:
  return {"b64": base64.b64encode(raw).decode()}


def json_truth(texts) -> dict[str, list]:
  """The signature `texts` as JSON shows it; `folded` is not among it."""
  names = ("count", "size", "tenth", "wide", "is_empty")
  truth = served.truth(texts)
  return {
    "same_bytes": [b64(raw) for raw in texts],
    **{name: truth[name] for name in names},
  }


def as_float32(found):
  """Shortest decimals, as the server writes them, are those of float32."""
  return np.asarray(found, np.float32).tolist()


def check_columns(found, texts):
  truth = json_truth(texts)
  for name in ("tenth", "wide"):
    assert as_float32(found[name]) == truth.pop(name)
  for name, column in truth.items():
    assert found[name] == column, name


def test_columns(server):
  texts = [TEXTS[0].decode(), TEXTS[1].decode(), *map(b64, TEXTS[2:])]
  body = {"signature_name": "texts", "inputs": {"text": texts}}
  status, found = post(server, body)
  assert status == 200 and set(found) == {"outputs"}
  check_columns(found["outputs"], TEXTS)
  pair = {"text": ["a", "b"], "text_b": ["c", "d"]}
  assert post(server, {"signature_name": "pair", "inputs": pair}) == (
    200, {"outputs": ["a|c", "b|d"]}
  )


def test_rows(server):
  texts = TEXTS[:3]
  values = [b64(texts[0]), *(text.decode() for text in texts[1:])]
  for instances in (values, [{"text": value} for value in values]):
    status, found = post(server, {"instances": instances})
    assert status == 200 and set(found) == {"predictions"}
    rows = found["predictions"]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    check_columns(columns, texts)
  rows = [{"text": "a", "text_b": "c"}, {"text_b": b64(b"d"), "text": "b"}]
  assert post(server, {"signature_name": "pair", "instances": rows}) == (
    200, {"predictions": ["a|c", "b|d"]}
  )


@pytest.mark.parametrize("body", [
  {"signature_name": "gone", "instances": ["a"]},
  {"instances": ["a"], "inputs": ["a"]},
  {"signature_name": "texts"},
  {"instances": []},
  {"instances": [1]},
  {"instances": [{"text": "a"}, "b"]},
  {"instances": [{"b64": "%"}]},
  {"signature_name": "pair", "instances": ["a"]},
  {"signature_name": "pair", "instances": [{"text": "a"}]},
  {"signature_name": "pair", "inputs": {"text": ["a"]}},
  {"signature_name": "unbatched", "instances": ["a"]},
  b"{",
  b"[]",
])
def test_bad_requests(server, body):
  status, found = post(server, body)
  assert status in (400, 404)
  assert set(found) == {"error"} and found["error"]


def test_columns_need_no_batch(server):
  """Outputs of unequal sizes, which rows cannot show."""
  body = {"signature_name": "unbatched", "inputs": ["a", "bc", "d"]}
  assert post(server, body) == (
    200, {"outputs": {"size": [1, 2, 1], "labels": ["short", "long"]}}
  )


def test_unknown_model(server):
  status, found = post(server, {"instances": ["a"]}, model="gone")
  assert status == 404 and found["error"]
