# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Trained parameters at BERT's own shapes: the formula, and the README."""

import pathlib

import pytest
from official.nlp.modeling import networks

from tests.formulas import POSITIONS
from tests.formulas import SHAPES
from tests.formulas import TYPES
from tests.formulas import VOCABULARY
from tf_adapters.config import AdapterConfig
from tf_adapters.config import TuningConfig
from tf_adapters.modeling import garden
from tf_adapters.modeling import strategies
from tf_adapters.modeling.encoder import AdapterEncoder

README = (pathlib.Path(__file__).parents[1] / "README.md").read_text("utf-8")
SIZES = [2**n for n in range(1, 10)]


@pytest.fixture(scope="module", params=SHAPES)
def shaped(request):
  shape = SHAPES[request.param]
  encoder = networks.BertEncoderV2(
    vocab_size=VOCABULARY,
    hidden_size=shape.hidden,
    num_layers=shape.blocks,
    num_attention_heads=shape.heads,
    inner_dim=4 * shape.hidden,
    max_sequence_length=POSITIONS,
    type_vocab_size=TYPES,
    initializer="zeros",
  )
  return shape, garden.lay_open(encoder)


def trained(parts, tuning=None, **adapter):
  plan = strategies.Plan(
    tuning or TuningConfig(),
    AdapterConfig(**adapter),
    blocks=len(parts.blocks),
    reads_pooler=True,
  )
  encoder = AdapterEncoder(parts, plan, seed=0)
  return sum(v.shape.num_elements() for v in encoder.trainable_variables)


def test_adapters_and_layer_norms_are_the_formula(shaped):
  shape, parts = shaped
  found = sum(v.shape.num_elements() for _, v in parts.named())
  assert found == shape.in_all
  for size in SIZES:
    assert trained(parts, size=size) == shape.trained(size)
    alone = trained(parts, size=size, train_layer_norm=False)
    assert alone == shape.adapters(size)


def test_other_strategies_are_their_formulas(shaped):
  shape, parts = shaped
  assert trained(parts, TuningConfig("layer_norm")) == shape.norms
  assert trained(parts, TuningConfig("head")) == 0
  one = trained(parts, TuningConfig("top_k", top_k=1))
  assert one == shape.in_blocks // shape.blocks + shape.in_pooler
  biases = shape.biases + shape.hidden  # the pooler's
  assert trained(parts, TuningConfig("bitfit")) == biases
  lora = trained(parts, TuningConfig("lora", rank=8))
  assert lora == shape.lora(8)


def test_the_readme_has_these_numbers():
  """Its table, and what it says of the paper's percentages."""
  base, large = SHAPES.values()
  for size in (2, 8, 32, 64, 256, 512):
    cells = [f"| {size} "]
    for shape in (base, large):
      share = shape.trained(size) / shape.in_all
      cells.append(f" {shape.trained(size):,} ({share:.2%}) ")
    assert "|".join(cells) + "|" in README
  assert f"{large.in_blocks:,}" in README
  assert round(100 * large.adapters(64) / large.in_blocks, 1) == 2.1
  assert round(100 * large.trained(64) / large.in_blocks, 1) == 2.1
  assert round(100 * large.trained(64) / large.in_all, 2) == 1.92
  with_pooler = large.trained(64) + large.in_pooler
  assert round(100 * with_pooler / large.in_all, 2) == 2.24
  # Which sizes were best on the nine tasks is not published; these would do.
  mixed = 1 * large.trained(8) + 5 * large.trained(64) + 3 * large.trained(256)
  assert round(100 * mixed / 9 / large.in_all, 1) == 3.6
  assert round(100 * base.trained(32) / base.in_all, 2) == 1.13
