# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""How a forward pass is computed: precision, compilation, memory."""

import dataclasses
import pathlib

import tensorflow as tf

from tf_adapters.parts import Parts

_CPU_REPORT = pathlib.Path("/proc/cpuinfo")


@dataclasses.dataclass(frozen=True, eq=False)
class Compute:
  """Ways to compute the same function.

  Attributes:
    compiled: Whether XLA makes single kernels of what lies between products.
    low: The encoder with its blocks' kernels in bfloat16, for products in
      bfloat16; None: as the encoder is. Activations between blocks,
      LayerNorms, softmax and whatever trains stay float32.
    recompute: Whether the backward pass computes a block's inner activations
      again instead of keeping them.
  """

  compiled: bool = False
  low: Parts | None = None
  recompute: bool = False


PLAIN = Compute()


def prepare(
  parts: Parts, precision: str, compiled: bool, recompute: bool = False
) -> Compute:
  """Makes the low-precision copies that `precision` asks for.

  Args:
    parts: Of the encoder.
    precision: `float32`, `bfloat16`, or `auto`: bfloat16 where
      `multiplies_bfloat16`. An encoder that was built under a Keras policy of
      mixed precision keeps to that policy.
    compiled: As `Compute` has it.
    recompute: As `Compute` has it.
  """
  if precision == "auto":
    precision = "bfloat16" if multiplies_bfloat16() else "float32"
  mixed = parts.policy.compute_dtype != "float32"
  low = parts.lowered() if precision == "bfloat16" and not mixed else None
  return Compute(compiled=compiled, low=low, recompute=recompute)


def multiplies_bfloat16() -> bool:
  """Whether the device multiplies bfloat16 faster than float32.

  Of CPUs those with AVX512-BF16 or AMX, as Linux reports them; all TPUs. GPUs
  have TensorFloat-32, which needs no copies.
  """
  if tf.config.list_physical_devices("TPU"):
    return True
  if tf.config.list_physical_devices("GPU"):
    return False
  if not _CPU_REPORT.exists():
    return False
  flags = _CPU_REPORT.read_text(encoding="utf-8").split()
  return "avx512_bf16" in flags or "amx_bf16" in flags
