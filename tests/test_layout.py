# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The layout keeps its promises: imports point one way, names are public."""

import ast
import itertools
import pathlib
import subprocess
import sys

import pytest

import tf_adapters

PACKAGE = pathlib.Path(tf_adapters.__file__).parent

# A module may import from earlier rows, and within a row only where the row
# is one folder. The rows of a folder follow one another, so folders point one
# way too.
ROWS = (
  ("errors", "version", "environment", "reserved"),
  ("checks",),
  ("config", "files", "json_files", "writing"),
  ("validation", "conversion", "drawing", "metrics"),
  ("settings", "data", "fetching"),
  ("modeling.address", "modeling.pieces"),
  ("modeling.fused", "modeling.inputs", "modeling.methods", "modeling.parts"),
  ("modeling.layers", "modeling.garden", "modeling.compute", "modeling.copied"),
  ("modeling.block", "modeling.borrower", "modeling.strategies"),
  ("modeling.encoder",),
  ("modeling.model",),
  ("modeling.tuning",),
  ("tokens.text", "tokens.packing"),
  ("tokens.batching",),
  ("spans",),
  ("tasks",),
  ("store.task_module",),
  ("store.store",),
  ("store.modules",),
  ("checkpoints",),
  ("training.portions", "training.memory", "training.reporting"),
  ("training.distribution",),
  ("training.inference", "training.prefix_cache", "training.run_inputs"),
  ("training.optimizer", "training.gradients", "training.resuming"),
  ("training.trainer",),
  ("training.loop",),
  ("training.runs",),
  ("client", "scoring"),
  ("serving",),
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


def room(module: str) -> str:
  """The name in `ROWS` that a module of the package goes under."""
  parts = module.split(".")
  for end in range(len(parts), 0, -1):
    if ".".join(parts[:end]) in ROW_OF:
      return ".".join(parts[:end])
  raise AssertionError(f"no row has {module}")


def own_room(path: pathlib.Path) -> str:
  return room(".".join(path.relative_to(PACKAGE).with_suffix("").parts))


def imported_rooms(path: pathlib.Path) -> set[str]:
  rooms = set()
  for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
    if isinstance(node, ast.ImportFrom) and node.module:
      package, _, module = node.module.partition(".")
      if package == "tf_adapters":
        names = [f"{module}.{alias.name}" for alias in node.names]
        rooms |= {room(name.lstrip(".")) for name in names}
  return rooms


def opens(path: pathlib.Path) -> bool:
  """Whether a file is the docstring of a folder whose files have rows."""
  return path.name == "__init__.py" and path.parent.name not in ROW_OF


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports_point_one_way(path):
  if opens(path):
    assert not imported_rooms(path)
    return
  own = own_room(path)
  for other in imported_rooms(path):
    assert other == own or ROW_OF[other] < ROW_OF[own], (
      f"{own} must not import {other}"
    )


def test_the_rows_of_a_folder_follow_one_another():
  rows = [row for row in ROWS if any("." in name for name in row)]
  folders = [{name.split(".")[0] for name in row} for row in rows]
  assert all(len(names) == 1 for names in folders)
  order = [folder for folder, _ in itertools.groupby(map(min, folders))]
  assert len(order) == len(set(order))


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
