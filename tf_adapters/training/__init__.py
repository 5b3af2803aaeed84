# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""From settings to a trained module: the step, the loop, the run."""
