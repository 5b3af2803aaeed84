# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""How much memory this process has taken."""

import sys


def peak_gigabytes() -> float | None:
  """The process' largest resident size so far, in 10**9 bytes."""
  if sys.platform == "win32":
    return None
  import resource  # Unix only

  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return peak * (1 if sys.platform == "darwin" else 1024) / 1e9
