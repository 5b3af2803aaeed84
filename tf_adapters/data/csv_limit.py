# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Python's limit on the length of a CSV field, raised for a while."""

import contextlib
import csv
import threading
from collections.abc import Iterator

_TURN = threading.Lock()  # the limit is the whole process's


@contextlib.contextmanager
def raised(longest: int) -> Iterator[None]:
  """Lets fields have `longest` characters; afterwards the limit is as before.

  Threads take turns, so nothing may be yielded from within: a generator that
  is left alone there would hold up all others.
  """
  with _TURN:
    before = csv.field_size_limit()
    csv.field_size_limit(max(longest, before))
    try:
      yield
    finally:
      csv.field_size_limit(before)
