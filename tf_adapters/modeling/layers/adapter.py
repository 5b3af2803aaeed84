# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The bottleneck adapter of Houlsby et al. (2019) as a Keras layer."""

import random
import types

import tensorflow as tf
import tf_keras

from tf_adapters import checks
from tf_adapters import config as config_lib
from tf_adapters import validation
from tf_adapters.modeling import pieces
from tf_adapters.modeling.layers import dropout as dropout_lib
from tf_adapters.modeling.layers import kernels

ACTIVATIONS = types.MappingProxyType({
  "gelu_tanh": lambda x: tf.nn.gelu(x, approximate=True),
  "gelu": lambda x: tf.nn.gelu(x, approximate=False),
  "relu": tf.nn.relu,
  "swish": tf.nn.silu,
  "tanh": tf.nn.tanh,
})


@tf_keras.utils.register_keras_serializable(package="tf_adapters")
class AdapterLayer(tf_keras.layers.Layer):
  """A bottleneck with a skip connection, near the identity at the start.

      A(z) = z + s·Dropout(act(z·W_down + b_down)·W_up + b_up)

  with 2·d·m + d + m parameters for width d and bottleneck size m. Kernels
  are drawn from a normal of deviation `init_stddev` truncated at two
  deviations, biases are zero.

  Source: Houlsby et al., "Parameter-Efficient Transfer Learning for NLP",
  ICML 2019, section 2.1 and figure 2.

  Shapes: `[..., d]` in, `[..., d]` out.

  Args:
    size: Bottleneck size m.
    activation: `gelu_tanh` (as in the paper's code), `gelu`, `relu`, `swish`
      or `tanh`.
    init_stddev: 1e-2 as in the paper (its code: 1e-3).
    dropout: Rate on the bottleneck's output in training.
    scale: The factor s.
    residual: False leaves out the `z +`.
    seed: Seed of the kernels; None draws one from Python's `random`.

  Raises:
    InputError: for an argument that is not allowed.
  """

  def __init__(
    self,
    size: int = 64,
    activation: str = "gelu_tanh",
    init_stddev: float = 1e-2,
    dropout: float = 0.0,
    scale: float = 1.0,
    residual: bool = True,
    seed: int | None = None,
    **kwargs,
  ):
    super().__init__(**kwargs)
    self.supports_masking = True  # it passes a mask of positions on
    checks.one_of("activation", activation, config_lib.ACTIVATIONS)
    checks.finite("scale", scale)
    checks.boolean("residual", residual)
    if seed is not None:
      checks.whole("seed", seed)
    validation.validate_adapter(
      config_lib.AdapterConfig(
        size=size,
        activation=activation,
        init_stddev=init_stddev,
        dropout=dropout,
      )
    )
    self.size = int(size)
    self.activation = activation
    self.init_stddev = init_stddev
    self.dropout = dropout
    self.scale = scale
    self.residual = residual
    self.seed = random.randrange(1 << 30) if seed is None else int(seed)

  def build(self, input_shape):
    width = int(input_shape[-1])
    self.down_kernel = self._kernel("down_kernel", [width, self.size], 0)
    self.down_bias = self.add_weight(
      "down_bias", [self.size], initializer="zeros"
    )
    self.up_kernel = self._kernel("up_kernel", [self.size, width], 1)
    self.up_bias = self.add_weight("up_bias", [width], initializer="zeros")
    super().build(input_shape)

  @property
  def kernels(self) -> tuple[tf.Variable, ...]:
    """Kernel and bias down, kernel and bias up."""
    return (
      self.down_kernel, self.down_bias, self.up_kernel, self.up_bias
    )

  def bottleneck(self, z: str) -> pieces.Bottleneck:
    """What it adds at the end of a sublayer, where it reads `z`."""
    return pieces.Bottleneck(
      self.kernels,
      z,
      ACTIVATIONS[self.activation],
      self.scale,
      self.dropout,
    )

  def _kernel(self, name, shape, index):
    # One initializer for both would draw the same numbers twice.
    initializer = tf_keras.initializers.TruncatedNormal(
      stddev=self.init_stddev, seed=2 * self.seed + index
    )
    return self.add_weight(name, shape, initializer=initializer)

  def call(self, inputs, training=None, noise=None, site=0):
    """Applies the adapter.

    Args:
      inputs: `[..., d]`.
      training: Whether dropout is on.
      noise: `Noise` of the step; None draws a fresh one where needed.
      site: Number of this place in the network.
    """
    up = kernels.bottleneck(
      inputs, *self.kernels, ACTIVATIONS[self.activation]
    )
    if training and self.dropout:
      noise = noise or dropout_lib.fresh_noise()
      up = dropout_lib.dropout(up, self.dropout, noise, site)
    if self.scale != 1.0:
      up = up * tf.cast(self.scale, up.dtype)
    return inputs + up if self.residual else up

  def get_config(self):
    return {
      **super().get_config(),
      "size": self.size,
      "activation": self.activation,
      "init_stddev": self.init_stddev,
      "dropout": self.dropout,
      "scale": self.scale,
      "residual": self.residual,
      "seed": self.seed,
    }

