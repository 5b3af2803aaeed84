# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A model's signatures as they were when the server was last asked."""

import dataclasses
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping

from tf_adapters.client.signatures import Signature

# A task, and how many texts it is to take; None: whichever.
Wanted = tuple[str, int | None]


@dataclasses.dataclass(frozen=True)
class Signatures:
  """Those of one version of a model, by name."""

  by_name: Mapping[str, Signature]

  @property
  def tasks(self) -> list[str]:
    """The tasks that have a signature of their own, sorted."""
    return sorted(name for name, found in self.by_name.items() if found.type)

  @property
  def mixed(self) -> Signature | None:
    """What answers every row by a task of the row's own."""
    found = self.by_name.get("mixed")
    return found if found is not None and found.is_mixed else None

  def task(self, name: str) -> Signature | None:
    """A task's own."""
    found = self.by_name.get(name)
    return found if found is not None and found.type else None

  def takes(self, task: str, texts: int | None) -> bool:
    """Whether there is such a task, and it takes as many texts."""
    found = self.task(task)
    return found is not None and texts in (None, len(found.inputs))


class Known:
  """Keeps signatures until something speaks for a new version.

  The server may load one at any time, and tells nobody. Threads may share it:
  who works by signatures holds on to those that it got.

  Args:
    ask: Asks the server.
  """

  def __init__(self, ask: Callable[[], Mapping[str, Signature]]):
    self._ask = ask
    self._found: Signatures | None = None

  def get(self, wanted: Iterable[Wanted] = ()) -> Signatures:
    """Those of before; asked anew where they lack something that is wanted."""
    found = self._found
    if found is None or not all(found.takes(*item) for item in wanted):
      found = self._found = Signatures(self._ask())
    return found

  def renewed(self, doubted: Signatures) -> Signatures:
    """Those of now, if nobody else has asked since for the `doubted` ones."""
    if self._found is doubted:
      self.forget()
    return self.get()

  def forget(self) -> None:
    """The next that needs them asks anew."""
    self._found = None
