# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Files beside a SavedModel for the server: requests to warm up by, batching.

The first run of a signature takes the server much longer than later ones; it
therefore runs recorded requests when it loads a version, before it answers.
Sources: https://www.tensorflow.org/tfx/serving/saved_model_warmup, and
tensorflow/serving 2.20, servables/tensorflow/{saved_model_warmup_util.cc,
session_bundle_config.proto}.
"""

import os
import pathlib
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

import tensorflow as tf
from tensorflow_serving.apis import predict_pb2
from tensorflow_serving.apis import prediction_log_pb2

from tf_adapters import files
from tf_adapters import writing
from tf_adapters.errors import InputError

# A signature, and its inputs by name.
Record = tuple[str, Mapping[str, Sequence[str | bytes]]]

REQUESTS = "assets.extra/tf_serving_warmup_requests"
BATCHING = "batching_params.pbtxt"
MOST = 1000  # records that the server takes; with more it loads nothing

_BATCHING = """\
# Requests that come together run together, each signature by itself. Read with
#   --enable_batching --enable_per_model_batching_parameters
# and only then. Rows answer alike in any batch.

# Rows that run at once. More gain little on a CPU, and one long text makes all
# of them long. On an accelerator try 128.
max_execution_batch_size { value: 32 }
# Rows of one request at most; those of a larger one run one after another.
enable_large_batch_splitting { value: true }
max_batch_size { value: 1024 }
# Microseconds that a request waits for others: little beside a run.
batch_timeout_micros { value: 1000 }
# Batches that wait; further requests are answered by UNAVAILABLE, and clients
# of this package ask again.
max_enqueued_batches { value: 256 }
"""


def write_requests(
  folder: str | os.PathLike, records: Iterable[Record]
) -> None:
  """Writes the requests by which the server warms up.

  Args:
    folder: Of the SavedModel.
    records: Signatures with inputs, string `[rows]`; asked by Predict, which
      takes the way of Classify and Regress through the graph.

  Raises:
    InputError: for more than 1000 records.
  """
  records = list(records)
  if len(records) > MOST:
    raise InputError(
      f"`records` must be at most {MOST}, or the server does not load the "
      f"model; got {len(records)}."
    )
  path = pathlib.Path(folder) / REQUESTS
  path.parent.mkdir(exist_ok=True)
  with writing.as_os_error(str(path)), tf.io.TFRecordWriter(str(path)) as file:
    for signature, columns in records:
      file.write(_log(signature, columns).SerializeToString())


def write_batching(folder: str | os.PathLike) -> None:
  """Writes how the server may batch this model's requests.

  Args:
    folder: Of the SavedModel, where the server looks for it.
  """
  files.write_file(pathlib.Path(folder) / BATCHING, _BATCHING.encode())


def _log(
  signature: str, columns: Mapping[str, Sequence[str | bytes]]
) -> prediction_log_pb2.PredictionLog:
  request = predict_pb2.PredictRequest()
  request.model_spec.signature_name = signature
  for name, column in columns.items():
    tensor = request.inputs[name]
    tensor.dtype = tf.string.as_datatype_enum
    tensor.tensor_shape.dim.add().size = len(column)
    tensor.string_val.extend(
      text.encode("utf-8") if isinstance(text, str) else text
      for text in column
    )
  log = prediction_log_pb2.PredictLog(request=request)
  return prediction_log_pb2.PredictionLog(predict_log=log)
