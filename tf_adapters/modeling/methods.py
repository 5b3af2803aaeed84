# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The published placements of adapters, as data."""

import dataclasses
import types

from tf_adapters.config import AdapterConfig


@dataclasses.dataclass(frozen=True)
class Method:
  """One published placement: y = LN(x + h + s·B(z)) at the end of a sublayer.

  x is the sublayer's input, h its output after dropout and B the bottleneck
  without its skip connection.

  Attributes:
    sublayers: Which sublayers end so; the other ends as LN(x + h).
    z: `output` is h, `normalised` is LN(x + h), `input` is x.
    scale: The factor s.
    activation: Of the bottleneck, unless another is asked for.
    train_layer_norm: Whether the task has LayerNorms of its own.
  """

  sublayers: tuple[str, ...]
  z: str
  scale: float
  activation: str
  train_layer_norm: bool


METHODS = types.MappingProxyType({
  # Houlsby et al. 2019, figure 2; activation as in the paper's code.
  "houlsby": Method(
    ("attention", "output"), "output", 1.0, "gelu_tanh", True
  ),
  # The same after one sublayer of the two; Houlsby et al., section 3.6, tried
  # the first.
  "houlsby_attention": Method(
    ("attention",), "output", 1.0, "gelu_tanh", True
  ),
  "houlsby_ffn": Method(("output",), "output", 1.0, "gelu_tanh", True),
  # Pfeiffer et al. 2021 as AdapterHub runs it: the same LayerNorm twice.
  "pfeiffer": Method(("output",), "normalised", 1.0, "relu", False),
  # He et al. 2022, section 4, scaled parallel adapter.
  "parallel": Method(("output",), "input", 4.0, "relu", False),
})


def trains_layer_norm(config: AdapterConfig) -> bool:
  """Whether the task trains LayerNorms of its own."""
  if config.train_layer_norm is None:
    return METHODS[config.method].train_layer_norm
  return config.train_layer_norm
