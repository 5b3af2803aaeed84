# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Every strategy keeps every promise: one table, one test a promise."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tf_adapters
from tests import numpy_bert
from tests import tiny
from tests.test_compute import make_inputs
from tests.test_compute import make_tokens
from tests.test_compute import one_by_one
from tests.test_trainer import make_trainer
from tests.test_trainer import trained
from tf_adapters import config as config_lib
from tf_adapters import settings
from tf_adapters import tasks
from tf_adapters.modeling import compute as compute_lib
from tf_adapters.modeling import strategies
from tf_adapters.modeling.compute import Compute
from tf_adapters.modeling.layers import dropout
from tf_adapters.tokens import batching
from tf_adapters.tokens import packing
from tf_adapters.training import gradients as gradients_lib

D, M, INNER, UNITS = tiny.HIDDEN, 4, tiny.INNER, 3
SPLIT = (tiny.HEADS, D // tiny.HEADS)
LINEARS = {
  "query": ((D, *SPLIT), SPLIT),
  "key": ((D, *SPLIT), SPLIT),
  "value": ((D, *SPLIT), SPLIT),
  "attention_output": ((*SPLIT, D), (D,)),
  "intermediate": ((D, INNER), (INNER,)),
  "output": ((INNER, D), (D,)),
}
NORMS = {
  f"{name}/{which}": (D,)
  for name in ("attention_norm", "output_norm")
  for which in ("gamma", "beta")
}
EMBEDDINGS = {
  "embeddings/word": (len(tiny.VOCABULARY), D),
  "embeddings/position": (tiny.POSITIONS, D),
  "embeddings/type": (2, D),
}
EMBEDDING_NORM = {"embedding_norm/gamma": (D,), "embedding_norm/beta": (D,)}
POOLER = {"pooler/kernel": (D, D), "pooler/bias": (D,)}
HEAD = {"head/kernel": (D, UNITS), "head/bias": (UNITS,)}
BLOCK = {
  **{f"{name}/kernel": shapes[0] for name, shapes in LINEARS.items()},
  **{f"{name}/bias": shapes[1] for name, shapes in LINEARS.items()},
  **NORMS,
}
BLOCKS = tuple(range(tiny.LAYERS))


def adapters(*sublayers):
  shapes = {"down_kernel": (D, M), "down_bias": (M,)}
  shapes |= {"up_kernel": (M, D), "up_bias": (D,)}
  return {
    f"{sublayer}_adapter/{name}": shape
    for sublayer in sublayers
    for name, shape in shapes.items()
  }


def lora(rank, *targets):
  shapes = {}
  for target in targets:
    inputs = INNER if target == "output" else D
    outputs = INNER if target == "intermediate" else D
    shapes[f"{target}_lora/down_kernel"] = (inputs, rank)
    shapes[f"{target}_lora/up_kernel"] = (rank, outputs)
  return shapes


def ends(shapes, *names):
  return {key: shapes[key] for key in shapes if key.endswith(names)}


@dataclasses.dataclass(frozen=True)
class Case:
  """One strategy with options, and what the papers say that it trains."""

  options: dict
  block: dict = dataclasses.field(default_factory=dict)
  outside: dict = dataclasses.field(default_factory=dict)
  blocks: tuple = BLOCKS
  pooler: dict = dataclasses.field(default_factory=dict)

  def shapes(self, reads_pooler=False):
    found = {**self.outside, **HEAD, **(self.pooler if reads_pooler else {})}
    for index in self.blocks:
      found |= {f"block_{index}/{key}": self.block[key] for key in self.block}
    return found


CASES = {
  "houlsby": Case(
    {"size": M}, adapters("attention", "output") | NORMS, EMBEDDING_NORM
  ),
  "houlsby_attention": Case(
    {"size": M, "method": "houlsby_attention"},
    adapters("attention") | NORMS,
    EMBEDDING_NORM,
  ),
  "houlsby_ffn": Case(
    {"size": M, "method": "houlsby_ffn"},
    adapters("output") | NORMS,
    EMBEDDING_NORM,
  ),
  "pfeiffer": Case({"size": M, "method": "pfeiffer"}, adapters("output")),
  "parallel": Case({"size": M, "method": "parallel"}, adapters("output")),
  "full": Case(
    {"strategy": "full"}, BLOCK, EMBEDDINGS | EMBEDDING_NORM, pooler=POOLER
  ),
  "top_1": Case({"strategy": "top_k"}, BLOCK, blocks=(1,), pooler=POOLER),
  "top_2": Case({"strategy": "top_k", "top_k": 2}, BLOCK, pooler=POOLER),
  "layer_norm": Case({"strategy": "layer_norm"}, NORMS, EMBEDDING_NORM),
  "head": Case({"strategy": "head"}),
  "bitfit": Case(
    {"strategy": "bitfit"},
    ends(BLOCK, "bias", "beta"),
    ends(EMBEDDING_NORM, "beta"),
    pooler=ends(POOLER, "bias"),
  ),
  "lora": Case({"strategy": "lora", "rank": 2}, lora(2, "query", "value")),
  "lora_everywhere": Case(
    {
      "strategy": "lora", "rank": 3, "alpha": 6.0, "targets": tuple(LINEARS)
    },
    lora(3, *LINEARS),
  ),
}
CASES |= {
  "prefix": Case(
    {"strategy": "prefix", "length": 3},
    {"prefix/keys": (3, D), "prefix/values": (3, D)},
  ),
  "prompt": Case(
    {"strategy": "prompt", "length": 3}, outside={"prompt/embeddings": (3, D)}
  ),
}
IN_PLACE = ("full", "top_1", "top_2", "bitfit")
every = pytest.mark.parametrize("name", CASES)


@pytest.fixture(scope="module")
def encoder(encoder_folder):
  return tf_adapters.load_encoder(str(encoder_folder))


def make(encoder, name, reads="first_token"):
  head = tf_adapters.Head(UNITS, input=reads, seed=0)
  return tf_adapters.build(encoder, head=head, seed=0, **CASES[name].options)


def shaken(model, seed=0):
  """`model` after every variable of it that trains was moved."""
  random = np.random.default_rng(seed)
  for item in tf_adapters.task_variables(model):
    noise = random.normal(0, 0.1, item.variable.shape)
    item.variable.assign_add(noise.astype(np.float32))
  return model


def loss_and_gradients(model, inputs, compute):
  @tf.function
  def run():
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      trained = [i.variable for i in tf_adapters.task_variables(model)]
      tape.watch(trained)
      logits = model(
        inputs, training=True, noise=dropout.noise(3, 4), compute=compute
      )
      loss = tf.reduce_sum(tf.square(logits))
    gradients = tape.gradient(loss, trained)
    return loss, [tf.convert_to_tensor(value) for value in gradients]

  return run()


def test_the_table_has_every_strategy_and_method():
  names = {case.options.get("strategy", "adapter") for case in CASES.values()}
  assert names == set(config_lib.TUNINGS)
  assert names == set(strategies.STRATEGIES) - {"lora_merged"}
  methods = {case.options.get("method", "houlsby") for case in CASES.values()}
  assert methods == set(config_lib.METHODS)


# --- What trains -------------------------------------------------------------


@pytest.mark.parametrize("reads", config_lib.HEAD_INPUTS)
@every
def test_exactly_the_declared_variables_train(encoder, name, reads):
  model = make(encoder, name, reads)
  items = tf_adapters.task_variables(model)
  found = {item.name: tuple(item.variable.shape) for item in items}
  assert found == CASES[name].shapes(reads == "pooled_output")
  assert len(found) == len(items)
  for item in items:
    vector = item.name.endswith(("bias", "gamma", "beta"))
    assert item.decays != vector, item.name
  count = sum(int(np.prod(shape)) for shape in found.values())
  rows = tf_adapters.parameter_table(model)
  assert sum(row.count for row in rows if row.trained) == count
  borrowed = {id(variable) for variable in encoder.variables}
  assert not borrowed & {id(item.variable) for item in items}
  assert borrowed <= {id(item) for item in model.non_trainable_variables}


@every
def test_training_moves_all_of_them_and_no_bit_of_the_encoder(encoder, name):
  model, other = make(encoder, name, "pooled_output"), make(encoder, name)
  inputs = make_inputs()
  before = [value.numpy() for value in encoder.variables]
  answers = other(inputs).numpy()
  items = tf_adapters.task_variables(model)
  start = [item.variable.numpy() for item in items]
  for _ in range(2):  # LoRA's A has no gradient while B is zero
    _, gradients = loss_and_gradients(model, inputs, Compute())
    for item, gradient in zip(items, gradients, strict=True):
      item.variable.assign_sub(0.01 * gradient)
  for item, old in zip(items, start, strict=True):
    # A key's bias adds the same to all scores of a query: no gradient.
    moved = not np.array_equal(item.variable.numpy(), old)
    assert moved or item.name.endswith("key/bias"), item.name
  for variable, old in zip(encoder.variables, before, strict=True):
    np.testing.assert_array_equal(variable.numpy(), old)
  np.testing.assert_array_equal(other(inputs), answers)


@every
def test_below_what_trains_nothing_drops_or_is_differentiated(encoder, name):
  model = make(encoder, name)
  case = CASES[name]
  lowest = 0 if case.outside else min(case.blocks if case.block else (2,))
  assert model.encoder.first_trained == lowest
  inputs = make_inputs()
  plain = model.encoder(inputs)["encoder_outputs"]
  found = model.encoder(inputs, training=True, noise=dropout.noise(0, 0))
  outputs = found["encoder_outputs"]
  for index in range(lowest):
    np.testing.assert_array_equal(outputs[index], plain[index])
  for index in range(lowest, len(BLOCKS)):
    assert np.abs(outputs[index] - plain[index]).max() > 1e-3
  lent = [v for _, v in model.encoder.borrowed.named()]
  with tf.GradientTape() as tape:
    tape.watch(lent)
    logits = model(inputs, training=True, noise=dropout.noise(0, 0))
  gradients = tape.gradient(logits, lent)
  addresses = [at for at, _ in model.encoder.borrowed.addressed()]
  for at, gradient in zip(addresses, gradients, strict=True):
    # Where no block trains, nothing asks for gradients of the last one.
    if at.piece != "pooler" and (at.block or 0) < min(lowest, 1):
      assert gradient is None, at


# --- What is computed --------------------------------------------------------


def hugging_face(name):
  """Hugging Face's name of a copy's name."""
  if name.startswith("embeddings/"):
    kind = name.split("/")[1].replace("type", "token_type")
    return f"embeddings.{kind}_embeddings.weight"
  name = name.replace("gamma", "weight").replace("beta", "bias")
  name = name.replace("kernel", "weight")
  if name.startswith("embedding_norm"):
    return name.replace("embedding_norm/", "embeddings.LayerNorm.")
  block, piece, which = name.split("/")
  place = {
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "intermediate": "intermediate.dense",
    "output": "output.dense",
    "output_norm": "output.LayerNorm",
  }.get(piece, f"attention.self.{piece}")
  return f"encoder.layer.{block.removeprefix('block_')}.{place}.{which}"


def expected_logits(model, inputs):
  """By NumPy: the encoder's weights with the task's own in their place."""
  tensors = {
    key: value.astype(np.float64)
    for key, value in tiny.hugging_face_tensors().items()
  }
  own = {
    item.name: item.variable.numpy().astype(np.float64)
    for item in tf_adapters.task_variables(model)
  }
  for name, value in own.items():
    if "lora" in name or "prefix" in name or name.startswith("head"):
      continue
    if name == "prompt/embeddings":
      continue
    key = hugging_face(name)
    if name.endswith("kernel"):
      inputs_of = tensors[key].shape[1]
      value = value.reshape(inputs_of, -1).T
    tensors[key] = value.reshape(tensors[key].shape)
  tuning = model.encoder.plan.tuning
  for name in own:
    if name.endswith("_lora/down_kernel"):
      layer = name.removesuffix("_lora/down_kernel")
      down, up = own[name], own[f"{layer}_lora/up_kernel"]
      scale = (tuning.alpha or tuning.rank) / tuning.rank
      tensors[hugging_face(f"{layer}/kernel")] += scale * (down @ up).T
  front = {"prompt": own.get("prompt/embeddings")}
  if "block_0/prefix/keys" in own:
    front["prefixes"] = [
      (own[f"block_{i}/prefix/keys"], own[f"block_{i}/prefix/values"])
      for i in BLOCKS
    ]
  rows = []
  for ids, mask, types in zip(*inputs.values(), strict=True):
    real = mask > 0
    rows.append(
      numpy_bert.first_token(tensors, ids[real], types[real], **front)
    )
  return np.stack(rows) @ own["head/kernel"] + own["head/bias"]


@pytest.mark.parametrize(
  "name", [name for name in CASES if "strategy" in CASES[name].options]
)
def test_the_model_computes_the_formula(encoder, name):
  model, inputs = shaken(make(encoder, name)), make_inputs()
  np.testing.assert_allclose(
    model(inputs), expected_logits(model, inputs), atol=2e-5
  )


@pytest.mark.parametrize(
  "name", ["full", "top_1", "layer_norm", "head", "bitfit", "lora"]
)
def test_an_untrained_model_computes_what_the_encoder_computes(encoder, name):
  options, inputs = CASES[name].options, make_inputs()
  ours = tf_adapters.build(encoder, **options)(inputs)
  theirs = encoder(inputs)
  np.testing.assert_allclose(
    ours["pooled_output"], theirs["pooled_output"], atol=1e-5
  )


@every
def test_shapes_graph_and_eager(encoder, name):
  model, inputs = shaken(make(encoder, name)), make_inputs()
  eager = model(inputs)
  assert eager.shape == (6, UNITS) and eager.dtype == tf.float32
  for compile_it in (False, True):
    graph = tf.function(model, jit_compile=compile_it)
    np.testing.assert_allclose(graph(inputs), eager, atol=1e-5)
  plain = tf_adapters.build(encoder, **CASES[name].options)(inputs)
  assert plain["sequence_output"].shape == (6, 20, D)
  assert plain["pooled_output"].shape == (6, D)
  assert len(plain["encoder_outputs"]) == len(BLOCKS)


@every
def test_packed_texts_have_the_outputs_they_have_alone(encoder, name):
  model = shaken(make(encoder, name))
  tokens = make_tokens([20, 3, 5, 7, 9, 2, 31, 12])
  expected = one_by_one(model, tokens)
  for plan in packing.whole(tokens.lengths, rows=2, length=64):
    logits = model(batching.assemble(tokens, plan)).numpy()
    texts = plan.texts.reshape(-1)
    np.testing.assert_allclose(
      logits[texts >= 0], expected[texts[texts >= 0]], atol=1e-5
    )


@pytest.mark.parametrize(
  "way", [Compute(compiled=True), Compute(recompute=True)], ids=("xla", "again")
)
@every
def test_all_ways_give_the_same_loss_and_gradients(encoder, name, way):
  model, inputs = shaken(make(encoder, name)), make_inputs()
  loss, gradients = loss_and_gradients(model, inputs, Compute())
  found_loss, found = loss_and_gradients(model, inputs, way)
  np.testing.assert_allclose(found_loss, loss, rtol=1e-5)
  largest = max(np.abs(value).max() for value in gradients)
  for value, expected in zip(found, gradients, strict=True):
    np.testing.assert_allclose(value, expected, atol=1e-5 * largest)


@every
def test_only_what_is_frozen_is_lowered(encoder, name):
  model, inputs = shaken(make(encoder, name)), make_inputs()
  parts = model.encoder.parts
  low = compute_lib.prepare(parts, "bfloat16")
  own = {address.name for address, _ in model.encoder.owned()}
  for (address, lowered), (_, variable) in zip(
    low.parts.addressed(), parts.addressed(), strict=True
  ):
    linear = address.block is not None and address.piece in LINEARS
    if address.name in own or not linear:
      assert lowered is variable, address
    else:
      assert lowered.dtype == tf.bfloat16, address
  exact, near = model(inputs), model(inputs, compute=low)
  assert near.dtype == tf.float32
  change = np.abs(near - exact).max()
  assert 0 < change < 0.1 * np.abs(exact).max()


@pytest.mark.parametrize("name", ["full", "top_2"])
def test_products_in_bfloat16_follow_kernels_that_train(encoder, name):
  model, inputs = shaken(make(encoder, name)), make_inputs()
  low = compute_lib.prepare(model.encoder.parts, "bfloat16")
  before = model(inputs).numpy()
  for _, variable in model.encoder.owned():
    variable.assign(1.5 * variable)
  exact, near = model(inputs).numpy(), model(inputs, compute=low).numpy()
  change = np.abs(near - exact).max()
  assert 0 < change < 0.1 * np.abs(exact - before).max()
  loss, gradients = loss_and_gradients(model, inputs, Compute())
  low_loss, low_gradients = loss_and_gradients(model, inputs, low)
  # A sum of squares, whose terms rounding moves by some hundredths.
  np.testing.assert_allclose(low_loss, loss, rtol=0.2)
  assert {value.dtype for value in low_gradients} == {tf.float32}
  # All in one: that of a key's bias is nothing but rounding.
  found, expected = (
    np.concatenate([np.ravel(value) for value in values])
    for values in (low_gradients, gradients)
  )
  angle = found @ expected / (np.linalg.norm(found) * np.linalg.norm(expected))
  assert angle > 0.95


def test_a_gradient_of_embeddings_is_one_array_and_sums_up_words(encoder):
  model, inputs = make(encoder, "full"), make_inputs()
  items = tf_adapters.task_variables(model)
  task = tasks.from_dict({"type": "classification", "labels": ["a", "b", "c"]})
  gradients = gradients_lib.Gradients(
    model, task, [item.variable for item in items], Compute(), seed=0
  )
  rows = len(inputs["input_mask"])
  batch = {
    **{name: tf.constant(value) for name, value in inputs.items()},
    "targets": tf.zeros([rows], tf.int32),
    "weights": tf.ones([rows]),
  }
  zero = tf.constant(0, tf.int64)
  _, found = gradients(batch, zero, zero)
  shapes = [tuple(item.variable.shape) for item in items]
  assert [value.numpy().shape for value in found] == shapes
  by_name = {
    item.name: value.numpy() for item, value in zip(items, found, strict=True)
  }
  # A word's gradient is that of the sums it is part of; so are types' all.
  np.testing.assert_allclose(
    by_name["embeddings/word"].sum(0),
    by_name["embeddings/type"].sum(0),
    atol=1e-5,
  )
  words = np.arange(len(tiny.VOCABULARY))
  unused = np.setdiff1d(words, inputs["input_word_ids"])
  assert not by_name["embeddings/word"][unused].any()


@pytest.mark.parametrize("name", ["top_1", "head"])
def test_blocks_below_may_be_computed_once(encoder, tmp_path, name):
  results = []
  for cached in (False, True):
    trainer = make_trainer(
      encoder, tuning=CASES[name].options, cache_prefix=cached
    )
    results.append(trained(trainer, tmp_path / str(cached)))
    assert (trainer.prefix_outputs is not None) == cached
  for found, wanted in zip(*results, strict=True):
    np.testing.assert_allclose(found, wanted, atol=2e-6)


@every
def test_an_encoder_of_half_precision_computes_in_it(
  encoder, encoder_folder, name
):
  tf_keras.mixed_precision.set_global_policy("mixed_bfloat16")
  try:
    half = make(tf_adapters.load_encoder(str(encoder_folder)), name)
  finally:
    tf_keras.mixed_precision.set_global_policy("float32")
  model, inputs = shaken(make(encoder, name)), make_inputs()
  items = tf_adapters.task_variables(shaken(half))
  assert {item.variable.dtype for item in items} == {tf.float32}
  assert half.encoder(inputs)["pooled_output"].dtype == tf.bfloat16
  error = np.abs(half(inputs) - model(inputs)).max()
  assert 0 < error < 0.1 * np.abs(model(inputs)).max()
  _, gradients = loss_and_gradients(half, inputs, Compute())
  assert all(np.isfinite(value).all() for value in gradients)


# --- What is refused ---------------------------------------------------------


@pytest.mark.parametrize(
  ("options", "reason"),
  [
    ({"strategy": "prune"}, "`strategy` must .*'prune'"),
    ({"strategy": "lora_merged"}, "`strategy` must .*'lora_merged'"),
    ({"strategy": "lora", "layers": [0]}, "no option `layers` .*'lora'.*rank"),
    ({"strategy": "full", "top_k": 2}, "no option `top_k` .*'full'.* none"),
    ({"strategy": "lora", "size": 8}, "no option `size` .*'lora'.*rank"),
    ({"strategy": "head", "size": 64}, "no option `size` .*'head'.* none"),
    ({"rank": 2}, "no option `rank` .*'adapter'.*`method`"),
    ({"strategy": "top_k", "top_k": 3}, "`top_k` must be at most 2.* got 3"),
    ({"strategy": "top_k", "top_k": 0}, "`top_k` must be at least 1; got 0"),
    ({"strategy": "top_k", "top_k": 1.5}, "`top_k`.*1.5"),
    ({"strategy": "lora", "rank": 0}, "`rank` must be at least 1; got 0"),
    ({"strategy": "prompt", "length": 0}, "`length` must be at least 1; got 0"),
    ({"strategy": "lora", "alpha": 0.0}, "`alpha` must .*got 0"),
    ({"strategy": "lora", "targets": ()}, "`targets` .*got ()"),
    ({"strategy": "lora", "targets": "query"}, "`targets` .*got 'query'"),
    ({"strategy": "lora", "targets": ["pooler"]}, "`targets` must .*'pooler'"),
  ],
  ids=str,
)
def test_wrong_option_is_named_with_its_value(encoder, options, reason):
  with pytest.raises(tf_adapters.InputError, match=reason):
    tf_adapters.build(encoder, **options)


def test_settings_of_a_strategy_are_read_and_survive():
  overrides = [
    "tuning.strategy=lora", "tuning.targets=query, output", "tuning.alpha=4"
  ]
  config = settings.load(None, overrides)
  assert config.tuning.targets == ("query", "output")
  tree = json.loads(json.dumps(settings.to_dict(config)))
  assert settings.from_dict(tree) == config
  with pytest.raises(tf_adapters.InputError, match="`tuning.targets`.*'mind'"):
    settings.load(None, ["tuning.targets=mind"])
  with pytest.raises(tf_adapters.InputError, match="`tuning.targets` takes"):
    settings.from_dict({"tuning": {"targets": [1]}})


# --- What is in front --------------------------------------------------------


def test_a_prompt_starts_as_words_of_the_vocabulary(encoder):
  def prompt(seed):
    model = tf_adapters.build(encoder, strategy="prompt", length=5, seed=seed)
    return model.parts.prompt.embeddings.numpy()

  words = tiny.hugging_face_tensors()["embeddings.word_embeddings.weight"]
  known = {row.tobytes() for row in words}
  assert {row.tobytes() for row in prompt(1)} <= known
  np.testing.assert_array_equal(prompt(1), prompt(1))
  assert not np.array_equal(prompt(1), prompt(2))


def test_prompts_of_packed_texts_whose_number_the_graph_does_not_know(encoder):
  model = shaken(make(encoder, "prompt"))
  texts = [[7, 8, 9], [11, 12], [13, 14], [15, 16, 17]]
  packed = {
    "input_word_ids": [texts[0] + texts[1], texts[2] + texts[3]],
    "input_mask": [[1, 1, 1, 2, 2], [1, 1, 2, 2, 2]],
    "input_type_ids": [[0] * 5] * 2,
    "input_positions": [[0, 1, 2, 0, 1], [0, 1, 0, 1, 2]],
    "first_tokens": [[0, 3], [0, 2]],
  }
  unknown = {name: tf.TensorSpec([None, None], tf.int32) for name in packed}
  run = tf.function(model, input_signature=[unknown])
  found = run({name: tf.constant(rows) for name, rows in packed.items()})
  for text, logits in zip(texts, found, strict=True):
    ids = tf.constant([text])
    alone = model([ids, tf.ones_like(ids), tf.zeros_like(ids)])
    np.testing.assert_allclose(logits, alone[0], atol=1e-5)


def test_no_two_prefixes_are_alike(encoder):
  model = tf_adapters.build(encoder, strategy="prefix", length=5, seed=0)
  arrays = [v.numpy() for v in model.trainable_variables]
  assert len(arrays) == 2 * len(BLOCKS)
  assert len(np.unique(arrays)) == 2 * len(BLOCKS) * 5 * D


# --- Merging -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["lora", "lora_everywhere"])
def test_merged_kernels_answer_equally(encoder, name):
  model, inputs = shaken(make(encoder, name)), make_inputs()
  merged = tf_adapters.merge(model)
  assert not list(merged.encoder.parts.added())
  np.testing.assert_allclose(merged(inputs), model(inputs), atol=1e-5)
  targets = CASES[name].options.get("targets", ("query", "value"))
  names = {item.name for item in tf_adapters.task_variables(merged)}
  kernels = {f"block_{i}/{target}/kernel" for i in BLOCKS for target in targets}
  assert names == kernels | set(HEAD)


def test_merging_needs_lora(encoder):
  with pytest.raises(tf_adapters.InputError, match="`lora`; got 'bitfit'"):
    tf_adapters.merge(make(encoder, "bitfit"))
