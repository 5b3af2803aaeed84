# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Reading SQuAD's JSON: what comes back, and each fault with its place."""

import copy
import json

import pytest

import tf_adapters
from tests import tiny
from tf_adapters import config
from tf_adapters import files
from tf_adapters.spans import squad

CONTEXT = "É 中😀 the film is good"


def tree(**question):
  first = {
    "id": "a",
    "question": "how?",
    "answers": [
      {"answer_start": 17, "text": "good"}, {"answer_start": 2, "text": "中😀"}
    ],
  }
  second = {**copy.deepcopy(first), "id": "b", **question}
  paragraphs = [{"context": CONTEXT, "qas": [first, second]}]
  return {"version": "1.1", "data": [{"paragraphs": paragraphs}]}


def write(folder, content, name="q.json"):
  path = folder / name
  if not isinstance(content, bytes):
    content = json.dumps(content).encode()
  path.write_bytes(content)
  return str(path)


def fails(path, **options) -> str:
  with pytest.raises(tf_adapters.InputError) as caught:
    squad.read(path, key="data.train", **options)
  assert len(str(caught.value).splitlines()) == 1
  return str(caught.value)


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_questions_come_back_in_their_order(tmp_path, bom):
  path = write(tmp_path, bom + json.dumps(tree()).encode())
  found = squad.read(path, key="data.train")
  assert found.ids == ["a", "b"]
  assert found.texts == ["how?", "how?"]
  assert found.texts_b == [CONTEXT, CONTEXT]
  for start, text in found.labels[1]:
    assert CONTEXT[start : start + len(text)] == text
  assert [text for _, text in found.labels[0]] == ["good", "中😀"]
  assert len(found) == 2
  assert found.checksum() == files.sha256(tmp_path / "q.json")


def test_questions_without_answers_can_be_asked(tmp_path):
  whole = tree()
  del whole["data"][0]["paragraphs"][0]["qas"][0]["answers"]
  found = squad.read(write(tmp_path, whole), key="--input", labelled=False)
  assert found.ids == ["a", "b"] and found.labels is None


@pytest.mark.parametrize(
  ("question", "named"),
  [
    ({"answers": [{"answer_start": 16, "text": "good"}]},
     ["answers[0]", '"good"', "character 16", "but at character 17"]),
    ({"answers": [{"answer_start": 0, "text": "bad"}]},
     ["answers[0]", "character 0", "nor anywhere else"]),
    ({"answers": [{"answer_start": -4, "text": "good"}]}, ["character -4"]),
    ({"answers": [{"answer_start": 99, "text": "good"}]}, ["character 99"]),
    ({"answers": [{"answer_start": 1, "text": " "}]}, ["answer is empty"]),
    ({"answers": [{"answer_start": True, "text": "good"}]},
     ["`answer_start`", "a whole number", "true"]),
    ({"answers": [{"answer_start": "17", "text": "good"}]},
     ["`answer_start`", '"17"']),
    ({"answers": [{"answer_start": 17}]}, ["lacks `text`", "`answer_start`"]),
    ({"answers": [{"text": "good"}]}, ["lacks `answer_start`"]),
    ({"answers": [5]}, ["answers[0]", "must be an object", "5"]),
    ({"answers": []}, ["qas[1]", "no answer"]),
    ({"answers": "good"}, ["`answers` must be a list", '"good"']),
    ({"id": "a"}, ["qas[1]", "'a'", "data[0].paragraphs[0].qas[0]"]),
    ({"id": 7}, ["`id` must be text", "7"]),
    ({"question": None}, ["`question` must be text", "null"]),
    ({"question": "\ud800"}, ["`question`", "surrogate"]),
  ],
)
def test_a_fault_of_a_question_is_named_with_its_place(
  tmp_path, question, named
):
  message = fails(write(tmp_path, tree(**question)))
  for part in [str(tmp_path), "data[0].paragraphs[0].qas[1]", *named]:
    assert part in message


@pytest.mark.parametrize("key", ["id", "question", "answers"])
def test_a_missing_key_of_a_question_is_named(tmp_path, key):
  whole = tree()
  del whole["data"][0]["paragraphs"][0]["qas"][1][key]
  message = fails(write(tmp_path, whole))
  assert f"data[0].paragraphs[0].qas[1]: lacks `{key}`" in message


@pytest.mark.parametrize(
  ("content", "named"),
  [
    ([], "must be an object; got []"),
    ({}, "lacks `data`, which SQuAD v1.1 has; it has nothing"),
    ({"data": {}}, "`data` must be a list; got {}"),
    ({"data": []}, "has no questions"),
    ({"data": [{"title": ""}]}, "data[0]: lacks `paragraphs`"),
    ({"data": [{"paragraphs": [{"qas": []}]}]},
     "data[0].paragraphs[0]: lacks `context`"),
    ({"data": [{"paragraphs": [{"context": ""}]}]},
     "data[0].paragraphs[0]: lacks `qas`"),
    (b"{\n 'data': []}", "double quotes: line 2 column 2"),
    (b'{\n"data": "\xff"}', "line 2: is not UTF-8 (byte 0xff)"),
    (b'{"data": [], "data": []}', "an object has `data` more than once"),
    (b"", "is not valid JSON: Expecting value: line 1 column 1"),
    (b'{"data": ' + 5000 * b"9" + b"}", "is not valid JSON"),
    (b"[" * 100_000, "is not valid JSON"),
  ],
)
def test_a_fault_of_the_file_is_named(tmp_path, content, named):
  message = fails(write(tmp_path, content))
  assert named in message and str(tmp_path) in message


def test_a_long_value_is_not_shown_whole(tmp_path):
  path = write(tmp_path, tree(answers=[{"answer_start": 0, "text": "x" * 999}]))
  assert len(fails(path)) < 300 + len(path)


def test_wrong_files_and_settings_are_named(tmp_path):
  assert "`data.train`" in fails(str(tmp_path / "none.json"))
  assert ".json file in the form of SQuAD" in fails("train.tsv")
  (tmp_path / "folder.json").mkdir()
  assert "is a folder" in fails(str(tmp_path / "folder.json"))
  path = write(tmp_path, tree())
  for name in ("text", "text_b", "label"):
    settings = config.DataConfig(**{name: "other"})
    assert f"`data.{name}`" in fails(path, config=settings)


def test_bad_data_and_settings_stop_a_run_before_it_writes(tmp_path):
  train = write(tmp_path, tree(id="a"))
  settings = {"task.name": "qa", "task.type": "span", "data.train": train}
  settings["store"] = str(tmp_path / "store")
  cases = [
    ({}, "'a'"),
    ({"data.max_length": 66}, "at least 68"),
    ({"data.doc_stride": 0}, "`data.doc_stride`"),
    ({"data.max_question_length": 0}, "`data.max_question_length`"),
    ({"task.n_best_size": 0}, "`task.n_best_size`"),
    ({"task.max_answer_length": 0}, "`task.max_answer_length`"),
    ({"head.input": "pooled_output"}, "`head.input`"),
    ({"data.train": write(tmp_path, tree(), "ok.json"),
      "task.metric": "accuracy"}, "f1, exact_match"),
  ]
  for change, named in cases:
    with pytest.raises(tf_adapters.InputError, match=named):
      tf_adapters.train({**settings, **change})
  assert not (tmp_path / "store").exists()


def test_the_tests_own_file_is_sound(tmp_path):
  found = squad.read(tiny.write_squad(tmp_path), key="data")
  assert len(found) == 24
