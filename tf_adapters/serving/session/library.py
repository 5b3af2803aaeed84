# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""TensorFlow's C API, by ctypes, with the ops of tensorflow-text.

Source: tensorflow/c/c_api.h, tf_tensor.h and tf_tstring.h, which are in the
wheel's `tensorflow/include`.
"""

import contextlib
import ctypes
import glob
import os
import sys
from collections.abc import Iterator

# Of tensorflow/c/tf_status.h; gRPC has the same numbers.
INVALID_ARGUMENT = 3
FAILED_PRECONDITION = 9
UNIMPLEMENTED = 12

POINTER, TEXT = ctypes.c_void_p, ctypes.c_char_p
INT, SIZE, DIM = ctypes.c_int, ctypes.c_size_t, ctypes.c_int64


class Refused(Exception):
  """What TensorFlow does not load or run, in its own words.

  Attributes:
    code: TensorFlow's number for the kind of error, which is gRPC's.
  """

  def __init__(self, code: int, words: str):
    super().__init__(words)
    self.code = code


class Buffer(ctypes.Structure):
  """TF_Buffer."""

  _fields_ = [("data", POINTER), ("length", SIZE), ("deallocator", POINTER)]


class Output(ctypes.Structure):
  """TF_Output: an operation of the graph, and which of its outputs."""

  _fields_ = [("operation", POINTER), ("index", INT)]


_BUFFER = ctypes.POINTER(Buffer)
_OUTPUTS, _TENSORS = ctypes.POINTER(Output), ctypes.POINTER(POINTER)
# Result and arguments. Other threads run while one of these takes its time.
_SLOW = {
  "TF_LoadLibrary": (POINTER, TEXT, POINTER),
  "TF_LoadSessionFromSavedModel": (
    POINTER, POINTER, POINTER, TEXT, ctypes.POINTER(TEXT), INT, POINTER,
    _BUFFER, POINTER,
  ),
  "TF_SessionRun": (
    None, POINTER, POINTER, _OUTPUTS, _TENSORS, INT, _OUTPUTS, _TENSORS, INT,
    POINTER, INT, POINTER, POINTER,
  ),
  "TF_CloseSession": (None, POINTER, POINTER),
  "TF_DeleteSession": (None, POINTER, POINTER),
}
# These are over sooner than a thread could take turns.
_QUICK = {
  "TF_NewStatus": (POINTER,),
  "TF_GetCode": (INT, POINTER),
  "TF_Message": (TEXT, POINTER),
  "TF_DeleteStatus": (None, POINTER),
  "TF_DeleteLibraryHandle": (None, POINTER),
  "TF_NewGraph": (POINTER,),
  "TF_GraphOperationByName": (POINTER, POINTER, TEXT),
  "TF_DeleteGraph": (None, POINTER),
  "TF_NewBuffer": (_BUFFER,),
  "TF_DeleteBuffer": (None, _BUFFER),
  "TF_NewSessionOptions": (POINTER,),
  "TF_DeleteSessionOptions": (None, POINTER),
  "TF_AllocateTensor": (POINTER, INT, ctypes.POINTER(DIM), INT, SIZE),
  "TF_TensorData": (POINTER, POINTER),
  "TF_TensorType": (INT, POINTER),
  "TF_NumDims": (INT, POINTER),
  "TF_Dim": (DIM, POINTER, INT),
  "TF_DeleteTensor": (None, POINTER),
  "TF_StringInit": (None, POINTER),
  "TF_StringCopy": (None, POINTER, TEXT, SIZE),
  "TF_StringGetDataPointer": (POINTER, POINTER),
  "TF_StringGetSize": (SIZE, POINTER),
  "TF_StringDealloc": (None, POINTER),
}
# tensorflow::DisableXlaCompilation(), which the server calls unless told not
# to, in tensorflow_serving/model_servers/main.cc.
_NO_XLA = "_ZN10tensorflow21DisableXlaCompilationEv"


class Library:
  """The functions above as methods, and XLA compilation off.

  Args:
    site_packages: Where tensorflow and tensorflow_text are installed: one
      folder or several, as in PATH.

  Raises:
    Refused: if they are not there.
  """

  def __init__(self, site_packages: str):
    slow, quick = _open(site_packages)
    for library, functions in ((slow, _SLOW), (quick, _QUICK)):
      for name, (result, *arguments) in functions.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
        setattr(self, name, function)
    self._load_text_ops(site_packages)
    switch = getattr(slow, _NO_XLA)
    switch.restype, switch.argtypes = None, []
    switch()

  def _load_text_ops(self, site_packages: str) -> None:
    folder = _find(site_packages, "tensorflow_text/python/ops")
    paths = sorted(glob.glob(os.path.join(glob.escape(folder), "*.so")))
    if not paths:
      raise Refused(FAILED_PRECONDITION, f"there is no {folder}/*.so")
    for path in paths:
      with self.status() as status:
        handle = self.TF_LoadLibrary(os.fsencode(path), status)
      self.TF_DeleteLibraryHandle(handle)

  @contextlib.contextmanager
  def status(self) -> Iterator[int]:
    """For calls that report to a status: raises `Refused` if one failed."""
    status = self.TF_NewStatus()
    try:
      yield status
      code = self.TF_GetCode(status)
      if code:
        words = self.TF_Message(status).decode("utf-8", "replace")
        raise Refused(code, words)
    finally:
      self.TF_DeleteStatus(status)


def _find(site_packages: str, name: str) -> str:
  """The first folder of that name; if there is none, where one belongs."""
  places = site_packages.split(os.pathsep)
  paths = [os.path.join(place, name) for place in places]
  return next(filter(os.path.isdir, paths), paths[0])


def _open(site_packages: str) -> tuple[ctypes.CDLL, ctypes.PyDLL]:
  """The same library without and with Python's lock around its calls."""
  ending = ".2.dylib" if sys.platform == "darwin" else ".so.2"
  stem = os.path.join(_find(site_packages, "tensorflow"), "libtensorflow")
  try:
    ctypes.CDLL(f"{stem}_framework{ending}", ctypes.RTLD_GLOBAL)
    slow = ctypes.CDLL(f"{stem}_cc{ending}", ctypes.RTLD_GLOBAL)
    return slow, ctypes.PyDLL(f"{stem}_cc{ending}", ctypes.RTLD_GLOBAL)
  except OSError as error:
    raise Refused(FAILED_PRECONDITION, str(error)) from None
