# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""All kinds of studies, in the order of the report."""

import types

from tf_adapters.studies import ablation
from tf_adapters.studies import initialisation
from tf_adapters.studies import sizes
from tf_adapters.studies import trade_off

KINDS = types.MappingProxyType({
  module.KIND.name: module.KIND
  for module in (trade_off, ablation, initialisation, sizes)
})
