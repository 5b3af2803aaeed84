# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a kind of study is."""

import pathlib
import types
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from tf_adapters.studies.results import Results
from tf_adapters.studies.tables import Table


class Kind(NamedTuple):
  """One kind of study.

  Attributes:
    name: As people type it.
    title: Of its part of the report.
    about: What its pictures show and how it was computed.
    series: The series that a plan of it must have.
    sweep: The setting that this series must sweep; empty: it must sweep none.
    tables: Its tables, of the results.
    draw: Its pictures by name, of the results, within `drawing.settings`.
    pictures: All names that it gives them.
    beside: What series of these names must sweep, by words or numbers, where
      a plan has them.
    inspect: What to keep of every trained task of that series, from its store
      and the settings of its run; None: nothing beside its scores.
  """

  name: str
  title: str
  about: str
  series: str
  sweep: str
  tables: Callable[[Results], list[Table]]
  draw: Callable[[Results], dict[str, Any]]
  pictures: tuple[str, ...]
  beside: Mapping[str, str] = types.MappingProxyType({})
  inspect: (
    Callable[[pathlib.Path, Mapping[str, Any]], dict[str, Any]] | None
  ) = None
