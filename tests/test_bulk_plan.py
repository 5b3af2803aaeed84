# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What bulk scoring decides, and refuses, before it starts."""

import copy
import json
import os
import pathlib
import shutil

import hypothesis
import pytest
from hypothesis import strategies as st

import tf_adapters
from tf_adapters import files
from tf_adapters.__main__ import main
from tf_adapters.bulk import answers
from tf_adapters.bulk import plan as plan_lib
from tf_adapters.bulk import run as run_lib

FEW = hypothesis.settings(
  max_examples=60,
  deadline=None,
  suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)


def make(made_export, *inputs, **changes) -> plan_lib.Plan:
  given = {
    "export": made_export, "task": "mood", "inputs": inputs, "output": "/out"
  }
  return plan_lib.make(tf_adapters.BulkJob(**{**given, **changes}))


def write(path: pathlib.Path, content: str = "text\tn\na\t1\nb\t2\n") -> str:
  path.write_text(content)
  return str(path)


def test_the_export_says_what_a_task_takes_and_gives(made_export):
  base = str(pathlib.Path(made_export).parent)
  for folder in (made_export, base):
    mood = answers.find(folder, "mood")
    assert mood.folder == made_export
    assert mood.inputs == ("text",)
    assert mood.outputs == ("label", "score", "probabilities")
    assert mood.labels == ("neg", "pos", 'süß, "so"')
  where = answers.find(made_export, "where")
  assert where.inputs == ("question", "context") and where.labels == ()
  assert where.outputs == ("answer", "score", "start", "end")
  assert where.sha256 == mood.sha256


@pytest.mark.parametrize("columns,names", [
  (("text",), ("label", "score", "probabilities")),
  (("text", "label"), ("mood_label", "mood_score", "mood_probabilities")),
  (
    ("text", "score", "mood_label"),
    ("mood_2_label", "mood_2_score", "mood_2_probabilities"),
  ),
])
@pytest.mark.parametrize("kind", ["tsv", "jsonl"])
def test_answers_never_take_the_place_of_a_column(
  made_export, tmp_path, columns, names, kind
):
  first = write(tmp_path / "a.tsv", "text\nx\n")
  row = {column: "x" for column in columns}
  content = "\t".join(columns) + "\n" + "\t".join(row.values()) + "\n"
  if kind == "jsonl":
    content = f'{{"text": "x"}}\n{json.dumps(row)}\n'
  second = write(tmp_path / f"b.{kind}", content)
  plan = make(made_export, first, second)
  assert tuple(plan.names.values()) == names


def test_parts_are_named_by_their_number(made_export, tmp_path):
  one = write(tmp_path / "a.tsv")
  two = write(tmp_path / "b.jsonl", '{"text": "x"}\n')
  plan = make(made_export, two, one, str(tmp_path / "*.tsv"), part_rows=1)
  assert [source.path for source in plan.sources] == [one, two]
  assert [plan.name(number) for number in range(3)] == [
    "part-00000-of-00003.tsv", "part-00001-of-00003.tsv",
    "part-00002-of-00003.jsonl",
  ]
  assert plan.rejected_name(2) == "_rejected/part-00002-of-00003.jsonl"
  assert plan.to_dict() == make(made_export, one, two, part_rows=1).to_dict()


@FEW
@hypothesis.given(
  st.text(st.characters() | st.characters(categories=["Cs"]), max_size=3)
)
@hypothesis.example("\ud83d")
def test_a_column_of_any_name_goes_into_the_plan(made_export, tmp_path, name):
  """JSON may escape half of a surrogate pair, which no UTF-8 can hold."""
  source = write(tmp_path / "a.jsonl", json.dumps({"text": "x", name: 1}))
  output = str(tmp_path / "out")
  plan = make(made_export, source)
  run_lib._begin(plan, output)
  run_lib._begin(plan, output)
  begun = json.loads((tmp_path / "out" / "_plan.json").read_text())
  assert begun == plan.to_dict()
  assert set(begun["sources"][0]["columns"]) == {"text", joined(name)}
  shutil.rmtree(output)


def joined(text: str) -> str:
  """Two halves of a surrogate pair side by side are one character in JSON."""
  return text.encode("utf-16", "surrogatepass").decode(
    "utf-16", "surrogatepass"
  )


def test_a_file_whose_name_is_no_utf8_goes_into_the_plan(made_export, tmp_path):
  source = write(tmp_path / os.fsdecode(b"caf\xe9.tsv"))
  plan = make(made_export, source)
  run_lib._begin(plan, str(tmp_path / "out"))
  run_lib._begin(plan, str(tmp_path / "out"))
  begun = json.loads((tmp_path / "out" / "_plan.json").read_text())
  assert pathlib.Path(begun["sources"][0]["path"]).read_text()


# --- What cannot be ----------------------------------------------------------


@pytest.mark.parametrize("changes,words", [
  ({"inputs": "a.tsv"}, "`inputs`"), ({"inputs": ()}, "`inputs`"),
  ({"inputs": ["none*.tsv"]}, "there is no file 'none*.tsv'"),
  ({"inputs": ["a.txt"]}, "a.txt"), ({"batch_size": 0}, "`batch_size`"),
  ({"part_rows": 1.5}, "`part_rows`"),
  ({"task": "gone"}, "'gone'; it has 'mood', 'same', 'stars', 'where'."),
  ({"export": "nowhere"}, "got 'nowhere', which has no version"),
  ({"export": "half"}, "half/7 has no saved_model.pb"),
  ({"export": "bare"}, "bare/assets.extra/tasks.json is missing or of another"),
  ({"columns": {"text": "no"}}, "a.tsv has no column `no`"),
  ({"columns": {"text_b": "n"}}, "the task 'mood' takes `text`"),
  ({"task": "same"}, "a.tsv has no column `text_b`"),
  ({"output": "."}, "a.tsv is in `--output`"),
])
def test_what_cannot_be_is_named(
  made_export, tmp_path, monkeypatch, changes, words
):
  monkeypatch.chdir(tmp_path)
  write(tmp_path / "a.tsv")
  write(tmp_path / "a.txt")
  (tmp_path / "half" / "7").mkdir(parents=True)
  (tmp_path / "bare").mkdir()
  write(tmp_path / "bare" / "saved_model.pb")
  with pytest.raises(tf_adapters.InputError) as raised:
    make(made_export, **{"inputs": ["a.tsv"], **changes})
  message = str(raised.value)
  assert words in message and message.endswith(".")


def test_a_label_that_tsv_cannot_hold(made_export, tmp_path):
  export = shutil.copytree(made_export, tmp_path / "1")
  path = export / "assets.extra" / "tasks.json"
  tree = json.loads(path.read_text())
  tree["tasks"]["mood"]["labels"][0] = "a\tb"
  path.write_text(json.dumps(tree))
  lines = write(tmp_path / "a.jsonl", '{"text": "x"}\n')
  assert make(str(export), lines).asked.labels[0] == "a\tb"
  with pytest.raises(tf_adapters.InputError, match="cannot stand in TSV"):
    make(str(export), write(tmp_path / "a.tsv"))


@pytest.mark.parametrize("change,words", [
  (lambda folder: {"task": "stars"}, "a run of the task 'mood'"),
  (lambda folder: {"batch_size": 5}, "`batch_size` 32, and not 5"),
  (lambda folder: {"part_rows": 5}, "`part_rows` 5000, and not 5"),
  (
    lambda folder: {"columns": {"text": "n"}},
    "`columns` {'text': 'text'}, and not {'text': 'n'}",
  ),
  (
    lambda folder: write(folder / "a.tsv", "text\tn\nx\t1\n") and {},
    "a.tsv as it was before it changed",
  ),
  (
    lambda folder: (
      write(folder / "b.tsv", "\ufefftext\tn\na\t1\nb\t2\n") and {}
    ),
    "b.tsv as it was before it changed",
  ),
  (lambda folder: write(folder / "c.tsv") and {}, "without the input"),
  (lambda folder: (folder / "b.tsv").unlink() or {}, "b.tsv too"),
  (lambda folder: other_export(folder), "of another model"),
])
def test_a_run_goes_on_only_as_it_was_begun(
  made_export, tmp_path, change, words
):
  write(tmp_path / "a.tsv")
  write(tmp_path / "b.tsv")
  export = shutil.copytree(made_export, tmp_path / "export" / "1")
  given = {
    "export": str(export), "task": "mood", "inputs": [f"{tmp_path}/*.tsv"],
    "output": "out",
  }
  begun = plan_lib.make(tf_adapters.BulkJob(**given)).to_dict()
  plan_lib.check_same(begun, make(made_export, *given["inputs"]), "out")
  given.update(change(tmp_path))
  now = plan_lib.make(tf_adapters.BulkJob(**given))
  with pytest.raises(tf_adapters.InputError) as raised:
    plan_lib.check_same(json.loads(json.dumps(begun)), now, "out")
  assert words in str(raised.value)


JSON = st.recursive(
  st.none() | st.booleans() | st.integers(-1, 6000) | st.text(max_size=3),
  lambda inner: st.lists(inner, max_size=2)
  | st.dictionaries(st.sampled_from(["path", "task"]), inner, max_size=2),
  max_leaves=4,
)


def places_of(tree) -> list:
  """Every (dictionary or list, key or number) in a tree."""
  if isinstance(tree, str | int | None):
    return []
  keys = tree if isinstance(tree, dict) else range(len(tree))
  return [
    place for key in keys for place in [(tree, key), *places_of(tree[key])]
  ]


@FEW
@hypothesis.given(given=st.data())
def test_a_plan_that_is_damaged_is_told_in_a_sentence(
  made_export, tmp_path, given
):
  plan = make(made_export, write(tmp_path / "a.tsv"))
  now = {"": copy.deepcopy(plan.to_dict())}
  holder, key = given.draw(st.sampled_from(places_of(now)), "place")
  hypothesis.assume(key != "folder")  # an export may have moved
  value = given.draw(JSON)
  hypothesis.assume(holder[key] != value)
  holder[key] = value
  with pytest.raises(tf_adapters.InputError) as raised:
    plan_lib.check_same(now[""], plan, "out")
  assert str(raised.value).startswith("`--output` out holds a run ")
  assert str(raised.value).endswith(" or give another folder.")


def other_export(folder: pathlib.Path) -> dict:
  """One byte of the weights is another."""
  (path,) = (folder / "export/1/variables").glob("*.data-*")
  content = bytearray(path.read_bytes())
  content[100] ^= 1
  path.write_bytes(content)
  return {}


def test_an_output_with_other_files_or_another_run(
  made_export, tmp_path, monkeypatch
):
  monkeypatch.setattr(run_lib, "_pipeline", lambda: None)
  source = write(tmp_path / "a.tsv")
  output = tmp_path / "out"
  output.mkdir()
  given = tf_adapters.BulkJob(made_export, "mood", [source], str(output))
  with files.lock(output / ".lock", wait=False):
    with pytest.raises(tf_adapters.InputError, match="another run is writing"):
      run_lib.predict_files(given)
  (output / "mine").write_text("x")
  with pytest.raises(tf_adapters.InputError, match=r"other files in it \(mine"):
    run_lib.predict_files(given)
  assert {path.name for path in output.iterdir()} == {"mine", ".lock"}
  file = tf_adapters.BulkJob(made_export, "mood", [source], source)
  with pytest.raises(tf_adapters.InputError, match="is no folder"):
    run_lib.predict_files(file)
  (output / "mine").unlink()
  for content in (b"{", b"\xff", b"[" * 100_000):
    (output / "_plan.json").write_bytes(content)
    with pytest.raises(tf_adapters.InputError, match="_plan.json: is damaged"):
      run_lib.predict_files(given)
  for content in ("[]", "{}", '{"asked": null}'):
    (output / "_plan.json").write_text(content)
    with pytest.raises(tf_adapters.InputError, match="_plan.json is damaged"):
      run_lib.predict_files(given)


def test_without_beam_it_says_what_to_install(monkeypatch, tmp_path):
  import sys

  monkeypatch.setitem(sys.modules, "apache_beam", None)
  monkeypatch.delitem(sys.modules, "tf_adapters.bulk.pipeline", raising=False)
  monkeypatch.delattr("tf_adapters.bulk.pipeline", raising=False)
  job = tf_adapters.BulkJob("x", "mood", ["a.tsv"], str(tmp_path / "out"))
  with pytest.raises(tf_adapters.InputError, match=r"tf-adapters\[beam\]"):
    tf_adapters.predict_files(job)
  assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words,part", [
  (["--input", "a.tsv"], "--output DIR"), (["--output", "out"], "--input"),
  (["--input", "a.tsv", "b.tsv", "--output", "out"], "got also 'b.tsv'"),
  (["--split", "test", "--output", "out"], "`--split` does not go with"),
  (["--labels", "x", "--output", "out"], "`--labels` does not go with"),
  (
    ["--input", "a.tsv", "--output", "out", "--column", "x"], "INPUT=NAME"
  ),
])
def test_options_that_do_not_go_together(capsys, words, part):
  assert main(["predict", "--export", "e", "--task", "t", *words]) == 2
  captured = capsys.readouterr()
  (line,) = captured.err.splitlines()
  assert part in line and line.endswith(".") and captured.out == ""


@pytest.mark.parametrize("words,part", [
  (["--runner", "x"], "`--runner` does not go with `--store`"),
  (["--batch-size", "3"], "`--batch-size` does not go with `--store`"),
  (["--input", "a", "--input", "b"], "give `--input` once"),
])
def test_options_of_an_export_are_of_no_store(capsys, words, part):
  assert main(["predict", "--store", "e", "--task", "t", *words]) == 2
  assert part in capsys.readouterr().err
