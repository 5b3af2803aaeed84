# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What Keras may do to a model whose encoder is borrowed."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tf_keras

from tf_adapters.errors import InputError
from tf_adapters.modeling.parts import Parts


class Borrower(tf_keras.Model):
  """A model that reads an encoder's variables and never assigns to them.

  `weights` are all that it computes with, as Keras counts them;
  `get_weights` and `set_weights` what it owns.

  Attributes:
    borrowed: The parts of the encoder, frozen.
  """

  borrowed: Parts

  def get_weights(self) -> list[np.ndarray]:
    """Values of what the model owns, in a fixed order."""
    with self.distribute_strategy.scope():
      return tf_keras.backend.batch_get_value(self._owned_weights())

  def set_weights(self, weights: Sequence[np.ndarray]) -> None:
    """Assigns what `get_weights` returned; the encoder stays as it is.

    Raises:
      InputError: for arrays of another number or of other shapes.
    """
    owned = self._owned_weights()
    wanted = [tuple(variable.shape) for variable in owned]
    given = [np.shape(value) for value in weights]
    if given != wanted:
      pairs = zip(given, wanted, strict=False)
      wrong = [f", with {a} for {b}" for a, b in pairs if a != b][:1]
      raise InputError(
        f"`weights` must be the {len(wanted)} arrays that `get_weights` of "
        f"such a model returns; got {len(given)}{''.join(wrong)}."
      )
    tf_keras.backend.batch_set_value(list(zip(owned, weights, strict=True)))

  def _owned_weights(self) -> list[tf.Variable]:
    lent = {id(variable) for _, variable in self.borrowed.named()}
    return [weight for weight in self.weights if id(weight) not in lent]
