# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Names that no task may have."""

# Signatures and Model Garden's own names that a task must leave alone.
RESERVED = frozenset(
  {"serving_default", "mixed", "all_tasks", "embed", "__saved_model_init_op"}
)
