# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A small server with TensorFlow Serving's REST rules, as the contract.

Rules: https://www.tensorflow.org/tfx/serving/api_rest and the server's
tensorflow_serving/util/json_tensor.cc (2.20). Its model answers by arithmetic
on the texts, so that a test knows every answer; `tests/model_server.py` puts
the same rules over real models.
"""

import base64
import collections
import contextlib
import http.server
import json
import re
import socket
import struct
import threading
import urllib.parse
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_PLACE = r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/([^/:]+))?"
_PREDICT = re.compile(f"{_PLACE}:predict")
_METADATA = re.compile(f"{_PLACE}/metadata")
_STATUS = re.compile(_PLACE)
# The answer of a model that is loaded, whichever its versions.
AVAILABLE = {"model_version_status": [{"state": "AVAILABLE"}]}
LABELS = ("ham", "spam")


class Refused(Exception):
  """An error status with the server's words."""

  def __init__(self, status: int, words: str):
    super().__init__(words)
    self.status = status


# --- The model: what each task answers to texts as bytes --------------------


def share(*texts: bytes) -> float:
  """A number in [0, 1) that tells texts apart."""
  return float(np.float32(zlib.crc32(b"\x01".join(texts)) / 2**32))


def classify(*texts: bytes) -> dict:
  second = share(*texts)
  found = [float(np.float32(1) - np.float32(second)), second]
  best = int(np.argmax(found))
  return {
    "label": LABELS[best].encode(), "score": found[best],
    "probabilities": found,
  }


def measure(text: bytes) -> dict:
  return {"value": float(np.float32(len(text) + 0.1))}


def answer(question: bytes, context: bytes) -> dict:
  return {
    "answer": context, "score": share(question, context), "start": 0,
    "end": len(context.decode("utf-8", "replace")),
  }


NOTHING = {
  "label": b"", "score": float("nan"), "probabilities": [0.0, 0.0, 0.0],
  "value": float("nan"), "answer": b"", "start": -1, "end": -1,
}


def mixed(task: bytes, text: bytes, text_b: bytes) -> dict:
  """Padded to three labels, as beside a task that has three."""
  tasks = {
    b"sms": lambda: classify(text), b"hidden": lambda: classify(text),
    b"pairs": lambda: classify(text, text_b),
    b"stars": lambda: measure(text), b"qa": lambda: answer(text, text_b),
  }
  found = tasks[task]() if task in tasks else {}
  if "probabilities" in found:
    found["probabilities"] = [*found["probabilities"], 0.0]
  return {**NOTHING, **found}


CLASSIFICATION = {"label": [], "score": [], "probabilities": [2]}
SPAN = {"answer": [], "score": [], "start": [], "end": []}
# Signature: what answers a row, inputs, outputs with dimensions after rows.
SIGNATURES = {
  "sms": (classify, ("text",), CLASSIFICATION),
  "pairs": (classify, ("text", "text_b"), CLASSIFICATION),
  "stars": (measure, ("text",), {"value": []}),
  "qa": (answer, ("question", "context"), SPAN),
  "mixed": (
    mixed, ("task", "text", "text_b"),
    {**CLASSIFICATION, **SPAN, "value": [], "probabilities": [3]},
  ),
  "serving_default": (classify, ("text",), CLASSIFICATION),
  "sms_classify": (classify, ("inputs",), {"classes": [], "scores": []}),
  "__saved_model_init_op": (None, (), {}),
}


class ByColumn(NamedTuple):
  """In the place of what answers a row: answers columns by name."""

  run: Callable[[dict], dict]


# --- The server's JSON rules -------------------------------------------------


def _string(value) -> bytes:
  if isinstance(value, str):
    return value.encode("utf-8")
  if _is_base64(value):
    try:
      return base64.b64decode(value["b64"], validate=True)
    except ValueError:
      raise Refused(400, "Unable to base64 decode") from None
  raise Refused(400, f"JSON Value: {value!r} is not of expected type: string")


def _is_base64(value) -> bool:
  return (
    isinstance(value, dict)
    and set(value) == {"b64"}
    and isinstance(value["b64"], str)
  )


def _row_columns(rows, names) -> dict:
  if not isinstance(rows, list):
    raise Refused(400, "Excepting 'instances' to be an list/array")
  if not rows:
    raise Refused(400, "No values in 'instances' array")
  if len(names) > 1 and not isinstance(rows[0], dict):
    raise Refused(400, "instances is a plain list, but expecting objects")
  columns = {name: [] for name in names}
  named = isinstance(rows[0], dict) and not _is_base64(rows[0])
  for row in rows:
    if named != (isinstance(row, dict) and not _is_base64(row)):
      raise Refused(400, "instances mix objects and values")
    row = row if named else {names[0]: row}
    if set(row) != set(names):
      raise Refused(400, f"keys must be equal to: {','.join(names)}")
    for name, value in row.items():
      columns[name].append(_string(value))
  return columns


def _input_columns(inputs, names) -> dict:
  if not isinstance(inputs, dict) or _is_base64(inputs):
    if len(names) > 1:
      raise Refused(400, "inputs is a plain value/list")
    inputs = {names[0]: inputs}
  columns = {}
  for name in names:
    if name not in inputs:
      raise Refused(400, f"Missing named input: {name} in 'inputs' object.")
    if not isinstance(inputs[name], list):
      raise Refused(400, f"input {name} must have a batch")
    columns[name] = [_string(value) for value in inputs[name]]
  if len({len(column) for column in columns.values()}) > 1:
    raise Refused(400, "inputs must have equal batch sizes")
  return columns


def _plain(value, name=""):
  """As the server writes: strings raw, float32 in its shortest decimals.

  Where the output's name ends in `_bytes` strings are base64.
  """
  if isinstance(value, bytes) and name.endswith("_bytes"):
    return {"b64": base64.b64encode(value).decode("ascii")}
  if isinstance(value, bytes):
    return value.decode("utf-8")
  if isinstance(value, list):
    return [_plain(item, name) for item in value]
  return float(str(np.float32(value))) if isinstance(value, float) else value


def respond(body: bytes, signatures: dict) -> dict:
  try:
    tree = json.loads(body.decode("utf-8"))
  except ValueError:
    raise Refused(400, "JSON Parse error") from None
  if not isinstance(tree, dict):
    raise Refused(400, "Is not object")
  name = tree.get("signature_name") or "serving_default"
  if name not in signatures:
    raise Refused(400, f'Serving signature key "{name}" not found.')
  function, inputs, outputs = signatures[name]
  if ("instances" in tree) == ("inputs" in tree):
    raise Refused(400, "expecting only one of 'inputs' or 'instances'")
  by_row = "instances" in tree
  read = _row_columns if by_row else _input_columns
  columns = read(tree["instances" if by_row else "inputs"], inputs)
  found = _run(function, columns, inputs, outputs)
  found = {key: _plain(value, key) for key, value in found.items()}
  if by_row and len({len(value) for value in found.values()}) > 1:
    raise Refused(400, "an output has inconsistent batch size")
  if len(outputs) == 1:
    (values,) = found.values()
    return {"predictions": values} if by_row else {"outputs": values}
  if not by_row:
    return {"outputs": found}
  rows = zip(*found.values(), strict=True)
  return {"predictions": [dict(zip(found, row, strict=True)) for row in rows]}


def _run(function, columns, inputs, outputs) -> dict:
  if isinstance(function, ByColumn):
    return function.run(columns)
  columns = [columns[key] for key in inputs]
  rows = [function(*row) for row in zip(*columns, strict=True)]
  return {key: [row[key] for row in rows] for key in outputs}


def describe(signatures: dict) -> dict:
  """The metadata; sizes are text, as protocol buffers write int64 in JSON."""
  def tensor(dims, dtype="DT_STRING"):
    sizes = [{"size": str(size), "name": ""} for size in (-1, *dims)]
    return {
      "dtype": dtype, "name": "x:0",
      "tensor_shape": {"dim": sizes, "unknown_rank": False},
    }

  found = {
    name: {
      "inputs": {key: tensor([]) for key in inputs},
      "outputs": {key: tensor(dims) for key, dims in outputs.items()},
      "method_name": "tensorflow/serving/predict", "defaults": {},
    }
    for name, (_, inputs, outputs) in signatures.items()
  }
  return {
    "model_spec": {"name": "model", "signature_name": "", "version": "1"},
    "metadata": {"signature_def": {"signature_def": found}},
  }


# --- The server, and what may go wrong with it -------------------------------


class Server(http.server.ThreadingHTTPServer):
  """Serves the model `model`, versions 1 and 2, `stable` being 1.

  Attributes:
    signatures: Of every version; a test may change it.
    faults: Taken one a request: a status; bytes that answer instead; or
      `drop`, `reset`, `silent`, `drip`, `cut`, `garbage`, `hang_up_after`.
    asked: (path, body) of each request.
    connections: How many were opened.
  """

  daemon_threads = True

  def __init__(self, port=0):
    super().__init__(("127.0.0.1", port), _Handler)
    self.signatures = dict(SIGNATURES)
    self.faults = collections.deque()
    self.asked = []
    self.headers = []
    self.connections = 0
    self.stopped = threading.Event()

  @property
  def address(self) -> str:
    return f"127.0.0.1:{self.server_port}"

  def find(self, name, version, label) -> dict:
    """The signatures of a model; `None` stands as text in both."""
    if name != "model" or version not in ("None", "1", "2"):
      raise Refused(404, f"Servable not found for request: Specific({name})")
    if label not in ("None", "stable"):
      raise Refused(404, f"Unrecognized servable version label: {label}")
    return self.signatures

  def predicted(self) -> list[dict]:
    """The bodies of the requests to predict."""
    return [
      json.loads(body) for path, body in self.asked if path.endswith(":predict")
    ]

  def handle_error(self, request, client_address):
    """Clients that leave early are part of the tests."""


class _Handler(http.server.BaseHTTPRequestHandler):
  protocol_version = "HTTP/1.1"
  timeout = 20

  def setup(self):
    super().setup()
    self.server.connections += 1

  def do_GET(self):
    if _STATUS.fullmatch(self.path):
      self._serve(_STATUS, lambda body, signatures: AVAILABLE)
    else:
      self._serve(_METADATA, lambda body, signatures: describe(signatures))

  def do_POST(self):
    self._serve(_PREDICT, respond)

  def _serve(self, route, make):
    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
    self.server.asked.append((self.path, body))
    self.server.headers.append(dict(self.headers))
    fault = self.server.faults.popleft() if self.server.faults else None
    if isinstance(fault, str):
      getattr(self, f"_{fault}")(route, make, body)
    elif isinstance(fault, bytes):
      self._send(200, fault)
    elif fault is not None:
      self._send(fault, json.dumps({"error": f"no luck: {fault}."}).encode())
    else:
      self._answer(route, make, body)

  def _answer(self, route, make, body):
    try:
      signatures = self._find(route.fullmatch(self.path))
      self._send(200, json.dumps(make(body, signatures), indent=4).encode())
    except Refused as error:
      content = json.dumps({"error": str(error)}).encode()
      self._send(error.status, content)

  def _find(self, found):
    if found is None:
      raise Refused(404, "Not found.")
    words = [urllib.parse.unquote(str(group)) for group in found.groups()]
    return self.server.find(*words)

  def _send(self, status, content, length=None):
    self.send_response(status)
    self.send_header("Content-Type", "application/json")
    length = len(content) if length is None else length
    self.send_header("Content-Length", str(length))
    self.end_headers()
    self.wfile.write(content)

  def _drop(self, *_):
    self.close_connection = True

  def _reset(self, *_):
    linger = struct.pack("ii", 1, 0)
    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    self.rfile.close()  # the last that holds the socket
    self.connection.close()
    self.close_connection = True

  def _silent(self, *_):
    self.server.stopped.wait(10)
    self.close_connection = True

  def _drip(self, *_):
    self._send(200, b" ", length=1000)
    for _ in range(200):
      if self.server.stopped.wait(0.05):
        break
      self.wfile.write(b" ")
    self.close_connection = True

  def _cut(self, *_):
    self._send(200, b'{"outputs": ', length=1000)
    self.close_connection = True

  def _garbage(self, *_):
    self.wfile.write(b"\x00\x00\x12\x04\x00 and no HTTP\r\n\r\n")
    self.close_connection = True

  def _hang_up_after(self, route, make, body):
    self._answer(route, make, body)
    self.close_connection = True

  def log_message(self, *_):
    """Says nothing."""


@contextlib.contextmanager
def running():
  """A server in a thread of its own."""
  with Server() as server:
    thread = threading.Thread(
      target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
      yield server
    finally:
      server.stopped.set()
      server.shutdown()
      thread.join(10)
