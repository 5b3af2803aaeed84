# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A time for each request, and when to ask again."""

import dataclasses
import random
import time
from collections.abc import Callable
from typing import TypeVar

from tf_adapters.errors import ServerError

_FIRST = 0.1  # seconds, the longest first pause
_LONGEST = 5.0

_Answer = TypeVar("_Answer")


class Unavailable(ServerError):
  """A server that could not be asked now; another time it may answer."""

  def __init__(self, what: str, remedy: str):
    super().__init__(f"{what}; {remedy}.")
    self.what = what
    self.remedy = remedy


class OutOfTime(ServerError):
  """A server that did not answer in the time that a request has."""


class Deadline:
  """The end of the time that a request has, its repetitions included."""

  def __init__(self, seconds: float):
    self.seconds = seconds
    self._end = time.monotonic() + seconds

  def left(self) -> float:
    """Seconds that are left, never 0, which means other things to sockets."""
    return max(self._end - time.monotonic(), 1e-3)

  def allows(self, seconds: float) -> bool:
    """Whether a pause would leave some time."""
    return time.monotonic() + seconds < self._end


@dataclasses.dataclass(frozen=True)
class Retries:
  """Asks again while a server is unavailable.

  Before repetition n = 0, 1, … it waits a random time between 0 and
  min(5, 0.1 · 2^n) seconds, so that many clients do not come back at the same
  moment (Brooker, Exponential Backoff And Jitter, 2015: "full jitter").

  Attributes:
    count: How many repetitions at most.
    timeout: Seconds that all attempts at one request may take together.
    uniform: Gives a random number between two; not from the shared generator,
      whose state a user may have set to repeat a run.
    sleep: Waits.
  """

  count: int
  timeout: float
  uniform: Callable[[float, float], float] = dataclasses.field(
    default_factory=lambda: random.Random().uniform
  )
  sleep: Callable[[float], None] = time.sleep

  def run(self, ask: Callable[[Deadline], _Answer]) -> _Answer:
    """Returns what `ask` returns; only `Unavailable` is asked again.

    When time runs out in a repetition, what the server said before is raised:
    the last attempt may have had too little of it for any answer.
    """
    deadline = Deadline(self.timeout)
    said, attempt = None, 0
    while True:
      attempt += 1
      try:
        return ask(deadline)
      except OutOfTime:
        if said is None:
          raise
        raise _given_up(said, attempt) from said
      except Unavailable as error:
        said = error
      longest = min(_LONGEST, _FIRST * 2 ** min(attempt - 1, 10))
      pause = self.uniform(0, longest)
      if attempt > self.count or not deadline.allows(pause):
        raise _given_up(said, attempt) from said
      self.sleep(pause)


def _given_up(said: Unavailable, attempts: int) -> ServerError:
  times = f", asked {attempts} times" if attempts > 1 else ""
  return ServerError(f"{said.what}{times}; {said.remedy}.")
