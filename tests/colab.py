# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The notebooks of `colab/`: read, and run by a Jupyter kernel."""

import ast
import base64
import json
import os
import pathlib
import sys

import nbformat
import pytest

from tf_adapters.checkpoints import minilm
from tf_adapters.errors import InputError

ROOT = pathlib.Path(__file__).parent.parent
NAMES = (
  "adapt_your_data", "many_tasks_one_encoder", "glue_on_tpu",
  "trade_off_and_ablation",
)
# Programs that notebooks call are beside the interpreter; CI need not have
# activated its environment.
SEARCH = os.pathsep.join(
  [str(pathlib.Path(sys.executable).parent), os.environ.get("PATH", "")]
)


def read(name: str) -> nbformat.NotebookNode:
  return nbformat.read(ROOT / "colab" / f"{name}.ipynb", as_version=4)


def label(cell) -> str:
  """Its first tag, by which it is known here; ids do not outlive Colab."""
  return next(iter(cell.metadata.get("tags", ())), "")


def source(name: str, cell: str) -> str:
  (found,) = [c.source for c in read(name).cells if label(c) == cell]
  return found


def setup_py() -> dict:
  return constants((ROOT / "setup.py").read_text(encoding="utf-8"))


def constants(code: str) -> dict:
  """The constants that Python code assigns at its top level."""
  found = {}
  for node in ast.parse(code).body:
    if isinstance(node, ast.Assign):
      try:
        found[node.targets[0].id] = ast.literal_eval(node.value)
      except ValueError:
        continue
  return found


def run(name: str, folder: pathlib.Path, asked: str, **environment):
  """Runs a notebook as it is, in a process of its own.

  Args:
    name: Of the notebook.
    folder: In which it runs, and leaves what it makes.
    asked: A Python expression, for whose value it is asked after its end.
    **environment: More of it.

  Returns:
    The cells by label, with their outputs, and the value.
  """
  nbclient = pytest.importorskip("nbclient")
  pytest.importorskip("ipykernel")
  try:
    minilm.find()
  except InputError as error:
    pytest.skip(str(error))
  found = read(name)
  after = f"import json\njson.dump({asked}, open('asked.json', 'w'))"
  found.cells.append(nbformat.v4.new_code_cell(after))
  client = nbclient.NotebookClient(
    found,
    kernel_name="python3",
    resources={"metadata": {"path": str(folder)}},
    timeout=600,
  )
  client.execute(env={
    **os.environ,
    "PATH": SEARCH,
    "PYTHONPATH": str(ROOT),  # for our stand-in of TensorFlow Serving
    "IPYTHONDIR": str(folder / "ipython"),
    "TF_ADAPTERS_SMALL": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    **environment,
  })
  value = json.loads((folder / "asked.json").read_text(encoding="utf-8"))
  return {label(cell): cell for cell in found.cells}, value


def text(cell) -> str:
  """What a cell has shown as text, tables and all."""
  parts = []
  for output in cell.outputs:
    parts.append(output.get("text", ""))
    parts.append(output.get("data", {}).get("text/plain", ""))
  return "\n".join(parts)


def pictures(cell) -> list[bytes]:
  """The PNG files that a cell has shown."""
  found = [output.get("data", {}).get("image/png") for output in cell.outputs]
  return [base64.b64decode(picture) for picture in found if picture]
