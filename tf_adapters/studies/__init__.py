# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The studies of the paper, each a plan of runs, its data and its pictures."""
