# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""HTTP connections that are kept open and used again, by any thread."""

import http.client
from typing import NamedTuple

from tf_adapters.client import transport
from tf_adapters.client.retries import Deadline
from tf_adapters.client.target import Address

_PIECE = 1 << 16  # bytes read between two looks at the clock


class Request(NamedTuple):
  """What `http.client` sends."""

  method: str
  path: str
  body: bytes | None
  headers: dict[str, str]


class Connections:
  """Connections to one server, as many as are in use at a time.

  A connection belongs to one request until its answer is whole; then any
  thread may take it.
  """

  def __init__(self, address: Address):
    self._address = address
    self._idle: list[http.client.HTTPConnection] = []

  def exchange(
    self, request: Request, deadline: Deadline
  ) -> tuple[int, bytes]:
    """Status and body of the answer.

    Raises:
      Unavailable: if the server refused the connection, or closed it before
        it began to answer.
      ServerError: for whatever else went wrong on the way.
    """
    try:
      connection, response, socket = self._send(request, deadline)
      try:
        content = _read(response, socket, deadline)
      except BaseException:
        connection.close()
        raise
    except TimeoutError:
      raise transport.out_of_time(self._address, deadline) from None
    except (ConnectionError, http.client.IncompleteRead) as error:
      # After the head of the answer: the server has begun to work on it.
      raise transport.malformed(
        self._address, f"and broke off ({transport.shorten(error)})"
      ) from None
    except http.client.HTTPException as error:
      raise transport.malformed(
        self._address, f"no HTTP ({type(error).__name__})"
      ) from None
    except OSError as error:
      raise transport.give_up(self._address, error) from None
    if connection.sock is not None:
      self._idle.append(connection)
    return response.status, content

  def close(self) -> None:
    """Closes the connections that no request has."""
    while (connection := self._take_idle()) is not None:
      connection.close()

  def _send(self, request: Request, deadline: Deadline):
    """Sends it; an idle connection that the server has closed is no error."""
    while True:
      idle = self._take_idle()
      connection = idle or self._open()
      connection.timeout = deadline.left()
      if connection.sock is not None:
        connection.sock.settimeout(deadline.left())
      try:
        connection.request(*request)
        socket = connection.sock
        socket.settimeout(deadline.left())
        return connection, connection.getresponse(), socket
      except ConnectionError as error:
        connection.close()
        if idle is None:
          raise transport.unreachable(self._address, error) from None
      except BaseException:
        connection.close()
        raise

  def _take_idle(self) -> http.client.HTTPConnection | None:
    try:
      return self._idle.pop()
    except IndexError:
      return None

  def _open(self) -> http.client.HTTPConnection:
    secure = self._address.secure
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    return kind(self._address.host, self._address.port)


def _read(
  response: http.client.HTTPResponse, socket, deadline: Deadline
) -> bytes:
  """The whole body; a slow server does not get the time for every piece."""
  pieces = []
  while not response.isclosed():
    socket.settimeout(deadline.left())
    piece = response.read1(_PIECE)
    if not piece:
      break
    pieces.append(piece)
  if response.length:
    raise ConnectionResetError(f"{response.length} bytes are missing")
  response.close()
  return b"".join(pieces)
