# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One file over HTTP, which goes on where it broke off."""

import contextlib
import http.client
import pathlib
import ssl
import string
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from collections.abc import Iterator

import rich.console
import rich.progress

from tf_adapters.errors import InputError
from tf_adapters.version import __version__

LARGEST = 20 * 10**9  # bytes; BERT-large with its optimiser has 4
_TRIES = 3  # in a row that bring nothing
_TIMEOUT = 30  # seconds without a byte
_BLOCK = 1 << 20
_PASSING = (408, 429, 500, 502, 503, 504)  # states of a server that pass

Progress = Callable[[int, int | None], None]


def download(url: str, part: pathlib.Path, pause: float = 1.0) -> None:
  """Fetches the rest of `part`, with a bar on stderr.

  Nothing says that what was there and what comes are of one file but its
  checksum, which is for the caller to compare.

  Args:
    url: `http://` or `https://`; what is not ASCII in its path is quoted.
    part: What has come of it before, or no file yet.
    pause: Seconds before a connection that broke is tried again.

  Raises:
    InputError: if it is no address or redirects to none, the server does not
      have it, it is too large, or three tries in a row brought nothing; `part`
      then has what came.
  """
  part.parent.mkdir(parents=True, exist_ok=True)
  failures = 0
  with _bar(url.rsplit("/", 1)[-1]) as progress:
    while True:
      before = _size(part)
      try:
        return _continue(url, part, progress)
      except (
        urllib.error.URLError, http.client.HTTPException, ConnectionError,
        TimeoutError, ssl.SSLError,
      ) as error:
        _raise_if_final(error, url)
        failures = 0 if _size(part) > before else failures + 1
        if failures == _TRIES:
          raise InputError(
            f"`encoder`: {url} is not in the cache, and cannot be reached or "
            f"broke off ({error}); the same command goes on from there when it "
            "can."
          ) from None
      time.sleep(pause)


def _raise_if_final(error: Exception, url: str) -> None:
  """Raises `InputError` for an answer that another try would not change."""
  if isinstance(error, urllib.error.HTTPError) and error.code not in _PASSING:
    reason = " ".join(str(error.reason).split())  # of a loop three lines
    raise InputError(
      f"`encoder`: {url} was answered with {error.code} {reason}."
    ) from None


def _continue(url: str, part: pathlib.Path, progress: Progress) -> None:
  """Asks for what is missing, and writes as it comes."""
  done = _size(part)
  headers = {"User-Agent": f"tf-adapters/{__version__}"}
  if done:
    headers["Range"] = f"bytes={done}-"
  try:
    response = _open(url, headers)
  except urllib.error.HTTPError as error:
    if error.code == 416 and done:
      return  # nothing is missing
    raise
  with response:
    if response.status != 206:
      done = 0  # a server that sends all of it again
    length = response.length  # None where Content-Length is no number
    total = None if length is None else done + length
    _check_size(total or 0, url)
    with open(part, "ab" if done else "wb") as file:
      while block := response.read(_BLOCK):
        done += len(block)
        _check_size(done, url)
        file.write(block)
        progress(done, total)
  if total is not None and done < total:
    raise ConnectionError(f"{done} of {total} bytes came")


def _open(url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
  """Sends the request; `url` may have letters that those on the wire have not.

  What is quoted already stays, as urllib leaves it where it is led on.
  """
  quoted = urllib.parse.quote(url, safe=string.punctuation)
  try:
    request = urllib.request.Request(quoted, headers=headers)
    return urllib.request.urlopen(request, timeout=_TIMEOUT)
  # InvalidURL: of a port that is no number.
  except (ValueError, OverflowError, http.client.InvalidURL) as error:
    raise InputError(
      f"`encoder`: {url!r}, or what it redirects to, must be as "
      "https://HOST/NAME.tar.gz with HOST in ASCII; it cannot be asked "
      f"({error})."
    ) from None


def _check_size(size: int, url: str) -> None:
  if size > LARGEST:
    raise InputError(
      f"`encoder`: {url} has more than {LARGEST:,} bytes, the most that is "
      "fetched."
    )


def _size(path: pathlib.Path) -> int:
  return path.stat().st_size if path.exists() else 0


@contextlib.contextmanager
def _bar(name: str) -> Iterator[Progress]:
  """Shows how much has come; yields what to call with done and total bytes."""
  with rich.progress.Progress(
    rich.progress.TextColumn("{task.description}", markup=False),
    rich.progress.BarColumn(),
    rich.progress.DownloadColumn(),
    rich.progress.TransferSpeedColumn(),
    rich.progress.TimeRemainingColumn(),
    console=rich.console.Console(stderr=True),
    redirect_stdout=False,
  ) as bars:
    bar = bars.add_task(f"fetching {name}", total=None)
    yield lambda done, total: bars.update(bar, completed=done, total=total)
