# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What the README says of serving is so: commands, names, a manifest."""

import argparse
import json
import pathlib
import re
import shlex

import pytest
import tensorflow as tf
import yaml

import tf_adapters
from tests import serving_stub
from tests import stores
from tf_adapters import __main__ as command_line
from tf_adapters.client import signatures as signatures_lib
from tf_adapters.serving import warmup
from tf_adapters.training.reporting import Silent

README = (pathlib.Path(__file__).parents[1] / "README.md").read_text("utf-8")
SERVE = README.partition("## Serve\n")[2].partition("\n## ")[0]


def blocks(language: str) -> list[str]:
  return re.findall(rf"```{language}\n(.*?)```", SERVE, re.DOTALL)


def commands(text: str, program: str) -> list[list[str]]:
  """The words of each indented command, lines that go on joined."""
  code = "\n".join(
    line[4:] for line in text.splitlines() if line.startswith("    ")
  )
  code = re.sub(r" +# .*$", "", code, flags=re.MULTILINE)
  code = re.sub(r"\\\n", " ", code)
  found = re.findall(
    rf"^{program} (?:[^'\n]|'[^']*')*", code, re.MULTILINE
  )
  return [shlex.split(line) for line in found]


@pytest.fixture(scope="module")
def root(tmp_path_factory, encoder_folder) -> pathlib.Path:
  """The README's folder: a store with its tasks, exported where it says."""
  folder = tmp_path_factory.mktemp("readme")
  encoder = tf_adapters.load_encoder(str(encoder_folder))
  store = stores.create(folder / "my_store", encoder)
  sms = {"type": "classification", "labels": ["ham", "spam"]}
  stores.add(store, encoder, "sms", sms)
  stores.add(store, encoder, "mood", stores.THREE)
  tf_adapters.export(
    str(folder / "my_store"), str(folder / "serving/my_model"),
    reporter=Silent(),
  )
  return folder


@pytest.fixture(scope="module")
def server(root):
  """The server's contract around the export."""
  model = tf.saved_model.load(str(root / "serving/my_model/1"))
  with serving_stub.running() as running:
    running.signatures = {
      name: served(function) for name, function in model.signatures.items()
      if set(function.structured_input_signature[1]) <= {
        "text", "text_b", "task"
      }
    }
    running.model = model  # the functions alone do not keep the variables
    yield running


def served(function) -> tuple:
  """A signature as the stub has it: what answers a row, inputs, outputs."""
  given = function.structured_input_signature[1]
  outputs = {
    name: list(spec.shape[1:]) for name, spec in
    function.structured_outputs.items()
  }
  inputs = signatures_lib.make("", given, {}).inputs

  def answer(*row):
    columns = {
      name: tf.constant([cell])
      for name, cell in zip(inputs, row, strict=True)
    }
    found = function(**columns)
    return {name: value.numpy().tolist()[0] for name, value in found.items()}

  return answer, inputs, outputs


@pytest.mark.parametrize(
  "words", commands(README, "tf-adapters"), ids=" ".join
)
def test_every_command_is_one(words):
  options = command_line._parse(words[1:])
  assert isinstance(options, argparse.Namespace)


def test_the_server_finds_the_export_and_its_own_files(
  root, monkeypatch, capsys
):
  monkeypatch.chdir(root)
  (write,) = [
    words for words in commands(SERVE, "tf-adapters")
    if words[1] == "serve-config"
  ]
  assert command_line.main(write[1:]) == 0
  (docker,) = commands(SERVE, "docker")
  assert "tensorflow/serving:2.20.0" in docker
  assert tf.__version__.startswith("2.20.")  # no older server takes it
  mounted = docker[docker.index("-v") + 1]
  here, _, there = mounted.partition(":")
  (option,) = [w for w in docker if w.startswith("--model_config_file=")]
  config = pathlib.Path(
    option.partition("=")[2].replace(there, here.replace("$PWD", "."), 1)
  ).read_text()
  assert f'base_path: "{there}/my_model"' in config
  (version,) = (root / "serving/my_model").glob("[0-9]*")
  for file in (warmup.BATCHING, warmup.REQUESTS):
    assert (version / file).is_file()
  comment = (version / warmup.BATCHING).read_text()
  flags = [word for word in docker if "batching" in word]
  assert flags and " ".join(flags) in comment


def test_curl_asks_what_the_export_answers(server):
  (curl,) = commands(SERVE, "curl")
  body = curl[curl.index("-d") + 1]
  asked = json.loads(body)
  found = serving_stub.respond(body.encode(), server.signatures)["outputs"]
  assert len(found["label"]) == len(asked["inputs"]["task"]) == 2
  assert set(found["label"]) <= {"ham", "spam", "a", "b", "c"}
  assert "" not in found["label"]  # which is of an unknown task
  assert curl[-1] == "http://localhost:8501/v1/models/my_model:predict"


def test_the_client_is_used_as_it_is(server, root):
  code, _ = blocks("python")
  (made,) = re.findall(r'Client\("localhost:8501", model="my_model"\)', code)
  code = code.replace(made, f'Client("{server.address}", timeout=60)')
  names = {"tf_adapters": tf_adapters}
  exec(code, names)  # noqa: S102
  client = names["client"]
  assert client.tasks() == ["mood", "sms"]
  texts = [("sms", "You have won a prize"), ("mood", "I am glad")]
  wanted = [
    tf_adapters.predict(str(root / "my_store"), task, [text])[0]
    for task, text in texts
  ]
  singles = [client.predict(task, [text])[0] for task, text in texts]
  for found in (client.predict_mixed(texts), singles):
    for answer, truth in zip(found, wanted, strict=True):
      assert answer["label"] == truth["label"]
      assert answer["score"] == pytest.approx(truth["score"], abs=1e-5)
      assert answer["probabilities"] == pytest.approx(
        list(truth["probabilities"].values()), abs=1e-5
      )


def test_hub_takes_the_export(root, monkeypatch):
  monkeypatch.chdir(root)
  code = blocks("python")[1]
  names = {}
  exec(code, names)  # noqa: S102
  found = names["found"]
  (truth,) = tf_adapters.predict("my_store", "sms", ["You have won a prize"])
  assert found.numpy()[0].tolist() == pytest.approx(
    list(truth["probabilities"].values()), abs=1e-5
  )


def test_the_manifest_is_of_the_same_server(root):
  (block,) = blocks("yaml")
  tree = yaml.safe_load(block)
  assert tree["apiVersion"] == "serving.kserve.io/v1beta1"
  assert tree["kind"] == "InferenceService"
  name = tree["metadata"]["name"]
  assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)  # RFC 1123
  model = tree["spec"]["predictor"]["model"]
  assert model["modelFormat"] == {"name": "tensorflow"}
  (docker,) = commands(SERVE, "docker")
  assert f"tensorflow/serving:{model['runtimeVersion']}" in docker
  assert set(model["args"]) == {word for word in docker if "batching" in word}
  assert model["storageUri"].startswith("pvc://")
  name = model["storageUri"].rpartition("/")[2]
  assert (root / "serving" / name / "1" / "saved_model.pb").is_file()
