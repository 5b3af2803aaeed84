# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""How a forward pass is computed: precision, compilation, memory."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator

import tensorflow as tf
import tf_keras

from tf_adapters.modeling.parts import Parts

_CPU_REPORT = pathlib.Path("/proc/cpuinfo")


@dataclasses.dataclass(frozen=True, eq=False)
class Compute:
  """Ways to compute the same function.

  Attributes:
    compiled: Whether XLA makes single kernels of what lies between products.
    parts: What to compute with in the place of the model's own parts: those
      with products of their blocks in bfloat16, say, while activations between
      blocks, LayerNorms, softmax, adapters and all variables that train stay
      float32.
    recompute: Whether the backward pass computes a block's inner activations
      again instead of keeping them.
    portions: Whether training takes a large batch in portions and adds up
      their gradients.
  """

  compiled: bool = False
  parts: Parts | None = None
  recompute: bool = False
  portions: bool = False


PLAIN = Compute()


def prepare(parts: Parts, precision: str, **ways: bool) -> Compute:
  """Makes the low-precision copies that `precision` asks for.

  Args:
    parts: With which the model computes.
    precision: `float32`, `bfloat16`, or `auto`: bfloat16 if the processor
      multiplies it faster. It is for CPUs; on GPUs and TPUs the policy under
      which the encoder was built decides (see `policy`).
    **ways: The other attributes of `Compute`.
  """
  if precision == "auto":
    precision = "bfloat16" if cpu_multiplies_bfloat16() else "float32"
  mixed = parts.policy.compute_dtype != "float32"
  copies = precision == "bfloat16" and not mixed and not _accelerator()
  return Compute(parts=parts.lowered() if copies else None, **ways)


@contextlib.contextmanager
def policy(precision: str) -> Iterator[None]:
  """Sets the Keras policy under which an encoder is built for training.

  `mixed_bfloat16` on a GPU for `bfloat16`, on a TPU also for `auto`; else it
  stays as it is.
  """
  low = {"TPU": ("auto", "bfloat16"), "GPU": ("bfloat16",)}
  before = tf_keras.mixed_precision.global_policy()
  if precision in low.get(_accelerator(), ()):
    tf_keras.mixed_precision.set_global_policy("mixed_bfloat16")
  try:
    yield
  finally:
    tf_keras.mixed_precision.set_global_policy(before)


def _accelerator() -> str | None:
  for kind in ("TPU", "GPU"):
    if tf.config.list_logical_devices(kind):
      return kind
  return None


def cpu_multiplies_bfloat16() -> bool:
  """Whether this CPU has AVX512-BF16 or AMX, as Linux reports it."""
  if not _CPU_REPORT.exists():
    return False
  flags = _CPU_REPORT.read_text(encoding="utf-8").split()
  return "avx512_bf16" in flags or "amx_bf16" in flags
