# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Tasks of every kind in one export: each row is answered by its own."""

import itertools
import os
import pathlib

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

import tf_adapters
from tests import stores
from tf_adapters import settings
from tf_adapters.checkpoints import pretrained
from tf_adapters.serving import loading
from tf_adapters.serving import oracle as oracle_lib
from tf_adapters.serving import signatures
from tf_adapters.serving.session import Refused
from tf_adapters.store import modules
from tf_adapters.training.reporting import Silent

# name: definition, columns, settings. Several forms of encoder and of head,
# several lengths; `same` and `more` share a form.
_TASKS = {
  "same": (stores.CLASSES, stores.TEXT, {}),
  "more": (stores.CLASSES, stores.TEXT, {}),
  "three": (stores.THREE, stores.TEXT, {"data__max_length": 8}),
  "pairs": (stores.THREE, stores.PAIR, {"data__max_length": 12}),
  "number": (stores.NUMBER, stores.TEXT, {"head__input": "pooled_output"}),
  "wide": (stores.CLASSES, stores.TEXT, {"adapter__size": 6}),
  "upper": (stores.CLASSES, stores.TEXT, {"adapter__layers": [1]}),
  "pfeiffer": (stores.CLASSES, stores.TEXT, {"adapter__method": "pfeiffer"}),
  "parallel": (stores.NUMBER, stores.PAIR, {"adapter__method": "parallel"}),
  "pooler": (
    stores.CLASSES,
    stores.TEXT,
    {"adapter__train_pooler": True, "head__input": "pooled_output"},
  ),
  "lora": (stores.CLASSES, stores.TEXT, {"tuning__strategy": "lora"}),
  "norms": (stores.CLASSES, stores.TEXT, {"tuning__strategy": "layer_norm"}),
  "bare": (stores.THREE, stores.TEXT, {"tuning__strategy": "head"}),
  "full": (stores.CLASSES, stores.TEXT, {"tuning__strategy": "full"}),
  "bitfit": (stores.NUMBER, stores.PAIR, {"tuning__strategy": "bitfit"}),
  "prefix": (
    stores.CLASSES,
    stores.TEXT,
    {"tuning__strategy": "prefix", "tuning__length": 3},
  ),
  "prompt": (
    stores.CLASSES,
    stores.TEXT,
    {"tuning__strategy": "prompt", "tuning__length": 3},
  ),
  "qa": (
    stores.SPAN,
    stores.QUESTION,
    {"data__doc_stride": 8, "data__max_question_length": 6},
  ),
}
_TEXTS = (
  "",
  "good film",
  "the bad awful song is not very nice and it was sad " * 3,
  "日本語 👍🏽 x",
)


@pytest.fixture(scope="module")
def encoder(encoder_folder):
  return tf_adapters.load_encoder(str(encoder_folder))


@pytest.fixture(scope="module")
def store(tmp_path_factory, encoder):
  store = stores.create(tmp_path_factory.mktemp("mixed") / "store", encoder)
  for seed, (name, (definition, columns, given)) in enumerate(_TASKS.items()):
    stores.add(
      store, encoder, name, definition, columns=columns, seed=seed, **given
    )
  return store


@pytest.fixture(scope="module")
def served(store, encoder):
  """The functions that an export saves, as they are."""
  loaded = [store.load(name) for name in store.tasks()]
  found = loading.load(encoder, loaded, merge=False)
  return signatures.make(encoder, found, examples=True, warm=0).signatures


@pytest.fixture(scope="module")
def truth(store, encoder):
  """What the tasks' own models answer, by task and texts."""
  answers = {}
  info = pretrained.of(encoder)
  pairs = list(itertools.product(_TEXTS, _TEXTS))
  for name, (_, columns, _) in _TASKS.items():
    module = store.load(name)
    model, task = modules.restore(encoder, module)
    tokenizer = task.tokenizer(
      info.vocabulary,
      info.lower_case,
      settings.from_dict(module.config).data,
    )
    texts = [tf.constant(column) for column in zip(*pairs, strict=True)]
    count = 2 if columns["text_b"] else 1
    found = task.serve(model, tokenizer, *texts[:count])
    for row, pair in enumerate(pairs):
      answers[(name, *pair)] = {
        key: value[row].numpy() for key, value in found.items()
      }
  return answers


def check(found: dict, row: int, answer: dict) -> None:
  """One row of columns against an answer of a task's own model."""
  for name in ("label", "answer"):
    assert found[name][row] == answer.get(name, b""), name
  for name in ("score", "value"):
    np.testing.assert_allclose(
      found[name][row], answer.get(name, np.nan), atol=2e-5, rtol=2e-5
    )
  for name in ("start", "end"):
    assert found[name][row] == answer.get(name, -1)
  shares = found["probabilities"][row]
  if "probabilities" in answer:
    own = answer["probabilities"]
    np.testing.assert_allclose(shares[: len(own)], own, atol=2e-5)
    assert (shares[len(own) :] == 0).all()
  else:
    assert np.isnan(shares).all()


def ask(served, rows) -> dict[str, np.ndarray]:
  columns = zip(*rows, strict=True) if rows else ((), (), ())
  found = served["mixed"](*(tf.constant(c, tf.string) for c in columns))
  return {name: value.numpy() for name, value in found.items()}


_ROWS = st.lists(
  st.tuples(
    st.sampled_from([*_TASKS, "", "Same", "no such task"]),
    st.sampled_from(_TEXTS),
    st.sampled_from(_TEXTS),
  ),
  max_size=12,
)


@hypothesis.given(rows=_ROWS)
@hypothesis.settings(
  max_examples=25,
  deadline=None,
  suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture],
)
def test_each_row_is_answered_by_its_own_task(served, truth, rows):
  found = ask(served, rows)
  for name, value in found.items():
    assert len(value) == len(rows), name
  for row, key in enumerate(rows):
    check(found, row, truth.get(key, {}))


def test_every_task_at_once_and_an_unknown_one_harms_none(served, truth):
  rows = [(name, _TEXTS[1], _TEXTS[2]) for name in ["unknown", *_TASKS]]
  found = ask(served, rows)
  for row, key in enumerate(rows):
    check(found, row, truth.get(key, {}))
  assert found["label"][0] == b"" and np.isnan(found["score"][0])


@pytest.mark.parametrize("name", _TASKS)
def test_a_tasks_own_signature_answers_like_the_task(served, truth, name):
  pairs = list(itertools.product(_TEXTS, _TEXTS))
  texts = [tf.constant(column) for column in zip(*pairs, strict=True)]
  paired = _TASKS[name][1]["text_b"] is not None
  found = served[name](*texts[: 1 + paired])
  for row, pair in enumerate(pairs):
    answer = truth[(name, *pair)]
    assert set(found) == set(answer)
    for key, value in answer.items():
      own = found[key][row].numpy()
      if isinstance(value, bytes):
        assert own == value
      else:
        np.testing.assert_allclose(own, value, atol=2e-5, rtol=2e-5)


def test_all_tasks_answer_every_text(served, truth):
  found = served["all_tasks"](tf.constant(_TEXTS))
  names = [
    name
    for name, (_, columns, _) in sorted(_TASKS.items())
    if columns["text_b"] is None
  ]
  for row, text in enumerate(_TEXTS):
    assert [n.decode() for n in found["task"][row].numpy()] == names
    flat = {
      key: value[row].numpy() for key, value in found.items()
    }
    for column, name in enumerate(names):
      one = {key: value[column : column + 1] for key, value in flat.items()}
      one |= {"answer": [b""], "start": [-1], "end": [-1]}
      check(one, 0, truth[name, text, ""])


def test_embed_is_the_bare_encoder(served, encoder):
  found = served["embed"](tf.constant(["good film", ""]))
  ids = {"[CLS]": 2, "[SEP]": 3}
  from tests import tiny

  words = [tiny.VOCABULARY.index(word) for word in ("good", "film")]
  tokens = [[ids["[CLS]"], *words, ids["[SEP]"]], [2, 3, 0, 0]]
  outputs = encoder({
    "input_word_ids": tf.constant(tokens),
    "input_mask": tf.constant([[1, 1, 1, 1], [1, 1, 0, 0]]),
    "input_type_ids": tf.zeros([2, 4], tf.int32),
  })
  np.testing.assert_allclose(
    found["first_token"], outputs["sequence_output"][:, 0], atol=1e-5
  )
  np.testing.assert_allclose(
    found["pooled_output"], outputs["pooled_output"], atol=1e-5
  )


def test_examples_are_answered_as_texts_are(served, truth):
  def example(**texts):
    feature = {
      name: tf.train.Feature(
        bytes_list=tf.train.BytesList(value=[text.encode()])
      )
      for name, text in texts.items()
    }
    features = tf.train.Features(feature=feature)
    return tf.train.Example(features=features).SerializeToString()

  inputs = tf.constant([example(text=text) for text in _TEXTS])
  found = served["three.classify"](inputs)
  assert found["classes"].numpy().tolist() == [[b"a", b"b", b"c"]] * 4
  for row, text in enumerate(_TEXTS):
    own = truth["three", text, ""]["probabilities"]
    np.testing.assert_allclose(found["scores"][row], own, atol=2e-5)
  pairs = tf.constant([example(text=_TEXTS[1], text_b=_TEXTS[2])])
  found = served["parallel.regress"](pairs)
  value = truth["parallel", _TEXTS[1], _TEXTS[2]]["value"]
  np.testing.assert_allclose(found["outputs"], [value], rtol=2e-5)
  assert "qa.classify" not in served


def test_serving_default_is_mixed(served):
  assert served["serving_default"] is served["mixed"]


def test_products_in_bfloat16_move_answers_a_little(store, encoder, served):
  """Weights that bfloat16 holds exactly differ by the products alone."""
  loaded = [store.load(name) for name in store.tasks()]
  found = loading.load(encoder, loaded, merge=False)
  made = signatures.make(
    encoder, found, examples=False, warm=0, precision="bfloat16"
  )
  high, low = (variable.dtype for variable in made.root.weights)
  assert (high, low) == (tf.float32, tf.bfloat16)
  texts = [tf.constant(_TEXTS)] * 2
  moved = 0
  for name, (_, columns, _) in _TASKS.items():
    own = texts[: 1 + (columns["text_b"] is not None)]
    answers = made.signatures[name](*own)
    for key, value in served[name](*own).items():
      if value.dtype == tf.float32:
        assert answers[key].dtype == tf.float32
        np.testing.assert_allclose(
          answers[key], value, rtol=0.03, atol=0.03, err_msg=f"{name}, {key}"
        )
        moved += np.any(answers[key] != value)
  assert moved
  embedded = made.signatures["embed"](texts[0])["first_token"]
  assert embedded.dtype == tf.float32
  rows = [(name, _TEXTS[1], _TEXTS[2]) for name in _TASKS]
  for row, (name, *pair) in enumerate(rows):
    own = pair[: 1 + (_TASKS[name][1]["text_b"] is not None)]
    answer = made.signatures[name](*(tf.constant([text]) for text in own))
    key = "value" if "value" in answer else "score"
    mixed = ask(made.signatures, rows)[key][row]
    np.testing.assert_allclose(mixed, answer[key][0], atol=0.03)


# --- Many tasks of one form --------------------------------------------------


def _weights(version: pathlib.Path) -> int:
  return sum(
    entry.stat().st_size
    for entry in (version / "variables").iterdir()
  )


@pytest.fixture(scope="module")
def many(tmp_path_factory, encoder):
  """The same first task in a model of one, of three and of nine."""
  folder = tmp_path_factory.mktemp("many")
  store = stores.create(folder / "store", encoder)
  for number in range(9):
    stores.add(store, encoder, f"task_{number}", stores.CLASSES)
  for count in (1, 3, 9):
    tf_adapters.export(
      str(store.path),
      str(folder / "out"),
      tasks=[f"task_{number}" for number in range(count)],
      reporter=Silent(),
    )
  return folder


def test_a_task_more_costs_its_module_and_a_stub(many):
  sizes = [
    (many / "out" / version / "saved_model.pb").stat().st_size
    for version in ("1", "2", "3")
  ]
  assert (sizes[2] - sizes[1]) / 6 < 12_000
  module = many / "store/tasks/task_0/weights.safetensors"
  added = _weights(many / "out/3") - _weights(many / "out/2")
  # Vectors of this tiny encoder are filled up to 64 bytes.
  assert added < 6 * 1.1 * os.path.getsize(module)


def test_every_version_gives_the_same_bits_for_a_task(many):
  texts = tf.constant([text for text in _TEXTS for _ in range(2)])
  found = [
    tf.saved_model.load(str(many / "out" / version)).signatures["task_0"](
      text=texts
    )["probabilities"].numpy()
    for version in ("1", "2", "3")
  ]
  np.testing.assert_array_equal(found[0], found[1])
  np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("text", ["alone", [["a", "b"]], [["a"], ["b"]]])
def test_what_is_no_column_is_refused_and_harms_nothing(many, text):
  """The server runs what it is given: tensorflow-text would crash."""
  with oracle_lib.Oracle(many / "out/1") as oracle:
    for name, signature in oracle.signatures.items():
      if "text" in signature.inputs:
        with pytest.raises(Refused, match="[Ss]hape|scalar"):
          oracle.ask(name, dict.fromkeys(signature.inputs, text))
    assert oracle.ask("task_0", {"text": ["good film"]})["label"]


def test_the_only_task_is_the_default(many):
  model = tf.saved_model.load(str(many / "out/1"))
  names = model.signatures["serving_default"].structured_input_signature[1]
  assert set(names) == {"text"}
