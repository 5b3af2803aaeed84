# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""TensorFlow Serving's REST protocol, with the standard library alone.

Source: https://www.tensorflow.org/tfx/serving/api_rest. In column form
(`inputs`, the default) a request has a list for each input, in row form
(`instances`) an object for each row. Bytes go as `{"b64": …}`. In answers
NaN, Infinity and -Infinity stand as such, which JSON itself does not know.
"""

import base64
import http.client
import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from tf_adapters.client import connections
from tf_adapters.client import signatures as signatures_lib
from tf_adapters.client import transport
from tf_adapters.client.retries import Deadline
from tf_adapters.client.signatures import Signature
from tf_adapters.client.target import Address
from tf_adapters.client.target import Model


class Rest:
  """Asks for one model over REST; see `Transport`.

  Args:
    address: The server.
    model: The model.
    headers: Sent with each request, for gateways that ask for them.
    form: `column` or `row`; some gateways know the row form alone.
  """

  def __init__(
    self,
    address: Address,
    model: Model,
    headers: Mapping[str, str],
    form: str = "column",
  ):
    self._address = address
    self._path = address.prefix + model.path
    self._headers = {"Content-Type": "application/json", **headers}
    self._by_row = form == "row"
    self._connections = connections.Connections(address)

  def signatures(self, deadline: Deadline) -> dict[str, Signature]:
    tree = self._ask("GET", "/metadata", None, deadline)
    try:
      found = tree["metadata"]["signature_def"]["signature_def"]
      return {name: _signature(name, item) for name, item in found.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
      raise transport.malformed(
        self._address, f"metadata without signatures ({error!r})"
      ) from None

  def predict(
    self,
    signature: Signature,
    columns: Mapping[str, Sequence[str | bytes]],
    deadline: Deadline,
  ) -> dict[str, Any]:
    columns = {
      name: [_plain(text) for text in column]
      for name, column in columns.items()
    }
    body: dict[str, Any] = {"signature_name": signature.name}
    if self._by_row:
      body["instances"] = _rows(columns)
      tree = self._ask("POST", ":predict", body, deadline)
      return self._columns(tree, signature)
    body["inputs"] = columns
    tree = self._ask("POST", ":predict", body, deadline)
    return self._by_name(self._get(tree, "outputs", (dict, list)), signature)

  def close(self) -> None:
    self._connections.close()

  def _ask(
    self, method: str, what: str, body: Any, deadline: Deadline
  ) -> Any:
    content = None
    if body is not None:
      content = json.dumps(body, ensure_ascii=False).encode("utf-8")
    request = connections.Request(
      method, self._path + what, content, self._headers
    )
    status, answer = self._connections.exchange(request, deadline)
    try:
      tree = json.loads(answer.decode("utf-8"))
    except (ValueError, RecursionError):
      tree = None
    if status == http.client.OK:
      if not isinstance(tree, dict):
        raise transport.malformed(self._address, "no JSON object")
      return tree
    words = tree.get("error") if isinstance(tree, dict) else None
    words = words or answer.decode("utf-8", "replace") or "without a word"
    if status == http.client.SERVICE_UNAVAILABLE:
      raise transport.busy(self._address, words)
    if status == http.client.NOT_FOUND:
      raise transport.unknown(self._address, words)
    raise transport.refused(self._address, status, words)

  def _get(self, tree: dict[str, Any], key: str, kind: Any) -> Any:
    value = tree.get(key)
    if not isinstance(value, kind):
      words = transport.shorten(tree["error"]) if "error" in tree else ""
      raise transport.malformed(
        self._address, f"without `{key}`" + (f": {words}" if words else "")
      )
    return value

  def _by_name(self, found: Any, signature: Signature) -> dict[str, Any]:
    """A single output comes without its name."""
    if isinstance(found, dict):
      return found
    if len(signature.outputs) != 1:
      raise transport.malformed(self._address, "outputs without names")
    return {signature.outputs[0]: found}

  def _columns(
    self, tree: dict[str, Any], signature: Signature
  ) -> dict[str, Any]:
    rows = self._get(tree, "predictions", list)
    if not any(isinstance(row, dict) for row in rows):
      return self._by_name(rows, signature)
    try:
      return {
        name: [row[name] for row in rows] for name in signature.outputs
      }
    except (KeyError, TypeError):
      raise transport.malformed(
        self._address, "predictions that lack an output"
      ) from None


def _plain(text: str | bytes) -> Any:
  if isinstance(text, bytes):
    return {"b64": base64.b64encode(text).decode("ascii")}
  return text


def _rows(columns: Mapping[str, list]) -> list:
  """A single input goes without its name."""
  if len(columns) == 1:
    return next(iter(columns.values()))
  rows = zip(*columns.values(), strict=True)
  return [dict(zip(columns, row, strict=True)) for row in rows]


def _signature(name: str, tree: dict[str, Any]) -> Signature:
  """From a SignatureDef as JSON; sizes of dimensions stand there as text."""
  outputs = {
    key: tuple(int(dim["size"]) for dim in _dims(item))
    for key, item in tree.get("outputs", {}).items()
  }
  return signatures_lib.make(name, tree.get("inputs", {}).keys(), outputs)


def _dims(tree: dict[str, Any]) -> list:
  return tree.get("tensor_shape", {}).get("dim", [])
