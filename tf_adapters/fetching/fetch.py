# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`fetch`: from an address to a folder with an encoder."""

import types

from tf_adapters.errors import InputError
from tf_adapters.fetching import archives
from tf_adapters.fetching import hub
from tf_adapters.fetching import kaggle
from tf_adapters.fetching.source import Fetched

_BY_SCHEME = types.MappingProxyType({
  "hf": hub.fetch,
  "kaggle": kaggle.fetch,
  "https": archives.fetch,
  "http": archives.fetch,  # the checksum says what came, whoever sent it
})


def fetch(address: str) -> Fetched:
  """Fetches an encoder, or finds it in the cache.

  Args:
    address: As in the head of this package.

  Raises:
    InputError: for an address that is none of them, one that nothing is
      behind, or one that is neither in the cache nor can be reached.
  """
  scheme = address.split("://")[0]
  if scheme not in _BY_SCHEME:
    known = ", ".join(f"{name}://" for name in _BY_SCHEME)
    raise InputError(
      f"`encoder` may begin with {known}, or be a folder; got {address!r}."
    )
  return _BY_SCHEME[scheme](address)
