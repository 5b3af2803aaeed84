# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Every example once an epoch, in few shapes, the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests import tiny
from tf_adapters import batching
from tf_adapters import text as text_lib

LENGTHS = st.lists(st.integers(2, 140), min_size=1, max_size=60)
IDS = {piece: number for number, piece in enumerate(tiny.VOCABULARY)}
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


def smallest(buckets, length) -> int:
  return min(bucket for bucket in buckets if bucket >= length)


def padding(lengths, buckets) -> int:
  return sum(smallest(buckets, length) - length for length in lengths)


def order_of(plans) -> list[list[int]]:
  return [plan.rows.tolist() for plan in plans]


@settings(max_examples=200, deadline=None)
@given(
  LENGTHS,
  st.sets(st.integers(2, 139), max_size=4),
  st.integers(1, 20),
  st.none() | st.integers(0, 2**64),
  st.integers(0, 50),
)
def test_an_epoch_shows_every_example_once(lengths, extra, size, seed, number):
  buckets = (*sorted(extra), 140)
  plans = list(
    batching.epoch(np.array(lengths), buckets, size, seed, number)
  )
  assert len(plans) == -(-len(lengths) // size)
  assert all(plan.rows.shape == (size,) for plan in plans)
  rows = np.concatenate([plan.rows for plan in plans])
  assert sorted(rows[rows >= 0]) == list(range(len(lengths)))
  assert all((plan.rows >= 0).all() for plan in plans[:-1])
  filler = len(plans) * size - len(lengths)
  assert (plans[-1].rows == -1).sum() == filler
  assert (plans[-1].rows[: size - filler] >= 0).all()
  for plan in plans:
    needed = max(lengths[row] for row in plan.rows if row >= 0)
    assert plan.length == smallest(buckets, needed)


@settings(max_examples=50, deadline=None)
@given(LENGTHS, st.integers(1, 9), st.integers(0, 99), st.integers(0, 9))
def test_a_seed_and_an_epoch_fix_the_order(lengths, size, seed, number):
  arguments = (np.array(lengths), (64, 140), size, seed, number)
  first, second = (
    [(plan.rows.tolist(), plan.length) for plan in batching.epoch(*arguments)]
    for _ in range(2)
  )
  assert first == second


def test_other_epochs_and_other_seeds_have_other_orders():
  lengths = np.full(100, 7)
  orders = {
    (seed, number): str(order_of(batching.epoch(lengths, (16,), 10, *key)))
    for seed in range(4)
    for number in range(4)
    for key in [(seed, number)]
  }
  assert len(set(orders.values())) == 16


@pytest.mark.parametrize("number", [0, 3])
def test_no_seed_keeps_the_given_order_within_a_bucket(number):
  lengths = np.array([5, 30, 6, 7, 31, 8, 9])
  plans = batching.epoch(lengths, (16, 32), 2, None, number)
  assert order_of(plans) == [[0, 2], [1, 4], [3, 5], [6, -1]]
  lengths = np.full(7, 12)
  plans = batching.epoch(lengths, (16,), 3, None, number)
  assert order_of(plans) == [[0, 1, 2], [3, 4, 5], [6, -1, -1]]


def test_a_shuffled_epoch_mixes_all_examples():
  lengths = np.full(1000, 12)
  plans = list(batching.epoch(lengths, (16,), 10, 0, 0))
  places = np.concatenate([plan.rows for plan in plans])
  # A uniform permutation moves an example by n / 3 on average.
  assert abs(np.abs(places - np.arange(1000)).mean() - 1000 / 3) < 40


@settings(max_examples=100, deadline=None)
@given(LENGTHS, st.integers(1, 9), st.integers(0, 99))
def test_assembled_batches_equal_lists_built_by_hand(lengths, size, seed):
  tokens, rows, types = make_tokens(lengths, seed)
  assert tokens.lengths.tolist() == lengths
  for plan in batching.epoch(tokens.lengths, (32, 140), size, seed):
    expected = {"input_word_ids": [], "input_mask": [], "input_type_ids": []}
    for row in plan.rows:
      ids, kinds = ([], []) if row < 0 else (rows[row], types[row])
      rest = [0] * (plan.length - len(ids))
      expected["input_word_ids"].append(ids + rest)
      expected["input_mask"].append([1] * len(ids) + rest)
      expected["input_type_ids"].append(kinds + rest)
    batch = batching.assemble(tokens, plan)
    assert batch.keys() == expected.keys()
    for name, value in batch.items():
      assert value.dtype == np.int32
      assert value.tolist() == expected[name], name


@settings(max_examples=200, deadline=None)
@given(LENGTHS, st.integers(0, 400), st.integers(1, 5))
def test_buckets_are_few_cover_all_and_are_worth_it(lengths, worth, most):
  rounded = [-(-length // 16) * 16 for length in lengths]
  buckets = batching.choose_buckets(np.array(lengths), worth, most)
  assert list(buckets) == sorted(set(buckets))
  assert 1 <= len(buckets) <= most
  assert buckets[-1] == max(rounded)
  assert set(buckets) <= set(rounded)
  assert frozenset(buckets) in greedy_choices(rounded, worth, most)


def greedy_choices(lengths, worth, most) -> set[frozenset]:
  """All sets that greedy choice may give, whichever way ties are broken."""
  finished, open_sets = set(), {frozenset([max(lengths)])}
  while open_sets:
    chosen = open_sets.pop()
    saved = {
      extra: padding(lengths, chosen) - padding(lengths, chosen | {extra})
      for extra in set(lengths) - chosen
    }
    best = max(saved.values(), default=-1)
    if len(chosen) == most or not saved or best < worth:
      finished.add(chosen)
    else:
      ties = [extra for extra in saved if saved[extra] == best]
      open_sets |= {chosen | {extra} for extra in ties}
  return finished


def test_a_further_length_that_saves_too_little_is_left_out():
  lengths = np.array([10] * 10 + [128])  # 10 times 112 tokens are saved
  assert batching.choose_buckets(lengths, worth=1120) == (16, 128)
  assert batching.choose_buckets(lengths, worth=1121) == (128,)
  assert batching.choose_buckets(lengths, worth=0, most=1) == (128,)


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
