# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""From a store to answers: exports for TensorFlow Serving."""
