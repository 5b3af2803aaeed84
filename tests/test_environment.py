# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Importing says at once when TensorFlow's parts do not fit together."""

import importlib.metadata
import os
import platform
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

from tests.colab import setup_py
from tf_adapters import environment

INSTALLED = {
  "tensorflow": "2.20.0",
  "tf-keras": "2.20.1",
  "tensorflow-text": "2.20.1",
  "tf-models-official": "2.20.0",
}
REMEDY = " ".join(f"'{part}==2.20.*'" for part in INSTALLED)


def install(monkeypatch, versions):
  def version(name):
    if versions.get(name) is None:
      raise importlib.metadata.PackageNotFoundError(name)
    return versions[name]

  monkeypatch.setattr(importlib.metadata, "version", version)


def test_parts_of_one_minor_version_fit(monkeypatch):
  install(monkeypatch, INSTALLED)
  environment.check()


def test_tensorflow_for_tpus_goes_by_another_name(monkeypatch):
  versions = {**INSTALLED, "tensorflow": None, "tensorflow-tpu": "2.20.0"}
  install(monkeypatch, versions)
  environment.check()


@pytest.mark.parametrize("part", INSTALLED)
@pytest.mark.parametrize("version", ["2.19.0", None])
def test_another_version_is_refused_with_the_remedy(
  part, version, monkeypatch
):
  install(monkeypatch, {**INSTALLED, part: version})
  with pytest.raises(ImportError) as caught:
    environment.check()
  message = str(caught.value)
  assert f"{part} {version and '2.19'}" in message
  assert f"pip install {REMEDY}" in message


@pytest.mark.parametrize("version", ["2.19.0", "2.21.0"])
def test_all_parts_of_another_version_are_refused(version, monkeypatch):
  install(monkeypatch, dict.fromkeys(INSTALLED, version))
  with pytest.raises(ImportError) as caught:
    environment.check()
  assert f"pip install {REMEDY}" in str(caught.value)


def test_the_remedy_for_tpus_leaves_tensorflow_away(monkeypatch):
  versions = {**INSTALLED, "tensorflow": None, "tensorflow-tpu": "2.19.0"}
  install(monkeypatch, versions)
  with pytest.raises(ImportError) as caught:
    environment.check()
  assert "tensorflow-tpu 2.19" in str(caught.value)
  assert "'tensorflow-tpu==2.20.*'" in str(caught.value)
  assert "'tensorflow==" not in str(caught.value)


def test_the_version_is_that_of_setup_py():
  wanted = {Requirement(pin).name: pin for pin in setup_py()["TENSORFLOW"]}
  for part in INSTALLED:
    assert wanted[part].startswith(f"{part}>={environment._MINOR},")


@pytest.mark.parametrize("given,expected", [(None, "1"), ("0", "0")])
@pytest.mark.parametrize(
  "name", ["TF_USE_LEGACY_KERAS", "TF_ENABLE_ONEDNN_OPTS"]
)
def test_tensorflow_is_asked_for_this_unless_the_user_chose(
  name, given, expected
):
  if name == "TF_ENABLE_ONEDNN_OPTS" and platform.machine() != "x86_64":
    pytest.skip("oneDNN's kernels are asked for on x86 only")
  environment_of = {k: v for k, v in os.environ.items() if k != name}
  if given is not None:
    environment_of[name] = given
  done = subprocess.run(
    [
      sys.executable, "-c",
      f"import os, tf_adapters; print(os.environ.get({name!r}))",
    ],
    env=environment_of,
    stdout=subprocess.PIPE,
    text=True,
    check=True,
  )
  assert done.stdout.strip() == expected
