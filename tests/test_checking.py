# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""An export is tried as the server will, before it is published."""

import pytest
import tensorflow as tf

import tf_adapters
from tests.test_lint import TEXT
from tests.test_lint import save
from tf_adapters.serving import checking


def answer(text):
  """An answer a row, but for texts of one letter: two a row, or none."""
  size = tf.strings.length(text)
  tf.debugging.assert_less(size, 9, "a text is too long")
  return {"size": tf.cond(
    tf.reduce_all(tf.equal(size, 1)),
    lambda: tf.concat([size, size], 0),
    lambda: size,
  )}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  return save(tmp_path_factory.mktemp("checked") / "1", answer, text=TEXT)


def test_what_the_server_will_serve(folder):
  checking.check(folder, [("a", {"text": ["ab", "abc"]})])


def test_many_records_are_all_asked(folder):
  good = [("a", {"text": ["ab"]})] * 15
  checking.check(folder, good)
  for place in (0, 1, 14, 15):
    records = [*good]
    records.insert(place, ("a", {"text": ["a" * 10]}))
    with pytest.raises(tf_adapters.ExportError, match="a text is too long"):
      checking.check(folder, records)


@pytest.mark.parametrize("signature,text,words", [
  ("gone", "ab", "'gone' does not run: .*not found"),
  ("a", "a" * 10, "'a' does not run: .*a text is too long"),
  ("a", "b", "'a' answers 1 rows by 2 of 'size'"),
])
def test_records_that_fail(folder, signature, text, words):
  records = [("a", {"text": ["ab"]}), (signature, {"text": [text]})]
  with pytest.raises(tf_adapters.ExportError, match=words) as raised:
    checking.check(folder, iter(records))
  assert "is not published" in str(raised.value)
  assert "\n" not in str(raised.value)
  assert isinstance(raised.value, tf_adapters.InputError)


def test_all_that_lint_finds(arithmetic):
  words = "'unbatched' gives 'labels' as string"
  with pytest.raises(tf_adapters.ExportError, match=words):
    checking.check(arithmetic, [])


def test_what_does_not_load(tmp_path):
  root = tf.Module()
  root.size = tf.Variable([1, 2])

  @tf.function(input_signature=[TEXT])
  def look_up(text):
    return {"x": tf.gather(root.size, tf.strings.length(text))}

  root.look_up = look_up
  tf.saved_model.save(root, str(tmp_path), signatures={"a": look_up})
  (tmp_path / "variables/variables.data-00000-of-00001").unlink()
  with pytest.raises(tf_adapters.ExportError, match="it does not load: "):
    checking.check(tmp_path, [])
