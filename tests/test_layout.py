# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The layout keeps its promises: imports point one way, names are public."""

import ast
import pathlib
import subprocess
import sys

import pytest

import tf_adapters

PACKAGE = pathlib.Path(tf_adapters.__file__).parent

# A module may import from earlier rows, and within a row only where the row
# is one folder.
ROWS = (
  ("errors", "version", "environment", "reserved"),
  ("checks",),
  ("config", "files", "json_files", "memory", "writing"),
  ("validation", "fused", "inputs", "portions", "address", "pieces"),
  ("drawing",),
  ("task_module", "packing", "fetching"),
  ("settings", "parts", "text", "data", "metrics", "store"),
  ("layers", "methods", "garden", "compute", "client"),
  ("copied",),
  ("block", "strategies"),
  ("encoder",),
  ("model",),
  ("tuning", "batching", "distribution"),
  ("spans",),
  ("tasks",),
  ("checkpoints", "inference", "reporting", "modules", "prefix_cache"),
  ("optimizer", "run_inputs", "gradients"),
  ("trainer",),
  ("training",),
  ("runs", "scoring", "serving"),
  ("baseline", "demo", "submission", "suites", "planning", "bulk"),
  ("studies",),
  ("curves", "notebook"),
  ("command_line",),
  ("__main__",),
)
ROW_OF = {name: row for row, names in enumerate(ROWS) for name in names}
FILES = [
  path
  for path in sorted(PACKAGE.rglob("*.py"))
  if path != PACKAGE / "__init__.py"
]


def room(path: pathlib.Path) -> str:
  return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(path: pathlib.Path) -> set[str]:
  rooms = set()
  for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
    if isinstance(node, ast.ImportFrom) and node.module:
      parts = node.module.split(".")
      if parts == ["tf_adapters"]:
        rooms |= {alias.name for alias in node.names}
      elif parts[0] == "tf_adapters":
        rooms.add(parts[1])
  return rooms


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports_point_one_way(path):
  own = room(path)
  for other in imported_rooms(path):
    assert other == own or ROW_OF[other] < ROW_OF[own], (
      f"{own} must not import {other}"
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_fit_on_a_few_screens(path):
  assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_public_names_resolve_and_are_documented():
  for name in tf_adapters.__all__:
    value = getattr(tf_adapters, name)
    assert name == "__version__" or value.__doc__, name
  assert set(dir(tf_adapters)) == set(tf_adapters.__all__)


def test_unknown_public_name_is_an_attribute_error():
  with pytest.raises(AttributeError, match="no_such_name"):
    _ = tf_adapters.no_such_name


@pytest.mark.parametrize(
  "arguments", [["--help"], ["list", "--store", "."], ["plan", "minilm"]]
)
def test_quick_commands_do_not_load_tensorflow(arguments):
  code = (
    "import sys\n"
    "from tf_adapters.__main__ import main\n"
    "try:\n"
    f"  main({arguments!r})\n"
    "except SystemExit:\n"
    "  pass\n"
    "sys.exit('tensorflow' in sys.modules)\n"
  )
  done = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, check=False
  )
  assert done.returncode == 0, done.stderr.decode()
