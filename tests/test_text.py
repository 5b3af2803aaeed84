# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Tokenisation against BERT's own rules, written out in plain Python."""

import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import tf_adapters
from tf_adapters.tokens.text import Tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
PAD, UNKNOWN, CLS, SEP = range(4)
LONG = 100_000
CJK = (
  (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
  (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)
# Where scripts and rules meet: case, accents, controls, spaces, punctuation.
CURIOUS = list(
  "aZ0 .,!$^`~[]_-éÉßẞİıſǅﬁ½Ωωςñ\u0301\u0308\t\n\r\0\x1f\x7f\x85\xa0\xad\u2028"
  "\u3000\u200b\u200d\ufeff\ufffd\ue000中日文字カぁ한글ก้ह्द😀🇩👍\U0001f3fd。、「‘“…—€№"
)
CHARACTERS = st.one_of(
  st.sampled_from(CURIOUS), st.characters(exclude_categories=("Cn", "Cs"))
)
TEXTS = st.text(CHARACTERS, max_size=30)


def is_punctuation(character):
  # Of ASCII, all that is neither letter, digit, space nor control.
  plain = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
  return character in plain or unicodedata.category(character)[0] == "P"


def is_cjk(character):
  return any(low <= ord(character) <= high for low, high in CJK)


def words_of(text, lower_case):
  """BasicTokenizer of google-research/bert, tokenization.py."""
  kept = []
  for character in text:
    category = unicodedata.category(character)
    if character in "\t\n\r" or category == "Zs":
      kept.append(" ")
    elif character != "\ufffd" and category[0] != "C":
      kept.append(f" {character} " if is_cjk(character) else character)
  text = "".join(kept)
  if lower_case:
    text = "".join(
      character
      for character in unicodedata.normalize("NFD", text.lower())
      if unicodedata.category(character) != "Mn"
    )
  return "".join(f" {c} " if is_punctuation(c) else c for c in text).split()


def pieces_of(word, vocabulary):
  """WordpieceTokenizer of the same: longest piece first, or unknown."""
  pieces, start = [], 0
  while start < len(word) <= 100:
    for end in range(len(word), start, -1):
      piece = ("##" if start else "") + word[start:end]
      if piece in vocabulary:
        break
    else:
      return [UNKNOWN]
    pieces.append(vocabulary[piece])
    start = end
  return pieces or [UNKNOWN]


def expected_ids(text, vocabulary, lower_case):
  ids = {piece: number for number, piece in enumerate(vocabulary)}
  words = words_of(text, lower_case)
  return [CLS, *(p for word in words for p in pieces_of(word, ids)), SEP]


def ids_of(tokenizer, *texts):
  """Ids of single rows, without padding."""
  return tokenizer.ragged(*map(tf.constant, texts))[0].to_list()


@pytest.mark.parametrize("lower_case", [True, False])
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_every_character_of_a_text_is_treated_as_bert_does(lower_case, texts):
  # A vocabulary in which each character that is left has an id of its own.
  words = [word for text in texts for word in words_of(text, lower_case)]
  left = sorted(set("".join(words)) | {"a"})
  vocabulary = [*SPECIAL, *left, *(f"##{character}" for character in left)]
  tokenizer = Tokenizer(vocabulary, lower_case, LONG)
  expected = [expected_ids(text, vocabulary, lower_case) for text in texts]
  assert ids_of(tokenizer, texts) == expected


@pytest.mark.parametrize("lower_case", [True, False])
def test_every_assigned_character_splits_joins_or_goes_as_in_bert(lower_case):
  vocabulary = [*SPECIAL, "a", "b", "##b"]
  texts = [
    f"a{chr(code)}b"
    for code in range(sys.maxunicode + 1)
    if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")
  ]
  assert len(texts) > 140_000
  result = ids_of(Tokenizer(vocabulary, lower_case, LONG), texts)
  for text, ids in zip(texts, result, strict=True):
    assert ids == expected_ids(text, vocabulary, lower_case), ascii(text)


@settings(max_examples=50, deadline=None)
@given(
  pieces=st.sets(st.from_regex(r"(##)?[ab]{1,4}", fullmatch=True), max_size=12),
  words=st.lists(st.text("abc", max_size=9), max_size=8),
)
def test_longest_piece_comes_first(pieces, words):
  vocabulary = [*SPECIAL, *sorted(pieces | {"a"})]
  text = " ".join(words)
  result = ids_of(Tokenizer(vocabulary, True, LONG), [text])
  assert result == [expected_ids(text, vocabulary, True)]


@pytest.mark.parametrize(
  ("character", "length"),
  [
    ("b", 100), ("b", 101), ("é", 51), ("é", 101), ("ก", 33), ("ก", 34),
    ("ก", 100), ("ก", 101), ("ก", 400), ("😀", 26), ("😀", 100),
  ],
)
def test_words_of_up_to_100_characters_are_known(character, length):
  """Characters, not bytes: Thai is written without spaces."""
  vocabulary = [*SPECIAL, character, f"##{character}"]
  text = character * length
  result = ids_of(Tokenizer(vocabulary, False, LONG), [f"{text}!{text}"])
  assert result == [expected_ids(f"{text}!{text}", vocabulary, False)]


def truncated(first, second, room):
  """_truncate_seq_pair of google-research/bert, run_classifier.py."""
  first, second = list(first), list(second)
  while len(first) + len(second) > room:
    (first if len(first) > len(second) else second).pop()
  return first, second


WORDS = [chr(code) for code in range(ord("a"), ord("z") + 1)]
LETTERS = [*SPECIAL, *WORDS]
SEQUENCES = st.lists(st.sampled_from(WORDS), max_size=14)


@settings(max_examples=50, deadline=None)
@given(
  rows=st.lists(st.tuples(SEQUENCES, SEQUENCES), min_size=1, max_size=3),
  max_length=st.integers(8, 20),
)
def test_pairs_lose_tokens_from_the_longer_text(rows, max_length):
  tokenizer = Tokenizer(LETTERS, True, max_length)
  x = tokenizer(*([" ".join(row[side]) for row in rows] for side in (0, 1)))
  for row, (first, second) in enumerate(rows):
    first, second = truncated(first, second, max_length - 3)
    pieces = ["[CLS]", *first, "[SEP]", *second, "[SEP]"]
    padding = [0] * (x["input_mask"].shape[1] - len(pieces))
    types = [0] * (len(first) + 2) + [1] * (len(second) + 1)
    ids = [LETTERS.index(piece) for piece in pieces]
    assert x["input_word_ids"][row].numpy().tolist() == ids + padding
    assert x["input_mask"][row].numpy().tolist() == [1] * len(ids) + padding
    assert x["input_type_ids"][row].numpy().tolist() == types + padding
  longest = max(len(first) + len(second) for first, second in rows) + 3
  assert x["input_mask"].shape[1] == min(longest, max_length)


@settings(max_examples=50, deadline=None)
@given(
  rows=st.lists(
    st.tuples(SEQUENCES, SEQUENCES, st.integers(8, 20), st.booleans()),
    max_size=4,
  )
)
def test_rows_that_differ_are_cut_each_like_its_own(rows):
  tokenizer = Tokenizer(LETTERS, True, 32)
  texts, texts_b = (
    tf.constant([" ".join(row[side]) for row in rows], tf.string)
    for side in (0, 1)
  )
  ids, types = tokenizer.by_row(
    texts,
    texts_b,
    tf.constant([row[2] for row in rows], tf.int32),
    tf.constant([row[3] for row in rows], tf.bool),
  )
  for number, (first, second, limit, paired) in enumerate(rows):
    alone = Tokenizer(LETTERS, True, limit).ragged(
      tf.constant([" ".join(first)]),
      tf.constant([" ".join(second)]) if paired else None,
    )
    assert ids[number].numpy().tolist() == alone[0][0].numpy().tolist()
    assert types[number].numpy().tolist() == alone[1][0].numpy().tolist()


@settings(max_examples=30, deadline=None)
@given(words=SEQUENCES, max_length=st.integers(8, 20))
def test_single_texts_lose_their_end(words, max_length):
  result = ids_of(Tokenizer(LETTERS, True, max_length), [" ".join(words)])
  ids = [LETTERS.index(word) for word in words]
  assert result == [[CLS, *ids[: max_length - 2], SEP]]


def test_padding_has_the_id_of_the_vocabulary():
  vocabulary = ["[CLS]", "[SEP]", "[UNK]", "a", "[PAD]"]
  x = Tokenizer(vocabulary, True, 8)(tf.constant(["a a", ""]))
  assert x["input_word_ids"].numpy().tolist() == [[0, 3, 3, 1], [0, 1, 4, 4]]
  assert x["input_mask"].numpy().tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
  assert {tensor.dtype for tensor in x.values()} == {tf.int32}


@pytest.mark.parametrize("pair", [False, True])
@pytest.mark.parametrize("texts", [[], [""], [" \n\u3000", "\0"]])
def test_no_texts_and_empty_ones_have_a_first_token(texts, pair):
  texts = tf.constant(texts, tf.string)
  x = Tokenizer(LETTERS, True, 16)(texts, *([texts] if pair else []))
  for tensor in x.values():
    assert tensor.shape[0] == texts.shape[0]
    assert tensor.shape[1] >= 1
  row = [CLS, SEP, SEP] if pair else [CLS, SEP]
  assert x["input_word_ids"].numpy().tolist() == [row] * texts.shape[0]


@pytest.mark.parametrize(
  ("raw", "kept"),
  [
    (b"a\0b", "ab"), (b"a\xff b", "a b"), (b"\xc3", ""), (bytes(256), ""),
    (b"a\xed\xa0\x80", "a"), (b"\xf4\x90\x80\x80a", "a"), (b"\xc0\x80a", "a"),
  ],
)
def test_bytes_that_are_no_text_are_dropped(raw, kept):
  vocabulary = [*LETTERS, "##b"]
  result = ids_of(Tokenizer(vocabulary, True, LONG), [raw])
  assert result == [expected_ids(kept, vocabulary, True)]


@settings(max_examples=30, deadline=None)
@given(raw=st.lists(st.binary(max_size=40), min_size=1, max_size=3))
def test_any_bytes_give_ids_of_the_vocabulary(raw):
  for ids in ids_of(Tokenizer(LETTERS, True, 12), raw, raw):
    assert ids[0] == CLS and ids[-1] == SEP and len(ids) <= 12
    assert all(0 <= number < len(LETTERS) for number in ids)


def test_ten_thousand_words_are_cut():
  x = Tokenizer(LETTERS, True, 64)(tf.constant(["a b " * 5000, "c"]))
  assert x["input_word_ids"].shape == (2, 64)
  row = x["input_word_ids"][0].numpy().tolist()
  assert row == [CLS, *[LETTERS.index(word) for word in "ab" * 31], SEP]
  whole = ids_of(Tokenizer(LETTERS, True, LONG), ["a b " * 5000])
  assert len(whole[0]) == 10_002


def test_special_tokens_in_a_text_are_ordinary_characters():
  vocabulary = [*SPECIAL, "[", "]", "sep", "cls", "mask", "[MASK]"]
  text = "[CLS] [SEP] [MASK] [PAD]"
  result = ids_of(Tokenizer(vocabulary, True, LONG), [text])
  pieces = "[ cls ] [ sep ] [ mask ] [ [UNK] ]".split()
  assert result == [[CLS, *map(vocabulary.index, pieces), SEP]]


@pytest.mark.parametrize("missing", SPECIAL)
def test_vocabulary_without_a_special_token_is_refused(missing):
  vocabulary = [piece for piece in LETTERS if piece != missing]
  with pytest.raises(tf_adapters.InputError, match=f"lacks \\{missing}"):
    Tokenizer(vocabulary, True, 16)


@settings(max_examples=30, deadline=None)
@given(
  piece=st.sampled_from([
    " ", "a b", "##a b", "## ", "\u2028", "\u3000", "a\0", "\u200bb",
    "\ue000", "\ue000" * 9, "x" * 101, "x" * 300, "",
  ]),
  words=st.lists(
    st.sampled_from([*"ab! \u2028\u3000", "PIECE", "x" * 101]), max_size=6
  ),
)
def test_pieces_that_are_in_no_word_are_found_in_none(piece, words):
  vocabulary = [*SPECIAL, "a", "b", "!", piece]
  text = "".join(words).replace("PIECE", piece)
  result = ids_of(Tokenizer(vocabulary, True, LONG), [text])
  assert result == [expected_ids(text, vocabulary, True)]


def test_a_piece_that_is_too_long_for_tensorflow_text_is_named():
  piece = "ก" * 90
  with pytest.raises(tf_adapters.InputError, match="a piece of 270 bytes, 'กก"):
    Tokenizer([*SPECIAL, piece], True, LONG)


def test_vocabulary_with_a_piece_twice_is_refused():
  with pytest.raises(tf_adapters.InputError, match="'b'"):
    Tokenizer([*LETTERS, "b"], True, 16)


UNEQUAL = """
import sys
import tensorflow as tf
from tf_adapters.tokens.text import Tokenizer
tokenizer = Tokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a"], True, 16)
batches = [tf.constant(["a a"] * size, tf.string) for size in (2, 1)]
for pair in (batches, batches[::-1]):
  for call in (tokenizer, tf.function(tokenizer.__call__)):
    try:
      sys.exit(f"no error: {call(*pair)}")
    except (tf.errors.InvalidArgumentError, ValueError):
      pass
"""


def test_pairs_of_unequal_number_are_an_error():
  """And do not end the process, which may be a server."""
  done = subprocess.run(
    [sys.executable, "-c", UNEQUAL], capture_output=True, check=False
  )
  assert done.returncode == 0, done.stderr.decode()[-500:]


@pytest.mark.parametrize("lower_case", [True, False])
def test_graph_gives_what_eager_gives(lower_case):
  tokenizer = Tokenizer(LETTERS, lower_case, 12)
  spec = tf.TensorSpec([None], tf.string)
  graph = tf.function(tokenizer.__call__, input_signature=[spec, spec])
  texts = tf.constant(["a b É c" * 9, "", "".join(CURIOUS)])
  for batches in ((texts, texts[::-1]), (texts[:0], texts[:0])):
    eager, traced = tokenizer(*batches), graph(*batches)
    assert eager.keys() == traced.keys()
    for name in eager:
      np.testing.assert_array_equal(eager[name], traced[name])
