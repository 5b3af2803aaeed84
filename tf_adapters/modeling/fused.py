# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Element-wise functions as single kernels: `fused`.

Between two matrix products a Transformer does many small things to every
number. On a CPU, op by op, each is a pass over memory; XLA makes one pass of
them. The products stay outside: TensorFlow's own (oneDNN) are faster.
"""

import functools
from collections.abc import Callable
from collections.abc import Sequence

import tensorflow as tf


def fused(
  function: Callable,
  gradients: Callable | None = None,
  reads_output: bool = False,
) -> Callable:
  """Lets XLA compile `function`, forward and backward, where asked to.

  Args:
    function: Of tensors, given by position, and of options, given by name;
      returns one tensor. It holds no variable.
    gradients: Its gradients by the first tensors, as
      `gradients(tensors, kept, upstream, **options)`. `function` then takes
      the option `keep` and returns with it, behind its output, the tensors
      that come back as `kept`. Without them, or without `keep`, the backward
      pass has nothing but the arguments, and computes what it needs of the
      forward pass again.
    reads_output: Whether the output comes back as well, the first of `kept`;
      an output that was returned twice would be copied.

  Returns:
    The same function with two more options: `compiled`, whether to compile
    it (false: as it is), and `wrt`, the positions of the tensors to
    differentiate it by (None: all that are of floating point).
  """
  forward = tf.function(function, jit_compile=True, autograph=False)

  @functools.partial(tf.function, jit_compile=True, autograph=False)
  def backward(tensors, kept, upstream, wrt, **options):
    if kept:
      found = gradients(tensors, kept, upstream, **options)
      return [found[index] for index in wrt]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      watched = [tensors[index] for index in wrt]
      tape.watch(watched)
      output = function(*tensors, **options)
    return tape.gradient(
      output, watched, upstream, tf.UnconnectedGradients.ZERO
    )

  @functools.wraps(function)
  def call(*tensors, compiled: bool, wrt: Sequence[int] | None = None,
           keep: bool = False, **options):
    if not compiled:
      return function(*tensors, **options)
    keeping = {"keep": True} if keep else {}
    tensors = [tf.convert_to_tensor(tensor) for tensor in tensors]
    floating = _floating(tensors) if wrt is None else tuple(wrt)

    @tf.custom_gradient
    def apply(*tensors):
      output, kept = forward(*tensors, **options, **keeping), []
      if keep:
        output, *kept = output
        kept = [output, *kept] if reads_output else kept

      def gradient(upstream):
        found = backward(list(tensors), kept, upstream, floating, **options)
        by_position = dict(zip(floating, found, strict=True))
        return [by_position.get(index) for index in range(len(tensors))]

      return output, gradient

    return apply(*tensors)

  return call


def _floating(tensors: Sequence[tf.Tensor]) -> tuple[int, ...]:
  return tuple(
    index for index, tensor in enumerate(tensors) if tensor.dtype.is_floating
  )
