# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a notebook begins with, and the curves it shows."""

import importlib.metadata
import os
import subprocess
import sys
import time
import types

import pytest
import tensorflow as tf

from tf_adapters import curves
from tf_adapters import notebook
from tf_adapters.errors import InputError


@pytest.fixture
def environment(monkeypatch):
  """A copy of the environment, so that tests may set what they like."""
  copy = {k: v for k, v in os.environ.items() if not k.startswith("PJRT")}
  monkeypatch.setattr(os, "environ", copy)
  return copy


@pytest.fixture
def tpu(monkeypatch, environment):
  """As on a machine with a TPU, before TensorFlow is imported."""
  libtpu = types.SimpleNamespace(get_library_path=lambda: "/lib/libtpu.so")
  monkeypatch.setitem(sys.modules, "libtpu", libtpu)
  monkeypatch.delitem(sys.modules, "tensorflow")


def fails(function, *arguments) -> str:
  with pytest.raises(InputError) as caught:
    function(*arguments)
  assert len(str(caught.value).splitlines()) == 1
  return str(caught.value)


def test_what_is_found_is_what_is_there():
  runtime = notebook.start(tpu=False)
  accelerator = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
  assert (runtime.accelerator, runtime.strategy) == (accelerator, "one_device")
  assert not runtime.colab
  assert runtime.versions["tensorflow"] == tf.__version__
  for name in notebook.PACKAGES:
    installed = any(importlib.metadata.distributions(name=name))
    assert (name in runtime.versions) == installed
  assert runtime.devices["CPU"] == len(tf.config.list_physical_devices("CPU"))
  assert runtime.kernels == {"FastWordpieceTokenizeWithOffsets": ("CPU",)}
  shown = str(runtime)
  assert f"tensorflow {tf.__version__}" in shown
  assert "FastWordpieceTokenizeWithOffsets for CPU" in shown
  assert shown.splitlines()[-1] == f"Training runs on the {accelerator}."


def test_keras_3_is_noted_where_tensorflow_came_first():
  code = (
    "import tensorflow; from tf_adapters import notebook; "
    "print(notebook.start(tpu=False))"
  )
  done = subprocess.run(
    [sys.executable, "-c", code],
    env={k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"},
    stdout=subprocess.PIPE,
    text=True,
    check=True,
  )
  assert "tf.keras is Keras 3" in done.stdout


def test_a_gpu_that_tensorflow_does_not_see_is_noted(monkeypatch):
  if tf.config.list_physical_devices("GPU"):
    pytest.skip("TensorFlow sees one")
  monkeypatch.setattr(notebook.shutil, "which", lambda name: f"/bin/{name}")
  runtime = notebook.start(tpu=False)
  assert runtime.accelerator == "CPU"
  assert "a GPU that TensorFlow does not see" in str(runtime)


@pytest.mark.usefixtures("tpu")
def test_a_tpu_is_tried_with_its_environment_which_then_stays(
  monkeypatch, environment
):
  environment["TF_XLA_FLAGS"] = "--tf_xla_x=1"
  probe = (
    "import os; e = os.environ; assert e['PJRT_DEVICE'] == 'TPU'; "
    "assert e['TF_PLUGGABLE_DEVICE_LIBRARY_PATH'] == '/lib/libtpu.so'; "
    "assert e['NEXT_PLUGGABLE_DEVICE_USE_C_API'] == 'true'; "
    "flags = e['TF_XLA_FLAGS'].split(); "
    "assert flags[:2] == ['--tf_xla_x=1', '--tf_mlir_enable_mlir_bridge=true']"
  )
  monkeypatch.setattr(notebook, "_PROBE", probe)
  notebook._prepare_tpu()
  assert environment["PJRT_DEVICE"] == "TPU"
  before = dict(environment)
  monkeypatch.setattr(notebook, "_PROBE", "raise SystemExit(1)")
  notebook._prepare_tpu()  # is not tried again: this process may have it
  assert environment == before


@pytest.mark.usefixtures("tpu")
@pytest.mark.parametrize(("probe", "reason"), [
  (
    "import os, sys; sys.stderr.write('a\\nis of another time.'); "
    "sys.stderr.flush(); os.abort()",
    "exit status -6, is of another time. Choose",
  ),
  ("raise SystemExit(3)", "exit status 3, no message. Choose"),
  ("import time; time.sleep(60)", "no answer in 0.5 seconds. Choose"),
])
def test_a_tpu_that_does_not_start_is_said_and_leaves_no_trace(
  probe, reason, monkeypatch, environment
):
  monkeypatch.setattr(notebook, "_PROBE", probe)
  monkeypatch.setattr(notebook, "_PROBE_SECONDS", 0.5)
  before = dict(environment)
  assert reason in fails(notebook.start, True)
  assert environment == before


@pytest.mark.usefixtures("tpu")
def test_a_tpu_without_its_library_is_said(monkeypatch, environment):
  monkeypatch.setitem(sys.modules, "libtpu", None)  # as if not installed
  before = dict(environment)
  message = fails(notebook.start, True)
  assert "libtpu" in message and "run this cell in a new one" in message
  assert "tpu=False" in message
  assert environment == before


@pytest.mark.usefixtures("environment")
def test_tensorflow_before_the_tpu_was_prepared_is_refused():
  assert "restart the runtime" in fails(notebook.start, True)


def test_plain_tensorflow_on_a_tpu_is_refused(environment):
  """Its files over those of tensorflow-tpu have no kernels for a TPU."""
  environment |= {
    "PJRT_DEVICE": "TPU", "TF_PLUGGABLE_DEVICE_LIBRARY_PATH": "x"
  }
  message = fails(notebook.start, True)
  assert "no kernel for TPUCompile" in message and "in a new one" in message


# --- Curves ------------------------------------------------------------------


@pytest.fixture
def store(tmp_path):
  """Curves as TensorFlow itself writes them, the training's in two parts."""
  folder = tmp_path / "store" / "runs" / "mood" / "curves"
  for part, tag, steps in (
    ("train", "loss", range(0, 2000, 10)),
    ("train", "loss", range(2000, 2020, 10)),
    ("dev", "loss", (1000, 2000)),
    ("dev", "accuracy", (1000, 2000)),
  ):
    with tf.summary.create_file_writer(str(folder / part)).as_default():
      for step in steps:
        tf.summary.scalar(tag, step / 8192, step)
  return tmp_path / "store"


def test_curves_are_what_was_written_every_point_of_it(store):
  found = curves.read(store, "mood")
  assert set(found) == {"train/loss", "dev/loss", "dev/accuracy"}
  steps = list(range(0, 2020, 10))
  assert found["train/loss"] == (steps, [step / 8192 for step in steps])
  assert found["dev/accuracy"] == ([1000, 2000], [1000 / 8192, 2000 / 8192])


def test_of_a_step_that_was_run_again_the_last_point_counts(tmp_path):
  folder = tmp_path / "runs/mood/curves/train"
  for value, steps in ((1.0, (40, 50, 60)), (2.0, (30, 50, 55, 70))):
    with tf.summary.create_file_writer(str(folder)).as_default():
      for step in steps:
        tf.summary.scalar("loss", value, step)
    time.sleep(1.1)  # the files' names, and so their order, count seconds
  found = curves.read(tmp_path, "mood")
  assert found["train/loss"] == (
    [30, 40, 50, 55, 60, 70], [2.0, 1.0, 2.0, 2.0, 1.0, 2.0]
  )


def test_a_picture_of_curves(store, tmp_path):
  path = tmp_path / "curves.png"
  assert curves.write(store, "mood", "accuracy", path) == str(path)
  first = path.read_bytes()
  assert first.startswith(b"\x89PNG")
  folder = store / "runs" / "mood" / "curves" / "dev"
  with tf.summary.create_file_writer(str(folder)).as_default():
    tf.summary.scalar("accuracy", 1.0, 3000)
  curves.write(store, "mood", "accuracy", path)
  assert path.read_bytes() != first


def test_curves_that_are_not_there_are_named(store, tmp_path):
  path = tmp_path / "curves.png"
  message = fails(curves.write, store, "mood", "f1", path)
  assert "loss, accuracy" in message and "'f1'" in message
  assert "runs/sms" in fails(curves.read, store, "sms")
  assert not path.exists()
