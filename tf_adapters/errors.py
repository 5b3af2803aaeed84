# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The errors a user meets: bad input, and a server that does not answer."""


class InputError(ValueError):
  """Bad input: one sentence that names it, says what came and what may come.

  The command line prints the sentence and exits with status 2.
  """


class ExportError(InputError):
  """An export that TensorFlow Serving would refuse; it was not published.

  A sentence for each reason. What was to be exported is whole, but its
  encoder is of a kind that the export does not support, or there is a defect
  in this package; nothing but another encoder or version helps.
  """


class ServerError(Exception):
  """A model server that cannot be reached, or answers otherwise than it should.

  One sentence: the server's address, what came, with the server's own words,
  and what to do. The command line prints it and exits with status 3.
  """
