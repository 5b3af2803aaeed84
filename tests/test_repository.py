# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The wheel holds what it needs and nothing else; hooks are pinned."""

import email
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
import yaml

REPOSITORY = pathlib.Path(__file__).parent.parent
BUILT_FROM = ("setup.py", "pyproject.toml", "README.md", "LICENSE")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.egg-info")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> pathlib.Path:
  """Built as pip builds it, from a copy; other folders lie beside it."""
  folder = tmp_path_factory.mktemp("repository")
  for name in BUILT_FROM:
    shutil.copy(REPOSITORY / name, folder)
  for name in ("tf_adapters", "tests", "benchmarks", "configs"):
    shutil.copytree(REPOSITORY / name, folder / name, ignore=LEFT_OUT)
  code = (
    "import sys\n"
    "from setuptools import build_meta\n"
    "print(build_meta.build_wheel(sys.argv[1]))\n"
  )
  done = subprocess.run(
    [sys.executable, "-c", code, "dist"],
    capture_output=True,
    check=False,
    cwd=folder,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  return folder / "dist" / done.stdout.splitlines()[-1]


def test_the_wheel_holds_the_package_and_nothing_else(wheel):
  package = REPOSITORY / "tf_adapters"
  expected = {
    path.relative_to(REPOSITORY).as_posix()
    for path in package.rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
  }
  assert {"tf_adapters/tasks/glue.yaml", "tf_adapters/tasks/further.yaml",
          "tf_adapters/samples/helpdesk/train.tsv"} <= expected
  names = zipfile.ZipFile(wheel).namelist()
  about = {name for name in names if ".dist-info/" in name}
  assert set(names) - about == expected
  assert sorted(re.sub(r".*\.dist-info/", "", name) for name in about) == [
    "METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE",
    "top_level.txt",
  ]


def test_the_wheel_says_what_it_is(wheel):
  archive = zipfile.ZipFile(wheel)
  about = {name.rpartition("/")[2]: name for name in archive.namelist()}
  text = archive.read(about["METADATA"]).decode("utf-8")
  metadata = email.message_from_string(text)
  assert metadata["Name"] == "tf-adapters"
  assert metadata["License"] == "Apache-2.0"
  assert set(metadata["Requires-Python"].split(",")) == {">=3.10", "<3.13"}
  assert {"hub", "kaggle", "docs"} <= set(metadata.get_all("Provides-Extra"))
  assert metadata.get_payload().startswith("# tf_adapters")
  license_text = (REPOSITORY / "LICENSE").read_bytes()
  assert archive.read(about["LICENSE"]) == license_text
  assert b"Apache License" in license_text


def test_the_wheel_works_without_the_repository(wheel, tmp_path):
  """And without TensorFlow, which takes its time to load."""
  zipfile.ZipFile(wheel).extractall(tmp_path / "site")
  code = (
    "import pathlib, tf_adapters\n"
    "from tf_adapters.__main__ import main\n"
    "print(pathlib.Path(tf_adapters.__file__).parent)\n"
    "main(['plan', 'bert-base', '--strategy', 'head'])\n"
  )
  done = subprocess.run(
    [sys.executable, "-c", code],
    env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
    capture_output=True,
    check=False,
    cwd=tmp_path,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  where, first = done.stdout.splitlines()[:2]
  assert where == str(tmp_path / "site/tf_adapters")
  assert first.startswith("bert-base: 109,482,240 parameters")


def test_hooks_are_pinned_and_ruff_is_the_one_of_ci():
  text = (REPOSITORY / ".pre-commit-config.yaml").read_text("utf-8")
  hooks = [
    hook for repo in yaml.safe_load(text)["repos"] for hook in repo["hooks"]
  ]
  pins = [pin for hook in hooks for pin in hook["additional_dependencies"]]
  assert {hook["id"] for hook in hooks} == {"ruff", "nbstripout"}
  assert all(re.fullmatch(r"[a-z]+==[0-9.]+", pin) for pin in pins)
  lock = (REPOSITORY / ".ci/requirements.lock").read_text("utf-8")
  assert [pin for pin in pins if pin.startswith("ruff")] == re.findall(
    r"^ruff==\S+", lock, flags=re.MULTILINE
  )
