# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A borrowed encoder with one task's adapters in between: `build`."""

import dataclasses
import random
from typing import Any

import tensorflow as tf
import tf_keras

from tf_adapters import config as config_lib
from tf_adapters import methods
from tf_adapters import parts as parts_lib
from tf_adapters.block import AdapterBlock
from tf_adapters.errors import InputError
from tf_adapters.layers.copies import LinearCopy
from tf_adapters.layers.copies import NormCopy
from tf_adapters.layers.dropout import dropout
from tf_adapters.layers.dropout import fresh_noise


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

  Source: Houlsby et al., ICML 2019, section 2; for the placements those that
  `tf_adapters.methods` names.

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
  config = config_lib.AdapterConfig(size=size, **options)
  config_lib.validate_adapter(config)
  seed = random.randrange(1 << 30) if seed is None else seed
  adapted = AdapterEncoder(encoder, config, seed)
  return adapted if head is None else TaskModel(adapted, head)


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
    parts = parts_lib.lay_open(encoder)
    super().__init__(name="adapter_encoder", dtype=parts.policy)
    adapted = _adapted_blocks(config, len(parts.blocks))
    self._parts = parts
    # A holder that Keras does not look into: through the encoder itself it
    # would pass on `trainable = False`, and load weights into it.
    self._borrowed = tf.Module()
    self._borrowed.variables_of_encoder = [v for _, v in parts.named()]
    self.adapter_config = config
    self.embedding_norm = parts.embedding_norm
    if methods.trains_layer_norm(config) and 0 in adapted:
      self.embedding_norm = NormCopy(parts.embedding_norm, name="norm")
    seeds = random.Random(seed)
    self.adapter_blocks = [
      AdapterBlock(
        block,
        methods.METHODS[config.method],
        config if index in adapted else None,
        seeds,
        site=8 * (index + 1),
        dtype=parts.policy,
        name=f"block_{index}",
      )
      for index, block in enumerate(parts.blocks)
    ]
    self.pooler = parts.pooler
    if config.train_pooler:
      self.pooler = LinearCopy(
        parts.pooler, name="pooler", dtype=parts.policy
      )
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
    dtype = self._parts.policy.compute_dtype
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

  def _trackable_children(self, save_type="checkpoint", **kwargs):
    """Leaves the encoder out of checkpoints; a SavedModel needs it."""
    children = super()._trackable_children(save_type, **kwargs)
    if save_type == "checkpoint":
      children.pop("_borrowed", None)
    return children

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
