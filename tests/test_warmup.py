# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The server's files beside a model, read back by the server's own protos."""

import errno

import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory
from google.protobuf import text_format
from google.protobuf import wrappers_pb2
from tensorflow_serving.apis import prediction_log_pb2

import tf_adapters
from tf_adapters.serving import warmup

RECORDS = [
  ("sms", {"text": ["win a prize", "", "日本語"]}),
  ("qa", {"question": [b"\xff\x00"], "context": ["a"]}),
  ("sms_classify", {"inputs": [tf.train.Example().SerializeToString()]}),
  ("none", {"text": []}),
]


def read(folder) -> list[prediction_log_pb2.PredictionLog]:
  path = folder / "assets.extra" / "tf_serving_warmup_requests"
  return [
    prediction_log_pb2.PredictionLog.FromString(raw.numpy())
    for raw in tf.data.TFRecordDataset(str(path))
  ]


def test_requests_are_what_the_server_reads(tmp_path):
  warmup.write_requests(tmp_path, RECORDS)
  logs = read(tmp_path)
  assert {log.WhichOneof("log_type") for log in logs} == {"predict_log"}
  found = []
  for log in logs:
    request = log.predict_log.request
    columns = {
      name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()
    }
    assert {column.ndim for column in columns.values()} == {1}
    found.append((request.model_spec.signature_name, {
      name: column.tolist() for name, column in columns.items()
    }))
  assert found == [
    (name, {
      key: [t.encode() if isinstance(t, str) else t for t in column]
      for key, column in columns.items()
    })
    for name, columns in RECORDS
  ]


def test_there_is_a_folder_already(tmp_path):
  (tmp_path / "assets.extra").mkdir()
  warmup.write_requests(tmp_path, RECORDS[:1])
  warmup.write_requests(tmp_path, RECORDS[:2])
  assert len(read(tmp_path)) == 2


def test_the_server_takes_no_more_than_a_thousand(tmp_path):
  many = [("a", {"text": ["b"]})] * 1000
  warmup.write_requests(tmp_path, many)
  assert len(read(tmp_path)) == 1000
  with pytest.raises(tf_adapters.InputError, match="at most 1000.*got 1001"):
    warmup.write_requests(tmp_path, iter(many + many[:1]))
  assert len(read(tmp_path)) == 1000


def test_a_full_disk_is_an_os_error(tmp_path):
  """TensorFlow writes the file, whose errors are its own."""
  path = tmp_path / "assets.extra" / "tf_serving_warmup_requests"
  path.parent.mkdir()
  path.symlink_to("/dev/full")
  with pytest.raises(OSError) as caught:
    warmup.write_requests(tmp_path, RECORDS)
  assert caught.value.errno == errno.ENOSPC


def batching_parameters():
  """BatchingParameters of session_bundle_config.proto, which no wheel has."""
  file = descriptor_pb2.FileDescriptorProto(
    name="batching.proto", syntax="proto3",
    dependency=["google/protobuf/wrappers.proto"],
  )
  found = file.message_type.add(name="BatchingParameters")
  kind = descriptor_pb2.FieldDescriptorProto
  number = ".google.protobuf.Int64Value"
  for index, (name, type_name) in enumerate((
    ("max_batch_size", number),
    ("batch_timeout_micros", number),
    ("max_enqueued_batches", number),
    ("num_batch_threads", number),
    ("thread_pool_name", ".google.protobuf.StringValue"),
    ("allowed_batch_sizes", None),
    ("pad_variable_length_inputs", None),
    ("enable_large_batch_splitting", ".google.protobuf.BoolValue"),
    ("max_execution_batch_size", number),
  )):
    field = found.field.add(name=name, number=index + 1)
    field.label = kind.LABEL_OPTIONAL
    if type_name:
      field.type, field.type_name = kind.TYPE_MESSAGE, type_name
    elif name == "allowed_batch_sizes":
      field.type, field.label = kind.TYPE_INT64, kind.LABEL_REPEATED
    else:
      field.type = kind.TYPE_BOOL
  pool = descriptor_pool.DescriptorPool()
  pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
  pool.Add(file)
  return message_factory.GetMessageClass(
    pool.FindMessageTypeByName("BatchingParameters")
  )()


def test_batching_is_what_the_server_reads(tmp_path):
  """With what its scheduler asks for, in shared_batch_scheduler.h."""
  warmup.write_batching(tmp_path)
  text = (tmp_path / "batching_params.pbtxt").read_text(encoding="ascii")
  found = text_format.Parse(text, batching_parameters())
  assert found.enable_large_batch_splitting.value
  rows = found.max_execution_batch_size.value
  assert 1 <= rows <= found.max_batch_size.value
  # A request of the most rows must find room for all its batches.
  assert found.max_enqueued_batches.value * rows >= found.max_batch_size.value
  assert 0 <= found.batch_timeout_micros.value < 10_000
  # The server takes threads from its own file, for all models.
  assert not found.HasField("num_batch_threads")
  assert not found.HasField("thread_pool_name")
