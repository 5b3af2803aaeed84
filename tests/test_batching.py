# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""From texts to tokens, and from tokens to batches built as by hand."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests import tiny
from tf_adapters.errors import InputError
from tf_adapters.tokens import batching
from tf_adapters.tokens import packing
from tf_adapters.tokens import text as text_lib

LENGTHS = st.lists(st.integers(2, 140), min_size=1, max_size=60)
IDS = {piece: number for number, piece in enumerate(tiny.VOCABULARY)}
NAMES = (
  "input_word_ids",
  "input_mask",
  "input_type_ids",
  "input_positions",
  "first_tokens",
)
CLS, SEP = IDS["[CLS]"], IDS["[SEP]"]


def make_tokens(lengths, seed=0) -> tuple[batching.Tokenised, list, list]:
  """Random examples, and the same as lists of token and of type ids."""
  random = np.random.default_rng(seed)
  rows = [random.integers(1, 30000, length).tolist() for length in lengths]
  firsts = [int(random.integers(1, length + 1)) for length in lengths]
  tokens = batching.Tokenised(
    np.array(sum(rows, []), np.int32),
    np.cumsum([0, *lengths]),
    np.array(firsts, np.int32),
  )
  types = [
    [int(place >= first) for place in range(len(row))]
    for row, first in zip(rows, firsts, strict=True)
  ]
  return tokens, rows, types


def plans_of(tokens, size=5, seed=0):
  shape = packing.choose_shape(tokens.lengths, size, 0.0, 3, 1)
  return list(packing.epoch(tokens.lengths, shape, size, seed, 0))


@settings(max_examples=100, deadline=None)
@given(LENGTHS, st.integers(1, 9), st.integers(0, 99))
def test_assembled_batches_equal_lists_built_by_hand(lengths, size, seed):
  tokens, rows, types = make_tokens(lengths, seed)
  assert tokens.lengths.tolist() == lengths
  for plan in plans_of(tokens, size, seed):
    expected = {name: [] for name in NAMES}
    for texts in plan.texts:
      line = {name: [] for name in NAMES}
      for slot, text in enumerate(texts[texts >= 0]):
        line["first_tokens"].append(len(line["input_word_ids"]))
        line["input_word_ids"] += rows[text]
        line["input_mask"] += [slot + 1] * len(rows[text])
        line["input_type_ids"] += types[text]
        line["input_positions"] += range(len(rows[text]))
      for name, values in line.items():
        width = len(texts) if name == "first_tokens" else plan.length
        expected[name].append(values + [0] * (width - len(values)))
    batch = batching.assemble(tokens, plan)
    assert batch.keys() == expected.keys()
    for name, value in batch.items():
      assert value.dtype == np.int32
      assert value.tolist() == expected[name], name


@settings(max_examples=30, deadline=None)
@given(LENGTHS, st.integers(1, 9))
def test_vectors_of_tokens_stand_where_their_tokens_stand(lengths, size):
  tokens, _, _ = make_tokens(lengths)
  vectors = np.stack([tokens.ids, -tokens.ids], axis=1).astype(np.float32)
  for plan in plans_of(tokens, size):
    ids = batching.assemble(tokens, plan)["input_word_ids"]
    placed = batching.assemble_tokens(vectors, tokens, plan)
    np.testing.assert_array_equal(placed, np.stack([ids, -ids], axis=-1))


def test_prefetching_keeps_the_order_and_passes_errors_on():
  assert list(batching.prefetch(lambda x: x * x, range(7))) == [
    0, 1, 4, 9, 16, 25, 36
  ]
  assert list(batching.prefetch(str, [])) == []
  with pytest.raises(ZeroDivisionError):
    list(batching.prefetch(lambda x: 1 / x, [1, 0, 2]))


def make_tokenizer(max_length) -> text_lib.Tokenizer:
  return text_lib.Tokenizer(tiny.VOCABULARY, True, max_length)


def encode(text) -> list[int]:
  """Ids of words that are all in the tiny vocabulary."""
  return [IDS[word] for word in text.split()]


def test_single_texts_are_tokenised_end_to_end():
  texts = ["good film", "", "the book was bad and sad"]
  tokens = batching.tokenise(make_tokenizer(16), texts, None)
  expected = [[CLS, *encode(text), SEP] for text in texts]
  assert tokens.ids.tolist() == sum(expected, [])
  assert tokens.lengths.tolist() == [4, 2, 8]
  assert tokens.starts.tolist() == [0, 4, 6, 14]
  assert tokens.firsts.tolist() == [4, 2, 8]
  assert tokens.ids.dtype == tokens.firsts.dtype == np.int32


def test_pairs_are_tokenised_with_the_first_text_s_length():
  texts, texts_b = ["good film", "", "sad"], ["bad", "it is not", ""]
  tokens = batching.tokenise(make_tokenizer(16), texts, texts_b)
  expected = [
    [CLS, *encode(a), SEP, *encode(b), SEP]
    for a, b in zip(texts, texts_b, strict=True)
  ]
  assert tokens.ids.tolist() == sum(expected, [])
  assert tokens.firsts.tolist() == [4, 2, 3]
  assert tokens.lengths.tolist() == [6, 6, 4]


@pytest.mark.parametrize(("bad", "named"), [
  (5, "must be text; got 5"),
  (None, "must be text; got None"),
  (b"a", "must be text; got b'a'"),
  ([b"a"], "must be text; got [b'a']"),
  ("a\ud83d", "holds U+D83D, half of a surrogate pair"),
  ("caf\udce9", "holds U+DCE9"),  # a byte of a shell that is not UTF-8
])
def test_what_is_no_text_is_named_by_its_number(bad, named):
  tokenizer = make_tokenizer(16)
  good = ["good", "bad", "sad"]
  for name, columns in (
    ("texts", (["good", bad, bad], None)),
    ("texts", (["good", bad, bad], good)),
    ("texts_b", (good, ["good", bad, bad])),
  ):
    with pytest.raises(
      InputError, match=re.escape(f"text 2 of `{name}` {named}")
    ):
      batching.tokenise(tokenizer, *columns)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(8, 24))
def test_pairs_are_cut_from_the_longer_text(first, second, most):
  texts = [" ".join(["good"] * first)], [" ".join(["bad"] * second)]
  tokens = batching.tokenise(make_tokenizer(most), *texts)
  while first + second + 3 > most:  # as in BERT's published code
    if first > second:
      first -= 1
    else:
      second -= 1
  a, b = [IDS["good"]] * first, [IDS["bad"]] * second
  assert tokens.ids.tolist() == [CLS, *a, SEP, *b, SEP]
  assert tokens.firsts.tolist() == [first + 2]


def test_more_texts_than_a_chunk_stay_in_order():
  texts = [" ".join(["good"] * (row % 5)) for row in range(2500)]
  tokens = batching.tokenise(make_tokenizer(16), texts, texts[::-1])
  expected = [row % 5 + (2499 - row) % 5 + 3 for row in range(2500)]
  assert tokens.lengths.tolist() == expected
  assert tokens.firsts.tolist() == [row % 5 + 2 for row in range(2500)]
  assert tokens.starts[-1] == len(tokens.ids)


@pytest.mark.parametrize(
  ("count", "rows"), [(1, 2), (2, 2), (3, 4), (9, 16), (1000, 84)]
)
def test_one_pass_over_few_texts_takes_few_rows(count, rows):
  texts = batching.Tokenised(
    np.full(40 * count, 7, np.int32),
    40 * np.arange(count + 1),
    np.full(count, 40, np.int32),
  )
  plans = [plan for plan, _ in batching.one_pass(texts, 2)]
  assert {plan.texts.shape[0] for plan in plans} == {rows}
  shown = np.concatenate([plan.texts.reshape(-1) for plan in plans])
  assert sorted(shown[shown >= 0]) == list(range(count))
