# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A borrowed encoder with one task's adapters and head: `build`."""

import dataclasses
import random
from typing import Any

import tensorflow as tf
import tf_keras

from tf_adapters import checks
from tf_adapters.config import AdapterConfig
from tf_adapters.config import TuningConfig
from tf_adapters.errors import InputError
from tf_adapters.modeling import garden
from tf_adapters.modeling import inputs as inputs_lib
from tf_adapters.modeling import strategies
from tf_adapters.modeling.address import BLOCK_LINEARS
from tf_adapters.modeling.borrower import Borrower
from tf_adapters.modeling.encoder import AdapterEncoder
from tf_adapters.modeling.parts import Parts
from tf_adapters.validation import validate_adapter
from tf_adapters.validation import validate_tuning


def build(
  encoder: tf_keras.layers.Layer,
  size: int | None = None,
  *,
  strategy: str = "adapter",
  head: tf_keras.layers.Layer | None = None,
  seed: int | None = None,
  **options: Any,
) -> tf_keras.Model:
  """Makes a model of one task around `encoder`, by default with adapters.

  The encoder is borrowed: the model reads its variables and never assigns
  to them, so any number of models can share one encoder. At the start the
  model computes what the encoder computes, but for the near-identity
  initialisation of adapters and for a prefix or a prompt. Its trainable
  variables are exactly those that the strategy names, and the head:

  * `adapter`: bottlenecks in the blocks (2·d·m + d + m each), with
    `train_layer_norm` copies of the LayerNorms, with `train_pooler` of the
    pooler. Houlsby et al., ICML 2019, section 2; for the placements those
    that `tf_adapters.modeling.methods` names.
  * `full`: copies of all that the encoder has.
  * `top_k`: copies of the upper `top_k` blocks, from 1 to all. Variable
    fine-tuning in Houlsby et al., section 3.
  * `layer_norm`: copies of the LayerNorms. The same, section 3.4.
  * `head`: nothing but the head reads the frozen features.
  * `bitfit`: copies of the biases, those of LayerNorms among them. Ben Zaken
    et al., "BitFit", ACL 2022, section 3.
  * `lora`: s·A·B beside the maps `targets` of each block, of rank `rank`,
    s = alpha / rank. Hu et al., "LoRA", ICLR 2022, section 4. `merge` makes
    plain kernels of it.
  * `prefix`: `length` keys and values before those of every text in each
    block. Li and Liang, "Prefix-Tuning", ACL 2021, section 4.
  * `prompt`: `length` vectors before the embeddings of every text. Lester et
    al., "The Power of Scale for Parameter-Efficient Prompt Tuning", EMNLP
    2021, section 2.

  Of `full`, `top_k` and `bitfit` the pooler is a part if the head reads it.

  Args:
    encoder: A Model Garden `BertEncoderV2`, or the functional `BertEncoder`
      of `build_encoder` for `type: bert`.
    size: Bottleneck size m of adapters; None takes 64. Of no strategy but
      `adapter`.
    strategy: One of those above.
    head: A layer that maps the encoder's dictionary of outputs to the
      model's output, for instance `tf_adapters.Head(units=3)`; None returns
      the dictionary. One that has an attribute `reads_pooler` that is false
      does not read `pooled_output`.
    seed: Seed of what the strategy adds; None draws one.
    **options: Of the strategy. For `adapter`: `method` ("houlsby",
      "houlsby_attention", "houlsby_ffn", "pfeiffer", "parallel"),
      `activation`, `init_stddev`, `dropout`, `layers` (numbers of the blocks
      that get adapters), `train_layer_norm` and `train_pooler`, as
      `tf_adapters.AdapterConfig` describes them. With `layers`, only the
      LayerNorms of those blocks train, and the embedding's if block 0 is
      among them, so that nothing is differentiated below the lowest adapter.
      For the others `top_k`, `rank`, `alpha`, `targets` and `length`, as
      `tf_adapters.TuningConfig` describes them.

  Returns:
    A Keras model. Inputs: `input_word_ids`, `input_mask`, `input_type_ids`,
    int32 `[batch, seq]`. Outputs without a head: `sequence_output`
    `[batch, seq, hidden]`, `pooled_output` `[batch, hidden]` and
    `encoder_outputs`, the list of all blocks' outputs.

  Raises:
    InputError: for an encoder, a head or an option that is not supported.
  """
  if not (head is None or isinstance(head, tf_keras.layers.Layer)):
    raise InputError(f"`head` must be a Keras layer or None; got {head!r}.")
  if seed is None:
    seed = random.randrange(1 << 30)
  checks.whole("seed", seed)
  if size is not None:
    options = {"size": size, **options}
  tuning, adapter = _configs(strategy, options)
  borrowed = garden.lay_open(encoder)
  plan = strategies.Plan(
    tuning,
    adapter,
    blocks=len(borrowed.blocks),
    reads_pooler=getattr(head, "reads_pooler", True),
  )
  return _with_head(AdapterEncoder(borrowed, plan, int(seed)), head)


def merge(model: tf_keras.Model) -> tf_keras.Model:
  """The model that `build` made with `lora`, with A·B added to the kernels.

  Args:
    model: With or without a head; it stays as it is.

  Returns:
    A model that computes the same with plain kernels: copies of those that
    `lora` updated, W + s·A·B. The head is that of `model`. Copies cost what
    `lora` saves; a task alone on its encoder is faster so.

  Raises:
    InputError: for a model of another strategy, or that `build` did not make.
  """
  if not isinstance(model, AdapterEncoder | TaskModel):
    raise InputError(f"`model` must be one that `build` made; got {model!r}.")
  encoder = getattr(model, "encoder", model)
  tuning = encoder.plan.tuning
  if tuning.strategy != "lora":
    raise InputError(
      f"`merge` takes a model of the strategy `lora`; got {tuning.strategy!r}."
    )
  merged = AdapterEncoder(
    encoder.borrowed,
    dataclasses.replace(
      encoder.plan, tuning=dataclasses.replace(tuning, strategy="lora_merged")
    ),
    seed=0,
  )
  for block, target in zip(
    encoder.parts.blocks, merged.parts.blocks, strict=True
  ):
    for name in BLOCK_LINEARS:
      update = getattr(block, name).added
      if update is not None:
        kernel = getattr(target, name).kernel
        kernel.assign_add(tf.reshape(update.update(), kernel.shape))
  return _with_head(merged, getattr(model, "head", None))


def _configs(
  strategy: str, options: dict[str, Any]
) -> tuple[TuningConfig, AdapterConfig]:
  """The options of `build`, checked, as the two configurations hold them."""
  validate_tuning(TuningConfig(strategy))
  allowed = strategies.STRATEGIES[strategy].options
  for name in options:
    if name not in allowed:
      known = ", ".join(f"`{option}`" for option in sorted(allowed)) or "none"
      raise InputError(
        f"`build` has no option `{name}` for the strategy {strategy!r}; "
        f"options are: {known}."
      )
  shared = {field.name for field in dataclasses.fields(AdapterConfig)}
  ours = {name: options[name] for name in options if name in shared}
  rest = {name: options[name] for name in options if name not in shared}
  adapter = AdapterConfig(**ours)
  tuning = TuningConfig(strategy, **rest)
  validate_adapter(adapter)
  validate_tuning(tuning)
  return tuning, adapter


def _with_head(
  adapted: AdapterEncoder, head: tf_keras.layers.Layer | None
) -> tf_keras.Model:
  if head is not None:
    return TaskModel(adapted, head)
  _build(adapted, adapted.inputs)
  return adapted


class TaskModel(Borrower):
  """An adapted encoder and a head: token ids in, the head's output out.

  Made by `build`, which documents it.
  """

  def __init__(self, encoder: AdapterEncoder, head: tf_keras.layers.Layer):
    super().__init__(name="task_model")
    self.encoder = encoder
    self.head = head
    _build(self, encoder.inputs)

  @property
  def borrowed(self) -> Parts:
    return self.encoder.borrowed

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
