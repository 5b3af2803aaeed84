# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The head of a task: dropout and one dense map."""

import tensorflow as tf
import tf_keras

from tf_adapters import checks
from tf_adapters import config as config_lib
from tf_adapters import validation
from tf_adapters.modeling import pieces
from tf_adapters.modeling.layers import dropout as dropout_lib

_SITE = 1  # of the head's dropout; 0 is the embeddings', 8 and up the blocks'


@tf_keras.utils.register_keras_serializable(package="tf_adapters")
class Head(tf_keras.layers.Layer):
  """logits = Dropout(z)·W + b.

  z is the last block's output at the first token, or the pooled output (the
  frozen pooler's tanh of it), as in the code of Houlsby et al., ICML 2019, and
  in Devlin et al., "BERT", NAACL 2019, section 4.1. W is drawn from a normal of
  deviation 0.02 truncated at two deviations, b is zero, as BERT's code has
  them. Nothing but the first token of the last block is read (`output_range`
  1), so nothing else of that block is computed; or z is the last block's output
  at each token, and so are the logits.

  Shapes: `{"sequence_output": [batch, seq, d], "pooled_output": [batch, d]}`
  in, `[batch, units]` float32 out, for every token `[batch, seq, units]`.

  Args:
    units: Number of classes, 1 for a regression, 2 for starts and ends.
    input: `first_token`, `pooled_output` or `every_token`.
    dropout: Rate in training.
    seed: Seed of W; None draws one.

  Raises:
    InputError: for an argument that is not allowed.
  """

  def __init__(
    self,
    units: int,
    input: str = "first_token",
    dropout: float = 0.1,
    seed: int | None = None,
    **kwargs,
  ):
    super().__init__(**{**kwargs, "dtype": tf.float32})
    checks.whole("units", units)
    checks.at_least("units", units, 1)
    if seed is not None:
      checks.whole("seed", seed)
    validation.validate_head(
      config_lib.HeadConfig(input, dropout),
      inputs=(*config_lib.HEAD_INPUTS, "every_token"),
    )
    self.units = int(units)
    self.reads = input
    self.dropout = dropout
    self.seed = None if seed is None else int(seed)

  @property
  def reads_pooler(self) -> bool:
    """Whether it reads the pooled output."""
    return self.reads == "pooled_output"

  def build(self, input_shape):
    width = int(input_shape["pooled_output"][-1])
    self.kernel = self.add_weight(
      "kernel",
      [width, self.units],
      initializer=tf_keras.initializers.TruncatedNormal(
        stddev=0.02, seed=self.seed
      ),
    )
    self.bias = self.add_weight("bias", [self.units], initializer="zeros")
    super().build(input_shape)

  def call(self, inputs, training=None, noise=None):
    z = features(inputs, self.reads)
    if training:
      noise = noise or dropout_lib.fresh_noise()
      z = dropout_lib.dropout(z, self.dropout, noise, _SITE)
    return logits(z, self.kernel, self.bias)

  @property
  def output_range(self) -> int | None:
    """How many tokens of the last block are read; None: all."""
    return None if self.reads == "every_token" else 1

  def get_config(self):
    return {
      **super().get_config(),
      "units": self.units,
      "input": self.reads,
      "dropout": self.dropout,
      "seed": self.seed,
    }


def features(outputs: dict[str, tf.Tensor], reads: str) -> tf.Tensor:
  """What a head that `reads` this takes from an encoder's outputs.

  Returns:
    float32 `[batch, d]`, for `every_token` `[batch, seq, d]`.
  """
  if reads == "pooled_output":
    z = outputs["pooled_output"]
  elif reads == "every_token":
    z = outputs["sequence_output"]
  else:
    z = outputs["sequence_output"][:, 0]
  return tf.cast(z, tf.float32)


def logits(z: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
  """z·W + b.

  Args:
    z: `[batch, d]` or `[batch, seq, d]`.
    kernel: `[d, units]`, or of each row of the batch `[batch, d, units]`, for
      `z` `[batch, d]`.
    bias: `[units]`, or `[batch, 1, units]`.
  """
  if kernel.shape.rank == 3:
    return (tf.linalg.matmul(z[:, None], kernel) + bias)[:, 0]
  if z.shape.rank == 3:
    return pieces.dense(z, kernel, bias)
  return tf.linalg.matmul(z, kernel) + bias
