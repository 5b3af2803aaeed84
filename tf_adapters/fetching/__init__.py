# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Encoders from elsewhere: fetched once, pinned, and kept in a cache.

    hf://OWNER/NAME[@REVISION]                            hub.py
    kaggle://OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION]    kaggle.py
    https://…/NAME.tar.gz#sha256=CHECKSUM                 archives.py
"""
