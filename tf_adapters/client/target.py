# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Which server is asked, and for which model and version."""

import dataclasses
import re
import types
import urllib.parse
from typing import NamedTuple

from tf_adapters import checks
from tf_adapters.errors import InputError


class _Scheme(NamedTuple):
  protocol: str
  secure: bool
  port: int  # where the address names none


_SCHEMES = types.MappingProxyType({
  "": _Scheme("rest", False, 8501),  # TensorFlow Serving's own
  "http": _Scheme("rest", False, 80),
  "https": _Scheme("rest", True, 443),
  "grpc": _Scheme("grpc", False, 8500),
  "grpcs": _Scheme("grpc", True, 443),
})
_LATEST = 2**63 - 1  # the server reads versions as int64


@dataclasses.dataclass(frozen=True)
class Model:
  """A model of a server.

  Attributes:
    name: As the server's configuration has it.
    version: One of its versions; None: the newest that is loaded.
    label: A label of one of its versions instead.
  """

  name: str
  version: int | None = None
  label: str | None = None

  def __post_init__(self):
    check_model_name("model", self.name)
    if self.version is not None and self.label is not None:
      raise InputError(
        f"give `version` or `label`, not both; got {self.version!r} and "
        f"{self.label!r}."
      )
    if self.version is not None:
      check_version("version", self.version)
    if self.label is not None:
      check_label("label", self.label)

  @property
  def path(self) -> str:
    """Its place below a server's REST address."""
    path = f"/v1/models/{urllib.parse.quote(self.name, safe='')}"
    if self.version is not None:
      return f"{path}/versions/{self.version}"
    return path if self.label is None else f"{path}/labels/{self.label}"


def check_model_name(key: str, name: str) -> None:
  """Raises `InputError` unless it can stand in the server's addresses."""
  if not isinstance(name, str) or not re.fullmatch(r"[!-.0-9;-~]+", name):
    raise InputError(
      f"`{key}` must be the name of a model, without blanks, `/`, `:` and "
      f"letters beyond ASCII; got {name!r}."
    )


def check_label(key: str, label: str) -> None:
  """Raises `InputError` unless it can be the label of a version."""
  if not isinstance(label, str) or not re.fullmatch(r"[A-Za-z0-9_]+", label):
    raise InputError(
      f"`{key}` must be a label of letters, digits and `_`; got {label!r}."
    )


def check_version(key: str, version: int) -> None:
  """Raises `InputError` unless it can be a version."""
  checks.whole(key, version)
  if not 0 <= version <= _LATEST:
    raise InputError(
      f"`{key}` must be at least 0 and at most {_LATEST}; got {version}."
    )


@dataclasses.dataclass(frozen=True)
class Address:
  """Where a server listens.

  Attributes:
    protocol: `rest` or `grpc`.
    secure: Whether over TLS.
    host: Its name or number.
    port: Its port.
    prefix: What stands before `/v1` in REST, behind a gateway; else empty.
  """

  protocol: str
  secure: bool
  host: str
  port: int
  prefix: str = ""

  def __str__(self) -> str:
    host = f"[{self.host}]" if ":" in self.host else self.host
    return f"{host}:{self.port}"


def parse(address: str, protocol: str | None = None) -> Address:
  """Reads `host:8501`, `https://host/prefix`, `grpc://host:8500`.

  Args:
    address: The address; without a port it is TensorFlow Serving's 8501, or
      8500 for gRPC; 80 for `http`, and 443 for `https` and `grpcs`.
    protocol: `rest` or `grpc` for an address that does not say it.

  Raises:
    InputError: if it is no address, or of the other protocol.
  """
  if protocol is not None:
    checks.one_of("protocol", protocol, ("rest", "grpc"))
  if not isinstance(address, str) or not re.fullmatch(r"[!-~]+", address):
    raise _no_address(address)
  name, found, rest = address.partition("://")
  if not found:
    name, rest = "grpc" if protocol == "grpc" else "", address
  scheme = _SCHEMES.get(name.lower())
  if scheme is None or (found and not name):
    raise _no_address(address)
  if protocol not in (None, scheme.protocol):
    raise InputError(
      f"`protocol` is {protocol!r}, but the server's address is {address!r}."
    )
  try:
    parts = urllib.parse.urlsplit(f"//{rest}")
    host, port = parts.hostname, parts.port
    (host or "").encode("idna")  # as name look-up does
  except ValueError:
    raise _no_address(address) from None
  prefix = parts.path.rstrip("/")
  beside = parts.query or parts.fragment or "@" in parts.netloc
  if not host or port == 0 or beside or (prefix and scheme.protocol == "grpc"):
    raise _no_address(address)
  return Address(
    scheme.protocol, scheme.secure, host, port or scheme.port, prefix
  )


def _no_address(address: str) -> InputError:
  return InputError(
    "a server's address is `HOST:PORT`, also with `http://`, `https://`, "
    f"`grpc://` or `grpcs://` before it; got {address!r}."
  )
