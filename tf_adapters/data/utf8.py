# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Texts from bytes and back, each fault named."""

from tf_adapters.errors import InputError


def decode(path: str, raw: bytes, encoding: str = "utf-8") -> str:
  """The text of a file, without a byte order mark.

  Raises:
    InputError: for bytes that are not UTF-8, with file and line.
  """
  if encoding != "utf-8":
    try:  # a copy that was saved anew as UTF-8 is read as such
      return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
      return raw.decode(encoding)
  try:
    return raw.decode("utf-8-sig")
  except UnicodeDecodeError as error:
    line = raw.count(b"\n", 0, error.start) + 1
    raise not_utf8(f"{path}, line {line}", error) from None


def not_utf8(where: str, error: UnicodeDecodeError) -> InputError:
  """Says that what is at `where` is not UTF-8."""
  byte = error.object[error.start]
  return InputError(f"{where}: is not UTF-8 (byte 0x{byte:02x}).")


def encode(what: str, text: str) -> bytes:
  """A text in UTF-8.

  Raises:
    InputError: saying of `what` that it holds what UTF-8 cannot.
  """
  try:
    return text.encode()
  except UnicodeEncodeError as error:
    raise InputError(
      f"{what} holds U+{ord(text[error.start]):X}, half of a surrogate pair, "
      "which no UTF-8 text can."
    ) from None
