# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The demonstration and the shipped configurations work, made short."""

import json
import pathlib

import pytest

import tf_adapters
from tf_adapters import demo
from tf_adapters import settings
from tf_adapters.__main__ import main

# Those whose data comes with the package.
CONFIGS = [
  path
  for path in sorted(pathlib.Path("configs").glob("*.yaml"))
  if pathlib.Path(settings.load(str(path)).data.train).is_file()
]


@pytest.fixture(autouse=True)
def minilm():
  """Skips where the default encoder is not installed."""
  try:
    from tf_adapters.checkpoints import minilm

    minilm.find()
  except tf_adapters.InputError as error:
    pytest.skip(str(error))


@pytest.mark.minilm
def test_demo_shows_three_tasks_and_that_none_changed(tmp_path, capsys):
  demo.run(str(tmp_path / "demo"), epochs=1)
  shown = capsys.readouterr().out
  for task in demo.TASKS:
    assert task in shown
  assert shown.count("no, not by a bit") == 2
  assert "docker run" in shown
  places = tmp_path.glob("demo/serving/helpdesk/[0-9]*")
  versions = sorted(place.name for place in places)
  assert versions == ["1", "2"]
  with pytest.raises(tf_adapters.InputError, match="--output"):
    demo.run(str(tmp_path / "demo"))


@pytest.mark.minilm
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configuration_trains(path, tmp_path, capsys):
  config = settings.load(str(path))
  assert config.train.epochs >= 1
  arguments = ["train.epochs=1", f"store={tmp_path}/store", "--json"]
  assert main(["train", str(path), *arguments]) == 0
  result = json.loads(capsys.readouterr().out.splitlines()[-1])
  assert result["trainable_parameters"] / result["encoder_parameters"] <= 0.036
