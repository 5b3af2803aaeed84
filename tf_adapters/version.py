# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The version of this package."""

__version__ = "0.1.0"
