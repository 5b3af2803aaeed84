# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Picks the protocol by the address."""

from collections.abc import Mapping

from tf_adapters.client import rest
from tf_adapters.client.target import Address
from tf_adapters.client.target import Model
from tf_adapters.client.transport import Transport
from tf_adapters.errors import InputError


def connect(
  address: Address, model: Model, headers: Mapping[str, str], form: str
) -> Transport:
  """Makes ready to ask; connects at the first request.

  Raises:
    InputError: if gRPC is asked for in a form, which is REST's.
  """
  if address.protocol == "rest":
    return rest.Rest(address, model, headers, form)
  if form != "column":
    raise InputError("`form` is for REST; gRPC has none.")
  # Imports TensorFlow, which REST does without.
  from tf_adapters.client import rpc

  return rpc.Rpc(address, model, headers)
