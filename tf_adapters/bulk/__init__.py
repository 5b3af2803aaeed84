# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Answers files of any size with a task of an export, on Apache Beam."""
