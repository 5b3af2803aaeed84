# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The one error that bad input raises."""


class InputError(ValueError):
  """Bad input: one sentence that names it, says what came and what may come.

  The command line prints the sentence and exits with status 2.
  """
