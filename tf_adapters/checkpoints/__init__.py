# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Pre-trained encoders: from files into a Model Garden `BertEncoderV2`."""
