# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The notebooks of `colab/` run whole: GLUE, and the studies."""

import numpy as np
import pytest

from tests.colab import ROOT
from tests.colab import pictures
from tests.colab import run
from tests.colab import text
from tf_adapters import settings as settings_lib


@pytest.fixture(scope="module")
def glue(tmp_path_factory) -> str:
  """A folder of TFDS with a small `glue/rte` of made-up pairs."""
  import tensorflow_datasets as tfds

  folder = tmp_path_factory.mktemp("tfds")
  labels = ["entailment", "not_entailment"]
  splits = {
    split: [
      (number, {
        "sentence1": f"Film {number} is {('bad', 'good')[number % 2]}.",
        "sentence2": "It is bad.",
        "label": -1 if split == "test" else number % 2,
        "idx": number,
      })
      for number in range(count)
    ]
    for split, count in (("train", 260), ("validation", 20), ("test", 6))
  }
  tfds.dataset_builders.store_as_tfds_dataset(
    name="glue",
    config="rte",
    version="2.0.0",
    features=tfds.features.FeaturesDict({
      "sentence1": tfds.features.Text(),
      "sentence2": tfds.features.Text(),
      "label": tfds.features.ClassLabel(names=labels),
      "idx": np.int32,
    }),
    split_datasets=splits,
    data_dir=str(folder),
    disable_shuffling=True,
  )
  return str(folder)


@pytest.mark.minilm
def test_a_task_of_glue_is_trained_scored_and_submitted(tmp_path, glue):
  cells, value = run("glue_on_tpu", tmp_path, """{
    "names": NAMES, "scale": SCALES, "accelerator": runtime.accelerator,
    "settings": {name: settings(name) for name in tables.all_tables()
                 if tables.get(name).collection == "glue"},
    "scores": scores.reset_index().to_dict("records"), "part": PART,
    "written": written, "module": STORE.describe("rte")}""",
    TFDS_DATA_DIR=glue, CUDA_VISIBLE_DEVICES="")
  assert (value["accelerator"], value["names"]) == ("CPU", ["rte"])
  _check_settings_of_glue(value)
  module = value["module"]
  assert module["data"]["train"]["examples"] == 256  # of 260
  (row,) = value["scores"]
  accuracy = module["metrics"]["accuracy"]
  assert row["dev, %"] == pytest.approx(100 * accuracy)
  assert row["paper, BERT-large, test, %"] == 68.8  # Table 1, size 64
  assert len(pictures(cells["curves"])) == 1
  lines = (tmp_path / value["written"][0]).read_text().splitlines()
  assert lines[0] == "index\tprediction"
  found = [line.split("\t") for line in lines[1:]]
  assert [index for index, _ in found] == [str(n) for n in range(6)]
  assert {answer for _, answer in found} <= {"entailment", "not_entailment"}


def _check_settings_of_glue(value) -> None:
  """They are those of the shipped files, but for what the device scales."""
  for name, found in value["settings"].items():
    path = ROOT / "configs" / "glue" / f"{name}.yaml"
    shipped = settings_lib.to_dict(settings_lib.load(str(path)))
    mine = settings_lib.to_dict(settings_lib.from_dict(found))
    mine["data"]["tfds_train"] = mine["data"]["tfds_train"].removesuffix(
      value["part"]
    )
    for key in value["scale"][value["accelerator"]]:
      room, leaf = key.split(".")
      mine[room][leaf] = shipped[room][leaf]
    mine["encoder"], mine["store"] = shipped["encoder"], shipped["store"]
    assert mine == shipped, name


@pytest.mark.minilm
def test_studies_are_run_and_shown_and_sliders_move(tmp_path):
  cells, value = run("trade_off_and_ablation", tmp_path, """{
    "first": shown_table.value, "first_picture": hash(shown_picture.value),
    "moved": [setattr(size, "value", 8), setattr(tasks, "value", 3),
              setattr(placement, "value", "pfeiffer")],
    "then": shown_table.value, "then_picture": hash(shown_picture.value),
    "widgets": [type(row).__name__ for row in rows],
    "results": {name: json.load(open(WORK / "studies" / name / "results.json"))
                for name in ("trade-off", "ablation")}}""")
  # README's numbers, of houlsby 64 and ten tasks.
  plan = text(cells["plan"])
  for shown in (plan, value["first"]):
    for number in ("2,419,202", "2.21%", "108,893,186", "534.9"):
      assert number in shown
  assert len(pictures(cells["plan"])) == 1
  # One bottleneck of size 8 in each of 12 blocks of width 768, and a head.
  own = 12 * (2 * 768 * 8 + 768 + 8) + 2 * 768 + 2
  assert f"{own:,}" in value["then"] and "3 tasks" in value["then"]
  assert value["then_picture"] != value["first_picture"]
  found = value["results"]["trade-off"]["points"]
  points = {(point["series"], point["value"]): point for point in found}
  assert set(points) == {
    ("full", None), ("adapter", 8), ("top_k", 1), ("layer_norm", None)
  }
  for point in points.values():
    assert not point["failed"] and len(point["runs"]) == 1
    assert 0 <= point["runs"][0]["score"] <= 100
  # Two bottlenecks a block, 13 LayerNorms, a head of five labels.
  adapters = 2 * 6 * (2 * 384 * 8 + 384 + 8) + 13 * 2 * 384 + 5 * 384 + 5
  assert points["adapter", 8]["trained"] == adapters
  assert points["layer_norm", None]["trained"] == 13 * 2 * 384 + 5 * 384 + 5
  (ablated,) = value["results"]["ablation"]["points"]
  spans = ablated["runs"][0]["inspected"]["spans"]
  for first, row in enumerate(spans):
    assert [score is None for score in row] == [
      last < first for last in range(6)
    ]
  for cell, count in (("trade-off", 1), ("ablation", 2)):
    assert len(pictures(cells[cell])) == count
  page = (tmp_path / "trade_off" / "studies" / "report.html").read_text()
  assert page.count("data:image/png") == 3
