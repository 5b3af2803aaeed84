# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What the client asks of a protocol, and how both word what went wrong."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Protocol

from tf_adapters.client.retries import Deadline
from tf_adapters.client.retries import OutOfTime
from tf_adapters.client.retries import Unavailable
from tf_adapters.client.signatures import Signature
from tf_adapters.errors import ServerError

_MOST = 400  # characters of a server's own words


class Transport(Protocol):
  """One way to ask a server for one model.

  Every method raises `Unavailable` for what may pass when asked again, and
  `ServerError` for the rest.
  """

  def signatures(self, deadline: Deadline) -> dict[str, Signature]:
    """The signatures of the model by name."""

  def predict(
    self,
    signature: Signature,
    columns: Mapping[str, Sequence[str | bytes]],
    deadline: Deadline,
  ) -> dict[str, Any]:
    """Outputs by name for inputs by name, all `[rows, …]` as lists."""

  def close(self) -> None:
    """Closes what is open; the next request opens it again."""


def out_of_time(server: Any, deadline: Deadline) -> OutOfTime:
  """No answer came in time."""
  return OutOfTime(
    f"the server {server} did not answer within {deadline.seconds:g} s; give "
    "it more by `timeout`, or fewer texts at once by `batch_size`."
  )


def unreachable(server: Any, error: Any) -> Unavailable:
  """No connection, or none that lasted until an answer."""
  return Unavailable(
    f"the server {server} cannot be reached ({shorten(error)})",
    "see that it runs and that this is its address",
  )


def give_up(server: Any, error: Any) -> ServerError:
  """No connection, and none to be hoped for: no such host, no trust in it."""
  found = unreachable(server, error)
  return ServerError(str(found))


def busy(server: Any, words: Any) -> Unavailable:
  """It is there and says that it cannot answer now."""
  return Unavailable(
    f"the server {server} is unavailable: {shorten(words)}",
    "try again when it has loaded the model or has less to do",
  )


def unknown(server: Any, words: Any) -> ServerError:
  """It has no such model, version or label."""
  return ServerError(
    f"the server {server} has not found what was asked for: "
    f"{shorten(words)}; see that `model`, `version` and `label` are its own."
  )


def refused(server: Any, code: Any, words: Any) -> ServerError:
  """It answered by any other error."""
  return ServerError(
    f"the server {server} refused the request ({code}): {shorten(words)}; "
    "see that its model is an export of this package, and the server's log."
  )


def malformed(server: Any, what: str) -> ServerError:
  """It answered what no TensorFlow Serving does."""
  return ServerError(
    f"the server {server} answered wrong, {what}; see that TensorFlow Serving "
    "listens at this address and protocol."
  )


def shorten(words: Any) -> str:
  """On one line, without the end of a sentence that is not ours."""
  text = " ".join(str(words).split()).rstrip(".;")
  return text if len(text) <= _MOST else f"{text[:_MOST]}…"
