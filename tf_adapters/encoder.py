# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A borrowed encoder with one task's adapters in between: `build`."""

import dataclasses
import random
import types
from typing import Any

import tensorflow as tf
import tf_keras

from tf_adapters import config as config_lib
from tf_adapters import parts as parts_lib
from tf_adapters.errors import InputError
from tf_adapters.layers.adapter import AdapterLayer
from tf_adapters.layers.copies import LinearCopy
from tf_adapters.layers.copies import NormCopy
from tf_adapters.layers.dropout import dropout
from tf_adapters.layers.dropout import fresh_noise


@dataclasses.dataclass(frozen=True)
class Method:
  """One published placement: y = LN(x + h + s·B(z)) at the end of a sublayer.

  x is the sublayer's input, h its output after dropout and B the bottleneck
  without its skip connection.

  Attributes:
    sublayers: Which sublayers end so; the other ends as LN(x + h).
    z: `output` is h, `normalised` is LN(x + h), `input` is x.
    scale: The factor s.
    activation: Of the bottleneck, unless another is asked for.
    train_layer_norm: Whether the task has LayerNorms of its own.
  """

  sublayers: tuple[str, ...]
  z: str
  scale: float
  activation: str
  train_layer_norm: bool


METHODS = types.MappingProxyType({
  # Houlsby et al. 2019, figure 2; activation as in the paper's code.
  "houlsby": Method(
    ("attention", "output"), "output", 1.0, "gelu_tanh", True
  ),
  # Pfeiffer et al. 2021 as AdapterHub runs it: the same LayerNorm twice.
  "pfeiffer": Method(("output",), "normalised", 1.0, "relu", False),
  # He et al. 2022, section 4, scaled parallel adapter.
  "parallel": Method(("output",), "input", 4.0, "relu", False),
})


def build(
  encoder: tf_keras.layers.Layer,
  size: int = 64,
  *,
  head: tf_keras.layers.Layer | None = None,
  seed: int | None = None,
  **options: Any,
) -> tf_keras.Model:
  """Puts adapters into the blocks of `encoder` and returns a model of them.

  The encoder is borrowed: the model reads its variables and never assigns
  to them, so any number of models can share one encoder. At the start the
  model computes what the encoder computes, but for the near-identity
  initialisation of the adapters. Its trainable variables are exactly the
  adapters (2·d·m + d + m each), with `train_layer_norm` copies of the
  LayerNorms, with `train_pooler` a copy of the pooler, and the head.

  Source: Houlsby et al., ICML 2019, section 2; `METHODS` for the placements.

  Args:
    encoder: A Model Garden `BertEncoderV2`, or the functional `BertEncoder`
      of `build_encoder` for `type: bert`.
    size: Bottleneck size m.
    head: A layer that maps the encoder's dictionary of outputs to the
      model's output, for instance `tf_adapters.Head(units=3)`; None returns
      the dictionary.
    seed: Seed of the adapters; None draws one.
    **options: `method` ("houlsby", "pfeiffer", "parallel"), `activation`,
      `init_stddev`, `dropout`, `layers` (numbers of the blocks that get
      adapters), `train_layer_norm` and `train_pooler`, as
      `tf_adapters.AdapterConfig` describes them. With `layers`, only the
      LayerNorms of those blocks train, and the embedding's if block 0 is
      among them, so that nothing is differentiated below the lowest adapter.

  Returns:
    A Keras model. Inputs: `input_word_ids`, `input_mask`, `input_type_ids`,
    int32 `[batch, seq]`. Outputs without a head: `sequence_output`
    `[batch, seq, hidden]`, `pooled_output` `[batch, hidden]` and
    `encoder_outputs`, the list of all blocks' outputs.

  Raises:
    InputError: for an encoder or an option that is not supported.
  """
  known = {field.name for field in dataclasses.fields(config_lib.AdapterConfig)}
  for name in options:
    if name not in known:
      raise InputError(
        f"`build` has no option `{name}`; options are "
        + ", ".join(f"`{option}`" for option in sorted(known))
        + "."
      )
  if options.get("layers") is not None:
    options["layers"] = tuple(options["layers"])
  config = config_lib.AdapterConfig(size=size, **options)
  config_lib.validate_adapter(config)
  seed = random.randrange(1 << 30) if seed is None else seed
  adapted = AdapterEncoder(encoder, config, seed)
  return adapted if head is None else TaskModel(adapted, head)


class AdapterBlock(tf_keras.layers.Layer):
  """One borrowed Transformer block with adapters in between.

  Shapes: `[batch, seq, hidden]` in; `[batch, seq or output_range, hidden]`
  out.

  Args:
    block: The borrowed weights; read, never assigned to.
    method: Where adapters go.
    config: Their options; `None` leaves the block as it is.
    seed: Seed of the adapters.
    site: Number of this block's first place for dropout.
  """

  def __init__(
    self,
    block: parts_lib.Block,
    method: Method,
    config: config_lib.AdapterConfig | None,
    seed: random.Random,
    site: int,
    **kwargs,
  ):
    super().__init__(**kwargs)
    self._block = block
    self._method = method
    self._site = site
    self.adapters = {}
    self.attention_norm = block.attention_norm
    self.output_norm = block.output_norm
    if config is None:
      return
    for sublayer in method.sublayers:
      self.adapters[sublayer] = AdapterLayer(
        size=config.size,
        activation=config.activation or method.activation,
        init_stddev=config.init_stddev,
        dropout=config.dropout,
        scale=method.scale,
        residual=False,
        seed=seed.randrange(1 << 29),
        name=f"{sublayer}_adapter",
      )
      self.adapters[sublayer].build([None, None, block.output.outputs])
    if trains_layer_norm(config):
      self.attention_norm = NormCopy(self.attention_norm, name="attention_norm")
      self.output_norm = NormCopy(self.output_norm, name="output_norm")

  def call(self, x, bias, noise=None, output_range=None):
    """Runs the block.

    Args:
      x: `[batch, seq, hidden]`.
      bias: `[batch, 1, 1 or seq, seq]`, added to the attention scores.
      noise: `Noise` in training, else None.
      output_range: How many positions to compute, from the first; None: all.
    """
    block = self._block
    kept = x if output_range is None else x[:, :output_range]
    a = self._attention(kept, x, bias, noise)
    a = dropout(a, block.attention_dropout, noise, self._site + 1)
    h = self._close("attention", kept, a, self.attention_norm, noise)
    f = block.output(block.activation(block.intermediate(h)))
    f = dropout(f, block.output_dropout, noise, self._site + 3)
    return self._close("output", h, f, self.output_norm, noise)

  def _attention(self, queries, x, bias, noise):
    """Multi-head self-attention of `queries` over `x`, with its projection."""
    block = self._block
    query = self._split(block.query(queries))  # [batch, queries, heads, width]
    key = self._split(block.key(x))  # [batch, seq, heads, width]
    value = self._split(block.value(x))
    query = query * tf.cast(query.shape[-1] ** -0.5, query.dtype)
    scores = tf.einsum("bqhw,bkhw->bhqk", query, key)
    probabilities = tf.nn.softmax(tf.cast(scores, tf.float32) + bias)
    probabilities = dropout(
      probabilities, block.probabilities_dropout, noise, self._site
    )
    probabilities = tf.cast(probabilities, value.dtype)
    mixed = tf.einsum("bhqk,bkhw->bqhw", probabilities, value)
    shape = tf.shape(mixed)
    return block.attention_output(
      tf.reshape(mixed, [shape[0], shape[1], block.attention_output.inputs])
    )

  def _split(self, x):
    shape = tf.shape(x)
    heads = self._block.num_heads
    return tf.reshape(x, [shape[0], shape[1], heads, x.shape[-1] // heads])

  def _close(self, sublayer, x, h, norm, noise):
    """Y = LN(x + h + s·B(z))."""
    total = x + h
    if sublayer in self.adapters:
      z = {
        "output": lambda: h,
        "normalised": lambda: tf.cast(norm(total), h.dtype),
        "input": lambda: x,
      }[self._method.z]()
      site = self._site + {"attention": 2, "output": 4}[sublayer]
      total = total + self.adapters[sublayer](
        z, training=noise is not None, noise=noise, site=site
      )
    return tf.cast(norm(total), x.dtype)


class AdapterEncoder(tf_keras.Model):
  """All blocks of one borrowed encoder with one task's adapters.

  Made by `build`, which documents it.
  """

  def __init__(
    self,
    encoder: tf_keras.layers.Layer,
    config: config_lib.AdapterConfig,
    seed: int,
  ):
    super().__init__(name="adapter_encoder")
    parts = parts_lib.lay_open(encoder)
    adapted = _adapted_blocks(config, len(parts.blocks))
    self._encoder = encoder
    self._parts = parts
    self.adapter_config = config
    self.embedding_norm = parts.embedding_norm
    if trains_layer_norm(config) and 0 in adapted:
      self.embedding_norm = NormCopy(parts.embedding_norm, name="norm")
    seeds = random.Random(seed)
    self.adapter_blocks = [
      AdapterBlock(
        block,
        METHODS[config.method],
        config if index in adapted else None,
        seeds,
        site=8 * (index + 1),
        name=f"block_{index}",
      )
      for index, block in enumerate(parts.blocks)
    ]
    self.pooler = parts.pooler
    if config.train_pooler:
      self.pooler = LinearCopy(parts.pooler, name="pooler")
    # As on Model Garden's encoders, so that its heads take this one too.
    self.inputs = {
      name: tf_keras.Input([None], dtype=tf.int32, name=name)
      for name in INPUT_NAMES
    }
    self(self.inputs)

  def call(self, inputs, training=None, noise=None, output_range=None):
    """Encodes a batch.

    Args:
      inputs: `input_word_ids`, `input_mask`, `input_type_ids`, each int32
        `[batch, seq]`, as a dictionary or in this order.
      training: Whether dropout is on.
      noise: `Noise` of the step, by which dropout repeats; None draws a
        fresh one in training.
      output_range: How many positions of the last block to compute, from
        the first; None: all.
    """
    word_ids, mask, type_ids = unpack_inputs(inputs)
    noise = (noise or fresh_noise()) if training else None
    dtype = self._parts.compute_dtype
    x = self._embed(word_ids, type_ids)
    x = dropout(x, self._parts.embedding_dropout, noise, site=0)
    x = tf.cast(x, dtype)
    bias = (1.0 - tf.cast(mask, tf.float32))[:, None, None, :] * -1e9
    outputs = []
    for block in self.adapter_blocks:
      last = block is self.adapter_blocks[-1]
      x = block(x, bias, noise, output_range if last else None)
      outputs.append(x)
    pooled = tf.nn.tanh(self.pooler(x[:, 0]))
    return {
      "sequence_output": x,
      "pooled_output": pooled,
      "encoder_outputs": outputs,
    }

  def _embed(self, word_ids, type_ids):
    parts = self._parts
    x = tf.gather(parts.word_embeddings, word_ids)
    x = x + parts.position_embeddings[: tf.shape(word_ids)[1]]
    x = x + tf.gather(parts.type_embeddings, type_ids)
    return self.embedding_norm(x)

  @property
  def borrowed(self) -> parts_lib.Parts:
    """The parts of the encoder, frozen."""
    return self._parts

  # The encoder's own `trainable` flags stay as its owner set them; for this
  # model all of it is frozen.
  @property
  def trainable_weights(self):
    if not self.trainable:
      return []
    layers = [self.embedding_norm, *self.adapter_blocks, self.pooler]
    return [
      weight
      for layer in layers
      if isinstance(layer, tf_keras.layers.Layer)
      for weight in layer.trainable_weights
    ]

  @property
  def non_trainable_weights(self):
    trained = {id(weight) for weight in self.trainable_weights}
    return [weight for weight in self.weights if id(weight) not in trained]

  @property
  def weights(self):
    owned = [
      weight
      for layer in [self.embedding_norm, *self.adapter_blocks, self.pooler]
      if isinstance(layer, tf_keras.layers.Layer)
      for weight in layer.weights
    ]
    return owned + [variable for _, variable in self._parts.named()]


class TaskModel(tf_keras.Model):
  """An adapted encoder and a head: token ids in, the head's output out.

  Made by `build`, which documents it.
  """

  def __init__(self, encoder: AdapterEncoder, head: tf_keras.layers.Layer):
    super().__init__(name="task_model")
    self.encoder = encoder
    self.head = head
    self(encoder.inputs)

  def call(self, inputs, training=None, noise=None):
    output_range = getattr(self.head, "output_range", None)
    outputs = self.encoder(
      inputs, training=training, noise=noise, output_range=output_range
    )
    if noise is None:  # a head of the caller's own may not know `noise`
      return self.head(outputs, training=training)
    return self.head(outputs, training=training, noise=noise)


INPUT_NAMES = ("input_word_ids", "input_mask", "input_type_ids")


def unpack_inputs(inputs: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """The three inputs in order, out of a dictionary or a sequence."""
  if isinstance(inputs, dict):
    missing = [name for name in INPUT_NAMES if name not in inputs]
    if missing:
      raise InputError(
        f"`inputs` lacks `{missing[0]}`; it has {sorted(inputs)}."
      )
    return tuple(inputs[name] for name in INPUT_NAMES)
  if len(inputs) != len(INPUT_NAMES):
    raise InputError(
      f"`inputs` must be {', '.join(INPUT_NAMES)}; got {len(inputs)} tensors."
    )
  return tuple(inputs)


def trains_layer_norm(config: config_lib.AdapterConfig) -> bool:
  """Whether the task trains LayerNorms of its own."""
  if config.train_layer_norm is None:
    return METHODS[config.method].train_layer_norm
  return config.train_layer_norm


def _adapted_blocks(
  config: config_lib.AdapterConfig, count: int
) -> frozenset[int]:
  if config.layers is None:
    return frozenset(range(count))
  for layer in config.layers:
    if not 0 <= layer < count:
      raise InputError(
        f"`layers` must be block numbers from 0 to {count - 1}; got {layer}."
      )
  if not config.layers:
    raise InputError("`layers` must name at least one block; got none.")
  return frozenset(config.layers)
