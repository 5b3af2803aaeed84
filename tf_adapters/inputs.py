# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What an encoder reads: one text a row, or several packed into each."""

from typing import Any

import tensorflow as tf

from tf_adapters.errors import InputError

INPUT_NAMES = ("input_word_ids", "input_mask", "input_type_ids")


def unpack(inputs: Any) -> dict[str, tf.Tensor]:
  """The inputs by name, out of a dictionary or of the three in a sequence."""
  if isinstance(inputs, dict):
    missing = [name for name in INPUT_NAMES if name not in inputs]
    if missing:
      raise InputError(
        f"`inputs` lacks `{missing[0]}`; it has {sorted(inputs)}."
      )
    return inputs
  if len(inputs) != len(INPUT_NAMES):
    raise InputError(
      f"`inputs` must be {', '.join(INPUT_NAMES)}; got {len(inputs)} tensors."
    )
  return dict(zip(INPUT_NAMES, inputs, strict=True))


def attention_bias(inputs: dict[str, tf.Tensor]) -> tf.Tensor:
  """Added to scores: 0, or -1e9 where a text must not look."""
  mask = inputs["input_mask"]
  if _packed(inputs):  # each text sees itself
    seen = mask[:, :, None] == mask[:, None, :]
  else:
    seen = (mask > 0)[:, None, :]
  return tf.where(seen, 0.0, -1e9)[:, None]


def queries(
  inputs: dict[str, tf.Tensor],
  x: tf.Tensor,
  bias: tf.Tensor,
  output_range: int | None,
) -> tuple[tf.Tensor | None, tf.Tensor]:
  """The positions of the last block that somebody reads, and their bias."""
  if "first_tokens" in inputs:
    output_range = 1
  if "first_tokens" in inputs and _packed(inputs):
    places = inputs["first_tokens"]
    rows = tf.gather(bias[:, 0], places, batch_dims=1)
    return tf.gather(x, places, batch_dims=1), rows[:, None]
  return None if output_range is None else x[:, :output_range], bias


def every_token(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
  """The same, with all outputs asked for and not each text's first alone."""
  inputs = dict(inputs)
  if "first_tokens" in inputs:
    inputs["text_starts"] = inputs.pop("first_tokens")
  return inputs


def by_text(inputs: dict[str, tf.Tensor], values: tf.Tensor) -> tf.Tensor:
  """Values of tokens, from one row a row to one row a text.

  Args:
    inputs: From `every_token`.
    values: `[rows, seq, ...]`.

  Returns:
    `[texts, seq, ...]`; what lies beyond a text's end means nothing.
  """
  if not _packed(inputs):
    return values
  starts = inputs["text_starts"]
  length = tf.shape(values)[1]
  places = starts[:, :, None] + tf.range(length)
  # Of every slot of a row: [rows, slots, seq, ...].
  values = tf.gather(values, tf.minimum(places, length - 1), batch_dims=1)
  return tf.reshape(values, tf.concat([[-1], tf.shape(values)[2:]], axis=0))


def _packed(inputs: dict[str, tf.Tensor]) -> bool:
  """Whether a row may hold more than one text."""
  starts = inputs.get("first_tokens", inputs.get("text_starts"))
  return starts is not None and starts.shape[1] != 1
