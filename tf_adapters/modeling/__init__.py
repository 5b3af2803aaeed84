# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A borrowed encoder with one task in it: weights, layers, blocks, `build`."""
