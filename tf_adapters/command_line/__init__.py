# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The commands of `tf-adapters`, a file for each kind."""
