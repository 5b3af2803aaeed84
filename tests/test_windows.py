# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Places of tokens in a text, and windows, against plain Python and Google's.

`official.nlp.data.squad_lib` is Model Garden's copy of BERT's run_squad.py.
"""

import json
import sys
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from official.nlp.data import squad_lib
from official.nlp.tools import tokenization

from tests import test_text
from tests import tiny
from tf_adapters.spans import dataset
from tf_adapters.spans import offsets
from tf_adapters.spans import squad
from tf_adapters.spans import windows
from tf_adapters.tokens.text import Tokenizer


def letters_of(texts, lower_case):
  """A vocabulary in which each character that is left has an id of its own."""
  left = {
    character
    for text in texts
    for word in test_text.words_of(text, lower_case)
    for character in word
  }
  left = sorted(left | {"a"})
  return [*test_text.SPECIAL, *left, *(f"##{letter}" for letter in left)]


def pieces(tokenizer, texts):
  found = offsets.pieces(tokenizer, tf.constant(texts, tf.string))
  return [part.to_list() for part in found]


def expected_places(text, lower_case):
  """(first, after the last) of each character that BERT leaves of a text.

  Every character of the text is treated alone: case, accents and controls
  of a text are those of its characters.
  """
  places = []
  for index, character in enumerate(text):
    mark = unicodedata.category(character) == "Mn"
    if lower_case and mark and places and places[-1][1] == index:
      places = [
        (first, index + 1 if end == index else end) for first, end in places
      ]
    for word in test_text.words_of(character, lower_case):
      places += [(index, index + 1)] * len(word)
  return places


@pytest.mark.parametrize("lower_case", [True, False])
@settings(max_examples=100, deadline=None)
@given(texts=st.lists(test_text.TEXTS, max_size=4))
def test_every_character_has_its_place_in_the_text_as_written(
  lower_case, texts
):
  tokenizer = Tokenizer(letters_of(texts, lower_case), lower_case, 100_000)
  ids, begins, ends = pieces(tokenizer, texts)
  assert ids == tokenizer.pieces(tf.constant(texts, tf.string)).to_list()
  for text, *found in zip(texts, begins, ends, strict=True):
    found = list(zip(*found, strict=True))
    assert found == expected_places(text, lower_case), ascii(text)


@pytest.mark.parametrize("lower_case", [True, False])
def test_every_assigned_character_leaves_others_in_their_places(lower_case):
  texts = [
    f"a{chr(code)}b"
    for code in range(sys.maxunicode + 1)
    if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")
  ]
  tokenizer = Tokenizer(
    [*test_text.SPECIAL, "a", "b", "##b"], lower_case, 100_000
  )
  ids, begins, ends = pieces(tokenizer, texts)
  assert ids == tokenizer.pieces(tf.constant(texts)).to_list()
  for text, row, first, last in zip(texts, ids, begins, ends, strict=True):
    assert first[0] == 0 and last[-1] == 3, ascii(text)
    if len(row) > 1 and row[-1] in (5, 6):
      assert first[-1] == 2, ascii(text)


@pytest.mark.parametrize(
  ("text", "words"),
  [
    ("Cafe\u0301s, CAFÉ", ["cafe\u0301s", ",", "café"]),
    ("x\u0301\u0308 y\u200b", ["x\u0301\u0308", "y"]),
    ("\u0301x", ["x"]),
    ("中文 日本", ["中", "文", "日", "本"]),
    ("👍🏽😀!", ["👍🏽😀", "!"]),
    ("ΟΔΟΣ ΟΔΟΣ.", ["οδος", "οδος", "."]),
    ("İstanbul ẞ", ["İstanbul", "ẞ"]),
    ("a\0b \ufffd c", ["a\0b", "c"]),
    (" \u3000\n", []),
    ("한글", ["한글"]),
    ("b" * 101 + " " + "b" * 100, ["b" * 101, "b" * 100]),
  ],
)
def test_words_are_cut_out_of_the_text_as_written(text, words):
  """Of a vocabulary that knows none of them: each word is one [UNK]."""
  tokenizer = Tokenizer([*test_text.SPECIAL, "q"], True, 100_000)
  ids, begins, ends = pieces(tokenizer, [text])
  assert ids[0] == [test_text.UNKNOWN] * len(words)
  cut = [text[a:b] for a, b in zip(begins[0], ends[0], strict=True)]
  assert [word.lower() for word in cut] == [word.lower() for word in words]


def test_bytes_that_are_no_text_count_as_the_character_for_them():
  tokenizer = Tokenizer([*test_text.SPECIAL, "a", "b"], True, 100)
  ids, begins, ends = pieces(tokenizer, [b"\xff a \xc3 b"])
  assert (ids, begins, ends) == ([[4, 5]], [[2, 6]], [[3, 7]])


WORDS = [f"w{number}" for number in range(90)]
VOCABULARY = [*test_text.SPECIAL, *WORDS, "##s", ".", "is"]


@pytest.fixture(scope="module")
def google(tmp_path_factory):
  """The features that run_squad.py makes of a file."""
  path = tmp_path_factory.mktemp("google") / "vocab.txt"
  path.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
  tokenizer = tokenization.FullTokenizer(str(path), do_lower_case=True)

  def features(file, length, stride, question):
    examples = squad_lib.read_squad_examples(file, True, False)
    made = []
    squad_lib.convert_examples_to_features(
      examples, tokenizer, length, stride, question, True, made.append
    )
    return examples, made

  return features


def write(folder, sizes, seed=0):
  """Questions on contexts of some numbers of words, one answer each."""
  random = np.random.default_rng(seed)
  paragraphs = []
  for number, size in enumerate(sizes):
    words = random.permutation(WORDS)[:size].tolist()
    words = [w + "s" * (random.random() < 0.3) for w in words]
    first = int(random.integers(size))
    answer = " ".join(words[first : first + int(random.integers(1, 4))])
    start = len(" ".join([*words[:first], ""]))
    asked = " ".join(random.permutation(WORDS)[: int(random.integers(9))])
    answers = [{"answer_start": start, "text": answer}]
    qas = [{"id": str(number), "question": asked, "answers": answers}]
    paragraphs.append({"context": " ".join(words), "qas": qas})
  path = folder / "squad.json"
  path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
  return str(path)


def tokenise(path, length, stride, question):
  questions = squad.read(path, key="data")
  tokenizer = windows.WindowTokenizer(
    Tokenizer(VOCABULARY, True, length), stride, question
  )
  tokens = dataset.tokenise(tokenizer, questions.texts, questions.texts_b)
  return questions, tokens


@pytest.mark.parametrize(
  ("length", "stride", "question"),
  [(24, 8, 6), (16, 3, 4), (20, 64, 10), (64, 16, 8), (13, 1, 9)],
)
def test_windows_and_targets_are_googles(
  google, tmp_path, length, stride, question
):
  sizes = [1, 2, 5, 9, 11, 17, 18, 19, 33, 64, 90]
  path = write(tmp_path, sizes, seed=length)
  _, features = google(path, length, stride, question)
  questions, tokens = tokenise(path, length, stride, question)
  targets = dataset.place(questions, tokens)
  assert len(features) == len(tokens.lengths) == len(targets)
  assert len(tokens.counts) == len(sizes) and tokens.counts.max() > 1
  for number, feature in enumerate(features):
    part = slice(tokens.starts[number], tokens.starts[number + 1])
    size = sum(feature.input_mask)
    assert tokens.ids[part].tolist() == feature.input_ids[:size]
    types = np.arange(size) >= tokens.firsts[number]
    assert types.tolist() == [bool(t) for t in feature.segment_ids[:size]]
    central = [
      feature.token_is_max_context.get(place, False) for place in range(size)
    ]
    assert tokens.central[part].tolist() == central
    assert tokens.owners[number] == feature.example_index
    assert targets[number].tolist() == [
      feature.start_position,
      feature.end_position,
      min(feature.token_to_orig_map),
      max(feature.token_to_orig_map) + 1,
    ]


def test_windows_of_a_batch_are_those_of_each_question_alone(tmp_path):
  path = write(tmp_path, [5, 60, 1, 33])
  questions, together = tokenise(path, 24, 8, 6)
  contexts = ["", *questions.texts_b]
  asked = ["", *questions.texts]
  tokenizer = windows.WindowTokenizer(Tokenizer(VOCABULARY, True, 24), 8, 6)
  together, batch = tokenizer(tf.constant(asked), tf.constant(contexts))
  rows = 0
  for question, context in zip(asked, contexts, strict=True):
    alone, _ = tokenizer(tf.constant([question]), tf.constant([context]))
    count = int(alone.counts[0])
    for name in ("ids", "begins", "ends", "central"):
      some = getattr(together, name)[rows : rows + count]
      assert some.to_list() == getattr(alone, name).to_list()
    rows += count
  assert rows == len(together.firsts) == batch["input_mask"].shape[0]
  empty = together.ids[0].numpy().tolist()
  assert empty == [test_text.CLS, test_text.SEP, test_text.SEP]
  masks = tf.reduce_sum(batch["input_mask"], axis=1)
  np.testing.assert_array_equal(masks, together.ids.row_lengths())
  first = tf.argmax(batch["input_type_ids"], axis=1)
  np.testing.assert_array_equal(first, together.firsts)


def test_many_questions_go_through_in_chunks_to_the_same_windows(tmp_path):
  path = tiny.write_squad(tmp_path, questions=600)
  questions = squad.read(path, key="data")
  tokenizer = windows.WindowTokenizer(
    Tokenizer(tiny.VOCABULARY, True, 24), 8, 6
  )
  whole = dataset.tokenise(tokenizer, questions.texts, questions.texts_b)
  half = dataset.tokenise(
    tokenizer, questions.texts[:200], questions.texts_b[:200]
  )
  assert len(whole.counts) == 600
  for name in ("ids", "begins", "ends", "central", "counts", "firsts"):
    first = getattr(half, name)
    np.testing.assert_array_equal(getattr(whole, name)[: len(first)], first)


def test_an_answer_that_no_window_holds_or_that_has_no_token_is_nowhere():
  tokenizer = windows.WindowTokenizer(Tokenizer(VOCABULARY, True, 10), 2, 3)
  context = "w1 w2 w3 w4 w5 w6 w7 w8 \u200b w9"
  for text in ("w1 w2 w3 w4 w5 w6 w7 w8", "\u200b"):
    answer = squad.Answer(context.index(text), text)
    questions = squad.Questions(
      "", squad.COLUMNS, ["a"], ["w1"], [context], [[answer]]
    )
    tokens = dataset.tokenise(tokenizer, questions.texts, questions.texts_b)
    assert not dataset.place(questions, tokens)[:, :2].any()


def test_part_of_a_word_is_answered_by_all_of_it():
  tokenizer = windows.WindowTokenizer(Tokenizer(VOCABULARY, True, 16), 8, 3)
  questions = squad.Questions(
    "", squad.COLUMNS, ["a"], ["w1"], ["w2 w33s w4"],
    [[squad.Answer(4, "33")]],
  )
  tokens = dataset.tokenise(tokenizer, questions.texts, questions.texts_b)
  start, end, first, last = dataset.place(questions, tokens)[0]
  assert (start, end, first, last) == (4, 4, 3, 7)
