# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`predict --server` and `serve-config` as a user types them."""

import contextlib
import io
import json
import pathlib

import hypothesis
import pytest
from google.protobuf import descriptor_pb2
from google.protobuf import descriptor_pool
from google.protobuf import message_factory
from google.protobuf import text_format
from hypothesis import strategies as st

import tf_adapters
from tests import serving_stub
from tf_adapters.__main__ import main
from tf_adapters.serving import model_config


@pytest.fixture(scope="module")
def server():
  with serving_stub.running() as running:
    yield running


UTF_8 = st.characters(exclude_categories=["Cs"])


# --- predict --server --------------------------------------------------------


def predict(server, *arguments) -> int:
  return main(["predict", "--server", server.address, "--task", *arguments])


def test_lines_are_those_of_a_store(server, capsys):
  assert predict(server, "sms", "win a prize", "") == 0
  first, second = map(serving_stub.classify, (b"win a prize", b""))
  assert capsys.readouterr().out == (
    f"{first['label'].decode()}\t{first['score']:.4f}\twin a prize\n"
    f"{second['label'].decode()}\t{second['score']:.4f}\t\n"
  )
  assert predict(server, "stars", "five") == 0
  assert capsys.readouterr().out == "4.1000\tfive\n"
  assert predict(server, "qa", "who?", "she") == 0
  score = serving_stub.share(b"who?", b"she")
  assert capsys.readouterr().out == f"she\t{score:.4f}\twho?\tshe\n"


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(st.lists(
  st.text(st.sampled_from("ab \t\n\r\v\f\x1c\x85\u2028") | UTF_8), min_size=2,
  max_size=2,
))
@hypothesis.example(["a\nb\tc", "\r\n"])
def test_every_answer_is_one_line_of_its_fields(server, texts):
  """The fields have the words of the texts, and no end of a line."""
  output = io.StringIO()
  with contextlib.redirect_stdout(output):
    assert predict(server, "qa", "--", *texts) == 0
  (line,) = output.getvalue().splitlines()
  answer, _, question, context = line.split("\t")
  for field, text in [
    (answer, texts[1]), (question, texts[0]), (context, texts[1])
  ]:
    assert field.split() == text.split()


def test_json_and_names_of_probabilities(server, capsys, tmp_path):
  path = tmp_path / "tasks.json"
  path.write_text('{"tasks": {"pairs": {"labels": ["ham", "spam"]}}}')
  words = ["a", "b", "c", "d", "--json", "--labels", str(path)]
  assert predict(server, "pairs", *words) == 0
  rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
  assert [(row["text"], row["text_b"]) for row in rows] == [
    ("a", "b"), ("c", "d")
  ]
  for row, pair in zip(rows, [(b"a", b"b"), (b"c", b"d")], strict=True):
    found = serving_stub.classify(*pair)["probabilities"]
    assert row["probabilities"] == dict(
      zip(("ham", "spam"), found, strict=True)
    )


def test_files_are_read_by_what_the_task_takes(server, capsys, tmp_path):
  path = tmp_path / "texts.jsonl"
  path.write_text('{"text": "ü", "text_b": "v"}\n{"text": "w", "text_b": ""}\n')
  assert predict(server, "pairs", "--input", str(path), "--json") == 0
  rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
  assert [row["text"] + row["text_b"] for row in rows] == ["üv", "w"]
  assert predict(server, "stars", "--input", str(path)) == 0
  assert capsys.readouterr().out == "2.1000\tü\n1.1000\tw\n"
  path = tmp_path / "questions.json"
  question = {"id": "1", "question": "who?", "answers": []}
  paragraph = {"context": "she", "qas": [question]}
  path.write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}))
  assert predict(server, "qa", "--input", str(path), "--json") == 0
  (row,) = capsys.readouterr().out.splitlines()
  assert json.loads(row)["answer"] == "she"


@pytest.mark.parametrize("words,status,part", [
  (["sms"], 2, "--input"), (["sms", "a", "--input", "x.tsv"], 2, "--input"),
  (["sms", "a", "--split", "test"], 2, "`--split`"),
  (["sms", "a", "--glue", "x"], 2, "`--glue`"),
  (["sms", "a", "--tfds-dir", "x"], 2, "`--tfds-dir`"),
  (["sms", "--input", "nowhere.tsv"], 2, "nowhere.tsv"),
  (["pairs", "a"], 2, "pairs"), (["gone", "a"], 2, "'gone'"),
  (["sms", "a", "--model", "other"], 3, "Servable not found"),
  (["sms", "a", "--labels", "nowhere.json"], 2, "nowhere.json"),
  (["sms", "a\udce4"], 2, "texts[0]"),
])
def test_what_cannot_be_is_one_sentence(server, capsys, words, status, part):
  assert predict(server, *words) == status
  captured = capsys.readouterr()
  assert captured.out == ""
  (line,) = captured.err.splitlines()
  assert part in line and line.endswith(".")


def test_a_store_or_a_server(capsys, tmp_path):
  store = ["--store", str(tmp_path)]
  for words in ([], [*store, "--server", "localhost"]):
    with pytest.raises(SystemExit) as stopped:
      main(["predict", "--task", "x", "a", *words])
    assert stopped.value.code == 2
  assert main(["predict", "--task", "x", "a", *store, "--model", "m"]) == 2
  assert "`--model` does not go with `--store`" in capsys.readouterr().err


# --- serve-config ------------------------------------------------------------

# (name, number, type, repeated) of fields, from the server's published
# model_server_config.proto and file_system_storage_path_source.proto.
_KINDS = {
  "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
  "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
  "uint32": descriptor_pb2.FieldDescriptorProto.TYPE_UINT32,
}
_MESSAGES = {
  "Latest": [("num_versions", 1, "uint32", False)],
  "All": [],
  "Specific": [("versions", 1, "int64", True)],
  "Policy": [
    ("latest", 100, "Latest", False), ("all", 101, "All", False),
    ("specific", 102, "Specific", False),
  ],
  "Label": [("key", 1, "string", False), ("value", 2, "int64", False)],
  "Config": [
    ("name", 1, "string", False), ("base_path", 2, "string", False),
    ("model_platform", 4, "string", False),
    ("model_version_policy", 7, "Policy", False),
    ("version_labels", 8, "Label", True),
  ],
  "List": [("config", 1, "Config", True)],
  "Server": [("model_config_list", 1, "List", False)],
}


@pytest.fixture(scope="module")
def parse():
  """Parses the text by the server's messages."""
  try:
    from tensorflow_serving.config import model_server_config_pb2
  except ImportError:
    kind = _server_config()
  else:
    kind = model_server_config_pb2.ModelServerConfig
  return lambda text: text_format.Parse(text, kind()).model_config_list.config


def _server_config():
  file = descriptor_pb2.FileDescriptorProto(
    name="server.proto", package="t", syntax="proto3"
  )
  for message, fields in _MESSAGES.items():
    described = file.message_type.add(name=message)
    for name, number, kind, repeated in fields:
      field = described.field.add(
        name=name, number=number, label=3 if repeated else 1
      )
      if kind in _KINDS:
        field.type = _KINDS[kind]
      else:
        field.type, field.type_name = field.TYPE_MESSAGE, f".t.{kind}"
  pool = descriptor_pool.DescriptorPool()
  pool.Add(file)
  return message_factory.GetMessageClass(
    pool.FindMessageTypeByName("t.Server")
  )


def labels_of(config) -> dict[str, int]:
  """A map, or the entries that a map is on the wire."""
  labels = config.version_labels
  if hasattr(labels, "items"):
    return dict(labels.items())
  return {entry.key: entry.value for entry in labels}


def export(folder: pathlib.Path, *versions: str) -> pathlib.Path:
  for version in versions:
    (folder / version).mkdir(parents=True)
    (folder / version / "saved_model.pb").write_bytes(b"")
  return folder


def test_one_model_follows_its_newest_version(parse, capsys, tmp_path):
  folder = export(tmp_path / "a b", "1", "2")
  path = tmp_path / "conf" / "models.config"
  words = ["serve-config", "--output", str(path), f"my={folder}"]
  assert main(words) == 0
  assert capsys.readouterr().out == f"{path}\n"
  (config,) = parse(path.read_text())
  assert (config.name, config.base_path) == ("my", str(folder))
  assert config.model_platform == "tensorflow"
  assert config.model_version_policy.latest.num_versions == 1
  assert not config.version_labels
  assert [entry.name for entry in path.parent.iterdir()] == ["models.config"]


def test_labels_choose_versions(parse, capsys, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  export(tmp_path / "m", "1", "2", "10")
  export(tmp_path / "n", "1", "2")
  words = ["serve-config", "m=m", "--output", "c", "--label", "stable=1"]
  words += ["other=n", "--label", "m:canary=10", "--json", "--root", "/models"]
  assert main(words) == 0
  assert json.loads(capsys.readouterr().out) == {"path": "c"}
  first, second = parse(pathlib.Path("c").read_text())
  assert (first.name, first.base_path) == ("m", "/models/m")
  assert labels_of(first) == {"stable": 1, "canary": 10}
  assert list(first.model_version_policy.specific.versions) == [1, 10]
  assert (second.name, second.base_path) == ("other", "/models/n")
  assert labels_of(second) == {"stable": 1}
  assert list(second.model_version_policy.specific.versions) == [1]


def test_a_link_keeps_its_name_and_one_folder_may_have_two_models(
  parse, tmp_path
):
  export(tmp_path / "real", "1")
  link = tmp_path / "current"
  link.symlink_to("real")
  models = [model_config.ServedModel(n, str(link)) for n in ("a", "b")]
  first, second = parse(model_config.render(models, "/models"))
  assert first.base_path == second.base_path == "/models/current"
  (config,) = parse(model_config.render(models[:1]))
  assert config.base_path == str(link)


@pytest.mark.parametrize("words,part", [
  (["a=m", "b=x/m", "--root", "/r"], "m and x/m would both be /r/m"),
  ([], "at least one"), (["m"], "NAME=DIR"), (["=m"], "NAME=DIR"),
  (["m="], "NAME=DIR"), (["m=nowhere"], "no such folder"),
  (["m=empty"], "has no version"), (["m=half"], "has no version"),
  (["m=m", "m=m"], "one name"), (["a/b=m"], "`NAME`"),
  (["m=m", "--label", "stable=3"], "it has 1, 2"),
  (["m=m", "--label", "stable=x"], "must be a number"),
  (["m=m", "--label", "sta-ble=1"], "`--label`"),
  (["m=m", "--label", "stable"], "`--label`"),
  (["m=m", "--label", "n:stable=1"], "no model 'n'"),
  (["m=m", "--label", "a=1", "--label", "m:a=2"], "already"),
  (["m=m", "--root", "models"], "absolute"),
])
def test_what_cannot_be_writes_nothing(
  words, part, capsys, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  export(tmp_path / "m", "1", "2")
  export(tmp_path / "x" / "m", "1")
  (tmp_path / "empty").mkdir()
  (tmp_path / "half" / "1").mkdir(parents=True)  # without its saved_model.pb
  export(tmp_path / "half", ".version.new-x", "1a", "²")
  assert main(["serve-config", "--output", "out/c", *words]) == 2
  captured = capsys.readouterr()
  (line,) = captured.err.splitlines()
  assert part in line and line.endswith(".")
  assert captured.out == "" and not (tmp_path / "out").exists()


@hypothesis.settings(max_examples=50, deadline=None)
@hypothesis.given(
  st.text(
    st.characters(exclude_characters="\0/", exclude_categories=["Cs"]),
    min_size=1, max_size=20,
  ).filter(lambda name: name not in (".", ".."))
)
def test_any_path_survives_the_text(parse, tmp_path_factory, name):
  folder = export(tmp_path_factory.mktemp("any") / name, "1")
  model = model_config.ServedModel("m", str(folder))
  (config,) = parse(model_config.render([model]))
  assert config.base_path == str(folder)
  (config,) = parse(model_config.render([model], "/models"))
  assert config.base_path == f"/models/{name}"


def test_names_of_models_survive_the_text(parse, tmp_path):
  folder = export(tmp_path / "m", "1")
  model = model_config.ServedModel('a"b\\c\'d', str(folder))
  (config,) = parse(model_config.render([model]))
  assert config.name == 'a"b\\c\'d'


def test_the_old_file_stays_if_the_new_one_cannot_be(tmp_path):
  path = tmp_path / "c"
  path.write_text("old")
  model = model_config.ServedModel("m", str(export(tmp_path / "m", "1")))
  with pytest.raises(tf_adapters.InputError, match="two models"):
    model_config.write(str(path), [model, model])
  assert path.read_text() == "old"
