# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Many runs from one file: tasks x methods x settings x seeds, and a table."""
