# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A small HTTP server: files with ranges, which may break off."""

import http.server
import threading
import urllib.parse
from typing import NamedTuple


class Answer(NamedTuple):
  """What is sent for one request."""

  status: int = 200
  body: bytes = b""
  headers: dict[str, str] = {}


class FileServer(http.server.ThreadingHTTPServer):
  """Serves `contents` by path on a free port, until its `with` block ends.

  Attributes:
    contents: Bytes by path.
    log: Method, path and range of each request, in their order.
    cuts: By path, after how many bytes the next answers break off.
    ranges: Whether ranges are understood; else all is sent again.
  """

  daemon_threads = True

  def __init__(self):
    super().__init__(("127.0.0.1", 0), _Handler)
    self.contents: dict[str, bytes] = {}
    self.log: list[tuple[str, str, str | None]] = []
    self.cuts: dict[str, list[int]] = {}
    self.ranges = True
    self._thread = threading.Thread(target=self.serve_forever, args=(0.05,))

  @property
  def url(self) -> str:
    return f"http://127.0.0.1:{self.server_port}"

  def __enter__(self):
    self._thread.start()
    return self

  def __exit__(self, *error):
    self.stop()

  def stop(self):
    """After which nothing listens on the port."""
    if self._thread.is_alive():
      self.shutdown()
      self._thread.join()
    self.server_close()

  def handle_error(self, request, client_address):
    """Says nothing of clients that hang up."""

  def answer(self, method: str, path: str, body: bytes) -> Answer:
    if path in self.contents:
      return Answer(body=self.contents[path])
    return Answer(404)

  def fetched(self, ending: str = "") -> list[str]:
    """Paths that were asked for with GET."""
    return [
      path
      for method, path, _ in self.log
      if method == "GET" and path.endswith(ending)
    ]


class _Handler(http.server.BaseHTTPRequestHandler):
  """One request a connection, so that none outlives the server."""

  def do_GET(self):
    self._serve()

  do_HEAD = do_POST = do_GET

  def log_message(self, *arguments):
    pass

  def _serve(self):
    body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
    # A client that takes this for a proxy names the host as well.
    path = urllib.parse.urlsplit(self.path).path
    self.server.log.append((self.command, path, self.headers.get("Range")))
    answer = self.server.answer(self.command, path, body)
    status, content, headers = answer.status, answer.body, dict(answer.headers)
    if status == 200 and self.server.ranges:
      headers["Accept-Ranges"] = "bytes"
      status, content = self._ranged(content, headers)
    self.send_response(status)
    for name, value in {"Content-Length": str(len(content)), **headers}.items():
      self.send_header(name, value)
    self.end_headers()
    if self.command != "HEAD":
      self._send(path, content)

  def _ranged(self, content, headers):
    asked = self.headers.get("Range")
    if asked is None:
      return 200, content
    start = int(asked.removeprefix("bytes=").split("-")[0])
    size = len(content)
    if start >= size:
      headers["Content-Range"] = f"bytes */{size}"
      return 416, b""
    headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
    return 206, content[start:]

  def _send(self, path, content):
    cuts = self.server.cuts.get(path)
    if cuts:
      content = content[: cuts.pop(0)]
    self.wfile.write(content)
