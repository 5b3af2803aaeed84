# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Adapters in a borrowed encoder: what is computed, trained and left alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from official.nlp.configs import encoders
from official.nlp.modeling import layers as garden_layers
from official.nlp.modeling import models
from official.nlp.modeling import networks

import tf_adapters

WIDTH, BLOCKS, UNITS, SIZE = 16, 2, 3, 4
SIZES = dict(
  vocab_size=50, hidden_size=WIDTH, num_layers=BLOCKS, num_attention_heads=2
)
METHODS = ("houlsby", "pfeiffer", "parallel")
CLOSE = dict(rtol=1e-5, atol=1e-5)


def new_v2(**options):
  options = {"max_sequence_length": 24, "inner_dim": 32, **SIZES, **options}
  return randomise(networks.BertEncoderV2(**options))


def new_v1():
  config = encoders.BertEncoderConfig(
    max_position_embeddings=24, intermediate_size=32, **SIZES
  )
  return randomise(
    encoders.build_encoder(encoders.EncoderConfig(type="bert", bert=config))
  )


def new_functional(**options):
  options = {"max_sequence_length": 24, "inner_dim": 32, **SIZES, **options}
  return randomise(networks.BertEncoder(dict_outputs=True, **options))


@pytest.fixture(scope="module")
def shared():
  """One encoder for the tests that never touch it."""
  return new_v2()


def randomise(encoder):
  """Gives every weight a value that shows: no zero bias, no unit gamma."""
  encoder(encoder.inputs)
  random = np.random.default_rng(0)
  encoder.set_weights([
    np.round(value) + random.normal(0, 0.2, value.shape)  # round: 0, gamma 1
    for value in encoder.get_weights()
  ])
  return encoder


def batch(rows=3, length=9, seed=1):
  """Ids, type ids and a mask whose rows end at different places."""
  random = np.random.default_rng(seed)
  lengths = np.linspace(length, 3, rows).astype(int)
  mask = (np.arange(length) < lengths[:, None]).astype(np.int32)
  return {
    "input_word_ids": random.integers(1, 50, mask.shape, np.int32) * mask,
    "input_mask": mask,
    "input_type_ids": random.integers(0, 2, mask.shape, np.int32) * mask,
  }


def build(encoder, method="houlsby", reads="pooled_output", **options):
  """A model of which every part takes part in the output."""
  head = tf_adapters.Head(UNITS, input=reads, seed=0)
  options = {"size": SIZE, "seed": 0, "train_pooler": True, **options}
  return tf_adapters.build(encoder, head=head, method=method, **options)


def expected_shapes(method, norms=None, pooler=False, blocks=range(BLOCKS)):
  """Sorted shapes of what trains, from the papers' descriptions."""
  norms = method == "houlsby" if norms is None else norms
  adapters = len(blocks) * (2 if method == "houlsby" else 1)
  norm_layers = (2 * len(blocks) + (0 in blocks)) if norms else 0
  shapes = [(WIDTH, SIZE), (SIZE,), (SIZE, WIDTH), (WIDTH,)] * adapters
  shapes += [(WIDTH,), (WIDTH,)] * norm_layers
  shapes += [(WIDTH, WIDTH), (WIDTH,)] * pooler
  return sorted([*shapes, (WIDTH, UNITS), (UNITS,)])


def shapes_of(variables):
  return sorted(tuple(variable.shape) for variable in variables)


def values_of(layer):
  return [variable.numpy() for variable in layer.variables]


def train(model, steps=3, training=True):
  """A few steps by hand; returns the last gradients."""
  optimizer = tf_keras.optimizers.SGD(0.1)
  for step in range(steps):
    with tf.GradientTape() as tape:
      logits = model(batch(8, seed=step), training=training)
      loss = tf.reduce_mean((logits - [1.0, 2.0, 3.0]) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    pairs = zip(gradients, model.trainable_variables, strict=True)
    optimizer.apply_gradients(pairs)
  return gradients


def fit(model):
  x = {name: np.tile(rows, [4, 1]) for name, rows in batch().items()}
  model.compile("sgd", tf_keras.losses.SparseCategoricalCrossentropy(True))
  model.fit(x, np.arange(12) % UNITS, batch_size=4, epochs=2, verbose=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", [new_v1, new_v2])
def test_vanishing_adapters_compute_what_model_garden_computes(make, method):
  encoder = make()
  model = tf_adapters.build(encoder, SIZE, method=method, init_stddev=1e-8)
  x = batch()
  ours, theirs = model(x), encoder(x)
  real = x["input_mask"] > 0
  np.testing.assert_allclose(
    ours["pooled_output"], theirs["pooled_output"], **CLOSE
  )
  for our, their in zip(
    [ours["sequence_output"], *ours["encoder_outputs"]],
    [theirs["sequence_output"], *theirs["encoder_outputs"]],
    strict=True,
  ):
    np.testing.assert_allclose(our[real], their[real], **CLOSE)


@pytest.mark.parametrize("make", [new_functional, new_v2])
@pytest.mark.parametrize(
  "embedding",
  [
    lambda: garden_layers.OnDeviceEmbedding(50, WIDTH, use_one_hot=True),
    lambda: tf_keras.layers.Embedding(50, WIDTH),
  ],
  ids=["one_hot", "keras"],
)
def test_an_embedding_layer_of_the_callers_own_is_looked_up_in(make, embedding):
  encoder = make(embedding_layer=embedding())
  model = tf_adapters.build(encoder, strategy="head")
  np.testing.assert_allclose(
    model(batch())["pooled_output"], encoder(batch())["pooled_output"], **CLOSE
  )


@pytest.mark.parametrize("make", [new_functional, new_v2])
@pytest.mark.parametrize("name", ["relu", "linear"])
def test_an_activation_may_be_a_name(make, name):
  encoder = make(inner_activation=name)
  model = tf_adapters.build(encoder, strategy="head")
  np.testing.assert_allclose(
    model(batch())["pooled_output"], encoder(batch())["pooled_output"], **CLOSE
  )


class DoubledEmbedding(tf_keras.layers.Embedding):
  def call(self, inputs):
    return 2 * super().call(inputs)


@pytest.mark.parametrize("make", [new_functional, new_v2])
@pytest.mark.parametrize(
  ("embedding", "reason"),
  [
    (
      lambda: garden_layers.OnDeviceEmbedding(50, WIDTH, scale_factor=4.0),
      "`embedding_layer` with `scale_factor=4.0`; only None",
    ),
    (
      lambda: tf_keras.layers.Embedding(50, WIDTH, mask_zero=True),
      "`embedding_layer` with `mask_zero=True`; only False",
    ),
    (
      lambda: DoubledEmbedding(50, WIDTH),
      "`embedding_layer` that .*DoubledEmbedding",
    ),
  ],
  ids=["scaled", "masking", "derived"],
)
def test_an_embedding_layer_that_does_more_is_refused(make, embedding, reason):
  encoder = make(embedding_layer=embedding())
  with pytest.raises(tf_adapters.InputError, match=reason):
    tf_adapters.build(encoder)


@pytest.mark.parametrize("method", METHODS)
def test_one_position_and_padding_change_nothing(shared, method):
  model = tf_adapters.build(shared, SIZE, method=method, init_stddev=0.5)
  x = batch()
  whole = model(x)
  cut = model(x, output_range=1)
  assert cut["sequence_output"].shape == (3, 1, WIDTH)
  padded = model({key: np.pad(x[key], [(0, 0), (0, 11)]) for key in x})
  real = x["input_mask"] > 0
  np.testing.assert_allclose(
    cut["sequence_output"][:, 0], whole["sequence_output"][:, 0], **CLOSE
  )
  np.testing.assert_allclose(
    padded["sequence_output"][:, :9][real], whole["sequence_output"][real],
    **CLOSE,
  )
  for other in (cut, padded):
    np.testing.assert_allclose(
      other["pooled_output"], whole["pooled_output"], **CLOSE
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
  ("norms", "pooler", "layers"),
  [
    (None, False, None), (None, True, [0]), (True, False, [1]),
    (False, False, (1, 0)), (True, True, None),
  ],
)
def test_exactly_the_declared_variables_train(
  shared, method, norms, pooler, layers
):
  encoder = shared
  model = build(
    encoder, method, train_layer_norm=norms, train_pooler=pooler, layers=layers
  )
  blocks = range(BLOCKS) if layers is None else layers
  trained = model.trainable_variables
  assert shapes_of(trained) == expected_shapes(method, norms, pooler, blocks)
  frozen = {id(variable) for variable in encoder.variables}
  assert not frozen & {id(variable) for variable in trained}
  assert frozen <= {id(item) for item in model.non_trainable_variables}
  assert len(model.variables) == len(trained) + len(frozen)
  for index, block in enumerate(model.encoder.adapter_blocks):
    assert bool(block.trainable_variables) == (index in blocks)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
  ("train_it", "flag"), [(train, True), (fit, False)]
)
def test_training_changes_all_that_trains_and_no_bit_else(
  method, flag, train_it
):
  encoder = new_v2()
  encoder.trainable = flag
  model = build(encoder, method)
  other = build(encoder, method, seed=1)
  frozen, prediction = values_of(encoder), other(batch()).numpy()
  before = [variable.numpy() for variable in model.trainable_variables]
  train_it(model)
  for old, new in zip(before, model.trainable_variables, strict=True):
    assert not np.array_equal(old, new), new.name
  for old, new in zip(frozen, values_of(encoder), strict=True):
    np.testing.assert_array_equal(old, new)
  assert {layer.trainable for layer in encoder.submodules} == {flag}
  np.testing.assert_array_equal(other(batch()), prediction)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_reach_every_trainable_variable(shared, method):
  model = build(shared, method, init_stddev=0.1)
  for gradient in train(model, steps=1, training=False):
    assert np.any(gradient)


def test_a_batch_without_rows_trains_nothing(shared):
  """A replica's share of the last batch of an epoch may be none."""
  model = build(shared)
  with tf.GradientTape() as tape:
    logits = model({key: x[:0] for key, x in batch().items()}, training=True)
    loss = tf.reduce_sum(logits)
  assert logits.shape == (0, UNITS)
  for gradient in tape.gradient(loss, model.trainable_variables):
    assert not np.any(gradient)


@pytest.mark.parametrize("heads", [2, 3])
def test_a_prefix_that_repeats_the_text_changes_nothing(heads):
  """Of each key and value twice attention takes the same mean.

  Three heads of 5 leave one of 16 out: keys are 15 wide.
  """
  encoder = new_v2(num_attention_heads=heads)
  x = batch(rows=1, length=15)
  model = tf_adapters.build(encoder, strategy="prefix", length=15)
  theirs, lent = encoder(x), model.borrowed
  embeddings = (
    tf.gather(lent.word_embeddings, x["input_word_ids"])
    + lent.position_embeddings[:15]
    + tf.gather(lent.type_embeddings, x["input_type_ids"])
  )
  enters = [lent.embedding_norm(embeddings), theirs["encoder_outputs"][0]]
  for block, own, y in zip(
    lent.blocks, model.parts.blocks, enters, strict=True
  ):
    assert own.prefix.keys.shape == (15, 16 // heads * heads)
    own.prefix.keys.assign(block.key(y)[0])
    own.prefix.values.assign(block.value(y)[0])
  np.testing.assert_allclose(
    model(x)["pooled_output"], theirs["pooled_output"], **CLOSE
  )


def test_no_prefix_of_blocks_is_said_in_one_sentence(shared):
  with pytest.raises(tf_adapters.InputError, match="`prefix` .* block 0"):
    tf_adapters.build(shared, SIZE).prefix(batch())


def test_freezing_a_model_leaves_its_encoder_to_its_owner():
  encoder = new_v2()
  model, other = build(encoder), build(encoder)
  model.trainable = False
  assert not model.trainable_variables
  assert len(other.trainable_variables) == len(expected_shapes("houlsby", 1, 1))
  assert encoder.trainable
  assert all(layer.trainable for layer in encoder.transformer_layers)


def test_seed_decides_the_adapters_and_no_two_are_alike(shared):
  def kernels(seed):
    model = tf_adapters.build(shared, SIZE, seed=seed)
    pairs = [
      (adapter.down_kernel.numpy(), adapter.up_kernel.numpy())
      for block in model.adapter_blocks
      for adapter in block.adapters.values()
    ]
    return np.concatenate([np.ravel(kernels) for kernels in sum(pairs, ())])

  np.testing.assert_array_equal(kernels(1), kernels(1))
  for first, second in [(1, 2), (None, None)]:
    assert not np.array_equal(kernels(first), kernels(second))
  assert len(np.unique(kernels(1))) == 2 * BLOCKS * 2 * WIDTH * SIZE


def test_adapters_are_64_wide_unless_said_otherwise(shared):
  for options, size in (({}, 64), ({"size": 3}, 3), ({"size": None}, 64)):
    block = tf_adapters.build(shared, **options).adapter_blocks[0]
    for adapter in block.adapters.values():
      assert adapter.down_kernel.shape == (WIDTH, size)


def test_numbers_of_numpy_are_numbers(shared):
  def kernels(number, real):
    model = tf_adapters.build(
      shared, number(SIZE), seed=number(3), init_stddev=real(0.25),
      layers=[number(1)], head=tf_adapters.Head(number(2), seed=number(1)),
    )
    return [variable.numpy() for variable in model.trainable_variables]

  for ours, plain in zip(
    kernels(np.int64, np.float32), kernels(int, float), strict=True
  ):
    np.testing.assert_array_equal(ours, plain)


def test_bert_base_has_the_papers_number_of_parameters():
  encoder = networks.BertEncoderV2(
    vocab_size=100, max_sequence_length=8, initializer="zeros"
  )
  for norms, count in [(False, 2_379_264), (True, 2_379_264 + 38_400)]:
    model = tf_adapters.build(encoder, 64, train_layer_norm=norms)
    trained = model.trainable_variables
    assert sum(item.shape.num_elements() for item in trained) == count


def test_summary_and_parameter_table_count_alike(shared):
  model = build(shared, "houlsby")
  lines = []
  model.summary(print_fn=lines.append)
  roles = {
    "adapter": 4 * (2 * WIDTH * SIZE + WIDTH + SIZE),
    "layer_norm": 5 * 2 * WIDTH,
    "pooler": WIDTH * WIDTH + WIDTH,
    "head": WIDTH * UNITS + UNITS,
  }
  frozen = shared.count_params()
  summary = "\n".join(lines)
  assert f"\nTrainable params: {sum(roles.values())} " in summary
  assert f"\nNon-trainable params: {frozen} " in summary
  table = tf_adapters.parameter_table(model)
  assert {row.role: row.count for row in table if row.trained} == roles
  assert [row.count for row in table if not row.trained] == [frozen]
  for row in table:
    assert row.share == pytest.approx(row.count / frozen)
  named = tf_adapters.task_variables(model)
  assert len({item.name for item in named}) == len(named)
  for item in named:
    assert item.decays == (item.variable.shape.rank == 2)


def test_what_its_owner_freezes_is_no_longer_listed(shared):
  model = build(shared)
  whole = tf_adapters.task_variables(model)
  model.head.trainable = False
  listed = tf_adapters.task_variables(model)
  assert listed == [item for item in whole if item.role != "head"]
  assert len(listed) == len(whole) - 2 == len(model.trainable_variables)
  roles = [row.role for row in tf_adapters.parameter_table(model)]
  assert "head" not in roles


def test_models_that_build_did_not_make_are_named(shared):
  bare = tf_adapters.build(shared, SIZE)
  for function in (tf_adapters.task_variables, tf_adapters.parameter_table):
    for model in (bare, shared, 3):
      with pytest.raises(tf_adapters.InputError, match="`model` .* a head"):
        function(model)
  for model in (shared, tf_keras.Sequential(), 3):
    with pytest.raises(tf_adapters.InputError, match="`model` .*`build` made"):
      tf_adapters.merge(model)


class PooledDense(tf_keras.layers.Layer):
  def __init__(self):
    super().__init__()
    self.dense = tf_keras.layers.Dense(UNITS)

  def call(self, inputs):
    return self.dense(inputs["pooled_output"])


class DerivedHead(tf_adapters.Head):
  """As `Head`, but of another type."""


@pytest.mark.parametrize(
  "make", [PooledDense, lambda: DerivedHead(UNITS)], ids=["own", "derived"]
)
def test_parameter_table_counts_a_head_of_the_callers_own(shared, make):
  model = tf_adapters.build(shared, SIZE, head=make())
  assert model(batch()).shape == (3, UNITS)
  rows = {row.role: row.count for row in tf_adapters.parameter_table(model)}
  assert rows["head"] == WIDTH * UNITS + UNITS


def test_model_gardens_classifier_takes_an_adapted_encoder():
  encoder = new_v2()
  frozen = values_of(encoder)
  ours = tf_adapters.build(encoder, SIZE, init_stddev=1e-8)
  classifiers = [
    models.BertClassifier(network, num_classes=UNITS)
    for network in (ours, encoder)
  ]
  head = [weight.numpy() for weight in classifiers[0].classifier.weights]
  classifiers[1].classifier.set_weights(head)
  np.testing.assert_allclose(
    *[classifier(batch()) for classifier in classifiers], **CLOSE
  )
  assert shapes_of(classifiers[0].trainable_variables) == expected_shapes(
    "houlsby"
  )
  fit(classifiers[0])
  for old, new in zip(frozen, values_of(encoder), strict=True):
    np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float32"])
@pytest.mark.parametrize("method", ["houlsby", "pfeiffer"])
def test_encoder_of_half_precision_computes_in_it(shared, method, policy):
  """Whatever the policy is by the time adapters are put in."""
  try:
    tf_keras.mixed_precision.set_global_policy("mixed_bfloat16")
    encoder = new_v2()
    tf_keras.mixed_precision.set_global_policy(policy)
    model = tf_adapters.build(encoder, SIZE, method=method, seed=0)
  finally:
    tf_keras.mixed_precision.set_global_policy("float32")
  expected = tf_adapters.build(shared, SIZE, method=method, seed=0)(batch())
  result, own = model(batch()), encoder(batch())
  for name in ("sequence_output", "pooled_output"):
    error = np.abs(tf.cast(result[name], tf.float32) - expected[name])
    assert error.mean() < 2e-2  # NaN fails too
    assert error.max() < 0.2
  assert result["pooled_output"].dtype == own["pooled_output"].dtype
  assert own["pooled_output"].dtype == tf.bfloat16
  assert {item.dtype for item in model.trainable_variables} == {tf.float32}


def test_dropout_is_the_encoders_and_repeats_by_its_noise(shared):
  model = tf_adapters.build(shared, SIZE)
  tested, first, second = (
    model(batch(), training=flag)["pooled_output"].numpy()
    for flag in (False, True, True)
  )
  assert not np.allclose(tested, first)
  assert not np.allclose(first, second)
  still = tf_adapters.build(
    new_v2(output_dropout=0.0, attention_dropout=0.0), SIZE
  )
  np.testing.assert_array_equal(
    still(batch(), training=True)["pooled_output"],
    still(batch())["pooled_output"],
  )


@pytest.mark.parametrize(
  ("make", "reason"),
  [
    (lambda: new_v2(norm_first=True), "`norm_first=True`"),
    (lambda: new_v2(embedding_width=8), "`embedding_width`.*16; got 8"),
    (lambda: new_v2(return_attention_scores=True), "attention scores"),
    (lambda: new_v2(output_range=1), "`output_range=1`"),
    (
      lambda: networks.BertEncoder(**SIZES, dict_outputs=False),
      "`dict_outputs=True`",
    ),
    (lambda: networks.AlbertEncoder(**SIZES), "AlbertEncoder"),
    (lambda: keras.layers.Dense(3), "got keras.*Dense"),
    (lambda: None, "got builtins.NoneType"),
  ],
)
def test_unsupported_encoder_is_refused_with_the_reason(make, reason):
  with pytest.raises(tf_adapters.InputError, match=reason):
    tf_adapters.build(make())


@pytest.mark.parametrize(
  ("options", "reason"),
  [
    (dict(bottleneck=3), "no option `bottleneck`"),
    (dict(method="lora"), "`method` must .*'lora'"),
    (dict(size=0), "`size` must .*got 0"),
    (dict(size=2.5), "`size`.*2.5"),
    (dict(size="8"), "`size`.*'8'"),
    (dict(activation="elu"), "`activation` must .*'elu'"),
    (dict(init_stddev=0), "`init_stddev` must .*got 0"),
    (dict(dropout=1), "`dropout` must .*got 1"),
    (dict(layers=[0, 2]), "`layers` must .*0 to 1; got 2"),
    (dict(layers=[-1]), "`layers` must .*got -1"),
    (dict(layers=[]), "`layers` must .*none"),
    (dict(layers=[0.5]), "`layers`.*0.5"),
    (dict(layers="01"), "`layers`.*'01'"),
    (dict(layers=1), "`layers`.*1"),
    (dict(init_stddev="1e-2"), "`init_stddev`.*'1e-2'"),
    (dict(init_stddev=None), "`init_stddev`.*None"),
    (dict(dropout="0.1"), "`dropout`.*'0.1'"),
    (dict(dropout=None), "`dropout`.*None"),
    (dict(dropout=False), "`dropout`.*False"),
    (dict(strategy="lora", alpha="8"), "`alpha`.*'8'"),
    (dict(train_layer_norm="no"), "`train_layer_norm` takes .*'no'"),
    (dict(train_pooler="no"), "`train_pooler` takes .*'no'"),
    (dict(seed="a"), "`seed`.*'a'"),
    (dict(seed=1.5), "`seed`.*1.5"),
    (dict(seed=True), "`seed`.*True"),
    (
      dict(head=tf_adapters.Head(2), train_pooler=True),
      "`train_pooler` needs .*pooled_output",
    ),
    (dict(head=3), "`head` must .*got 3"),
    (dict(head=tf_adapters.Head), "`head` must .*class"),
  ],
  ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_wrong_option_is_named_with_its_value(shared, options, reason):
  with pytest.raises(tf_adapters.InputError, match=reason):
    tf_adapters.build(shared, **options)


def test_inputs_may_be_a_list_and_a_missing_one_is_named(shared):
  model, x = build(shared), batch()
  np.testing.assert_array_equal(model(list(x.values())), model(x))
  del x["input_mask"]
  with pytest.raises(tf_adapters.InputError, match="lacks `input_mask`"):
    model(x)


def test_a_mask_may_be_of_booleans(shared):
  model, x = build(shared), batch()
  seen = {**x, "input_mask": x["input_mask"] > 0}
  np.testing.assert_array_equal(model(seen), model(x))
  graph = tf.function(model)({key: tf.constant(x) for key, x in seen.items()})
  np.testing.assert_allclose(graph, model(x), **CLOSE)


@pytest.mark.parametrize(
  ("inputs", "reason"),
  [
    (batch()["input_word_ids"], "by name; got .*Tensor"),
    (None, "by name; got NoneType"),
    (list(batch().values())[:2], "by name; got 2 tensors"),
    (batch(length=25), "at most 24 tokens .*got 25"),
  ],
  ids=["ids", "none", "two", "long"],
)
def test_wrong_inputs_are_named(shared, inputs, reason):
  with pytest.raises(tf_adapters.InputError, match=reason):
    build(shared)(inputs)


def test_one_position_is_not_taken_for_those_of_all_tokens():
  model = tf_adapters.build(new_v2(max_sequence_length=1), SIZE)
  with pytest.raises(tf_adapters.InputError, match="at most 1 tokens .*got 9"):
    model(batch())
