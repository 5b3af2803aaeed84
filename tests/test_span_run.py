# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A span task through the whole path: train, evaluate, predict, export."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from official.nlp.tools import squad_evaluate_v1_1 as official_squad
from tensorflow.core.protobuf import saved_model_pb2

import tf_adapters
from tests import tiny
from tests.processes import serve
from tf_adapters.__main__ import main
from tf_adapters.spans import squad
from tf_adapters.training.reporting import Silent


@pytest.fixture(scope="module")
def folder(tmp_path_factory, encoder_folder):
  """A store with a span task and a classification."""
  folder = tmp_path_factory.mktemp("span")
  path = tiny.write_squad(folder)
  shared = {
    "encoder": str(encoder_folder),
    "store": str(folder / "store"),
    "adapter.size": 8,
    "train.batch_size": 8,
    "train.learning_rate": 1e-2,
  }
  result = tf_adapters.train(
    {
      **shared,
      "task.name": "qa",
      "task.type": "span",
      "data.train": path,
      "data.eval": path,
      "data.max_length": 24,
      "data.doc_stride": 8,
      "data.max_question_length": 6,
      "train.epochs": 30,
    },
    reporter=Silent(),
  )
  (folder / "metrics.json").write_text(json.dumps(result.metrics))
  train, _ = tiny.write_task(folder / "mood")
  tf_adapters.train(
    {
      **shared,
      "task.name": "mood",
      "data.train": train,
      "data.max_length": 24,
      "train.epochs": 1,
    },
    reporter=Silent(),
  )
  tf_adapters.export(str(folder / "store"), str(folder / "out"))
  return folder


@pytest.fixture(scope="module")
def task(folder):
  return tf_adapters.load_task(str(folder / "store"), "qa")


def read(folder) -> squad.Questions:
  return squad.read(str(folder / "squad.json"), key="data")


def test_it_learns_and_evaluate_gives_the_module_s_scores(folder, task):
  metrics = json.loads((folder / "metrics.json").read_text())
  assert metrics["f1"] > 0.5  # where a blind guess gets 0.14
  scores = task.evaluate(str(folder / "squad.json"))
  assert scores == {name: metrics[name] for name in ("f1", "exact_match")}


def test_scores_are_the_official_ones_of_what_predict_answers(folder, task):
  questions = read(folder)
  found = task.predict(questions.texts, questions.texts_b)
  answers = {
    name: answer["answer"]
    for name, answer in zip(questions.ids, found, strict=True)
  }
  tree = json.loads((folder / "squad.json").read_text())
  official = official_squad.evaluate(tree["data"], answers)
  ours = task.evaluate(str(folder / "squad.json"))
  assert ours["f1"] == official["final_f1"]
  assert ours["exact_match"] == official["exact_match"]


def test_places_are_those_of_the_answer_in_its_context(folder, task):
  questions = read(folder)
  contexts = [f"É\u0301中😀\n{text}" for text in questions.texts_b]
  for context, found in zip(
    contexts, task.predict(questions.texts, contexts), strict=True
  ):
    assert found["answer"] == context[found["start"] : found["end"]] != ""
    assert 0 < found["score"] <= 1


CURIOUS = {
  "question": ["the film", "", "the Book " * 99, "\x00\x07", "the song"],
  "context": [
    "", "é\u0301 👍🏽 中文", "it was fine " * 400, " \u3000", "\u0301"
  ],
}


def test_saved_model_answers_as_predict_does(folder, task):
  questions = read(folder)
  columns = {
    "question": questions.texts + CURIOUS["question"],
    "context": questions.texts_b + CURIOUS["context"],
  }
  served = serve(folder / "out/1", {"qa": columns})["qa"]
  ours = task.predict(*columns.values())
  assert set(served) == {"answer", "score", "start", "end"}
  for name in ("answer", "start", "end"):
    assert served[name] == [answer[name] for answer in ours]
  scores = [answer["score"] for answer in ours]
  np.testing.assert_allclose(served["score"], scores, atol=1e-5)
  for index in (-5, -2):  # contexts without a token
    assert ours[index] == {"answer": "", "score": 0, "start": -1, "end": -1}


def test_no_question_has_no_answer(folder, task):
  assert task.predict([], []) == []
  model = tf.saved_model.load(str(folder / "out/1"))
  none = tf.constant([], tf.string)
  found = model.signatures["qa"](question=none, context=none)
  assert {name: value.shape for name, value in found.items()} == {
    name: (0,) for name in ("answer", "score", "start", "end")
  }


def test_signature_is_what_a_server_expects(folder):
  model = tf.saved_model.load(str(folder / "out/1"))
  assert {"qa", "mood", "mixed"} <= set(model.signatures)
  inputs = model.signatures["qa"].structured_input_signature[1]
  assert inputs == {
    name: tf.TensorSpec([None], tf.string, name)
    for name in ("question", "context")
  }
  graph = (folder / "out/1/saved_model.pb").read_bytes()
  parsed = saved_model_pb2.SavedModel.FromString(graph).meta_graphs[0]
  ops = {node.op for node in parsed.graph_def.node}
  for function in parsed.graph_def.library.function:
    assert not function.attr["_XlaMustCompile"].b
    ops |= {node.op for node in function.node_def}
  assert "PyFunc" not in ops and "EagerPyFunc" not in ops


def test_predictions_of_a_file_are_what_the_official_script_takes(
  folder, task, tmp_path, capsys
):
  tree = json.loads((folder / "squad.json").read_text())
  for paragraph in tree["data"][0]["paragraphs"]:
    for question in paragraph["qas"]:
      del question["answers"]
  asked = tmp_path / "asked.json"
  asked.write_text(json.dumps(tree))
  output = tmp_path / "predictions.json"
  command = ["predict", "--store", str(folder / "store"), "--task", "qa"]
  command += ["--input", str(asked), "--output", str(output)]
  assert main(command) == 0
  lines = capsys.readouterr().out.splitlines()
  questions = read(folder)
  answers = json.loads(output.read_text(encoding="utf-8"))
  assert list(answers) == questions.ids
  found = task.predict(questions.texts, questions.texts_b)
  assert list(answers.values()) == [answer["answer"] for answer in found]
  assert len(lines) == len(questions)
  assert lines[0].split("\t")[0] == found[0]["answer"]


def test_a_question_on_the_command_line(folder, capsys):
  command = ["predict", "--json", "--store", str(folder / "store")]
  context = "it was the film good and it"
  assert main([*command, "--task", "qa", "the film", context]) == 0
  found = json.loads(capsys.readouterr().out)
  assert found["question"] == "the film" and found["context"] == context
  assert context[found["start"] : found["end"]] == found["answer"]


def test_shipped_configuration_trains(
  folder, encoder_folder, tmp_path, capsys
):
  squad = str(folder / "squad.json")
  command = ["train", "configs/squad.yaml", f"encoder={encoder_folder}"]
  command += [f"data.train={squad}", f"data.eval={squad}", "data.max_length=60"]
  command += ["data.max_question_length=8", "train.epochs=1", "--json"]
  assert main([*command, f"store={tmp_path}/store"]) == 0
  result = json.loads(capsys.readouterr().out)
  assert set(result["metrics"]) == {"f1", "exact_match", "loss"}


def test_a_killed_run_goes_on_to_the_same_bits(
  folder, encoder_folder, tmp_path
):
  settings = {
    "encoder": str(encoder_folder),
    "task.name": "qa",
    "task.type": "span",
    "data.train": str(folder / "squad.json"),
    "data.max_length": 24,
    "data.doc_stride": 8,
    "data.max_question_length": 6,
    "adapter.size": 4,
    "train.epochs": 2,
    "train.checkpoint_steps": 2,
  }

  class Killed(Silent):
    def step(self, loss, rate):
      self.steps = getattr(self, "steps", 0) + 1
      if self.steps == 3:
        raise KeyboardInterrupt

  stores = [str(tmp_path / name) for name in ("whole", "killed")]
  tf_adapters.train({**settings, "store": stores[0]}, reporter=Silent())
  with pytest.raises(KeyboardInterrupt):
    tf_adapters.train({**settings, "store": stores[1]}, reporter=Killed())
  tf_adapters.train({**settings, "store": stores[1]}, reporter=Silent())
  weights = [
    (pathlib.Path(store) / "tasks/qa/weights.safetensors").read_bytes()
    for store in stores
  ]
  assert weights[0] == weights[1]
