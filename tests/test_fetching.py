# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Archives by URL: fetched, continued, checked and unpacked; what is refused.

The server is tests/file_server.py; that of the Hub and of Kaggle is asked in
tests/test_hubs.py.
"""

import gzip
import hashlib
import io
import os
import pathlib
import posixpath
import shutil
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import tf_adapters
from tests import tiny
from tests.file_server import Answer
from tests.file_server import FileServer
from tf_adapters.errors import InputError
from tf_adapters.fetching import download
from tf_adapters.fetching import source
from tf_adapters.fetching import unpack
from tf_adapters.fetching.fetch import fetch

PATH = "/nlp/bert.tar.gz"


@pytest.fixture
def server():
  with FileServer() as server:
    yield server


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> pathlib.Path:
  folder = tmp_path / "cache"
  monkeypatch.setenv("TF_ADAPTERS_CACHE", str(folder))
  monkeypatch.setenv("no_proxy", "127.0.0.1")
  return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> bytes:
  folder = tmp_path_factory.mktemp("archive")
  tiny.write_encoder(folder / "uncased_tiny")
  (folder / "uncased_tiny/pytorch_model.bin").write_bytes(b"pickle")
  stream = io.BytesIO()
  with tarfile.open(fileobj=stream, mode="w:gz") as tar:
    tar.add(folder, ".")
  return stream.getvalue()


def entry(name, content=b"", kind=tarfile.REGTYPE, **fields) -> tarfile.TarInfo:
  info = tarfile.TarInfo(name)
  info.size, info.type = len(content), kind
  for key, value in fields.items():
    setattr(info, key, value)
  return info


def tar_gz(*entries) -> bytes:
  stream = io.BytesIO()
  with tarfile.open(fileobj=stream, mode="w:gz") as tar:
    for info, content in entries:
      tar.addfile(info, io.BytesIO(content))
  return stream.getvalue()


def address(server, content: bytes, path: str = PATH) -> str:
  server.contents[path] = content
  return f"{server.url}{path}#sha256={hashlib.sha256(content).hexdigest()}"


def fails(function, *arguments) -> str:
  with pytest.raises(InputError) as caught:
    function(*arguments)
  assert len(str(caught.value).splitlines()) == 1
  return str(caught.value)


def test_an_encoder_by_url_is_the_one_in_the_folder(
  server, archive, encoder, cache
):
  where = address(server, archive)
  fetched = tf_adapters.load_encoder(where)
  assert fetched.pretrained.fingerprint == encoder.pretrained.fingerprint
  assert fetched.pretrained.source == where
  for one, other in zip(
    fetched.get_weights(), encoder.get_weights(), strict=True
  ):
    np.testing.assert_array_equal(one, other)
  kept = {path.name for path in cache.rglob("*") if path.is_file()}
  assert {"config.json", "vocab.txt", "model.safetensors"} <= kept
  assert "pytorch_model.bin" not in kept
  assert not [name for name in kept if name.endswith(".part")]


def test_what_is_in_the_cache_needs_no_server(server, archive):
  where = address(server, archive)
  first = fetch(where)
  server.stop()
  assert fetch(where) == first
  assert len(server.log) == 1


def test_a_checksum_may_be_written_in_capitals(server, archive):
  where = address(server, archive)
  url, _, checksum = where.rpartition("=")
  capitals = fetch(f"{url}={checksum.upper()}")
  assert capitals.folder == fetch(where).folder
  assert len(server.log) == 1


def test_a_cache_that_lost_a_configuration_says_so(server, archive, cache):
  """And what to do, which works; the archive is not blamed."""
  where = address(server, archive)
  place = cache / "archives" / where.rpartition("=")[2]
  (fetch(where).folder / "config.json").unlink()
  message = fails(fetch, where)
  assert str(place) in message and "remove" in message
  shutil.rmtree(place)
  assert (fetch(where).folder / "config.json").exists()


@pytest.mark.parametrize("ranges", [True, False])
def test_a_connection_that_breaks_goes_on(
  server, archive, monkeypatch, ranges
):
  """With ranges every byte comes once, without them all begins again."""
  monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
  server.ranges = ranges
  server.cuts[PATH] = [1000, 500]
  fetch(address(server, archive))
  asked = [asked for _, _, asked in server.log]
  second = "bytes=1500-" if ranges else "bytes=500-"
  assert asked == [None, "bytes=1000-", second]


def test_another_process_goes_on_where_one_gave_up(server, archive, cache):
  where = address(server, archive)
  checksum = where.rpartition("=")[2]
  part = cache / "archives" / f".{checksum}.part"
  part.parent.mkdir(parents=True)
  part.write_bytes(archive[:700])
  folder = fetch(where).folder
  assert server.log == [("GET", PATH, "bytes=700-")]
  assert (folder / "vocab.txt").read_text("utf-8").split("\n")[0] == "[PAD]"


def test_all_that_is_there_already_is_not_asked_for_again(
  server, archive, tmp_path
):
  part = tmp_path / "part"
  part.write_bytes(archive)
  server.contents[PATH] = archive
  download.download(server.url + PATH, part, pause=0)
  assert part.read_bytes() == archive
  assert server.log == [("GET", PATH, f"bytes={len(archive)}-")]


def test_a_server_that_only_breaks_off_is_given_up(server, archive, tmp_path):
  server.contents[PATH] = archive
  server.cuts[PATH] = [9, 0, 0, 0, 99]
  message = fails(download.download, server.url + PATH, tmp_path / "part", 0)
  assert server.url in message and "goes on from there" in message
  assert (tmp_path / "part").read_bytes() == archive[:9]
  assert len(server.log) == 4


def test_a_wrong_checksum_is_refused_and_leaves_nothing(
  server, archive, cache
):
  right = hashlib.sha256(archive).hexdigest()
  where = f"{server.url}{PATH}#sha256={64 * 'a'}"
  server.contents[PATH] = archive
  message = fails(fetch, where)
  assert right in message and 64 * "a" in message
  assert not [path for path in cache.rglob("*") if path.stat().st_size > 4096]
  fetch(address(server, archive))  # and does not stand in the way


@pytest.mark.parametrize("given", [
  "https://h/a.tar.gz", "https://h/a.tar.gz#sha256=12", "https://#sha256=",
  f"https://h/a.tar.gz#md5={32 * '0'}", f"http://#sha256={64 * '0'}",
])
def test_an_archive_needs_its_checksum(given):
  message = fails(fetch, given)
  assert repr(given) in message and "#sha256=" in message


@pytest.mark.parametrize("given", ["ftp://h/a", "file:///etc", "gs://b/a", "://"])
def test_other_addresses_are_refused(given):
  message = fails(fetch, given)
  assert repr(given) in message and "hf://, kaggle://, https://" in message


@pytest.mark.parametrize(("path", "asked"), [
  ("/é.tar.gz", "/%C3%A9.tar.gz"),
  ("/a b.tar.gz", "/a%20b.tar.gz"),
  ("/a%20b%2Fé.tar.gz", "/a%20b%2F%C3%A9.tar.gz"),
  ("/(v1.0)+~x;y=1,2@3:4!$&'*.tar.gz", "/(v1.0)+~x;y=1,2@3:4!$&'*.tar.gz"),
])
def test_a_path_is_asked_for_as_urls_have_it(server, archive, path, asked):
  """In UTF-8, percent-encoded once (RFC 3987, section 3.1)."""
  server.contents[asked] = archive
  where = f"{server.url}{path}#sha256={hashlib.sha256(archive).hexdigest()}"
  assert fetch(where).source == where
  assert server.log == [("GET", asked, None)]


NO_ADDRESSES = [
  "http://[bad/x.tar.gz", "http://a..b/x", f"http://{64 * 'a'}.b/x",
  "http://localhost:1\n/x", "http://localhost:x/a.tar.gz",
  f"http://localhost:{30 * '9'}/x", "http://例.b/x",
]


@pytest.mark.parametrize("given", NO_ADDRESSES)
def test_what_is_no_address_is_refused(given):
  message = fails(fetch, f"{given}#sha256={64 * '0'}")
  assert repr(given) in message and "https://HOST/NAME.tar.gz" in message


@pytest.mark.parametrize("given", [
  *NO_ADDRESSES[:3], "file:///etc/passwd", "/loop.tar.gz",
])
def test_an_answer_that_leads_nowhere_is_refused(server, monkeypatch, given):
  answer = Answer(302, headers={"Location": given})
  monkeypatch.setattr(server, "answer", lambda *request: answer)
  where = f"{server.url}/loop.tar.gz"
  assert where in fails(fetch, f"{where}#sha256={64 * '0'}")


def test_what_is_not_there_is_said_at_once(server):
  message = fails(fetch, f"{server.url}/no.tar.gz#sha256={64 * '0'}")
  assert "404" in message and server.url in message
  assert len(server.log) == 1


def test_a_server_that_is_gone_is_said(server, monkeypatch):
  monkeypatch.setattr(download.time, "sleep", lambda seconds: None)
  server.stop()
  message = fails(fetch, f"{server.url}/a.tar.gz#sha256={64 * '0'}")
  assert "not in the cache" in message and server.url in message


def test_the_bar_shows_the_name_as_it_is(server, tmp_path, capsys):
  server.contents["/[/b][raw].bin"] = b"x"
  download.download(f"{server.url}/[/b][raw].bin", tmp_path / "part", 0)
  assert "fetching b][raw].bin" in capsys.readouterr().err


@pytest.mark.parametrize("length", ["12, 12", "x", "", "-5", "²", 5000 * "9"])
def test_a_length_that_is_no_number_is_an_unknown_one(
  server, archive, monkeypatch, length
):
  answer = Answer(body=archive, headers={"Content-Length": length})
  monkeypatch.setattr(server, "answer", lambda *request: answer)
  fetch(f"{server.url}{PATH}#sha256={hashlib.sha256(archive).hexdigest()}")
  assert len(server.log) == 1


def test_too_much_is_not_fetched(server, monkeypatch, tmp_path):
  monkeypatch.setattr(download, "LARGEST", 1000)
  server.contents[PATH] = bytes(1001)
  message = fails(download.download, server.url + PATH, tmp_path / "part", 0)
  assert "1,000 bytes" in message
  assert not (tmp_path / "part").exists()


LINK = {"kind": tarfile.SYMTYPE, "linkname": "/etc/passwd"}


@pytest.mark.parametrize(("entries", "named"), [
  ([entry("../vocab.txt", b"x")], ["'../vocab.txt'", "outside"]),
  ([entry("a/../../vocab.txt", b"x")], ["outside"]),
  ([entry("/tmp/vocab.txt", b"x")], ["'/tmp/vocab.txt'", "outside"]),
  ([entry("../unwanted", b"x")], ["outside"]),
  ([entry("vocab.txt", **LINK)], ["'vocab.txt'", "neither"]),
  ([entry("a", **LINK), entry("a/vocab.txt", b"x")], ["'a'", "neither"]),
  (
    [entry("vocab.txt", kind=tarfile.LNKTYPE, linkname="../x")], ["neither"]
  ),
  ([entry("vocab.txt", kind=tarfile.FIFOTYPE)], ["neither"]),
  ([entry("vocab.txt", kind=tarfile.CHRTYPE)], ["neither"]),
  ([entry("vocab.txt", b"x"), entry("./vocab.txt", b"y")], ["twice"]),
  (
    [entry("vocab.txt", b"x", pax_headers={
      "GNU.sparse.major": "0", "GNU.sparse.minor": "1",
      "GNU.sparse.map": "0,1", "GNU.sparse.size": "99999999999",
    })],
    ["neither"],
  ),
])
def test_an_archive_that_leaves_its_folder_is_refused(
  server, cache, tmp_path, entries, named
):
  content = tar_gz(*((info, b"x" * info.size) for info in entries))
  before = set(tmp_path.iterdir())
  message = fails(fetch, address(server, content))
  for part in [*named, server.url]:
    assert part in message
  assert set(tmp_path.iterdir()) - before <= {cache}
  assert not list(cache.rglob("vocab.txt"))


@pytest.mark.parametrize(("content", "named"), [
  (b"", "no whole tar.gz"),
  (b"<html>", "no whole tar.gz"),
  (gzip.compress(b"x" * 2000), "no whole tar.gz"),
  (tar_gz((entry("a/vocab.txt", b"x"), b"x"))[:40], "no whole tar.gz"),
  (tar_gz((entry("a/vocab.txt", b"x"), b"x")), "it has 0"),
  (tar_gz((entry("config.json/vocab.txt", b"x"), b"x")), "it has 0"),
  (
    tar_gz(
      (entry("a/config.json", b"{}"), b"{}"),
      (entry("b/bert_config.json", b"{}"), b"{}"),
    ),
    "it has 2",
  ),
], ids=["empty", "page", "no tar", "half", "nothing", "folder", "two"])
def test_an_archive_without_one_encoder_is_refused(
  server, cache, content, named
):
  assert named in fails(fetch, address(server, content))
  assert [p.name for p in cache.rglob("*") if p.is_dir()] == ["archives"]


@pytest.mark.parametrize(("names", "named"), [
  (["config.json", "config.json/vocab.txt"], "would have to be a folder"),
  (["config.json/vocab.txt", "config.json"], "would have to be a folder"),
  (["config.json", "config.json/y/vocab.txt"], "would have to be a folder"),
  (["vocab.txt", "vocab.txt"], "twice"),
  ([f"{300 * 'x'}/vocab.txt"], "too long"),
  ([f"{300 * 'x'}.index"], "too long"),
  ([f"{20 * (250 * 'x' + '/')}vocab.txt"], "too long"),
  ([f"{100 * 'x/'}vocab.txt"], "more than 100 folders"),
  ([f"{3000 * 'x/'}vocab.txt"], "too long"),
  (["a\0b/vocab.txt"], "a zero byte"),
  (["a\0.index"], "a zero byte"),
])
def test_names_that_no_disk_takes_are_refused(server, cache, names, named):
  infos = [entry(name, b"x", pax_headers={"path": name}) for name in names]
  message = fails(fetch, address(server, tar_gz(*((i, b"x") for i in infos))))
  assert f"{server.url}{PATH} has {names[-1]!r}" in message
  assert named in message and str(cache) not in message
  assert [p.name for p in cache.rglob("*") if p.is_dir()] == ["archives"]


def test_an_archive_that_swells_is_refused(server, monkeypatch):
  monkeypatch.setattr(unpack, "LARGEST", 10_000)
  content = tar_gz((entry("unwanted", bytes(20_000)), bytes(20_000)))
  assert len(content) < 1000
  assert "10,000 bytes" in fails(fetch, address(server, content))


NAMES = st.text(st.sampled_from("ab./\\~ \0"), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(names=st.lists(NAMES | st.just(300 * "a"), min_size=1, max_size=4))
def test_no_name_leads_outside(tmp_path_factory, names):
  """Either all of an archive is below the folder, or it is refused."""
  parent = tmp_path_factory.mktemp("unpacked")
  (parent / "a.tar.gz").write_bytes(
    tar_gz(*(
      (entry(name, b"x", pax_headers={"path": name}), b"x") for name in names
    ))
  )
  (parent / "in").mkdir()
  try:
    unpack.unpack(parent / "a.tar.gz", parent / "in", lambda name: True, "it")
  except InputError as error:
    assert str(error).startswith("`encoder`: it has '")
  else:
    assert {path for path in (parent / "in").rglob("*") if path.is_file()} == {
      parent / "in" / posixpath.normpath(name) for name in names
    }
  assert {path.name for path in parent.iterdir()} == {"a.tar.gz", "in"}
  for path in (parent / "in").rglob("*"):
    assert not path.is_symlink()
    assert os.path.realpath(path).startswith(str(parent / "in"))


@pytest.mark.parametrize(("found", "asked", "pins"), [
  (f"hf://a/b@{40 * '0'}", "hf://a/b", True),
  (f"hf://a/b@{40 * '0'}", f"hf://a/b@{40 * '0'}", True),
  (f"hf://a/b@{40 * '0'}", "hf://a/b@main", False),
  (f"hf://a/b@{40 * '0'}", "hf://a", False),
  (f"hf://a/bc@{40 * '0'}", "hf://a/b", False),
  ("kaggle://o/m/f/v/3", "kaggle://o/m/f/v", True),
  ("kaggle://o/m/f/v/3", "kaggle://o/m/f/v/30", False),
  ("kaggle://o/m/f/v/30", "kaggle://o/m/f/v/3", False),
  ("minilm", "minilm", False),
  ("/a/b/3", "/a/b", False),
])
def test_an_address_without_a_revision_means_any_state(found, asked, pins):
  assert source.is_pin_of(found, asked) == pins
