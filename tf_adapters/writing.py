# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""TensorFlow's own writers, made to fail like Python's: with `OSError`."""

import contextlib
import errno
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def as_os_error(path: str) -> Iterator[None]:
  """Turns TensorFlow's errors about files below `path` into `OSError`."""
  try:
    yield
  except tf.errors.OpError as error:
    reason = error.message.split("\n")[0]
    full = isinstance(error, tf.errors.ResourceExhaustedError)
    number = errno.ENOSPC if full else errno.EIO
    raise OSError(number, f"cannot be written: {reason}", path) from error
