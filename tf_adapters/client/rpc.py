# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""TensorFlow Serving's gRPC protocol, by its own package of stubs.

The stubs import TensorFlow, whose messages they carry; so this file is
imported only where gRPC is asked for.
"""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import grpc
import tensorflow as tf
from google.protobuf import message
from tensorflow_serving.apis import get_model_metadata_pb2
from tensorflow_serving.apis import model_pb2
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tf_adapters.client import signatures as signatures_lib
from tf_adapters.client import transport
from tf_adapters.client.retries import Deadline
from tf_adapters.client.signatures import Signature
from tf_adapters.client.target import Address
from tf_adapters.client.target import Model
from tf_adapters.errors import ServerError

_OPTIONS = (
  # gRPC's own limit is 4 MB, which signatures of many tasks surpass.
  ("grpc.max_receive_message_length", -1),
  ("grpc.max_send_message_length", -1),
  # `Retries` counts repetitions, and waits.
  ("grpc.enable_retries", 0),
  ("grpc.initial_reconnect_backoff_ms", 100),
)
# How gRPC itself begins to say, by the code of a busy server, that it found no
# address for a name (in older releases and newer ones) or nobody listening.
_UNRESOLVED = ("DNS resolution failed", "errors resolving ")
_UNCONNECTED = "failed to connect to all addresses"


class Rpc:
  """Asks for one model over gRPC; see `Transport`.

  Args:
    address: The server.
    model: The model.
    headers: Sent as metadata with each request.
  """

  def __init__(
    self, address: Address, model: Model, headers: Mapping[str, str]
  ):
    self._address = address
    self._metadata = [(key.lower(), text) for key, text in headers.items()]
    self._spec = model_pb2.ModelSpec(
      name=model.name, version_label=model.label
    )
    if model.version is not None:
      self._spec.version.value = model.version
    self._open()

  def signatures(self, deadline: Deadline) -> dict[str, Signature]:
    request = get_model_metadata_pb2.GetModelMetadataRequest(
      model_spec=self._spec, metadata_field=["signature_def"]
    )
    answer = self._call(self._stub.GetModelMetadata, request, deadline)
    found = get_model_metadata_pb2.SignatureDefMap()
    try:
      is_there = answer.metadata["signature_def"].Unpack(found)
    except message.DecodeError:
      raise transport.malformed(
        self._address, "with damaged metadata"
      ) from None
    if not is_there:
      raise transport.malformed(self._address, "metadata without signatures")
    return {
      name: signatures_lib.make(
        name,
        item.inputs.keys(),
        {
          key: tuple(dim.size for dim in output.tensor_shape.dim)
          for key, output in item.outputs.items()
        },
      )
      for name, item in found.signature_def.items()
    }

  def predict(
    self,
    signature: Signature,
    columns: Mapping[str, Sequence[str | bytes]],
    deadline: Deadline,
  ) -> dict[str, Any]:
    request = predict_pb2.PredictRequest(model_spec=self._spec)
    request.model_spec.signature_name = signature.name
    for name, texts in columns.items():
      tensor = request.inputs[name]
      tensor.dtype = tf.string.as_datatype_enum
      tensor.tensor_shape.dim.add().size = len(texts)
      tensor.string_val.extend(
        text.encode("utf-8") if isinstance(text, str) else text
        for text in texts
      )
    answer = self._call(self._stub.Predict, request, deadline)
    return {
      name: self._plain(name, tensor)
      for name, tensor in answer.outputs.items()
    }

  def close(self) -> None:
    self._channel.close()
    self._open()

  def _open(self) -> None:
    """A channel connects at its first request, not here."""
    if self._address.secure:
      self._channel = grpc.secure_channel(
        str(self._address), grpc.ssl_channel_credentials(), options=_OPTIONS
      )
    else:
      self._channel = grpc.insecure_channel(
        str(self._address), options=_OPTIONS
      )
    self._stub = prediction_service_pb2_grpc.PredictionServiceStub(
      self._channel
    )

  def _plain(self, name: str, tensor: Any) -> Any:
    try:
      return _decode(tf.make_ndarray(tensor).tolist())
    except (TypeError, ValueError) as error:
      raise transport.malformed(
        self._address, f"with a damaged `{name}` ({transport.shorten(error)})"
      ) from None

  def _call(self, method: Any, request: Any, deadline: Deadline) -> Any:
    try:
      return method(
        request, timeout=deadline.left(), metadata=self._metadata
      )
    except grpc.RpcError as error:
      raise self._error(error, deadline) from None

  def _error(self, error: Any, deadline: Deadline) -> ServerError:
    code, words = error.code(), error.details() or ""
    if code is grpc.StatusCode.UNAVAILABLE:
      if words.startswith(_UNRESOLVED):
        return transport.give_up(self._address, words)
      if words.startswith(_UNCONNECTED):
        return transport.unreachable(self._address, words)
      return transport.busy(self._address, words)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
      return transport.out_of_time(self._address, deadline)
    if code is grpc.StatusCode.NOT_FOUND:
      return transport.unknown(self._address, words)
    return transport.refused(self._address, code.name, words)


def _decode(values: Any) -> Any:
  if isinstance(values, list):
    return [_decode(value) for value in values]
  return values.decode("utf-8") if isinstance(values, bytes) else values
