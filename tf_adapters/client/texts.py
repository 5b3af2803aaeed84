# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Checks of the texts that a user asks, before any of them is sent."""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from tf_adapters.errors import InputError

_Text = str | bytes


def column(key: str, texts: Iterable[_Text]) -> list[_Text]:
  """The texts as a list.

  Raises:
    InputError: naming the argument, or the text by its place in it.
  """
  if isinstance(texts, str | bytes):
    raise InputError(f"`{key}` must be a list of texts; got one text.")
  if not isinstance(texts, Iterable):
    raise InputError(f"`{key}` must be a list of texts; got {texts!r}.")
  texts = list(texts)
  for index, text in enumerate(texts):
    check(f"{key}[{index}]", text)
  return texts


def columns(
  texts: Iterable[_Text], texts_b: Iterable[_Text] | None
) -> list[list[_Text]]:
  """One column, or two that are as long."""
  found = [column("texts", texts)]
  if texts_b is not None:
    found.append(column("texts_b", texts_b))
    if len(found[0]) != len(found[1]):
      raise InputError(
        "`texts` and `texts_b` must be as many; got "
        f"{len(found[0])} and {len(found[1])}."
      )
  return found


def check(key: str, text: Any) -> None:
  """Raises `InputError` for what cannot go to a server as UTF-8 or bytes."""
  if isinstance(text, bytes):
    return
  if not isinstance(text, str):
    raise InputError(f"`{key}` must be a text; got {text!r}.")
  try:
    text.encode("utf-8")
  except UnicodeEncodeError:
    raise InputError(
      f"`{key}` holds half of a surrogate pair, which no UTF-8 text can."
    ) from None


def pairs(
  rows: Iterable[Sequence[_Text]],
) -> list[tuple[str, _Text, _Text | None]]:
  """(task, text, second text or None) of rows with or without the last.

  Raises:
    InputError: naming the row.
  """
  if isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
    raise InputError("`pairs` must be a list of (task, text[, text_b]).")
  found = []
  for index, row in enumerate(rows):
    key = f"pairs[{index}]"
    if not isinstance(row, tuple | list) or len(row) not in (2, 3):
      raise InputError(
        f"`{key}` must be (task, text) or (task, text, text_b); got {row!r}."
      )
    task, text, *rest = row
    task_name(f"{key}[0]", task)
    for place, item in enumerate([text, *rest], start=1):
      check(f"{key}[{place}]", item)
    found.append((task, text, rest[0] if rest else None))
  return found


def task_name(key: str, task: Any) -> None:
  """Raises `InputError` unless it can be the name of a task."""
  if not isinstance(task, str) or not task:
    raise InputError(f"`{key}` must be the name of a task; got {task!r}.")
  check(key, task)


def wants(task: str, inputs: Sequence[str], paired: bool, where: str) -> None:
  """Raises `InputError` unless second texts are there where the task has them.

  Args:
    task: The task.
    inputs: What its signature takes.
    paired: Whether there are second texts.
    where: What is wrong if not, for the error: `texts_b`, or a row.
  """
  if paired == (len(inputs) == 2):
    return
  names = " and ".join(f"`{name}`" for name in inputs)
  raise InputError(
    f"the task {task!r} takes {names}; got `{where}` "
    f"{'with' if paired else 'without'} second texts."
  )
