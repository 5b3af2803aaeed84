# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`kaggle://OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION]`: models of Kaggle.

By kagglehub, which has Kaggle's cache, credentials and progress bars, and
mounts what Colab and Kaggle's own notebooks hold already. Google's BERTs are
there as SavedModels: kaggle://tensorflow/bert/tensorFlow2/….
"""

import contextlib
import pathlib
import re
import sys

from tf_adapters.errors import InputError
from tf_adapters.fetching.source import Fetched

_ADDRESS = re.compile(r"kaggle://\w[\w-]*(/\w[\w.-]*){3}(?P<version>/\d+)?")


def fetch(address: str) -> Fetched:
  """Fetches one version of a model, or finds it in the cache.

  Args:
    address: As in the head of this file; without a version the newest, for
      which Kaggle must be reachable.

  Returns:
    The folder, and the address with the version.

  Raises:
    InputError: if it is not there, or neither in the cache nor reachable.
  """
  match = _ADDRESS.fullmatch(address)
  if not match:
    raise InputError(
      "`encoder` must be kaggle://OWNER/MODEL/FRAMEWORK/VARIATION, or the same "
      f"with /VERSION; got {address!r}."
    )
  # It writes its log to the stdout that it finds, which is for results.
  with contextlib.redirect_stdout(sys.stderr):
    folder = pathlib.Path(_download(address, match["version"]))
  if match["version"]:
    return Fetched(folder, address)
  # Kaggle's own folders, and those of kagglehub, are named by the version.
  return Fetched(folder, f"{address}/{folder.name}")


def _download(address: str, version: str | None) -> str:
  try:
    import kagglehub
    import kagglehub.exceptions
    import requests
  except ImportError:
    raise InputError(
      "`encoder` kaggle://… needs kagglehub: pip install "
      "'tf-adapters[kaggle]'."
    ) from None
  try:
    return kagglehub.model_download(address.removeprefix("kaggle://"))
  except requests.HTTPError as error:
    raise InputError(f"`encoder`: {address}: {_words(error)}") from None
  except requests.RequestException as error:
    newest = "" if version else "; with a /VERSION it would be looked for there"
    raise InputError(
      f"`encoder`: {address} is not in the cache of kagglehub{newest}, and "
      f"Kaggle cannot be reached or broke off ({type(error).__name__}); the "
      "same command goes on from there when it can."
    ) from None
  except (ValueError, kagglehub.exceptions.DataCorruptionError) as error:
    raise InputError(f"`encoder`: {address}: {_words(error)}") from None


def _words(error: BaseException) -> str:
  """All its lines as one."""
  return " ".join(str(error).split())
