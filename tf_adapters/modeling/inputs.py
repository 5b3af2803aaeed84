# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What an encoder reads: one text a row, or several packed into each."""

from typing import Any

import tensorflow as tf

from tf_adapters.errors import InputError

INPUT_NAMES = ("input_word_ids", "input_mask", "input_type_ids")


def unpack(inputs: Any) -> dict[str, tf.Tensor]:
  """The inputs by name, out of a dictionary or of the three in a sequence.

  A mask of booleans becomes one of numbers.
  """
  if isinstance(inputs, list | tuple) and len(inputs) == len(INPUT_NAMES):
    inputs = dict(zip(INPUT_NAMES, inputs, strict=True))
  if not isinstance(inputs, dict):
    sequence = isinstance(inputs, list | tuple)
    came = f"{len(inputs)} tensors" if sequence else type(inputs).__name__
    raise InputError(
      f"`inputs` must be {', '.join(INPUT_NAMES)}, in this order or by name; "
      f"got {came}."
    )
  missing = [name for name in INPUT_NAMES if name not in inputs]
  if missing:
    raise InputError(
      f"`inputs` lacks `{missing[0]}`; it has {sorted(inputs)}."
    )
  mask = tf.convert_to_tensor(inputs["input_mask"])
  if mask.dtype == tf.bool:
    return {**inputs, "input_mask": tf.cast(mask, tf.int32)}
  return inputs


def check_length(inputs: dict[str, tf.Tensor], most: int) -> None:
  """Raises `InputError` for texts known to be longer than `most` tokens."""
  length = inputs["input_word_ids"].shape[1]
  if length is not None and length > most:
    raise InputError(
      f"`input_word_ids` must have at most {most} tokens a row, the encoder's "
      f"positions; got {length}."
    )


def with_prompts(
  inputs: dict[str, tf.Tensor], length: int
) -> tuple[dict[str, tf.Tensor], int | tf.Tensor]:
  """Makes room at the front of each row for a prompt of each text.

  Args:
    inputs: By name.
    length: Of one prompt.

  Returns:
    The inputs, whose mask numbers the prompts as it does their texts, and how
    many positions there are in front.
  """
  mask, starts = inputs["input_mask"], _starts(inputs)
  slots = 1 if starts is None else starts.shape[1]
  if slots is None:
    slots = tf.shape(starts)[1]
  numbers = tf.repeat(tf.range(1, slots + 1, dtype=mask.dtype), length)
  rows = tf.repeat(numbers[None], tf.shape(mask)[0], axis=0)
  longer = {**inputs, "input_mask": tf.concat([rows, mask], axis=1)}
  if "first_tokens" in inputs:
    longer["first_tokens"] = inputs["first_tokens"] + slots * length
  return longer, slots * length


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
  front: int | tf.Tensor | None = None,
) -> tuple[tf.Tensor | None, tf.Tensor]:
  """The positions of the last block that somebody reads, and their bias.

  Args:
    inputs: By name.
    x: What enters the block.
    bias: `attention_bias`.
    output_range: How many positions of a text, from its first; None: all.
    front: How many positions prompts have, which nobody reads; None: there
      are no prompts.
  """
  if "first_tokens" in inputs:
    output_range = 1
  if "first_tokens" in inputs and _packed(inputs):
    places = inputs["first_tokens"]
    rows = tf.gather(bias[:, 0], places, batch_dims=1)
    return tf.gather(x, places, batch_dims=1), rows[:, None]
  if front is None and output_range is None:
    return None, bias
  start = 0 if front is None else front
  end = None if output_range is None else start + output_range
  rows = bias if bias.shape[2] == 1 else bias[:, :, start:end]
  return x[:, start:end], rows


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
  starts, length = inputs["text_starts"], values.shape[1]
  places = starts[:, :, None] + tf.range(length)
  # Of every slot of a row: [rows, slots, seq, ...].
  values = tf.gather(values, tf.minimum(places, length - 1), batch_dims=1)
  return tf.reshape(values, [-1, *values.shape[2:]])


def _starts(inputs: dict[str, tf.Tensor]) -> tf.Tensor | None:
  """Where each text of a row starts; None: one text a row, from its start."""
  return inputs.get("first_tokens", inputs.get("text_starts"))


def _packed(inputs: dict[str, tf.Tensor]) -> bool:
  """Whether a row may hold more than one text."""
  starts = _starts(inputs)
  return starts is not None and starts.shape[1] != 1
