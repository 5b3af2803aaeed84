# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""All blocks of one borrowed encoder with one task's adapters in between."""

import random

import tensorflow as tf
import tf_keras

from tf_adapters import config as config_lib
from tf_adapters import garden
from tf_adapters import inputs as inputs_lib
from tf_adapters import methods
from tf_adapters import parts as parts_lib
from tf_adapters.block import AdapterBlock
from tf_adapters.block import normalise
from tf_adapters.compute import PLAIN
from tf_adapters.errors import InputError
from tf_adapters.layers.copies import LinearCopy
from tf_adapters.layers.copies import NormCopy
from tf_adapters.layers.dropout import dropout
from tf_adapters.layers.dropout import fresh_noise


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
    parts = garden.lay_open(encoder)
    super().__init__(name="adapter_encoder", dtype=parts.policy)
    adapted = _adapted_blocks(config, len(parts.blocks))
    self.first_trained = min(adapted)
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
      for name in inputs_lib.INPUT_NAMES
    }

  def call(
    self,
    inputs,
    training=None,
    noise=None,
    output_range=None,
    compute=None,
  ):
    """Encodes a batch.

    Args:
      inputs: `input_word_ids`, `input_mask`, `input_type_ids`, each int32
        `[batch, seq]`, as a dictionary or in this order. A dictionary may
        also hold several texts a row: `input_mask` then numbers the texts
        of a row from 1 (0 is padding), `input_positions` `[batch, seq]`
        starts at 0 with every text, and `first_tokens` `[batch, texts]` says
        where each starts; outputs have one row a text, its first token. And
        it may hold `prefix_output`, what `prefix` returned.
      training: Whether dropout is on.
      noise: `Noise` of the step, by which dropout repeats; None draws a
        fresh one in training.
      output_range: How many positions of the last block to compute, from
        the first; None: all.
      compute: In which precision, compiled or not; None: as the encoder is,
        op by op.
    """
    compute = compute or PLAIN
    inputs = inputs_lib.unpack(inputs)
    noise = (noise or fresh_noise()) if training else None
    if self.first_trained:
      outputs = self._prefix(inputs, compute)
      x = tf.stop_gradient(outputs[-1])
    else:
      outputs, x = [], self._embed(inputs, noise, compute)
    bias = inputs_lib.attention_bias(inputs)
    for index in range(self.first_trained, len(self.adapter_blocks)):
      queries, seen = None, bias
      if index == len(self.adapter_blocks) - 1:
        queries, seen = inputs_lib.queries(inputs, x, bias, output_range)
      x = self._run(index, compute, noise, x, seen, queries)
      outputs.append(x)
    if "first_tokens" in inputs:
      x = tf.reshape(x, [-1, 1, x.shape[-1]])
    pooled = tf.nn.tanh(self.pooler(x[:, 0]))
    return {
      "sequence_output": x,
      "pooled_output": pooled,
      "encoder_outputs": outputs,
    }

  def prefix(self, inputs, compute=None):
    """What enters the lowest block that trains: `[batch, seq, hidden]`.

    Nothing below it trains, so it has no dropout and no backward pass, and
    is the same in every epoch.
    """
    return self._prefix(inputs_lib.unpack(inputs), compute or PLAIN)[-1]

  def _prefix(self, inputs, compute):
    """Outputs of the blocks below the lowest that trains."""
    if "prefix_output" in inputs:
      return [inputs["prefix_output"]]
    x = self._embed(inputs, None, compute)
    bias = inputs_lib.attention_bias(inputs)
    outputs = []
    for index in range(self.first_trained):
      x = self._run(index, compute, None, x, bias)
      outputs.append(x)
    return outputs

  def _run(self, index, compute, noise, x, bias, queries=None):
    block = self.adapter_blocks[index]
    low = compute.low and compute.low.blocks[index]

    def run(x, bias, *queries):
      return block(
        x, bias, noise, *queries, low=low, compiled=compute.compiled
      )

    if compute.recompute and noise is not None:
      run = tf.recompute_grad(run)
    return run(x, bias, *([] if queries is None else [queries]))

  def _embed(self, inputs, noise, compute):
    parts = self._parts
    positions = inputs.get("input_positions")
    if positions is None:
      length = tf.shape(inputs["input_word_ids"])[1]
      position = parts.position_embeddings[:length]
    else:
      position = tf.gather(parts.position_embeddings, positions)
    x = normalise(
      self.embedding_norm,
      tf.gather(parts.word_embeddings, inputs["input_word_ids"]),
      position,
      tf.gather(parts.type_embeddings, inputs["input_type_ids"]),
      compiled=compute.compiled,
    )
    x = dropout(x, parts.embedding_dropout, noise, 0, compute.compiled)
    return tf.cast(x, parts.policy.compute_dtype)

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
