# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Asks TensorFlow Serving over REST, without TensorFlow, or over gRPC."""
