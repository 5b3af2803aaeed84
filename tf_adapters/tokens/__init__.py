# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""From raw text to batches of tokens: ids, packed rows, batches ahead."""
