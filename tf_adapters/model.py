# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A borrowed encoder with one task's adapters and head: `build`."""

import dataclasses
import random
from typing import Any

import tensorflow as tf
import tf_keras

from tf_adapters import config as config_lib
from tf_adapters import inputs as inputs_lib
from tf_adapters.encoder import AdapterEncoder
from tf_adapters.errors import InputError


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
  if head is not None:
    return TaskModel(adapted, head)
  _build(adapted, adapted.inputs)
  return adapted


class TaskModel(tf_keras.Model):
  """An adapted encoder and a head: token ids in, the head's output out.

  Made by `build`, which documents it.
  """

  def __init__(self, encoder: AdapterEncoder, head: tf_keras.layers.Layer):
    super().__init__(name="task_model")
    self.encoder = encoder
    self.head = head
    _build(self, encoder.inputs)

  def call(self, inputs, training=None, noise=None, compute=None):
    if getattr(self.head, "reads", None) != "every_token":
      return self._call(inputs, training, noise, compute)
    inputs = inputs_lib.every_token(inputs_lib.unpack(inputs))
    values = self._call(inputs, training, noise, compute)
    return inputs_lib.by_text(inputs, values)

  def _call(self, inputs, training, noise, compute):
    outputs = self.encoder(
      inputs,
      training=training,
      noise=noise,
      output_range=getattr(self.head, "output_range", None),
      compute=compute,
    )
    if noise is None:  # a head of the caller's own may not know `noise`
      return self.head(outputs, training=training)
    return self.head(outputs, training=training, noise=noise)


@tf.autograph.experimental.do_not_convert  # nothing here needs it; seconds
def _build(model: tf_keras.Model, inputs: dict[str, Any]) -> None:
  """Calls `model` once, as Keras makes a model's shapes known."""
  model(inputs)
