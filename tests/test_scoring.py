# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A loaded task answers lists of texts, and names whatever else it is given."""

import numpy as np
import pandas as pd
import pytest

import tf_adapters


@pytest.fixture(scope="module")
def tasks(made_store):
  return {
    name: tf_adapters.load_task(made_store, name) for name in ("mood", "where")
  }


@pytest.mark.parametrize("texts", [
  None, 5, "good", b"good", {"good": 1}, iter(["good"]), (t for t in "ab"),
], ids=lambda texts: type(texts).__name__)
def test_what_is_no_list_of_texts_is_named(tasks, texts):
  for arguments in ((texts,), (["good"], texts)):
    name = "texts_b" if len(arguments) > 1 else "texts"
    if texts is None and name == "texts_b":
      continue  # there are none
    with pytest.raises(tf_adapters.InputError) as caught:
      tasks["where" if name == "texts_b" else "mood"].predict(*arguments)
    assert f"`{name}` must be a list of texts" in str(caught.value)


def test_bytes_are_no_text_whose_characters_could_be_counted(tasks):
  """`start` and `end` of an answer count characters of a `str`."""
  for texts, texts_b, named in (
    ([b"who"], ["good film"], "text 1 of `texts`"),
    (["who", "who"], ["bad", "é good film".encode()], "text 2 of `texts_b`"),
  ):
    with pytest.raises(tf_adapters.InputError, match=named):
      tasks["where"].predict(texts, texts_b)


@pytest.mark.parametrize("kind", [
  tuple, np.array, lambda texts: pd.Series(texts, index=[5, 6]),
])
def test_sequences_like_lists_are_answered_alike(tasks, kind):
  texts, texts_b = ["good", "bad"], ["a good film", "it"]
  mood, where = tasks["mood"], tasks["where"]
  assert mood.predict(kind(texts)) == mood.predict(texts)
  wanted = where.predict(texts, texts_b)
  assert where.predict(kind(texts), kind(texts_b)) == wanted
