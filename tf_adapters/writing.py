# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""TensorFlow's own writers, made to fail like Python's: with `OSError`."""

import contextlib
import errno
import os
from collections.abc import Iterator

import tensorflow as tf

# What a disk says that cannot be written to, most likely first.
_LIKELY = (
  errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS
)


@contextlib.contextmanager
def as_os_error(path: str) -> Iterator[None]:
  """Turns TensorFlow's errors about files below `path` into `OSError`."""
  try:
    yield
  except tf.errors.OpError as error:
    for number in _LIKELY:
      if os.strerror(number) in error.message:
        raise OSError(number, os.strerror(number), path) from error
    reason = " ".join(error.message.split())
    raise OSError(errno.EIO, reason, path) from error
