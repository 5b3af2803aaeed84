# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What Keras may do to a model whose encoder is borrowed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from tf_adapters.errors import InputError
from tf_adapters.modeling.parts import Parts

_WAYS = (
  "`save_weights` to a file that ends in `.weights.h5`, `save` to a folder (a "
  "SavedModel), or `tf_adapters.train`, which keeps a task in a `Store`"
)

_OLD_ENDS = (".h5", ".hdf5", ".keras")


class _NoConfigError(InputError, NotImplementedError):
  """As `InputError`; the other is how Keras knows what has no configuration.

  A SavedModel it then writes all the same.
  """


class Borrower(tf_keras.Model):
  """A model that reads an encoder's variables and never assigns to them.

  `weights` are all that it computes with, as Keras counts them;
  `get_weights`, `set_weights` and files of weights hold what it owns.

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

  def get_config(self) -> dict[str, Any]:
    """Raises `InputError`: a borrowed encoder has no place in it."""
    raise _NoConfigError(
      "A model of `tf_adapters.build` has no configuration for `.keras` "
      f"files, copies or JSON, as its encoder is borrowed; use {_WAYS}."
    )

  def save_weights(self, filepath, overwrite=True, **kwargs) -> None:
    """As Keras has it, but for its old HDF5 files: they take the encoder in.

    Raises:
      InputError: for a path of such a file.
    """
    _refuse_old_file(filepath, kwargs.get("save_format"))
    super().save_weights(filepath, overwrite=overwrite, **kwargs)

  def load_weights(self, filepath, *args, **kwargs) -> Any:
    """As Keras has it, but for its old HDF5 files: they write the encoder.

    Raises:
      InputError: for a path of such a file.
    """
    _refuse_old_file(filepath)
    return super().load_weights(filepath, *args, **kwargs)


def _refuse_old_file(filepath: Any, save_format: str | None = None) -> None:
  name = str(filepath)
  old = name.endswith(_OLD_ENDS) or save_format in ("h5", "hdf5", "keras")
  if old and not name.endswith(".weights.h5"):
    raise InputError(
      "`filepath` of weights must end in `.weights.h5`, or be that of a "
      f"TensorFlow checkpoint; got {name!r}, in Keras' old form of HDF5."
    )
