# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Sees that all runs in a folder of results are of the same data.

    OUTPUT/data.json    SHA-256 by file, as the suite names it

A database of trials has them too, or runs of a new folder would be theirs.
"""

import pathlib

from tf_adapters import files
from tf_adapters import json_files
from tf_adapters.errors import InputError
from tf_adapters.suites.plan import Suite
from tf_adapters.suites.trials import Trials


def check(suite: Suite, trials: Trials) -> None:
  """Notes the checksums of a suite's data files beside its results.

  The names of runs do not hold them, so that results can be moved; without
  this, scores of the files as they were would stand for those of today.

  Raises:
    InputError: if a file is not there, or not what it was for earlier runs.
  """
  place = suite.output / "data.json"
  written = json_files.read(place) if place.exists() else {}
  known = {**written, **trials.noted()}
  found = {}
  for name, path in _named(suite).items():
    if not path.is_file():
      raise InputError(f"{suite.path}: {path}: there is no such data file.")
    found[name] = files.sha256(path)
    if known.get(name, found[name]) != found[name]:
      both = " and `storage` a new database" if suite.storage else ""
      raise InputError(
        f"{path}: it has changed since runs of {suite.path} used it; `output` "
        f"must be a new folder{both} for other data, got {suite.output}."
      )
  trials.note(found)
  if written != {**written, **found}:
    suite.output.mkdir(parents=True, exist_ok=True)
    files.write_file(place, json_files.encode({**written, **found}))


def _named(suite: Suite) -> dict[str, pathlib.Path]:
  """Paths by the names that the suite gives them."""
  return {
    {**cell.settings, **chosen}[key]: path
    for cell in suite.cells
    for chosen in cell.points
    for key, path in cell.files(chosen).items()
  }
