# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The client keeps the REST contract of TensorFlow Serving, serving_stub.py."""

import concurrent.futures
import http.client
import json
import math
import socket
import string
import subprocess
import sys
import threading
import time

import hypothesis
import pytest
from hypothesis import strategies as st

import tf_adapters
from tests import serving_stub
from tf_adapters.client import answers as answers_lib
from tf_adapters.client import retries as retries_lib
from tf_adapters.client import target

FORMS = ("column", "row")
# Any text that UTF-8 can hold.
TEXT = st.text(
  st.characters(exclude_categories=["Cs"]), max_size=20
)


@pytest.fixture
def server():
  with serving_stub.running() as running:
    yield running


@pytest.fixture(scope="module")
def calm():
  """A server that no test disturbs."""
  with serving_stub.running() as running:
    yield running


@pytest.fixture(scope="module")
def changing():
  """A server that has what a test loads."""
  with serving_stub.running() as running:
    yield running


def ask(server, **options) -> tf_adapters.Client:
  return tf_adapters.Client(server.address, **{"timeout": 10, **options})


def plain(answer: dict) -> dict:
  """The truth, as the client shows it."""
  return {
    name: value.decode() if isinstance(value, bytes) else value
    for name, value in answer.items()
  }


# --- Answers -----------------------------------------------------------------


def test_tasks_are_the_signatures_that_answer_texts(server):
  with ask(server) as client:
    assert client.tasks() == ["pairs", "qa", "sms", "stars"]
    assert client.inputs("sms") == ("text",)
    assert client.inputs("pairs") == ("text", "text_b")
    assert client.inputs("qa") == ("question", "context")
    server.signatures["new"] = server.signatures["sms"]
    assert "new" in client.tasks()


@pytest.mark.parametrize("form", FORMS)
def test_each_type_of_task_is_answered(calm, form):
  texts = ["win a prize", "", "日本語 👍🏽 مرحبا", "a\x00b\n\"\\/"]
  others = ["x", "yes", "", "ß"]
  raw, raw_b = ([t.encode() for t in column] for column in (texts, others))
  with ask(calm, form=form) as client:
    assert client.predict("sms", texts) == [
      plain(serving_stub.classify(text)) for text in raw
    ]
    assert client.predict("stars", tuple(texts)) == [
      serving_stub.measure(text) for text in raw
    ]
    for task, truth in (
      ("pairs", serving_stub.classify), ("qa", serving_stub.answer)
    ):
      assert client.predict(task, texts, others) == [
        plain(truth(*pair)) for pair in zip(raw, raw_b, strict=True)
      ]


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
  st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=7),
  st.integers(1, 8),
  st.sampled_from(FORMS),
)
def test_any_text_comes_back_in_its_place(calm, pairs, size, form):
  questions, contexts = map(list, zip(*pairs, strict=True))
  with ask(calm, form=form, batch_size=size) as client:
    found = client.predict("qa", questions, contexts)
  assert [row["answer"] for row in found] == contexts
  assert [row["score"] for row in found] == [
    serving_stub.share(q.encode(), c.encode()) for q, c in pairs
  ]


@hypothesis.settings(max_examples=30, deadline=None)
@hypothesis.given(
  st.lists(st.binary(max_size=9), min_size=1), st.sampled_from(FORMS)
)
def test_bytes_go_as_they_are(calm, texts, form):
  with ask(calm, form=form) as client:
    found = client.predict("stars", texts)
  assert found == [serving_stub.measure(text) for text in texts]


def test_floats_are_those_of_float32(calm):
  """0.1 + 7 in float32 is not the double that its decimals give."""
  (found,) = ask(calm).predict("stars", ["seven.."])
  assert found["value"] == serving_stub.measure(b"seven..")["value"] != 7.1


@pytest.mark.parametrize("form", FORMS)
def test_numbers_that_json_does_not_know(server, form):
  values = iter([math.nan, math.inf, -math.inf])
  server.signatures["odd"] = (
    lambda text: {"value": next(values)}, ("text",), {"value": []}
  )
  first, *rest = ask(server, form=form).predict("odd", ["a", "b", "c"])
  assert math.isnan(first["value"])
  assert rest == [{"value": math.inf}, {"value": -math.inf}]


def test_batches_are_split_and_keep_their_order(server):
  texts = [f"text {number}" for number in range(10)]
  with ask(server, batch_size=4) as client:
    found = client.predict("sms", texts)
  assert found == [plain(serving_stub.classify(t.encode())) for t in texts]
  sent = [body["inputs"]["text"] for body in server.predicted()]
  assert sent == [texts[:4], texts[4:8], texts[8:]]


def test_rows_of_one_input_go_without_its_name(server):
  client = ask(server, form="row")
  client.predict("sms", ["a", b"b"])
  client.predict("pairs", ["a"], ["b"])
  assert [body["instances"] for body in server.predicted()] == [
    ["a", {"b64": "Yg=="}], [{"text": "a", "text_b": "b"}]
  ]


def test_no_texts_need_no_server():
  client = tf_adapters.Client("127.0.0.1:1", retries=0)
  assert client.predict("sms", []) == []
  assert client.predict_mixed([]) == []


def test_labels_name_probabilities(server, tmp_path):
  path = tmp_path / "tasks.json"
  tree = {"sms": {"labels": ["ham", "spam"]}, "stars": {"type": "regression"}}
  path.write_text(json.dumps({"tasks": tree}))
  truth = serving_stub.classify(b"win")
  expected = {
    **plain(truth),
    "probabilities": dict(
      zip(("ham", "spam"), truth["probabilities"], strict=True)
    ),
  }
  client = ask(server, labels=str(path))
  assert client.predict("sms", ["win"]) == [expected]
  assert client.predict_mixed([("sms", "win")]) == [expected]
  assert client.predict("stars", ["win"]) == [serving_stub.measure(b"win")]
  labels = {"hidden": ("ham", "spam")}
  found = ask(server, labels=labels).predict("hidden", ["win"])
  assert found == [expected]
  for wrong in (
    ["ham"], ["ham", "eggs"], ["a", "b", "c"], ["spam", "ham"]
  ):
    with pytest.raises(tf_adapters.InputError, match="`labels`.*tasks.json"):
      ask(server, labels={"sms": wrong}).predict("sms", ["win", "x", "y"])


@hypothesis.given(
  st.permutations("abcd"),
  st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4),
  st.data(),
)
def test_labels_in_another_order_are_refused(labels, found, data):
  """The server's are a to d, and it says one that has the most."""
  best = [
    label for label, p in zip("abcd", found, strict=True) if p == max(found)
  ]
  label = data.draw(st.sampled_from(best))
  answer = {"label": label, "score": max(found), "probabilities": found}
  by_place = dict(zip(labels, found, strict=True))
  if by_place[label] == max(found):
    named = answers_lib.by_label(answer, "t", labels, exact=True)
    assert named == {**answer, "probabilities": by_place}
  else:
    with pytest.raises(tf_adapters.InputError, match="in their order"):
      answers_lib.by_label(answer, "t", labels, exact=True)


# --- Many tasks in one request -----------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_mixed_rows_are_answered_by_their_own_tasks(server, form):
  rows = [
    ("sms", "win"), ("stars", "five"), ("gone", "x"),
    ("qa", "who?", "the context ß"), ("pairs", "a", "b"), ("sms", ""),
    ("hidden", "win"),
  ]
  hidden = serving_stub.classify(b"win")
  with ask(server, form=form) as client:
    found = client.predict_mixed(rows)
  assert found[:2] == [
    plain(serving_stub.classify(b"win")), serving_stub.measure(b"five")
  ]
  assert found[2] == {"error": "the model has no task 'gone'."}
  assert found[3:6] == [
    plain(serving_stub.answer(b"who?", "the context ß".encode())),
    plain(serving_stub.classify(b"a", b"b")),
    plain(serving_stub.classify(b"")),
  ]
  # A task without a signature of its own: what others have more follows.
  probabilities = [*hidden["probabilities"], 0.0]
  assert found[6] == {**plain(hidden), "probabilities": probabilities}
  (body,) = server.predicted()
  assert body["signature_name"] == "mixed"
  if form == "column":
    assert body["inputs"] == {
      "task": [row[0] for row in rows],
      "text": [row[1] for row in rows],
      "text_b": ["", "", "", "the context ß", "b", "", ""],
    }


def test_mixed_answers_tasks_without_a_signature(server):
  client = ask(server)
  (found,) = client.predict("hidden", ["win"])
  assert found["label"] == serving_stub.classify(b"win")["label"].decode()
  before = len(server.asked)
  client.predict("hidden", ["win"])
  # It is asked anew what there is: a new version may have a signature of it.
  assert len(server.asked) == before + 2
  with pytest.raises(tf_adapters.InputError, match="no task 'gone'; it has"):
    client.predict("gone", ["x"])


def test_a_value_that_is_nan_is_no_unknown_task(server):
  nan = {**serving_stub.NOTHING, "value": math.nan}
  _, inputs, outputs = server.signatures["mixed"]
  server.signatures["mixed"] = (lambda *_: nan, inputs, outputs)
  stars, sms = ask(server).predict_mixed([("stars", "x"), ("sms", "x")])
  assert math.isnan(stars["value"])
  assert sms == {"error": "the model has no task 'sms'."}


def test_model_without_mixed(server):
  del server.signatures["mixed"]
  client = ask(server)
  with pytest.raises(tf_adapters.ServerError, match="no signature `mixed`"):
    client.predict_mixed([("sms", "x")])
  with pytest.raises(tf_adapters.InputError, match="no task 'hidden'"):
    client.predict("hidden", ["x"])
  # The server loads a version with that task; the client sees it.
  server.signatures["hidden"] = server.signatures["sms"]
  assert len(client.predict("hidden", ["x"])) == 1


def test_mixed_of_single_texts_takes_no_second(server):
  function, _, outputs = server.signatures["mixed"]
  server.signatures["mixed"] = (
    lambda task, text: function(task, text, b""), ("task", "text"), outputs
  )
  client = ask(server)
  assert client.predict_mixed([("stars", "x")]) == [serving_stub.measure(b"x")]
  with pytest.raises(tf_adapters.InputError, match=r"`pairs\[0\]` has a sec"):
    client.predict_mixed([("hidden", "x", "y")])


# --- A server that loads another version -------------------------------------


NAN = math.nan


def answered(kind, text: str, text_b: str | None) -> dict:
  """What a task answers: of so many labels, or a `value`, or a `span`."""
  if kind == "value":
    return serving_stub.measure(text.encode())
  if kind == "span":
    return serving_stub.answer(text.encode(), text_b.encode())
  # In eighths, which float32 holds; the last is never 0.
  found = [1 / 8] * (kind - 1) + [1 - (kind - 1) / 8]
  best = found.index(max(found))
  return {
    "label": b"abcd"[best : best + 1], "score": found[best],
    "probabilities": found,
  }


def load(server, tasks: dict) -> None:
  """Has the server serve these tasks by name, and `mixed` as `export` does."""
  most = max(kind for kind in tasks.values() if isinstance(kind, int))
  nothing = {**serving_stub.NOTHING, "probabilities": [NAN] * most}

  def mixed(task, text, text_b):
    kind = tasks.get(task.decode())
    if kind is None:
      return nothing
    found = answered(kind, text.decode(), text_b.decode())
    if "probabilities" in found:
      found["probabilities"] += [0.0] * (most - kind)
    return {**nothing, **found}

  _, inputs, outputs = serving_stub.SIGNATURES["mixed"]
  outputs = {**outputs, "probabilities": [most]}
  signatures = {"mixed": (mixed, inputs, outputs)}
  for name, kind in tasks.items():
    likeness = {"value": "stars", "span": "qa"}.get(kind, "sms")
    _, inputs, outputs = serving_stub.SIGNATURES[likeness]
    if isinstance(kind, int):
      outputs = {**outputs, "probabilities": [kind]}
    signatures[name] = (None, inputs, outputs)
  server.signatures = signatures


def question(name: str, kind) -> tuple:
  return (name, "who?", "she") if kind == "span" else (name, "win")


VERSIONS = st.dictionaries(
  st.sampled_from(["a", "b"]), st.sampled_from([2, 3, 4, "value", "span"])
)


@hypothesis.settings(max_examples=30, deadline=None)
@hypothesis.given(st.lists(VERSIONS, min_size=2, max_size=4), st.data())
def test_a_client_follows_the_versions_that_a_server_loads(
  changing, versions, data
):
  with ask(changing) as client:
    for version in versions:
      tasks = {**version, "yes": data.draw(st.integers(2, 4)), "qa": "span"}
      load(changing, tasks)
      rows = [question(name, tasks.get(name)) for name in ("a", "b", *tasks)]
      expected = [
        plain(answered(tasks[name], *texts, *[None] * (2 - len(texts))))
        if name in tasks
        else {"error": f"the model has no task {name!r}."}
        for name, *texts in rows
      ]
      assert client.predict_mixed(rows) == expected
      # Known tasks are then answered in one request.
      rows = [row for row in rows if row[0] in tasks]
      before = len(changing.asked)
      found = client.predict_mixed(rows)
      assert found == [row for row in expected if "error" not in row]
      assert len(changing.asked) == before + 1


def test_a_task_that_a_version_added_is_as_others(server):
  sms = server.signatures.pop("sms")
  client = ask(server, labels={"sms": ("ham", "spam")})
  client.predict("pairs", ["a"], ["b"])
  with pytest.raises(tf_adapters.InputError, match="has no task 'sms'"):
    client.inputs("sms")
  server.signatures["sms"] = sms
  before = len(server.asked)
  (found,) = client.predict("sms", ["win"])
  assert len(server.asked) == before + 2
  assert list(found["probabilities"].values()) == (
    serving_stub.classify(b"win")["probabilities"]
  )
  assert client.inputs("sms") == ("text",)
  assert len(server.asked) == before + 2


def test_a_task_that_takes_pairs_in_another_version(server):
  client = ask(server)
  client.predict("sms", ["x"])
  server.signatures["sms"] = server.signatures["pairs"]
  truth = plain(serving_stub.classify(b"x", b"y"))
  assert client.predict("sms", ["x"], ["y"]) == [truth]
  with pytest.raises(tf_adapters.InputError, match="without second texts"):
    client.predict("sms", ["x"])


def test_a_model_that_has_mixed_in_another_version(server):
  mixed = server.signatures.pop("mixed")
  client = ask(server)
  with pytest.raises(tf_adapters.ServerError, match="no signature `mixed`"):
    client.predict_mixed([("stars", "x")])
  server.signatures["mixed"] = mixed
  assert client.predict_mixed([("stars", "x")]) == [serving_stub.measure(b"x")]


def test_a_doubt_is_no_second_request(server):
  """A softmax that underflows in the last place; a regression's NaN."""
  sure = {"label": b"ham", "score": 1.0, "probabilities": [1.0, 0.0, 0.0]}
  given = {b"sms": sure, b"stars": {}}
  _, inputs, outputs = server.signatures["mixed"]
  server.signatures["mixed"] = (
    lambda task, *_: {**serving_stub.NOTHING, **given[task]}, inputs, outputs
  )
  client = ask(server)
  rows = [("sms", "x"), ("stars", "x")]
  for _ in range(2):
    first, second = client.predict_mixed(rows)
    assert first == {**plain(sure), "probabilities": [1.0, 0.0]}
    assert math.isnan(second["value"])
  assert len(server.predicted()) == 2


# --- Bad input ---------------------------------------------------------------


HALF = "a\ud800"
BAD_INPUT = {
  "one text": (("sms", "text"), "`texts`"),
  "one text, bytes": (("sms", b"text"), "`texts`"),
  "a number": (("sms", 5), "`texts`"),
  "a number inside": (("sms", ["a", 5]), "`texts[1]`"),
  "no text": (("sms", [None]), "`texts[0]`"),
  "half of a pair": (("sms", ["b", HALF]), "`texts[1]` holds half"),
  "half in the second": (("pairs", ["b"], [HALF]), "`texts_b[0]` holds half"),
  "half in the task": ((HALF, ["b"]), "`task` holds half"),
  "not as many": (("pairs", ["b"], ["a", "b"]), "1 and 2"),
  "pair for one": (("sms", ["b"], ["a"]), "`text`"),
  "one for a pair": (("qa", ["b"]), "`question` and `context`"),
  "no task": (("", ["b"]), "`task`"),
  "task no text": ((3, ["b"]), "`task`"),
  "reserved": (("serving_default", ["b"]), "'serving_default'"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_is_named_and_not_sent(server, case):
  arguments, words = BAD_INPUT[case]
  server.signatures.pop("mixed")
  with pytest.raises(tf_adapters.InputError) as raised:
    ask(server).predict(*arguments)
  message = str(raised.value)
  assert words in message and message.endswith(".")
  assert not server.predicted()


@pytest.mark.parametrize("pairs,words", [
  ("text", "`pairs`"), (7, "`pairs`"), ([("sms",)], "`pairs[0]`"),
  ([("sms", "a"), "sms"], "`pairs[1]`"), ([("sms", HALF)], "`pairs[0][1]`"),
  ([("pairs", "a", HALF)], "`pairs[0][2]`"), ([(None, "a")], "`pairs[0][0]`"),
  ([("pairs", "a")], "`pairs[0]`"), ([("sms", "a", "b")], "`pairs[0]`"),
  ([("sms", "a", "b", "c")], "`pairs[0]`"), ([("sms", 1)], "`pairs[0][1]`"),
])
def test_bad_rows_are_named_and_not_sent(server, pairs, words):
  with pytest.raises(tf_adapters.InputError) as raised:
    ask(server).predict_mixed(pairs)
  assert words in str(raised.value)
  assert not server.predicted()


@pytest.mark.parametrize("options,words", [
  ({"timeout": 0}, "`timeout`"), ({"timeout": math.inf}, "`timeout`"),
  ({"timeout": "1"}, "`timeout`"), ({"retries": -1}, "`retries`"),
  ({"retries": 1.5}, "`retries`"), ({"batch_size": 0}, "`batch_size`"),
  ({"form": "rows"}, "`form`"), ({"protocol": "soap"}, "`protocol`"),
  ({"model": "a/b"}, "`model`"), ({"model": ""}, "`model`"),
  ({"version": -1}, "`version`"), ({"version": "1"}, "`version`"),
  ({"version": 2**63}, "`version`"), ({"label": "a-b"}, "`label`"),
  ({"version": 1, "label": "stable"}, "not both"),
  ({"labels": 5}, "`labels`"), ({"labels": {"sms": "ham"}}, "`labels`"),
  ({"headers": {"a": "b\r\nc: d"}}, "`headers`"),
  ({"headers": {"a": "ж"}}, "`headers`"), ({"headers": "a"}, "`headers`"),
  ({"headers": {"a:b": "c"}}, "'a:b'"), ({"headers": {" a": "c"}}, "' a'"),
  ({"headers": {"ä": "c"}}, "'ä'"), ({"headers": {"": "c"}}, "''"),
])
def test_bad_options_are_named(options, words):
  with pytest.raises(tf_adapters.InputError) as raised:
    tf_adapters.Client("localhost:8501", **options)
  assert words in str(raised.value)


@pytest.mark.parametrize("address,protocol,expected", [
  ("host:80", None, ("rest", False, "host", 80, "")),
  ("host", None, ("rest", False, "host", 8501, "")),
  ("host/a", None, ("rest", False, "host", 8501, "/a")),
  ("HTTP://host", None, ("rest", False, "host", 80, "")),
  ("host", "grpc", ("grpc", False, "host", 8500, "")),
  ("http://host:80/a/b/", "rest", ("rest", False, "host", 80, "/a/b")),
  ("https://host", None, ("rest", True, "host", 443, "")),
  ("grpc://host", None, ("grpc", False, "host", 8500, "")),
  ("grpcs://host:1", None, ("grpc", True, "host", 1, "")),
  ("[::1]:8501", None, ("rest", False, "::1", 8501, "")),
])
def test_addresses(address, protocol, expected):
  assert target.parse(address, protocol) == target.Address(*expected)


@pytest.mark.parametrize("address", [
  "", "://host", ":8501", "host:port", "host:70000", "host:0", "ftp://host",
  "a b:1", "a..b:1", f"{'a' * 64}.org",
  "http://user@host", "host?x=1", "grpc://host/path", "[::1", None, 8501,
  "höst:1",
])
def test_what_is_no_address(address):
  with pytest.raises(tf_adapters.InputError, match="HOST:PORT"):
    target.parse(address)


def test_address_and_protocol_that_contradict():
  with pytest.raises(tf_adapters.InputError, match="`protocol` is 'rest'"):
    tf_adapters.Client("grpc://localhost:8500", protocol="rest")


# --- Models and versions -----------------------------------------------------


@pytest.mark.parametrize("options,path", [
  ({}, "/v1/models/model"),
  ({"version": 2}, "/v1/models/model/versions/2"),
  ({"label": "stable"}, "/v1/models/model/labels/stable"),
])
def test_versions_and_labels_are_in_the_path(server, options, path):
  assert len(ask(server, **options).predict("sms", ["x"])) == 1
  paths = [asked for asked, _ in server.asked]
  assert paths == [f"{path}/metadata", f"{path}:predict"]


@pytest.mark.parametrize("options,words", [
  ({"model": "other"}, "Servable not found"),
  ({"version": 3}, "Servable not found"),
  ({"label": "canary"}, "version label: canary"),
])
def test_what_the_server_does_not_have(server, options, words):
  with pytest.raises(tf_adapters.ServerError, match=words) as raised:
    ask(server, **options).predict("sms", ["x"])
  assert server.address in str(raised.value)
  assert len(server.asked) == 1


def test_headers_go_with_every_request(server):
  ask(server, headers={"X-Token": "a b"}).predict("sms", ["x"])
  assert [sent["X-Token"] for sent in server.headers] == ["a b", "a b"]
  assert {sent["Content-Type"] for sent in server.headers} == {
    "application/json"
  }


TOKEN = string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~"  # RFC 9110
LATIN_1 = st.characters(max_codepoint=0xFF, exclude_categories=["Cc"])


@hypothesis.settings(max_examples=30, deadline=None)
@hypothesis.given(st.text(TOKEN), st.text(LATIN_1))
def test_headers_of_http_arrive(changing, name, text):
  text = text.strip()  # a server cuts blanks around it
  changing.signatures = serving_stub.SIGNATURES
  ask(changing, headers={f"X-{name}": text}).tasks()
  assert changing.headers[-1][f"X-{name}"] == text


@hypothesis.settings(deadline=None)
@hypothesis.given(TEXT, TEXT)
def test_other_headers_are_not_sent(name, text):
  """Whatever the library that sends them would refuse."""
  connection = http.client.HTTPConnection("127.0.0.1:1")
  connection.putrequest("GET", "/")
  try:
    tf_adapters.Client("localhost", headers={name: text})
  except tf_adapters.InputError:
    return
  connection.putheader(name, text)


# --- Connections, time and repetitions ---------------------------------------


def test_one_connection_is_used_again(server):
  with ask(server, batch_size=1) as client:
    client.predict("sms", ["a", "b", "c"])
    server.faults.append(400)  # errors leave it usable
    with pytest.raises(tf_adapters.ServerError):
      client.predict("sms", ["a"])
    client.predict("sms", ["d"])
  assert server.connections == 1
  client.predict("sms", ["after closing"])
  assert server.connections == 2


def test_threads_share_a_client(server):
  client = ask(server)
  texts = [f"text {number}" for number in range(40)]
  with concurrent.futures.ThreadPoolExecutor(4) as pool:
    found = pool.map(lambda text: client.predict("sms", [text]), texts)
    expected = [[plain(serving_stub.classify(t.encode()))] for t in texts]
    assert list(found) == expected
  assert server.connections <= 4


def test_idle_connection_that_the_server_closed_is_no_error(server):
  client = ask(server, retries=0)
  client.predict("sms", ["a"])
  server.faults.append("hang_up_after")
  client.predict("sms", ["b"])
  time.sleep(0.05)
  assert len(client.predict("sms", ["c"])) == 1
  assert server.connections == 2


@pytest.mark.parametrize("fault", [503, "drop", "reset"])
def test_unavailable_is_asked_again(server, fault):
  client = ask(server, retries=2)
  client.tasks()
  client.close()
  server.asked.clear()
  server.faults.extend([fault, fault])
  assert len(client.predict("sms", ["x"])) == 1
  assert len(server.asked) == 3
  client.close()
  server.faults.extend([fault] * 3)
  with pytest.raises(tf_adapters.ServerError, match="asked 3 times") as raised:
    client.predict("sms", ["x"])
  assert server.address in str(raised.value)
  assert len(server.asked) == 6
  if fault == 503:
    assert "no luck: 503;" not in str(raised.value)
    assert "no luck: 503, asked" in str(raised.value)


@pytest.mark.parametrize(
  "fault", [400, 404, 500, 502, "cut", "garbage", b"no JSON"]
)
def test_nothing_else_is_asked_again(server, fault):
  client = ask(server, retries=3)
  client.tasks()
  server.asked.clear()
  server.faults.append(fault)
  with pytest.raises(tf_adapters.ServerError) as raised:
    client.predict("sms", ["x"])
  assert len(server.asked) == 1
  message = str(raised.value)
  assert server.address in message and message.endswith(".")
  assert len(message.splitlines()) == 1
  if isinstance(fault, int):
    assert f"no luck: {fault}" in message
  if fault == "cut":
    assert "broke off (988 bytes are missing)" in message
  assert len(client.predict("sms", ["x"])) == 1  # and all is well again


@pytest.mark.parametrize("fault", ["silent", "drip"])
def test_time_runs_out_and_nothing_is_asked_again(server, fault):
  client = ask(server, timeout=1, retries=3)
  client.tasks()
  server.asked.clear()
  server.faults.append(fault)
  begun = time.monotonic()
  with pytest.raises(tf_adapters.ServerError, match=r"within 1 s"):
    client.predict("sms", ["x"])
  assert time.monotonic() - begun < 8
  assert len(server.asked) == 1


def test_repetitions_end_with_the_time(server):
  server.faults.extend([503] * 200)
  begun = time.monotonic()
  with pytest.raises(tf_adapters.ServerError, match="unavailable.*no luck"):
    ask(server, timeout=0.5, retries=10_000).tasks()
  assert time.monotonic() - begun < 8


def test_time_that_ends_in_a_repetition_leaves_what_the_server_said(server):
  client = ask(server, timeout=2, retries=3)
  client.tasks()
  server.faults.extend([503, "silent"])
  with pytest.raises(tf_adapters.ServerError) as raised:
    client.predict("sms", ["x"])
  assert "no luck: 503, asked 2 times; try again" in str(raised.value)


def test_no_such_host(monkeypatch):
  def look_up(*_, **__):
    raise socket.gaierror(-2, "Name or service not known")

  monkeypatch.setattr(socket, "getaddrinfo", look_up)
  client = tf_adapters.Client("no-such-host.invalid:1", timeout=10)
  with pytest.raises(tf_adapters.ServerError, match="not known.;") as raised:
    client.predict("sms", ["x"])
  assert "no-such-host.invalid:1" in str(raised.value)


def test_no_server():
  with socket.socket() as taken:
    taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
    address = f"127.0.0.1:{taken.getsockname()[1]}"
    client = tf_adapters.Client(address, retries=1, timeout=5)
    with pytest.raises(tf_adapters.ServerError) as raised:
      client.predict("sms", ["x"])
  message = str(raised.value)
  assert address in message and "refused" in message
  assert "asked 2 times" in message


def test_pauses_grow_at_random_up_to_a_limit():
  asked, pauses, limits = [], [], []

  def uniform(low, high):
    limits.append((low, high))
    return high / 2

  def ask(deadline):
    asked.append(deadline)
    raise retries_lib.Unavailable("it is away", "wait")

  retries = retries_lib.Retries(8, 1e6, uniform, pauses.append)
  with pytest.raises(tf_adapters.ServerError) as raised:
    retries.run(ask)
  assert str(raised.value) == "it is away, asked 9 times; wait."
  assert len(asked) == 9 and len(set(map(id, asked))) == 1
  tops = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]
  assert [high for _, high in limits[:8]] == pytest.approx(tops)
  assert {low for low, _ in limits} == {0}
  assert pauses == pytest.approx([top / 2 for top in tops])


def test_two_clients_wait_differently():
  draws = [
    [retries_lib.Retries(1, 1.0).uniform(0, 1) for _ in range(3)]
    for _ in range(2)
  ]
  assert draws[0] != draws[1]


# --- Answers that are none ---------------------------------------------------


def outputs(**columns) -> bytes:
  good = {"label": ["ham"], "score": [0.5], "probabilities": [[0.5, 0.5]]}
  return json.dumps({"outputs": {**good, **columns}}).encode()


MALFORMED = {
  "empty": (b"", "no JSON object"),
  "no JSON": (b"<html>", "no JSON object"),
  "no UTF-8": (b'{"outputs": "\xff"}', "no JSON object"),
  "too deep": (b"[" * 100_000, "no JSON object"),
  "a list": (b"[1]", "no JSON object"),
  "without outputs": (b"{}", "`outputs`"),
  "an error with status 200": (b'{"error": "oh"}', "oh"),
  "row form": (b'{"predictions": []}', "`outputs`"),
  "outputs are text": (b'{"outputs": "x"}', "`outputs`"),
  "outputs without names": (b'{"outputs": [1]}', "without names"),
  "one lacks": (b'{"outputs": {"label": ["ham"]}}', "`score`"),
  "too many": (outputs(score=[0.5, 0.5]), "2 `score` to 1 texts"),
  "too few": (outputs(label=[]), "0 `label` to 1 texts"),
  "no list": (outputs(label="ham"), "`label`"),
  "text for a number": (outputs(score=["0.5"]), "`score`"),
  "truth for a number": (outputs(score=[True]), "`score`"),
  "null": (outputs(score=[None]), "`score`"),
  "number for text": (outputs(label=[1]), "`label`"),
  "flat": (outputs(probabilities=[0.5]), "`probabilities`"),
  "deep": (outputs(probabilities=[[[0.5]]]), "`probabilities`"),
  "huge": (outputs(score=[10**400]), "`score`"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_answers(server, case):
  content, words = MALFORMED[case]
  client = ask(server)
  client.tasks()
  server.faults.append(content)
  with pytest.raises(tf_adapters.ServerError) as raised:
    client.predict("sms", ["x"])
  message = str(raised.value)
  assert words in message and server.address in message
  assert message.endswith(".") and len(message.splitlines()) == 1


@pytest.mark.parametrize("content", [
  b"{}", b'{"metadata": 1}', b'{"metadata": {"signature_def": {}}}',
  b'{"metadata": {"signature_def": {"signature_def": {"a": 5}}}}',
  b'{"metadata": {"signature_def": {"signature_def": {"a": {"outputs": '
  b'{"b": {"tensor_shape": {"dim": [{"size": "many"}]}}}}}}}}',
])
def test_malformed_metadata(server, content):
  server.faults.append(content)
  with pytest.raises(tf_adapters.ServerError, match="without signatures"):
    ask(server).tasks()


@pytest.mark.parametrize("content", [
  b'{"predictions": [{"label": "ham"}]}', b'{"predictions": {}}',
  b'{"predictions": [1]}', b'{"outputs": {}}',
  b'{"predictions": [{"label": "ham", "score": 1, "probabilities": [1]}, 1]}',
])
def test_malformed_rows(server, content):
  client = ask(server, form="row")
  client.tasks()
  server.faults.append(content)
  with pytest.raises(tf_adapters.ServerError, match="answered wrong"):
    client.predict("sms", ["x"])


def test_long_words_of_a_server_are_cut(server):
  server.signatures.clear()
  server.faults.append(json.dumps({"error": "x\n" * 10_000}).encode())
  with pytest.raises(tf_adapters.ServerError) as raised:
    ask(server).tasks()
  assert len(str(raised.value)) < 1000


# --- Without TensorFlow ------------------------------------------------------


_ALONE = """
import sys
before = set(sys.modules)
import tf_adapters
client = tf_adapters.Client(sys.argv[1])
assert client.predict("sms", ["x"])[0]["label"] in ("ham", "spam")
assert client.predict_mixed([("sms", "x"), ("gone", "x")])[1]["error"]
loaded = {name.split(".")[0] for name in set(sys.modules) - before}
print(sorted(loaded - set(sys.stdlib_module_names)))
"""


def test_rest_needs_the_standard_library_alone(calm):
  done = subprocess.run(
    [sys.executable, "-c", _ALONE, calm.address],
    capture_output=True, text=True, timeout=60, check=False,
  )
  assert done.returncode == 0, done.stderr
  assert done.stdout.strip() == "['tf_adapters']"


def test_threads_of_the_stub_end():
  with serving_stub.running() as running:
    ask(running).tasks()
    before = threading.active_count()
  assert threading.active_count() < before
