# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Encoders of the Hugging Face Hub and of Kaggle, by their own clients.

The clients are the real ones, in processes of their own, with the variables
of the environment that a user sets; they talk to tests/hub_server.py.
"""

import hashlib
import importlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

import tf_adapters
from tests import tiny
from tests.hub_server import HubServer
from tests.hub_server import KaggleServer
from tests.hub_server import read_folder
from tf_adapters.errors import InputError

REPO = "google-bert/bert-tiny"
ADDRESS = f"hf://{REPO}"
# Their pauses before another try are left out.
CODE = """
import json, sys, time
time.sleep = lambda seconds: None
from tf_adapters.errors import InputError
from tf_adapters.fetching.fetch import fetch
try:
  folder, source = fetch(sys.argv[1])
  print(json.dumps({"folder": str(folder), "source": source}))
except InputError as error:
  print(json.dumps({"error": str(error)}))
"""


def fetch(address: str, **variables) -> dict[str, str]:
  """What a process of its own gets; all of its stdout is that."""
  done = subprocess.run(
    [sys.executable, "-c", CODE, address],
    env={**os.environ, **variables},
    capture_output=True,
    check=False,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  answer = json.loads(done.stdout)
  if "error" in answer:
    assert len(answer["error"].splitlines()) == 1
  return answer


@pytest.fixture
def huggingface_hub():
  library = pytest.importorskip("huggingface_hub")
  importlib.import_module("huggingface_hub.constants")
  return library


@pytest.fixture
def hub(huggingface_hub, encoder_folder):
  with HubServer() as server:
    server.commit(REPO, {**read_folder(encoder_folder), "tf_model.h5": b"x"})
    yield server


@pytest.fixture
def environment(hub, tmp_path) -> dict[str, str]:
  return {
    "HF_ENDPOINT": hub.url,
    "HF_HOME": str(tmp_path / "hf"),
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "NO_PROXY": "127.0.0.1,localhost",
  }


def names(folder: str) -> list[str]:
  return sorted(path.name for path in pathlib.Path(folder).iterdir())


def test_what_is_needed_of_a_repository_is_fetched_and_no_more(
  hub, environment, encoder_folder
):
  answer = fetch(ADDRESS, **environment)
  commit = hub.branches[REPO, "main"]
  assert answer["source"] == f"{ADDRESS}@{commit}"
  files = ["config.json", "model.safetensors", "vocab.txt"]
  assert names(answer["folder"]) == files
  for name in files:
    content = (pathlib.Path(answer["folder"]) / name).read_bytes()
    assert content == (encoder_folder / name).read_bytes()
  assert not hub.fetched("tf_model.h5")
  assert len(hub.fetched()) == 3


@pytest.mark.parametrize("kind", ["branch", "commit"])
def test_the_tokenizers_settings_come_along(
  hub, environment, encoder_folder, kind
):
  files = {**read_folder(encoder_folder), "tokenizer_config.json": b"{}"}
  commit = hub.commit(REPO, files, branch="cased/1.0")
  revision = {"branch": "cased/1.0", "commit": commit}[kind]
  answer = fetch(f"{ADDRESS}@{revision}", **environment)
  assert answer["source"] == f"{ADDRESS}@{commit}"
  assert "tokenizer_config.json" in names(answer["folder"])


def test_a_pinned_encoder_needs_no_network_again(hub, environment):
  first = fetch(ADDRESS, **environment)
  asked = len(hub.log)
  assert fetch(first["source"], **environment) == first
  assert len(hub.log) == asked
  hub.stop()
  assert fetch(first["source"], **environment) == first
  assert fetch(first["source"], **environment, HF_HUB_OFFLINE="1") == first
  # The newest cannot be known; it is the newest that came.
  assert fetch(ADDRESS, **environment, HF_HUB_OFFLINE="1") == first


def test_a_branch_that_moved_is_fetched_anew_and_the_pin_stays(
  hub, environment, encoder_folder
):
  first = fetch(ADDRESS, **environment)
  hub.commit(REPO, {**read_folder(encoder_folder), "vocab.txt": b"other"})
  second = fetch(ADDRESS, **environment)
  assert second["source"] != first["source"]
  assert pathlib.Path(second["folder"], "vocab.txt").read_bytes() == b"other"
  assert fetch(first["source"], **environment) == first


def commit_large(hub, encoder_folder, size=12 << 20) -> tuple[str, bytes]:
  """Commits an encoder with long weights; returns where those will be."""
  weights = os.urandom(size)
  files = {**read_folder(encoder_folder), "model.safetensors": weights}
  hub.commit(REPO, files)
  return f"/large/{hashlib.sha256(weights).hexdigest()}", weights


def test_a_download_that_breaks_off_goes_on(hub, environment, encoder_folder):
  """huggingface_hub writes ten megabytes at a time."""
  place, weights = commit_large(hub, encoder_folder)
  hub.cuts[place] = [11 << 20]
  answer = fetch(ADDRESS, **environment)
  path = pathlib.Path(answer["folder"], "model.safetensors")
  assert path.read_bytes() == weights
  ranges = [asked for _, path, asked in hub.log if path == place]
  assert ranges == [None, f"bytes={10 << 20}-"]


def test_what_came_whole_is_not_fetched_again(hub, environment, encoder_folder):
  place, _ = commit_large(hub, encoder_folder, size=100)
  hub.cuts[place] = 9 * [0]  # which is more often than it is tried
  message = fetch(ADDRESS, **environment)["error"]
  assert ADDRESS in message and "broke off" in message
  hub.cuts.clear()
  hub.log.clear()
  assert "source" in fetch(ADDRESS, **environment)
  assert hub.fetched() == [place]


def test_a_pickle_is_refused_and_never_fetched(hub, environment):
  repo = "old/bert"
  hub.commit(repo, {
    "config.json": b"{}", "vocab.txt": b"", "pytorch_model.bin": b"pickle"
  })
  for _ in range(2):  # the cache knows by then what is not there
    message = fetch(f"hf://{repo}", **environment)["error"]
    assert "pytorch_model.bin" in message and "pickle" in message
    assert "model.safetensors" in message
  assert not hub.fetched("pytorch_model.bin")


@pytest.mark.parametrize(("address", "named"), [
  ("hf://nobody/none", ["hf://nobody/none", "not there", "hf auth login"]),
  (f"{ADDRESS}@v9", ["@v9", "no such branch, tag or commit"]),
  (f"{ADDRESS}@{40 * '0'}", ["no such branch, tag or commit"]),
  ("hf://a/b/c", ["hf://a/b/c", "repo"]),
  ("hf://", ["hf://OWNER/NAME", "'hf://'"]),
  (f"{ADDRESS}@../../x", ["hf://OWNER/NAME@REVISION", "../../x"]),
  (f"{ADDRESS}?x", ["hf://OWNER/NAME"]),
])
def test_what_the_hub_does_not_have_is_said(environment, address, named):
  message = fetch(address, **environment)["error"]
  for part in named:
    assert part in message


@pytest.mark.parametrize("missing", ["config.json", "vocab.txt"])
def test_a_repository_without_an_encoder_is_named(
  hub, environment, encoder_folder, missing
):
  files = read_folder(encoder_folder)
  del files[missing]
  hub.commit("o/n", files)
  message = fetch("hf://o/n", **environment)["error"]
  assert f"has no {missing}" in message


def test_without_a_network_and_a_cache_it_is_said(hub, environment):
  hub.stop()
  for more in ({}, {"HF_HUB_OFFLINE": "1"}):
    message = fetch(ADDRESS, **environment, **more)["error"]
    for part in (ADDRESS, environment["HF_HOME"], "cannot be reached"):
      assert part in message


@pytest.fixture
def cache(hub, huggingface_hub, monkeypatch, tmp_path) -> pathlib.Path:
  """In this process, as the environment would have it from the start."""
  constants = huggingface_hub.constants
  template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
  monkeypatch.setattr(constants, "ENDPOINT", hub.url)
  monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
  monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
  monkeypatch.setattr(time, "sleep", lambda seconds: None)
  return tmp_path / "cache"


def learn(folder, task, **changes) -> tf_adapters.Store:
  from tf_adapters.training.reporting import Silent  # imports TensorFlow

  train, _ = tiny.write_task(folder, rows=8)
  settings = {
    "task.name": task, "data.train": train, "data.max_length": 16,
    "encoder": ADDRESS, "store": str(folder / "store"), "adapter.size": 2,
    "train.epochs": 1, "train.batch_size": 8,
  }
  tf_adapters.train({**settings, **changes}, reporter=Silent())
  return tf_adapters.Store(folder / "store")


def test_a_store_with_a_copy_needs_neither_network_nor_cache(
  hub, cache, tmp_path
):
  """And the branch may move on: the same command means the store's."""
  pinned = f"{ADDRESS}@{hub.branches[REPO, 'main']}"
  store = learn(tmp_path, "one")
  before = store.encoder()
  assert before["source"] == pinned
  moved = tiny.write_encoder(tmp_path / "moved", seed=1)
  hub.commit(REPO, read_folder(moved))
  hub.log.clear()
  learn(tmp_path, "two")
  assert not hub.log
  with pytest.raises(InputError, match=f"another encoder .*{pinned}"):
    learn(tmp_path, "three", encoder=f"{ADDRESS}@main")
  hub.stop()
  shutil.rmtree(cache)
  answers = tf_adapters.predict(str(store.path), "two", ["a good film"])
  assert answers[0]["label"] in ("pos", "neg")
  assert store.encoder() == before
  assert store.tasks() == ["one", "two"]


def test_a_store_without_a_copy_needs_its_commit_in_the_cache(
  hub, cache, tmp_path
):
  pinned = f"{ADDRESS}@{hub.branches[REPO, 'main']}"
  store = learn(tmp_path, "one", copy_encoder=False)
  assert store.encoder_path() == store.encoder()["source"] == pinned
  moved = tiny.write_encoder(tmp_path / "moved", seed=1)
  hub.commit(REPO, read_folder(moved))
  hub.stop()
  answers = tf_adapters.predict(str(store.path), "one", ["a good film"])
  assert answers[0]["label"] in ("pos", "neg")
  shutil.rmtree(cache)
  with pytest.raises(InputError) as caught:
    tf_adapters.predict(str(store.path), "one", ["a good film"])
  message = str(caught.value)
  assert len(message.splitlines()) == 1
  for part in (pinned, str(cache), hub.url, "cannot be reached"):
    assert part in message


HANDLE = "tensorflow/bert/tensorFlow2/tiny"


@pytest.fixture
def kaggle(encoder_folder):
  pytest.importorskip("kagglehub")
  with KaggleServer(HANDLE) as server:
    server.versions.append(read_folder(encoder_folder))
    yield server


@pytest.fixture
def kaggle_environment(kaggle, tmp_path) -> dict[str, str]:
  """kagglehub can be told to ask http://localhost, and that by a proxy."""
  return {
    "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
    "http_proxy": kaggle.url,
    "no_proxy": "",
    "NO_PROXY": "",
    "KAGGLEHUB_CACHE": str(tmp_path / "kaggle"),
    "HOME": str(tmp_path),  # has no credentials
  }


def test_a_model_of_kaggle_is_fetched_and_pinned_by_its_version(
  kaggle, kaggle_environment, encoder_folder
):
  answer = fetch(f"kaggle://{HANDLE}", **kaggle_environment)
  assert answer["source"] == f"kaggle://{HANDLE}/1"
  assert read_folder(pathlib.Path(answer["folder"])) == read_folder(
    encoder_folder
  )
  kaggle.versions.append({"vocab.txt": b"other"})
  assert fetch(f"kaggle://{HANDLE}/1", **kaggle_environment) == answer
  newest = fetch(f"kaggle://{HANDLE}", **kaggle_environment)
  assert newest["source"] == f"kaggle://{HANDLE}/2"
  kaggle.stop()
  assert fetch(f"kaggle://{HANDLE}/1", **kaggle_environment) == answer
  message = fetch(f"kaggle://{HANDLE}", **kaggle_environment)["error"]
  assert HANDLE in message and "/VERSION" in message


def test_a_download_from_kaggle_goes_on_with_the_next_command(
  kaggle, kaggle_environment
):
  """kagglehub writes a megabyte at a time."""
  name, weights = "variables/variables.data-00000-of-00001", os.urandom(3 << 20)
  kaggle.versions.append({name: weights})
  kaggle.cuts[f"/files/2/{name}"] = [5 << 19]
  message = fetch(f"kaggle://{HANDLE}", **kaggle_environment)["error"]
  assert "goes on from there" in message
  answer = fetch(f"kaggle://{HANDLE}", **kaggle_environment)
  assert pathlib.Path(answer["folder"], name).read_bytes() == weights
  asked = [asked for _, path, asked in kaggle.log if path.endswith(name)]
  assert f"bytes={2 << 20}-" in asked


@pytest.mark.parametrize(("address", "named"), [
  (f"kaggle://{HANDLE}/7", [HANDLE, "404"]),
  ("kaggle://nobody/bert/tensorFlow2/tiny", ["nobody", "404"]),
  ("kaggle://nobody/bert", ["OWNER/MODEL/FRAMEWORK/VARIATION"]),
  ("kaggle://a/../b/c", ["OWNER/MODEL/FRAMEWORK/VARIATION"]),
  ("kaggle://tensorflow/bert/nothing/tiny", ["nothing"]),
])
def test_what_kaggle_does_not_have_is_said(kaggle_environment, address, named):
  message = fetch(address, **kaggle_environment)["error"]
  for part in named:
    assert part in message


@pytest.mark.parametrize(("address", "library", "extra"), [
  (ADDRESS, "huggingface_hub", "hub"),
  (f"kaggle://{HANDLE}", "kagglehub", "kaggle"),
])
def test_a_library_that_is_missing_says_what_to_install(
  monkeypatch, address, library, extra
):
  monkeypatch.setitem(sys.modules, library, None)
  with pytest.raises(InputError, match=f"pip install 'tf-adapters.{extra}.'"):
    tf_adapters.load_encoder(address)
