# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""CSV with fields that are longer than Python's limit."""

import contextlib
import csv
import threading
from collections.abc import Iterator

# The limit is the process's. Put back by one thread, it would refuse the field
# that another is reading.
_ALONE = threading.Lock()


@contextlib.contextmanager
def long_fields(most: int) -> Iterator[None]:
  """Lets `csv` read fields of `most` characters; then the limit is as before.

  Threads take turns, so nothing may be yielded from within: a generator that
  is left alone there would hold up all others.
  """
  with _ALONE:
    limit = csv.field_size_limit(max(most, csv.field_size_limit()))
    try:
      yield
    finally:
      csv.field_size_limit(limit)
