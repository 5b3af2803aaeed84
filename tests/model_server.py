# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A stand-in for `tensorflow_model_server`, over TensorFlow's C API.

Options and protocols are the server's: gRPC by its official servicer, REST by
the rules of `serving_stub`. Models come from a model config file, or one by its
options, the newest version of each, through `tf_adapters/serving/session`;
neither this package nor what it was built with can be imported here. Sources:
tensorflow/serving 2.20, servables/tensorflow/{predict_util, classifier,
regressor, multi_inference, get_model_metadata_impl}.cc.
"""
# ruff: noqa: E402 - what is blocked must be so before anything is imported.

import argparse
import concurrent.futures
import pathlib
import sys
import typing

_SERVING = pathlib.Path(__file__).parents[1] / "tf_adapters" / "serving"
_BLOCKED = ("tensorflow_text", "official", "tensorflow_models", "tf_adapters")
_CLASSIFY = "tensorflow/serving/classify"
_REGRESS = "tensorflow/serving/regress"


class _Blocked:
  def find_spec(self, name, path=None, target=None):
    if name.split(".")[0] in _BLOCKED:
      raise ImportError(f"{name} is not for a model server")


sys.meta_path.insert(0, _Blocked())
sys.path.append(str(_SERVING))

import grpc
import session as session_lib
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import classification_pb2
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import inference_pb2
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc as service
from tensorflow_serving.apis import regression_pb2
from tensorflow_serving.config import model_server_config_pb2

from tests import serving_stub

INVALID_ARGUMENT, NOT_FOUND = 3, 5
UNIMPLEMENTED = 12


def refuse(code: int, words: str):
  raise session_lib.Refused(code, words)


# --- gRPC --------------------------------------------------------------------


def _answering(method):
  """Turns what TensorFlow refuses into gRPC's status of the same number."""
  codes = {code.value[0]: code for code in grpc.StatusCode}

  def answer(self, request, context):
    try:
      return method(self, request)
    except session_lib.Refused as error:
      context.abort(codes[error.code], str(error))

  return answer


class Model(typing.NamedTuple):
  version: int
  session: session_lib.Session


class Servicer(service.PredictionServiceServicer):
  """The server's gRPC methods over sessions by model name."""

  def __init__(self, models):
    self.models = models

  def _find(self, spec):
    model = self.models.get(spec.name)
    if model is None or (
      spec.HasField("version") and spec.version.value != model.version
    ):
      refuse(NOT_FOUND, f"Servable not found for request: {spec.name}")
    return model

  def _fill_spec(self, spec, model: str, signature: str) -> None:
    spec.name, spec.signature_name = model, signature
    spec.version.value = self.models[model].version

  @_answering
  def Predict(self, request):
    session = self._find(request.model_spec).session
    name = request.model_spec.signature_name or "serving_default"
    columns = {
      key: tf.make_ndarray(tensor).tolist()
      for key, tensor in request.inputs.items()
    }
    found = session.run(name, columns, text=False)
    outputs = session.signatures[name].outputs
    answer = predict_pb2.PredictResponse()
    self._fill_spec(answer.model_spec, request.model_spec.name, name)
    for key in request.output_filter or found:
      if key not in found:
        refuse(INVALID_ARGUMENT, f"output tensor alias not found: {key}")
      tensor = tf.make_tensor_proto(found[key], outputs[key].dtype)
      answer.outputs[key].CopyFrom(tensor)
    return answer

  @_answering
  def Classify(self, request):
    spec = request.model_spec
    session = self._find(spec).session
    found = _run_examples(session, request.input, {_name(spec): _CLASSIFY})
    answer = classification_pb2.ClassificationResponse()
    self._fill_spec(answer.model_spec, spec.name, _name(spec))
    _fill_classes(answer.result, found[_name(spec)])
    return answer

  @_answering
  def Regress(self, request):
    spec = request.model_spec
    session = self._find(spec).session
    found = _run_examples(session, request.input, {_name(spec): _REGRESS})
    answer = regression_pb2.RegressionResponse()
    self._fill_spec(answer.model_spec, spec.name, _name(spec))
    _fill_numbers(answer.result, found[_name(spec)])
    return answer

  @_answering
  def MultiInference(self, request):
    if len({task.model_spec.name for task in request.tasks}) != 1:
      refuse(INVALID_ARGUMENT, "All ModelSpecs must access the same model.")
    session = self._find(request.tasks[0].model_spec).session
    names = [_name(task.model_spec) for task in request.tasks]
    methods = [task.method_name for task in request.tasks]
    if len(set(names)) < len(names):
      refuse(INVALID_ARGUMENT, "Duplicate evaluation of a signature")
    for method in {*methods} - {_CLASSIFY, _REGRESS}:
      refuse(UNIMPLEMENTED, f"Unsupported signature method_name: {method}")
    by_name = dict(zip(names, methods, strict=True))
    found = _run_examples(session, request.input, by_name)
    answer = inference_pb2.MultiInferenceResponse()
    for name, method in by_name.items():
      result = answer.results.add()
      self._fill_spec(result.model_spec, request.tasks[0].model_spec.name, name)
      if method == _CLASSIFY:
        _fill_classes(result.classification_result, found[name])
      else:
        _fill_numbers(result.regression_result, found[name])
    return answer

  @_answering
  def GetModelMetadata(self, request):
    session = self._find(request.model_spec).session
    if list(request.metadata_field) != ["signature_def"]:
      refuse(INVALID_ARGUMENT, "Metadata field is not supported")
    found = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in session.signatures.items():
      item = found.signature_def[name]
      item.method_name = signature.method
      for ours, theirs in (
        (signature.inputs, item.inputs), (signature.outputs, item.outputs)
      ):
        for key, tensor in ours.items():
          theirs[key].name, theirs[key].dtype = tensor.name, tensor.dtype
          for size in tensor.shape:
            theirs[key].tensor_shape.dim.add().size = size
    answer = get_model_metadata_pb2.GetModelMetadataResponse()
    self._fill_spec(answer.model_spec, request.model_spec.name, "")
    answer.metadata["signature_def"].Pack(found)
    return answer


def _name(spec) -> str:
  return spec.signature_name or "serving_default"


def _run_examples(session, given, methods) -> dict:
  """Every signature on the same examples, in one run."""
  raw = [item.SerializeToString() for item in given.example_list.examples]
  if not raw:
    refuse(INVALID_ARGUMENT, "Input is empty.")
  for name, method in methods.items():
    if name not in session.signatures:
      refuse(INVALID_ARGUMENT, f"No signature was found with the name: {name}")
    signature = session.signatures[name]
    allowed = {"outputs"} if method == _REGRESS else {"classes", "scores"}
    if set(signature.inputs) != {"inputs"} or not (
      set(signature.outputs) <= allowed
    ):
      refuse(INVALID_ARGUMENT, f"{name} is no signature of {method}")
  found = session.run_all(
    {name: {"inputs": raw} for name in methods}, text=False
  )
  for outputs in found.values():
    for column in outputs.values():
      if len(column) != len(raw):
        refuse(INVALID_ARGUMENT, "Expected as many outputs as examples.")
  return found


def _fill_classes(result, found) -> None:
  rows = len(next(iter(found.values())))
  for row in range(rows):
    answer = result.classifications.add()
    labels, scores = (
      found.get(key, [None] * rows)[row] for key in ("classes", "scores")
    )
    for label, score in zip(labels, scores, strict=True):
      answer.classes.add(label=label.decode(), score=score)


def _fill_numbers(result, found) -> None:
  for value in found["outputs"]:
    result.regressions.add(value=value)


# --- REST --------------------------------------------------------------------


class RestServer(serving_stub.Server):
  """The rules of `serving_stub` over sessions by model name."""

  def __init__(self, port, models):
    super().__init__(port)
    self.models = models

  def find(self, name, version, label):
    model = self.models.get(name)
    if model is None or version not in ("None", str(model.version)):
      raise serving_stub.Refused(404, f"Servable not found for request: {name}")
    if label != "None":
      raise serving_stub.Refused(404, f"Unrecognized version label: {label}")
    session = model.session
    return {
      key: (
        serving_stub.ByColumn(_runner(session, key)), tuple(signature.inputs),
        {k: tensor.shape[1:] for k, tensor in signature.outputs.items()},
      )
      for key, signature in session.signatures.items()
    }


def _runner(session, name):
  def run(columns):
    try:
      return session.run(name, columns, text=False)
    except session_lib.Refused as error:
      raise serving_stub.Refused(400, str(error)) from error

  return run


def read_models(options) -> dict[str, Model]:
  """Those of the model config file, or the one of the command line."""
  places = {options.model_name: options.model_base_path}
  if options.model_config_file:
    config = text_format.Parse(
      options.model_config_file.read_text(encoding="ascii"),
      model_server_config_pb2.ModelServerConfig(),
    )
    places = {
      model.name: pathlib.Path(model.base_path)
      for model in config.model_config_list.config
    }
  site_packages = str(pathlib.Path(tf.__file__).parents[1])
  models = {}
  for name, base in places.items():
    names = (path.name for path in base.iterdir())
    version = max(int(name) for name in names if name.isdecimal())
    session = session_lib.Session(str(base / str(version)), site_packages)
    models[name] = Model(version, session)
  return models


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--port", type=int, help="0: no gRPC")
  parser.add_argument("--rest_api_port", type=int)
  parser.add_argument("--model_config_file", type=pathlib.Path)
  parser.add_argument("--model_name")
  parser.add_argument("--model_base_path", type=pathlib.Path)
  options = parser.parse_args()
  models = read_models(options)
  if options.port:
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    service.add_PredictionServiceServicer_to_server(Servicer(models), server)
    server.add_insecure_port(f"127.0.0.1:{options.port}")
    server.start()
  RestServer(options.rest_api_port, models).serve_forever()


if __name__ == "__main__":
  main()
