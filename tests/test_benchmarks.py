# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The benchmark counts, compares and writes what it says it does."""

import sys

import flops
import numpy as np
import pytest
import results
import rows as rows_lib
import speed
import tensorflow as tf
from rows import Measure
from rows import Row

import tf_adapters
from tests import tiny

BATCH, SEQ, SIZE, CLASSES = 3, 5, 4, 2


class Counter:
  """Counts the products of a tiny BERT one by one, as NumPy would do them."""

  def __init__(self):
    self.count = 0

  def product(self, a, b):
    """The shape of a·b."""
    assert a[1] == b[0]
    self.count += 2 * a[0] * a[1] * b[1]
    return a[0], b[1]

  def linear(self, x, width, kernel_trains, backward=True):
    """y = x·W with the gradients that training needs; the shape of y."""
    y = self.product(x, (x[1], width))
    if backward:
      assert self.product(y, (width, x[1])) == x  # dx = dy·Wᵀ
    if kernel_trains:
      self.product(x[::-1], y)  # dW = xᵀ·dy
    return y

  def attention(self, queries, backward):
    """Scores and mixture, head by head, example by example."""
    width = tiny.HIDDEN // tiny.HEADS
    for _ in range(BATCH * tiny.HEADS):
      for a, b in (
        ((queries, width), (width, SEQ)), ((queries, SEQ), (SEQ, width))
      ):
        y = self.product(a, b)
        if backward:
          self.product(y, b[::-1])
          self.product(a[::-1], y)

  def adapter(self, x, backward_to_input=True):
    z = self.linear(x, SIZE, True, backward_to_input)
    self.linear(z, x[1], True)

  def block(self, queries, adapters, below, full=False):
    """`below`: whether anything below trains."""
    tokens, out = (BATCH * SEQ, tiny.HIDDEN), (BATCH * queries, tiny.HIDDEN)
    for x in (out, tokens, tokens):  # query, key, value
      self.linear(x, tiny.HIDDEN, full, below)
    self.attention(queries, below)
    self.linear(out, tiny.HIDDEN, full, below)
    if adapters:
      self.adapter(out, below)
    trains = full or adapters or below
    inner = self.linear(out, tiny.INNER, full, trains)
    self.linear(inner, tiny.HIDDEN, full, trains)
    if adapters:
      self.adapter(out)


def brute_force(size, lowest, cached=False):
  counter = Counter()
  for index in range(tiny.LAYERS):
    queries = 1 if index == tiny.LAYERS - 1 else SEQ
    below = not size or index > lowest or lowest == 0
    if index < lowest:
      if cached:
        continue
      below = False
    adapters = bool(size) and index >= lowest
    counter.block(queries, adapters, below, full=not size)
  counter.linear((BATCH, tiny.HIDDEN), CLASSES, True)
  return counter.count


def shape(size=SIZE, lowest=0, cached=False):
  return flops.Shape(
    batch=BATCH,
    seq=SEQ,
    hidden=tiny.HIDDEN,
    inner=tiny.INNER,
    layers=tiny.LAYERS,
    size=size,
    lowest=lowest,
    cached=cached,
    classes=CLASSES,
  )


@pytest.mark.parametrize(
  "size,lowest,cached",
  [(SIZE, 0, False), (SIZE, 1, False), (SIZE, 1, True), (0, 0, False)],
)
def test_operations_are_those_counted_one_by_one(size, lowest, cached):
  counted = brute_force(size, lowest, cached)
  assert flops.training_step(shape(size, lowest, cached)) == counted


def products_of(graph, outputs):
  """Operations of the products on which `outputs` depend."""
  waiting, seen, count = [tensor.op for tensor in outputs], set(), 0
  while waiting:
    op = waiting.pop()
    if op in seen:
      continue
    seen.add(op)
    waiting += [tensor.op for tensor in op.inputs] + list(op.control_inputs)
    if op.type not in ("MatMul", "BatchMatMulV2", "Einsum"):
      continue
    a, b = (tensor.shape.as_list() for tensor in op.inputs)
    y = op.outputs[0].shape.as_list()
    if y[0] == 1:  # a bias' gradient: a sum written as a product
      continue
    # Every axis stands in two of a, b and y, or in all three: examples, heads.
    shared = BATCH * tiny.HEADS if op.type == "Einsum" else np.prod(y[:-2])
    squared = np.prod(a) * np.prod(b) * np.prod(y) / shared
    count += 2 * round(np.sqrt(squared))
  return count


@pytest.mark.parametrize("lowest", [0, 1])
def test_operations_are_those_of_the_graph(encoder, lowest):
  model = tf_adapters.build(
    encoder,
    SIZE,
    head=tf_adapters.Head(CLASSES),
    layers=tuple(range(lowest, tiny.LAYERS)),
  )
  variables = model.trainable_variables

  def step(inputs, labels):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(variables)
      loss = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels, model(inputs, training=True)
      )
    return tape.gradient(loss, variables)

  names = ("input_word_ids", "input_mask", "input_type_ids")
  tokens = {name: tf.TensorSpec([BATCH, SEQ], tf.int32) for name in names}
  traced = tf.function(step).get_concrete_function(
    tokens, tf.TensorSpec([BATCH], tf.int32)
  )
  counted = products_of(traced.graph, traced.outputs)
  assert counted == flops.training_step(shape(lowest=lowest))


OURS, FIRST, SECOND = (
  Measure(side, ("step", word))
  for side, word in (("ours", "a"), ("peer", "b"), ("peer", "c"))
)


def row(**changes):
  values = {
    "name": "row",
    "title": "a title",
    "block": "block",
    "ours": OURS,
    "others": (FIRST, SECOND),
    "goal": 2.0,
    "least": 1.5,
    **changes,
  }
  return Row(**values)


def found(key="examples_per_s", **figures):
  names = {"ours": OURS, "first": FIRST, "second": SECOND}
  return {
    (names[name], repeat): {"result": {key: figure}}
    for name, values in figures.items()
    for repeat, figure in enumerate(values)
  }


def test_ratio_is_that_of_neighbours_against_the_better_median():
  entries = found(ours=[8, 9, 4], first=[4, 3, 2], second=[1, 2, 20])
  outcome = results.outcome(row(), entries, 3)
  assert outcome.ratios == (2.0, 3.0, 2.0)
  assert outcome.median == 2.0
  assert outcome.problem == ""


def test_less_is_better_where_the_row_says_so():
  lower = row(key="step_ms", lower=True, goal=0.5, least=0.6)
  entries = found("step_ms", ours=[6], first=[10], second=[20])
  outcome = results.outcome(lower, entries, 1)
  assert outcome.ratios == (0.6,)
  assert "6.0 ms" in outcome.ours
  verdicts = [results.reached(lower, x) for x in (0.5, 0.55, 0.61)]
  assert verdicts == ["goal", "at least", "no"]
  assert [results.reached(row(), x) for x in (2.0, 1.5, 1.4)] == verdicts


def test_failed_and_unfinished_rows_have_no_figure():
  entries = found(ours=[8, 9], first=[4, 3], second=[1, 2])
  entries[SECOND, 1] = {"error": "exit code 1: out of memory"}
  outcome = results.outcome(row(), entries, 2)
  assert not outcome.ratios
  assert outcome.problem == "failed: exit code 1: out of memory"
  text = results.table([row()], entries, 2)
  assert "failed: exit code 1: out of memory" in text
  assert "examples/s" not in text
  del entries[SECOND, 1]
  assert results.outcome(row(), entries, 2).problem == "not finished"
  assert results.outcome(row(), {}, 2).problem == "not measured"


@pytest.mark.parametrize(
  "code,wanted",
  [
    ("raise SystemExit('no such thing')", "exit code 1: no such thing"),
    ("print('no JSON')", "printed no JSON"),
    ("", "printed no JSON"),
    ("import time; time.sleep(60)", "took more than 1 s"),
  ],
)
def test_failed_process_is_an_error(code, wanted):
  entry = speed.run_command([sys.executable, "-c", code], timeout=1)
  assert entry == {"error": wanted}


def test_last_line_of_a_process_is_its_result():
  code = "print('by the way'); print('{\"examples_per_s\": 2}')"
  entry = speed.run_command([sys.executable, "-c", code], timeout=60)
  assert entry == {"result": {"examples_per_s": 2}}


def test_rewritten_results_keep_the_notes(tmp_path):
  path = tmp_path / "RESULTS.md"
  results.write(path, "first\n")
  first = path.read_text(encoding="utf-8")
  assert first.startswith("first\n" + results.MARKER)
  path.write_text(first + "\nBatches of 7 were slow.\n", encoding="utf-8")
  results.write(path, "second\n")
  second = path.read_text(encoding="utf-8")
  assert "first" not in second
  assert second.startswith("second\n")
  assert second.endswith("\nBatches of 7 were slow.\n")


def test_only_the_same_run_is_resumed(tmp_path):
  def run_of(*arguments):
    return speed.parse(["--raw", str(tmp_path / "raw.jsonl"), *arguments])

  options = run_of()
  run, _ = speed.start_or_resume(options)
  entry = {
    "run": run["run"],
    "side": "ours",
    "arguments": OURS.arguments,
    "repeat": 0,
    "result": {},
  }
  speed.append_raw(options.raw, entry)
  speed.append_raw(options.raw, {**entry, "run": "another"})
  with open(options.raw, "ab") as file:
    file.write(b'{"run": "torn')
  again, entries = speed.start_or_resume(run_of("--resume"))
  assert again["run"] == run["run"]
  assert list(speed.collect(entries)) == [(OURS, 0)]
  for arguments in (["--resume", "another"], ["--resume", "--repeats", "9"]):
    with pytest.raises(SystemExit):
      speed.start_or_resume(run_of(*arguments))
  assert len(speed.read_raw(options.raw)) == 3
  speed.append_raw(options.raw, entry)
  assert len(speed.read_raw(options.raw)) == 4


def test_measures_of_a_block_are_taken_in_turn():
  blocks = rows_lib.in_turn(rows_lib.ROWS)
  every = [measure for block in blocks for measure in block]
  assert len(every) == len(set(every))
  assert [measure.side for measure in blocks[0][:2]] == ["ours", "peer"]
  assert {row.name for row in rows_lib.ROWS if row.needs_data} == {
    "sst2", "cola", "sms_spam"
  }
