# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Task modules on disk beside one encoder, and back in memory."""
