# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Layers: one published idea a file."""
