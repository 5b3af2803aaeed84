# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Rows hold every text once, fit, waste little, and leave order to chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tf_adapters.tokens import packing

LENGTHS = st.lists(st.integers(2, 140), min_size=1, max_size=60)


def shape_of(lengths, size=8, worth=0.0, most=3, multiple=1):
  return packing.choose_shape(np.array(lengths), size, worth, most, multiple)


def members(plan) -> list[int]:
  return plan.texts[plan.texts >= 0].tolist()


@settings(max_examples=200, deadline=None)
@given(LENGTHS, st.integers(140, 400), st.integers(1, 20))
def test_rows_hold_every_text_once_and_fit(lengths, capacity, slots):
  rows = packing.pack(lengths, capacity, slots)
  assert sorted(sum(rows, [])) == list(range(len(lengths)))
  for row in rows:
    assert 1 <= len(row) <= slots
    assert sum(lengths[text] for text in row) <= capacity


@settings(max_examples=200, deadline=None)
@given(LENGTHS, st.integers(140, 400))
def test_no_two_rows_would_fit_into_one(lengths, capacity):
  rows = packing.pack(lengths, capacity, slots=1000)
  sums = sorted(sum(lengths[text] for text in row) for row in rows)
  assert len(sums) < 2 or sums[0] + sums[1] > capacity


def test_one_slot_is_one_text_a_row():
  assert packing.pack([5, 9, 5], 64, 1) == [[1], [0], [2]]


@settings(max_examples=200, deadline=None)
@given(
  LENGTHS,
  st.integers(1, 20),
  st.integers(0, 2**64),
  st.integers(0, 50),
  st.integers(1, 4),
)
def test_an_epoch_shows_every_text_once(lengths, size, seed, number, multiple):
  shape = shape_of(lengths, size, multiple=multiple)
  plans = list(
    packing.epoch(np.array(lengths), shape, size, seed, number)
  )
  assert len(plans) == -(-len(lengths) // size)
  assert sorted(sum(map(members, plans), [])) == list(range(len(lengths)))
  assert [plan.examples for plan in plans[:-1]] == [size] * (len(plans) - 1)
  for plan in plans:
    assert plan.length == shape.length
    assert plan.texts.shape[1] == shape.slots
    for row in plan.texts:
      texts = row[row >= 0]
      assert (row[len(texts) :] == -1).all()
      assert sum(lengths[text] for text in texts) <= shape.length


def test_batches_are_those_of_a_plain_shuffle():
  lengths = np.random.default_rng(0).integers(2, 100, 203)
  shape = shape_of(lengths)
  order = np.random.default_rng([5, 2]).permutation(203)
  plans = packing.epoch(lengths, shape, 8, 5, 2)
  for step, plan in enumerate(plans):
    assert sorted(members(plan)) == sorted(order[8 * step : 8 * step + 8])


def test_other_epochs_and_other_seeds_have_other_orders():
  lengths = np.full(100, 7)
  shape = shape_of(lengths, 10)
  orders = {
    str([members(plan) for plan in packing.epoch(lengths, shape, 10, *key)])
    for key in np.ndindex(4, 4)
  }
  assert len(orders) == 16


@settings(max_examples=100, deadline=None)
@given(LENGTHS, st.integers(1, 9), st.integers(1, 5))
def test_one_pass_for_inference_shows_every_text_once(lengths, rows, extra):
  length = packing.row_length(np.array(lengths)) + 16 * extra
  plans = list(packing.whole(np.array(lengths), rows, length))
  assert sorted(sum(map(members, plans), [])) == list(range(len(lengths)))
  assert {plan.texts.shape[0] for plan in plans} == {rows}


@pytest.mark.parametrize(
  ("longest", "expected"), [(2, 48), (48, 48), (49, 64), (128, 128)]
)
def test_rows_are_as_long_as_the_longest_text(longest, expected):
  assert packing.row_length(np.array([2, longest, 1])) == expected


@settings(max_examples=100, deadline=None)
@given(LENGTHS, st.integers(1, 20), st.integers(1, 3), st.integers(1, 4))
def test_numbers_of_rows_are_few_and_divide(lengths, size, most, multiple):
  shape = shape_of(lengths, size, most=most, multiple=multiple)
  assert 1 <= len(shape.rows) <= most
  assert list(shape.rows) == sorted(set(shape.rows))
  assert all(rows % multiple == 0 for rows in shape.rows)


def test_a_further_number_of_rows_must_be_worth_it():
  # Pairs of long texts need two rows of any length, all others one.
  lengths = np.array([2] * 50 + [60] * 50)
  assert shape_of(lengths, 2, worth=0.0).rows == (1, 2)
  assert shape_of(lengths, 2, worth=1e6).rows == (2,)


def test_rows_are_longer_where_that_leaves_less_padding():
  # Four texts of 33 tokens: two rows of 80, or four of 48.
  shape = shape_of(np.full(300, 33), 4)
  assert (shape.length, shape.rows) == (80, (2,))


def test_a_batch_of_more_rows_than_chosen_gets_a_rounded_number():
  shape = packing.Shape(64, 8, (3, 5), 4)
  assert [shape.fit(needed) for needed in (1, 3, 4, 5, 6, 8, 9)] == [
    3, 3, 5, 5, 8, 8, 12
  ]


def test_short_texts_leave_little_padding():
  lengths = np.random.default_rng(1).integers(4, 20, 2000)
  shape = shape_of(lengths, 32)
  plans = list(packing.epoch(lengths, shape, 32, 0, 0))
  tokens = sum(plan.texts.shape[0] * plan.length for plan in plans)
  assert lengths.sum() / tokens > 0.85
