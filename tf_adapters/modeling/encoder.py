# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""All blocks of one borrowed encoder with one task's adapters in between."""

import dataclasses
import random

import tensorflow as tf
import tf_keras

from tf_adapters.errors import InputError
from tf_adapters.modeling import inputs as inputs_lib
from tf_adapters.modeling import methods
from tf_adapters.modeling import parts as parts_lib
from tf_adapters.modeling import strategies
from tf_adapters.modeling.block import AdapterBlock
from tf_adapters.modeling.block import normalise
from tf_adapters.modeling.borrower import Borrower
from tf_adapters.modeling.compute import PLAIN
from tf_adapters.modeling.layers.copies import Copies
from tf_adapters.modeling.layers.dropout import dropout
from tf_adapters.modeling.layers.dropout import fresh_noise


class AdapterEncoder(Borrower):
  """All blocks of one borrowed encoder with what one task has of its own.

  Made by `build`, which documents it. With x what enters a block, a and f
  what its two sublayers give after dropout, and A1 and A2 the bottlenecks of
  `houlsby` (Houlsby et al., ICML 2019, section 2.1 and figure 2), a block is

      h = LN(x + A1(a));    y = LN(h + A2(f))

  Shapes: `input_word_ids`, `input_mask` and `input_type_ids` `[batch, seq]`
  in; `sequence_output` `[batch, seq, hidden]`, `pooled_output`
  `[batch, hidden]` and the blocks' `encoder_outputs` out.

  Args:
    borrowed: The parts of the encoder.
    plan: What is asked for.
    seed: Of what is added.

  Attributes:
    borrowed: The parts of the encoder, frozen.
    parts: Those that the task computes with: the same but for its own.
    plan: What was asked for.
    first_trained: The lowest block that trains; the number of blocks if none
      does.
  """

  def __init__(
    self, borrowed: parts_lib.Parts, plan: strategies.Plan, seed: int
  ):
    super().__init__(name="adapter_encoder", dtype=borrowed.policy)
    seeds = random.Random(seed)
    self.borrowed, self.plan = borrowed, plan
    # A holder that Keras does not look into: through the encoder itself it
    # would pass on `trainable = False`, and load weights into it.
    self._borrowed = tf.Module()
    self._borrowed.variables_of_encoder = [v for _, v in borrowed.named()]
    self._copies = Copies(name="copies")
    self.parts = strategies.tune(borrowed, plan, self._copies, seeds)
    self._added = [layer for _, layer in self.parts.added()]
    self.adapter_blocks = [
      AdapterBlock(
        block,
        methods.METHODS[plan.adapter.method],
        plan.adapter if index in plan.adapted else None,
        seeds,
        site=8 * (index + 1),
        dtype=borrowed.policy,
        name=f"block_{index}",
      )
      for index, block in enumerate(self.parts.blocks)
    ]
    self.parts = dataclasses.replace(
      self.parts, blocks=tuple(layer.block for layer in self.adapter_blocks)
    )
    self.first_trained = strategies.first_trained(self.parts, borrowed, plan)
    # The first block above the prefix. The last one always is: of it only
    # those positions are computed that somebody reads.
    self._start = min(self.first_trained, plan.blocks - 1)
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
      compute: With which weights, in which precision, compiled or not; None:
        as the encoder is, op by op.

    Returns:
      The outputs above by name; of `output_range` n, `sequence_output` and
      the last of `encoder_outputs` have n positions.
    """
    compute = compute or PLAIN
    parts = compute.parts or self.parts
    inputs, front = inputs_lib.unpack(inputs), None
    if parts.prompt is not None:
      inputs, front = inputs_lib.with_prompts(inputs, parts.prompt.length)
    drops = training and self.first_trained < len(self.adapter_blocks)
    noise = (noise or fresh_noise()) if drops else None
    if self._start:
      outputs = self._prefix(inputs, compute)
      x = tf.stop_gradient(outputs[-1])
    else:
      outputs, x = [], self._embed(inputs, noise, compute, front)
    bias = inputs_lib.attention_bias(inputs)
    for index in range(self._start, len(self.adapter_blocks)):
      queries, seen = None, bias
      if index == len(self.adapter_blocks) - 1:
        queries, seen = inputs_lib.queries(
          inputs, x, bias, output_range, front
        )
      x = self._run(index, compute, noise, x, seen, queries)
      outputs.append(x)
    if front is not None:  # nobody reads what a prompt has become
      outputs[:-1] = [y[:, front:] for y in outputs[:-1]]
    if "first_tokens" in inputs:
      x = tf.reshape(x, [-1, 1, x.shape[-1]])
    pooled = tf.nn.tanh(parts.pooler(x[:, 0]))
    return {
      "sequence_output": x,
      "pooled_output": pooled,
      "encoder_outputs": outputs,
    }

  def prefix(self, inputs, compute=None):
    """What enters the lowest block that trains: `[batch, seq, hidden]`.

    Nothing below it trains, so it has no dropout and no backward pass, and
    is the same in every epoch. Where no block trains it is what enters the
    last one.

    Raises:
      InputError: where the lowest block trains, or is the only one: the
        embeddings before it drop in training.
    """
    if not self._start:
      raise InputError(
        "`prefix` is of blocks below the lowest that trains; here block 0 is "
        "the first that is computed anew, and there is none."
      )
    return self._prefix(inputs_lib.unpack(inputs), compute or PLAIN)[-1]

  def _prefix(self, inputs, compute):
    """Outputs of the blocks below the lowest that trains."""
    if "prefix_output" in inputs:
      return [inputs["prefix_output"]]
    x = self._embed(inputs, None, compute)
    bias = inputs_lib.attention_bias(inputs)
    outputs = []
    for index in range(self._start):
      x = self._run(index, compute, None, x, bias)
      outputs.append(x)
    return outputs

  def _run(self, index, compute, noise, x, bias, queries=None):
    block = self.adapter_blocks[index]
    weights = compute.parts and compute.parts.blocks[index]
    # Of few positions a kernel takes longer to make than it ever saves.
    compiled = compute.compiled and queries is None

    def run(x, bias, *queries):
      return block(x, bias, noise, *queries, block=weights, compiled=compiled)

    if compute.recompute and noise is not None:
      run = tf.recompute_grad(run)
    return run(x, bias, *([] if queries is None else [queries]))

  def _embed(self, inputs, noise, compute, front=None):
    parts = compute.parts or self.parts
    positions = inputs.get("input_positions")
    if positions is None:
      inputs_lib.check_length(inputs, parts.max_length)
      length = tf.shape(inputs["input_word_ids"])[1]
      position = parts.position_embeddings[:length]
    else:
      position = tf.gather(parts.position_embeddings, positions)
    x = normalise(
      parts.embedding_norm,
      tf.gather(parts.word_embeddings, inputs["input_word_ids"]),
      position,
      tf.gather(parts.type_embeddings, inputs["input_type_ids"]),
      compiled=compute.compiled,
    )
    if front is not None:
      x = self._after_prompts(x, front // parts.prompt.length, compute)
    x = dropout(x, parts.embedding_dropout, noise, 0, compute.compiled)
    return tf.cast(x, parts.policy.compute_dtype)

  def _after_prompts(self, x, texts, compute):
    """`x` `[batch, seq, hidden]` after a prompt for each of a row's texts."""
    parts = compute.parts or self.parts
    prompt = normalise(
      parts.embedding_norm,
      parts.prompt.embeddings[None],
      compiled=compute.compiled,
    )
    front = tf.tile(tf.cast(prompt, x.dtype), [tf.shape(x)[0], texts, 1])
    return tf.concat([front, x], axis=1)

  def owned(self) -> list[tuple[parts_lib.Address, tf.Variable]]:
    """The task's own copies of the encoder's variables."""
    return strategies.own(self.parts, self.borrowed)

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
    layers = [self._copies, *self._added, *self.adapter_blocks]
    return [weight for layer in layers for weight in layer.trainable_weights]

  @property
  def non_trainable_weights(self):
    trained = {id(weight) for weight in self.trainable_weights}
    return [weight for weight in self.weights if id(weight) not in trained]

  @property
  def weights(self):
    layers = [self._copies, *self._added, *self.adapter_blocks]
    owned = [weight for layer in layers for weight in layer.weights]
    return owned + [variable for _, variable in self.borrowed.named()]
