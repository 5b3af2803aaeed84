# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Reads questions on contexts from JSON in the form of SQuAD v1.1."""

import dataclasses
import json
import pathlib
import types
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

from tf_adapters import files
from tf_adapters.config import DataConfig
from tf_adapters.data import OWN
from tf_adapters.data import Columns
from tf_adapters.data import Form
from tf_adapters.data import Split
from tf_adapters.data import records as records_lib
from tf_adapters.data import utf8
from tf_adapters.errors import InputError

COLUMNS = Columns(text="question", text_b="context", label="answers")
_KINDS = types.MappingProxyType(
  {list: "a list", str: "text", int: "a whole number"}
)


class Answer(NamedTuple):
  """An answer: `text` stands in the context from character `start` on."""

  start: int
  text: str


@dataclasses.dataclass(frozen=True)
class Questions:
  """The questions of one file, in its order.

  Attributes:
    path: The file.
    columns: What stands for columns.
    ids: One a question, none twice.
    texts: The questions.
    texts_b: The context of each.
    labels: Its answers, at least one, or None where they were not asked for.
    digest: Empty: the file's own checksum is that of the data.
  """

  path: str
  columns: Columns
  ids: list[str]
  texts: list[str]
  texts_b: list[str]
  labels: list[list[Answer]] | None
  digest: str = ""

  def __len__(self) -> int:
    return len(self.ids)

  def checksum(self) -> str:
    """SHA-256 of the file."""
    return files.sha256(pathlib.Path(self.path))


def read(
  path: str | Split,
  *,
  key: str,
  columns: Columns | None = None,
  config: DataConfig | None = None,
  form: Form = OWN,
  labelled: bool = True,
) -> Questions:
  """Reads a `.json` file in the form of SQuAD v1.1.

      {"data": [{"paragraphs": [{"context": "…", "qas": [
          {"id": "…", "question": "…",
           "answers": [{"answer_start": 0, "text": "…"}]}]}]}]}

  `answer_start` counts characters (Unicode code points) of `context`. Other
  keys are passed over. Source: Rajpurkar et al., EMNLP 2016.

  Args:
    path: The file, UTF-8.
    key: The setting or option that named the file, for errors.
    columns: Those of the training file: always `COLUMNS`.
    config: Whose names of columns must be unset.
    form: Must be the package's own.
    labelled: Whether to read answers.

  Raises:
    InputError: with file and place, for whatever cannot be read.
  """
  del columns
  if isinstance(path, Split) or form is not OWN:
    raise InputError(
      f"`{key}`: a span task reads a .json file in the form of SQuAD v1.1, no "
      "data set of TFDS and no other form."
    )
  for name in ("text", "text_b", "label"):
    if config and getattr(config, name) != getattr(DataConfig(), name):
      raise InputError(
        f"`data.{name}` names a column; a span task reads SQuAD's JSON, which "
        f"has none; got {getattr(config, name)!r}."
      )
  found = Questions(path, COLUMNS, [], [], [], [] if labelled else None)
  places: dict[str, str] = {}
  for place, context, question in _questions(path, _load(path, key)):
    name = _get(path, place, question, "id", str)
    if name in places:
      raise InputError(
        f"{path}, {place}: the id {name!r} is that of {places[name]} too."
      )
    places[name] = place
    found.ids.append(name)
    found.texts.append(_get(path, place, question, "question", str))
    found.texts_b.append(context)
    if labelled:
      found.labels.append(_answers(path, place, question, context))
  if not found.ids:
    raise InputError(f"`{key}`: {path} has no questions.")
  return found


def _questions(path: str, tree: Any) -> Iterator[tuple[str, str, Any]]:
  """Yields (place, context, question) in order."""
  for article, outer in _items(path, "", tree, "data"):
    for place, paragraph in _items(path, article, outer, "paragraphs"):
      context = _get(path, place, paragraph, "context", str)
      for inner, question in _items(path, place, paragraph, "qas"):
        yield inner, context, question


def _answers(path, place, question, context) -> list[Answer]:
  answers = []
  for inner, answer in _items(path, place, question, "answers"):
    start = _get(path, inner, answer, "answer_start", int)
    text = _get(path, inner, answer, "text", str)
    if not text.strip():
      raise InputError(f"{path}, {inner}: the answer is empty.")
    if start < 0 or context[start : start + len(text)] != text:
      raise InputError(
        f"{path}, {inner}: the answer {_short(text)} is not in the context at "
        f"character {start}{_elsewhere(context, text)}."
      )
    answers.append(Answer(start, text))
  if not answers:
    raise InputError(
      f"{path}, {place}: the question has no answer; in SQuAD v1.1 every "
      "question has one."
    )
  return answers


def _elsewhere(context: str, text: str) -> str:
  found = context.find(text)
  if found < 0:
    return ", nor anywhere else"
  return f", but at character {found}"


def _items(path, place, tree, name) -> Iterator[tuple[str, Any]]:
  prefix = f"{place}." if place else ""
  for index, item in enumerate(_get(path, place, tree, name, list)):
    yield f"{prefix}{name}[{index}]", item


def _get(path: str, place: str, tree: Any, name: str, kind: type) -> Any:
  where = f"{path}, {place}" if place else path
  if not isinstance(tree, dict):
    raise InputError(f"{where}: must be an object; got {_short(tree)}.")
  if name not in tree:
    raise InputError(
      f"{where}: lacks `{name}`, which SQuAD v1.1 has; it has "
      f"{', '.join(f'`{key}`' for key in tree) or 'nothing'}."
    )
  value = tree[name]
  if type(value) is not kind:
    raise InputError(
      f"{where}: `{name}` must be {_KINDS[kind]}; got {_short(value)}."
    )
  if kind is str:
    utf8.encode(f"{where}: `{name}`", value)
  return value


def _short(value: Any) -> str:
  text = json.dumps(value, ensure_ascii=True)
  return text if len(text) <= 60 else f"{text[:57]}…"


def _load(path: str, key: str) -> Any:
  if pathlib.Path(path).suffix.lower() != ".json":
    raise InputError(
      f"`{key}` must be a .json file in the form of SQuAD v1.1 for a span "
      f"task; got {path!r}."
    )
  text = utf8.decode(path, records_lib.read_bytes(path, key))
  return records_lib.parse_json(path, text)
