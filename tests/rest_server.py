# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Serves an exported model over REST, called as `tensorflow_model_server` is.

  python -m tests.rest_server --rest_api_port=8501 --model_name=NAME \
    --model_base_path=DIR

TensorFlow loads the SavedModel; the rules of JSON are `serving_stub`'s.
"""

import argparse
import http.server
import json
import pathlib

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401 (brings the operations of the tokeniser)

from tests import serving_stub


def load(base: pathlib.Path) -> tuple[str, dict]:
  """The newest version, and its signatures as `serving_stub` has them."""
  version = max((int(path.name) for path in base.iterdir()), default=0)
  model = tf.saved_model.load(str(base / str(version)))
  signatures = {}
  for name, signature in model.signatures.items():
    inputs = tuple(signature.structured_input_signature[1])
    outputs = {
      key: [-1 if size is None else size for size in spec.shape[1:]]
      for key, spec in signature.structured_outputs.items()
    }
    signatures[name] = (_function(signature, inputs), inputs, outputs)
  signatures["model"] = model  # a signature lives as long as its model
  return str(version), signatures


def _function(signature, inputs):
  def answer(*row):
    columns = {
      name: tf.constant([value])
      for name, value in zip(inputs, row, strict=True)
    }
    found = signature(**columns)
    return {key: _value(value.numpy()[0]) for key, value in found.items()}

  return answer


def _value(value):
  return value if isinstance(value, bytes) else np.asarray(value).tolist()


class Handler(http.server.BaseHTTPRequestHandler):
  def do_GET(self):
    if self.path == f"/v1/models/{self.server.name}":
      state = {"version": self.server.version, "state": "AVAILABLE"}
      self._send(200, {"model_version_status": [state]})
    else:
      self._serve("/metadata", serving_stub.describe)

  def do_POST(self):
    body = self.rfile.read(int(self.headers["Content-Length"]))
    self._serve(":predict", lambda known: serving_stub.respond(body, known))

  def _serve(self, what, make):
    if self.path != f"/v1/models/{self.server.name}{what}":
      self._send(404, {"error": "Not found."})
      return
    try:
      self._send(200, make(self.server.signatures))
    except serving_stub.Refused as error:
      self._send(error.status, {"error": str(error)})

  def _send(self, status, tree):
    content = json.dumps(tree).encode()
    self.send_response(status)
    self.send_header("Content-Type", "application/json")
    self.send_header("Content-Length", str(len(content)))
    self.end_headers()
    self.wfile.write(content)

  def log_message(self, *_):
    """Says nothing."""


def main() -> None:
  parser = argparse.ArgumentParser()
  parser.add_argument("--rest_api_port", type=int, required=True)
  parser.add_argument("--port", type=int, choices=[0], required=True)
  parser.add_argument("--model_name", required=True)
  parser.add_argument("--model_base_path", type=pathlib.Path, required=True)
  options = parser.parse_args()
  version, signatures = load(options.model_base_path)
  place = ("127.0.0.1", options.rest_api_port)
  server = http.server.ThreadingHTTPServer(place, Handler)
  server.name, server.version = options.model_name, version
  server.model = signatures.pop("model")
  server.signatures = signatures
  server.serve_forever()


if __name__ == "__main__":
  main()
