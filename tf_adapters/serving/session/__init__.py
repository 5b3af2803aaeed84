# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A SavedModel run as TensorFlow Serving runs it, with nothing else around.

Standard library only: TensorFlow's C API, out of an installed wheel, loads the
model as the server does (`TF_LoadSessionFromSavedModel`), with the op
libraries of tensorflow-text and without XLA compilation, and runs signatures
by the tensor names in their definitions. What answers here needs neither
Python's TensorFlow nor the code that wrote the model.

XLA compilation stays off for the whole process; in a process that trains use
`tf_adapters.serving.oracle`. Run by its path the folder is a program, see
`__main__`; then its package is called `session`, hence the relative imports.
"""

from .library import Refused
from .runner import Session

__all__ = ["Refused", "Session"]
