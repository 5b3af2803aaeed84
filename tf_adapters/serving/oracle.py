# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`Oracle`: what a model server answers, out of a process of its own.

The process has the standard library and TensorFlow's C API and nothing more,
see `session`, and XLA compilation off, as the server; this process keeps its
own TensorFlow as it is.
"""

import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from typing import Any

from tf_adapters.serving.session import Refused
from tf_adapters.serving.session import definitions
from tf_adapters.serving.session import lines

_PROGRAM = pathlib.Path(__file__).parent / "session"
_INTERNAL = 13  # of TensorFlow's numbers for errors
_WAIT = 60  # seconds to end in, when nothing is left to do
_MOST = 2000  # last bytes of what a process said that has died


class Oracle:
  """Answers as TensorFlow Serving would; threads take turns.

      with Oracle("serving/my_model/1") as oracle:
        oracle.ask("sms", {"text": ["You have won a prize"]})["label"]

  Args:
    folder: A SavedModel, as a version folder of `export`.
    site_packages: Where tensorflow and tensorflow_text are installed, one
      folder or two as in PATH; None: where this process has them.

  Attributes:
    signatures: By name, with inputs, outputs and method.

  Raises:
    Refused: if TensorFlow does not load the model, in its words.
  """

  def __init__(
    self, folder: str | os.PathLike, site_packages: str | None = None
  ):
    site_packages = site_packages or find_site_packages()
    self._lock = threading.Lock()
    self._said = tempfile.TemporaryFile()
    self._process = subprocess.Popen(
      [
        sys.executable, "-I", "-S", str(_PROGRAM), os.fspath(folder),
        "--site-packages", site_packages,
      ],
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=self._said,
      # This process may have all of a GPU's memory already.
      env={
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "-1",
      },
    )
    try:
      self.signatures = {
        name: _signature(*item)
        for name, item in self._read()["signatures"].items()
      }
    except BaseException:
      self.close()
      raise

  def ask(
    self, signature: str, columns: Mapping[str, Any], text: bool = True
  ) -> dict[str, Any]:
    """A signature's outputs by name, as nested lists.

    Args:
      signature: Its name.
      columns: Its inputs by name, as nested lists; strings as str or bytes.
      text: Whether strings come as str, what is no UTF-8 in them replaced;
        else as bytes.

    Raises:
      Refused: for inputs that are not the signature's, and for what
        TensorFlow refuses, in its words.
    """
    return self.ask_all({signature: columns}, text)[signature]

  def ask_all(
    self, questions: Mapping[str, Mapping[str, Any]], text: bool = True
  ) -> dict[str, dict[str, Any]]:
    """Several signatures in one run, as the server's MultiInference.

    Args:
      questions: Columns by signature; see `ask`.
      text: See `ask`.

    Returns:
      Outputs by name, by signature.

    Raises:
      Refused: as `ask`.
    """
    line = lines.dump({name: dict(item) for name, item in questions.items()})
    with self._lock:
      try:
        answers = self._answers(line)
      except Refused:
        raise
      except BaseException:  # interrupted: the next would get this answer
        self._process.kill()
        raise
    return _decode(answers) if text else answers

  def close(self) -> None:
    """Ends the process."""
    for stream in (self._process.stdin, self._process.stdout):
      try:
        stream.close()
      except BrokenPipeError:
        pass  # what was left to send has nobody to read it
    try:
      self._process.wait(_WAIT)
    except subprocess.TimeoutExpired:
      self._process.kill()
      self._process.wait()
    self._said.close()

  def __enter__(self) -> "Oracle":
    return self

  def __exit__(self, *_: Any) -> None:
    self.close()

  def _answers(self, line: str) -> dict[str, Any]:
    try:
      self._process.stdin.write(line.encode("ascii"))
      self._process.stdin.flush()
    except (BrokenPipeError, ValueError):
      pass  # it has ended, or was closed; reading says why
    return self._read()["answers"]

  def _read(self) -> dict[str, Any]:
    if self._process.stdout.closed:
      raise Refused(_INTERNAL, "the oracle is closed")
    line = self._process.stdout.readline()
    if not line.endswith(b"\n"):
      raise Refused(_INTERNAL, self._last_words())
    answer = lines.load(line)
    if "error" in answer:
      raise Refused(answer["code"], answer["error"])
    return answer

  def _last_words(self) -> str:
    status = self._process.wait(_WAIT)
    size = self._said.seek(0, os.SEEK_END)
    self._said.seek(max(0, size - _MOST))
    words = " ".join(self._said.read().decode("utf-8", "replace").split())
    return f"TensorFlow's process ended with status {status}: {words}"


def find_site_packages() -> str:
  """Where this process has tensorflow and tensorflow_text, unimported.

  Returns:
    Their folder, or both with `os.pathsep` between them.

  Raises:
    Refused: if it lacks one.
  """
  folders = []
  for name in ("tensorflow", "tensorflow_text"):
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
      raise Refused(_INTERNAL, f"{name} is not installed")
    folders.append(str(pathlib.Path(found.origin).parents[1]))
  return os.pathsep.join(dict.fromkeys(folders))


def _signature(inputs, outputs, method) -> definitions.Signature:
  return definitions.Signature(_tensors(inputs), _tensors(outputs), method)


def _tensors(tree: dict[str, list]) -> dict[str, definitions.Tensor]:
  return {
    key: definitions.Tensor(
      name, dtype, None if shape is None else tuple(shape)
    )
    for key, (name, dtype, shape) in tree.items()
  }


def _decode(value: Any) -> Any:
  """The same with str for bytes."""
  if isinstance(value, bytes):
    return value.decode("utf-8", "replace")
  if isinstance(value, list):
    return [_decode(item) for item in value]
  if isinstance(value, dict):
    return {key: _decode(item) for key, item in value.items()}
  return value
