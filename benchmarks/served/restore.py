# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Seconds that TensorFlow takes to read an export's weights, and no more.

  python benchmarks/served/restore.py EXPORT/VERSION
"""

import pathlib
import sys
import time

import tensorflow as tf


def main() -> None:
  """Reads every variable once."""
  prefix = str(pathlib.Path(sys.argv[1]) / "variables/variables")
  dtypes = tf.train.load_checkpoint(prefix).get_variable_to_dtype_map()
  size, began = 0, time.perf_counter()
  for name, dtype in dtypes.items():
    (read,) = tf.raw_ops.RestoreV2(
      prefix=prefix, tensor_names=[name], shape_and_slices=[""], dtypes=[dtype]
    )
    size += tf.size(read).numpy() * dtype.size
  took = time.perf_counter() - began
  print(f"{size / 1e6:,.0f} MB in {took:.2f} s")


if __name__ == "__main__":
  main()
