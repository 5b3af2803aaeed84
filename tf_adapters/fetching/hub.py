# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`hf://OWNER/NAME[@REVISION]`: encoders of the Hugging Face Hub.

By huggingface_hub, which has the Hub's cache, tokens, mirrors (HF_ENDPOINT)
and progress bars. The first file says which commit the revision is now; all
others are of that commit.
"""

import contextlib
import pathlib
import re
import types
from collections.abc import Iterator

from tf_adapters.errors import InputError
from tf_adapters.fetching.source import Fetched

# Small ones first.
_OPTIONAL, _WEIGHTS = "tokenizer_config.json", "model.safetensors"
_FILES = ("config.json", _OPTIONAL, "vocab.txt", _WEIGHTS)
_PICKLE = "pytorch_model.bin"
_ADDRESS = re.compile(r"hf://(?P<repo>[^@#?]+)(@(?P<revision>[\w./-]+))?")


def fetch(address: str) -> Fetched:
  """Fetches what an encoder needs of a repository, or finds it in the cache.

  Args:
    address: `hf://OWNER/NAME`, with `@` and a branch, tag or commit where it
      is not to be the newest of `main`.

  Returns:
    The folder, and the address with the commit.

  Raises:
    InputError: if the repository, the revision or a file is not there, or if
      it is neither in the cache nor can be reached.
  """
  match = _ADDRESS.fullmatch(address)
  if not match or ".." in (match["revision"] or ""):
    raise InputError(
      f"`encoder` must be hf://OWNER/NAME or hf://OWNER/NAME@REVISION; got "
      f"{address!r}."
    )
  repo, revision = match["repo"], match["revision"] or "main"
  library = _library()
  with _naming(address, library):
    config = library.hf_hub_download(repo, _FILES[0], revision=revision)
    folder = pathlib.Path(config).parent
    for name in _FILES[1:]:
      _fetch_file(library, repo, name, folder.name)
  return Fetched(folder, f"hf://{repo}@{folder.name}")


def _library() -> types.ModuleType:
  try:
    import huggingface_hub
    import huggingface_hub.errors
  except ImportError:
    raise InputError(
      "`encoder` hf://… needs huggingface_hub: pip install 'tf-adapters[hub]'."
    ) from None
  return huggingface_hub


def _fetch_file(library, repo: str, name: str, commit: str) -> None:
  """Fetches a file unless the cache has it, or knows that there is none."""
  cached = library.try_to_load_from_cache(repo, name, revision=commit)
  if isinstance(cached, str) or (cached is not None and name == _OPTIONAL):
    return
  try:
    library.hf_hub_download(repo, name, revision=commit)
  except library.errors.RemoteEntryNotFoundError:
    if name == _OPTIONAL:
      return
    if name == _WEIGHTS and library.file_exists(repo, _PICKLE, revision=commit):
      raise InputError(
        f"`encoder`: hf://{repo} has its weights as {_PICKLE}, a pickle, "
        "which can run any code when it is opened and is never read; take a "
        f"revision that has {_WEIGHTS}."
      ) from None
    raise


@contextlib.contextmanager
def _naming(address: str, library: types.ModuleType) -> Iterator[None]:
  """Says what the library's errors mean for `address`, in one sentence."""
  errors = library.errors
  try:
    yield
  except errors.RemoteEntryNotFoundError as error:
    name = str(error.response.url).rsplit("/", 1)[-1]
    raise InputError(f"`encoder`: {address} has no {name}.") from None
  except errors.RevisionNotFoundError:
    raise InputError(
      f"`encoder`: {address} has no such branch, tag or commit."
    ) from None
  except errors.RepositoryNotFoundError:
    raise InputError(
      f"`encoder`: {address} is not there, or not for everybody; `hf auth "
      "login` says who you are."
    ) from None
  except errors.HFValidationError as error:
    raise InputError(f"`encoder`: {address}: {_first_line(error)}") from None
  except errors.LocalEntryNotFoundError as error:
    cause = error.__cause__ or error
    raise _out_of_reach(address, library, cause) from None
  # `HTTPError` is of the library that the Hub's one sends requests with.
  except (errors.HTTPError, OSError) as error:
    if isinstance(error, OSError) and error.errno is not None:
      raise  # of the disk
    raise _out_of_reach(address, library, error) from None


def _out_of_reach(address, library, cause: BaseException) -> InputError:
  return InputError(
    f"`encoder`: {address} is not whole in the cache "
    f"{library.constants.HF_HUB_CACHE}, and {library.constants.ENDPOINT} "
    f"cannot be reached or broke off ({_first_line(cause)}); the same command "
    "goes on from there when it can."
  )


def _first_line(error: BaseException) -> str:
  lines = [line.strip() for line in str(error).splitlines() if line.strip()]
  return lines[0] if lines else type(error).__name__
