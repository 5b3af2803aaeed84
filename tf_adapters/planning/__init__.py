# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What tuning would cost, from formulas: no weights and no TensorFlow."""
