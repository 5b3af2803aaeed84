# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`Session`: loads a SavedModel through the C API and runs its signatures."""

import contextlib
import ctypes
import os
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from . import definitions
from . import tensors
from .library import FAILED_PRECONDITION
from .library import INVALID_ARGUMENT
from .library import POINTER
from .library import TEXT
from .library import Library
from .library import Output
from .library import Refused


class Session:
  """A SavedModel ready to answer; threads may share it until it is closed.

  Args:
    model_dir: Folder with `saved_model.pb`.
    site_packages: Where tensorflow and tensorflow_text are installed.

  Attributes:
    signatures: By name, see `definitions.Signature`.

  Raises:
    Refused: if there is no TensorFlow, or it does not load the model.
  """

  def __init__(self, model_dir: str, site_packages: str):
    self._c = Library(site_packages)
    with contextlib.ExitStack() as made:
      self._graph = self._c.TF_NewGraph()
      made.callback(self._c.TF_DeleteGraph, self._graph)
      meta_graph = self._load(model_dir)
      made.callback(self._delete)
      self.signatures = definitions.read(meta_graph)
      self._places = {
        tensor.name: self._find(tensor.name)
        for signature in self.signatures.values()
        for tensor in (*signature.inputs.values(), *signature.outputs.values())
      }
      self._made = made.pop_all()

  def close(self) -> None:
    """Frees the model; no thread may be running it."""
    self._made.close()

  def __enter__(self) -> "Session":
    return self

  def __exit__(self, *_: Any) -> None:
    self.close()

  def run(
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
        TensorFlow refuses.
    """
    return self.run_all({signature: columns}, text)[signature]

  def run_all(
    self, questions: Mapping[str, Mapping[str, Any]], text: bool = True
  ) -> dict[str, dict[str, Any]]:
    """Several signatures in one run of the session, as MultiInference does.

    Args:
      questions: Columns by signature; see `run`.
      text: See `run`.

    Returns:
      Outputs by name, by signature.

    Raises:
      Refused: as `run`, and for different columns where signatures share an
        input.
    """
    with contextlib.ExitStack() as made:
      given = self._given(questions)
      feeds = {
        tensor.name: tensors.make(self._c, key, column, tensor.dtype, made)
        for key, tensor, column in given.values()
      }
      asked = [
        (name, key, tensor.name)
        for name in questions
        for key, tensor in self.signatures[name].outputs.items()
      ]
      results = self._run(feeds, [name for _, _, name in asked], made)
      found: dict[str, dict[str, Any]] = {name: {} for name in questions}
      # Before `made` frees the inputs, which an output may share.
      for (name, key, _), result in zip(asked, results, strict=True):
        found[name][key] = tensors.read(self._c, result, text)
      return found

  def _given(
    self, questions: Mapping[str, Mapping[str, Any]]
  ) -> dict[str, tuple[str, definitions.Tensor, Any]]:
    """Inputs with their columns, by the tensors that they are."""
    given: dict[str, tuple] = {}
    for name, columns in questions.items():
      for key, tensor in self._inputs(name, columns).items():
        item = (key, tensor, columns[key])
        if given.setdefault(tensor.name, item)[2] != columns[key]:
          raise Refused(
            INVALID_ARGUMENT,
            f"{name!r} shares its {key!r} with another signature, which is "
            "given another one",
          )
    return given

  def _load(self, model_dir: str) -> bytes:
    """Makes the session; returns the MetaGraphDef."""
    c = self._c
    options, meta = c.TF_NewSessionOptions(), c.TF_NewBuffer()
    try:
      with c.status() as status:
        self._session = c.TF_LoadSessionFromSavedModel(
          options, None, os.fsencode(model_dir), (TEXT * 1)(b"serve"), 1,
          self._graph, meta, status,
        )
      return ctypes.string_at(meta.contents.data, meta.contents.length)
    finally:
      c.TF_DeleteSessionOptions(options)
      c.TF_DeleteBuffer(meta)

  def _delete(self) -> None:
    with self._c.status() as status:
      self._c.TF_CloseSession(self._session, status)
      self._c.TF_DeleteSession(self._session, status)

  def _find(self, tensor: str) -> tuple[int, int]:
    name, _, index = tensor.rpartition(":")
    operation = self._c.TF_GraphOperationByName(self._graph, name.encode())
    if not operation:
      raise Refused(INVALID_ARGUMENT, f"the graph has no tensor {tensor!r}")
    return operation, int(index)

  def _inputs(
    self, name: str, columns: Mapping[str, Any]
  ) -> dict[str, definitions.Tensor]:
    """A signature's, which must be those given."""
    if name not in self.signatures:
      words = f'Serving signature key "{name}" not found.'
      raise Refused(FAILED_PRECONDITION, words)
    inputs = self.signatures[name].inputs
    if set(columns) != set(inputs):
      words = f"{name!r} takes {sorted(inputs)}; got {sorted(columns)}"
      raise Refused(INVALID_ARGUMENT, words)
    return inputs

  def _run(
    self, feeds: dict[str, int], asked: list[str], made: contextlib.ExitStack
  ) -> list[int]:
    """Tensors for tensors; `made` frees them."""
    results = (POINTER * len(asked))()
    with self._c.status() as status:
      self._c.TF_SessionRun(
        self._session, None, self._outputs(feeds),
        (POINTER * len(feeds))(*feeds.values()), len(feeds),
        self._outputs(asked), results, len(asked), None, 0, None, status,
      )
    for result in results:
      made.callback(self._c.TF_DeleteTensor, result)
    return list(results)

  def _outputs(self, names: Iterable[str]) -> Any:
    places = [Output(*self._places[name]) for name in names]
    return (Output * len(places))(*places)
