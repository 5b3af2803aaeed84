# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""All signatures of an export, and requests that try each of them."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from tf_adapters.checkpoints import pretrained
from tf_adapters.modeling import compute as compute_lib
from tf_adapters.modeling import garden
from tf_adapters.serving.all_tasks import AllTasks
from tf_adapters.serving.families import Frozen
from tf_adapters.serving.loading import ServedTask
from tf_adapters.serving.mixed import Mixed
from tf_adapters.serving.single import Answers
from tf_adapters.serving.single import Place
from tf_adapters.serving.single import Single
from tf_adapters.serving.single import Tokens
from tf_adapters.serving.single import places
from tf_adapters.serving.weights import Weights

_TEXT = tf.TensorSpec([None], tf.string, "text")
_TEXT_B = tf.TensorSpec([None], tf.string, "text_b")


@dataclasses.dataclass(frozen=True, eq=False)
class Served:
  """What an export saves.

  Attributes:
    root: Tracks the variables.
    signatures: Functions by name.
    requests: Of the signatures that a server should warm up: inputs by name,
      one row each.
    trials: Likewise of others, one of each kind, to see that they run.
  """

  root: tf.Module
  signatures: dict[str, Callable]
  requests: list[tuple[str, dict[str, list]]]
  trials: list[tuple[str, dict[str, list]]]


def make(
  encoder,
  served: list[ServedTask],
  *,
  examples: bool,
  warm: int,
  precision: str = "float32",
) -> Served:
  """The signatures of some tasks.

  Args:
    encoder: Theirs, made by `load_encoder`.
    served: The tasks.
    examples: Whether each gets one that takes `tf.Example`s, too.
    warm: Of how many tasks' own signatures there are requests.
    precision: Of products with the encoder's kernels.
  """
  weights = Weights()
  low = None if precision == "float32" else Weights(tf.as_dtype(precision))
  frozen = Frozen(garden.lay_open(encoder), weights, low)
  found = places(served, frozen, weights)
  homes = [weights, low] if low else [weights]
  for home in homes:
    home.make()
  tokens = Tokens(pretrained.of(encoder), frozen.borrowed.max_length)
  single = Single(tokens)

  root = tf.Module()
  root.weights = [home.variable for home in homes]
  signatures = {p.served.name: single.signature(p) for p in found}
  requests = [_request(place) for place in found[:warm]]
  mixed = _mixed(Mixed(found, frozen, tokens, single))
  signatures["mixed"] = mixed
  requests.append(("mixed", _rows(found[0])))
  every = AllTasks(found, frozen, tokens, single)
  if every.places:
    signatures["all_tasks"] = tf.function(
      every.__call__, input_signature=[_TEXT], autograph=False
    )
    requests.append(("all_tasks", {"text": [""]}))
  signatures["embed"] = _embed(found[0], frozen, tokens)
  trials = {"embed": ("embed", {"text": [""]})}
  if len(found) == 1:
    signatures["serving_default"] = signatures[found[0].served.name]
    requests.append(("serving_default", _request(found[0])[1]))
  else:
    signatures["serving_default"] = mixed
    requests.append(("serving_default", _rows(found[0])))
  if examples:
    for place in found:
      for kind, function in _of_examples(place, single).items():
        name = f"{place.served.name}.{kind}"
        signatures[name] = function
        # No bytes are a `tf.Example` without features.
        trials.setdefault(kind, (name, {"inputs": [b""]}))
  return Served(root, signatures, requests, list(trials.values()))


def _request(place: Place) -> tuple[str, dict[str, list]]:
  return place.served.name, {name: [""] for name in place.served.inputs}


def _rows(place: Place) -> dict[str, list]:
  return {"task": [place.served.name], "text": [""], "text_b": [""]}


def _mixed(answer: Mixed) -> Callable:
  task = tf.TensorSpec([None], tf.string, "task")
  return tf.function(
    answer.__call__, input_signature=[task, _TEXT, _TEXT_B], autograph=False
  )


def _embed(place: Place, frozen: Frozen, tokens: Tokens) -> Callable:
  def embed(text):
    outputs = place.family.encoder(
      tokens.of_texts((text,), frozen.borrowed.max_length),
      output_range=1,
      compute=compute_lib.Compute(parts=frozen.parts()),
    )
    return {
      "first_token": outputs["sequence_output"][:, 0],
      "pooled_output": outputs["pooled_output"],
    }

  return tf.function(embed, input_signature=[_TEXT], autograph=False)


def _of_examples(place: Place, single: Single) -> dict[str, Callable]:
  """By kind, as the Classify and Regress calls of a server want it."""
  if place.is_span:
    return {}
  spec = tf.TensorSpec([None], tf.string, "inputs")
  features = {
    name: tf.io.FixedLenFeature([], tf.string, default_value="")
    for name in place.served.inputs
  }

  def answer(inputs) -> Answers:
    parsed = tf.io.parse_example(inputs, features)
    return single.answer(place, *(parsed[n] for n in place.served.inputs))

  def classify(inputs):
    found = answer(inputs)
    labels = tf.constant(place.served.task.labels)
    return {
      "classes": tf.repeat(labels[None], tf.size(inputs), axis=0),
      "scores": found["probabilities"],
    }

  def regress(inputs):
    return {"outputs": answer(inputs)["value"]}

  is_regression = place.heads.type == "regression"
  name, function = (
    ("regress", regress) if is_regression else ("classify", classify)
  )
  return {
    name: tf.function(function, input_signature=[spec], autograph=False)
  }
