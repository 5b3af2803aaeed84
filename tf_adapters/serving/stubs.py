# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Signatures of many tasks that share one function, at the cost of few.

For each signature TensorFlow saves two functions that call the shared one. It
infers shapes through every call of a function, over and over; and a server
looks at all functions that its graph calls whenever a signature runs for the
first time. With 500 tasks both take minutes. So signatures are traced with
`call`, through which no shape is inferred, and in what was saved `shorten`
makes the graph call the shared function with nothing between. The functions
of the signatures stay for `tf.saved_model.load`, which calls them by name.
"""

import os
import pathlib

import tensorflow as tf
from tensorflow.core.framework import function_pb2
from tensorflow.core.framework import graph_pb2
from tensorflow.core.framework import node_def_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.core.protobuf import saved_model_pb2

from tf_adapters import files
from tf_adapters.serving import deduplication

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_PASSED_ON = ("Identity", "NoOp", "Const")


def call(function, *inputs: tf.Tensor):
  """What a `tf.function` returns, called by a `Case` that has one branch.

  Args:
    function: Has an input signature.
    inputs: Of it.
  """
  concrete = function.get_concrete_function()
  found = tf.raw_ops.Case(
    branch_index=tf.constant(0),
    input=[*inputs, *concrete.captured_inputs],
    Tout=[output.dtype for output in concrete.outputs],
    branches=[concrete],
    output_shapes=[output.shape for output in concrete.outputs],
  )
  return tf.nest.pack_sequence_as(concrete.structured_outputs, found)


def shorten(folder: str | os.PathLike) -> None:
  """Makes the graph of a SavedModel call the innermost functions it can.

  A call of a function that does nothing but call another one, with its own
  inputs and with constants, becomes a call of that one; signatures share the
  placeholders of inputs of the same name and type, and calls that are equal
  but for those (`serving_default` is another signature's). Answers are the
  same.

  Args:
    folder: Has `saved_model.pb`. Its `fingerprint.pb`, which is then no longer
      true and which nothing needs, goes.
  """
  path = pathlib.Path(folder) / "saved_model.pb"
  model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
  for graph in model.meta_graphs:
    for function in graph.graph_def.library.function:
      deduplication.deduplicate(function)
    _Graph(graph.graph_def).shorten()
    _share_placeholders(graph)
    _share_calls(graph)
  files.write_file(path, model.SerializeToString(deterministic=True))
  path.with_name("fingerprint.pb").unlink(missing_ok=True)


class _Graph:
  """A graph whose calls get shorter.

  Args:
    graph: Is changed.
  """

  def __init__(self, graph: graph_pb2.GraphDef):
    self._graph = graph
    self._functions = {f.signature.name: f for f in graph.library.function}
    self._constants: dict[bytes, str] = {}

  def shorten(self) -> None:
    for node in list(self._graph.node):
      while (found := self._inner(node)) is not None:
        node.CopyFrom(found)
      if node.op in _CALLS:
        # Else the C API infers shapes through the whole encoder, once a task.
        node.attr["_disable_call_shape_inference"].b = True

  def _inner(
    self, node: node_def_pb2.NodeDef
  ) -> node_def_pb2.NodeDef | None:
    """The call that says what `node` says; None where there is none."""
    if node.op == "Case" and len(node.attr["branches"].list.func) == 1:
      return _plain(node)
    if node.op not in _CALLS or any(name[0] == "^" for name in node.input):
      return None
    outer = self._functions[node.attr["f"].func.name]
    nodes = {item.name: item for item in outer.node_def}
    calls = [item for item in nodes.values() if item.op not in _PASSED_ON]
    if len(calls) != 1 or calls[0].op not in (*_CALLS, "Case"):
      return None
    (call,) = calls
    if not _passes_on(outer, call, nodes):
      return None
    given = dict(
      zip((a.name for a in outer.signature.input_arg), node.input, strict=True)
    )
    found = node_def_pb2.NodeDef()
    found.CopyFrom(call)
    found.name = node.name
    del found.input[:]
    for name in call.input:
      found.input.append(given.get(name) or self._constant(nodes[_node(name)]))
    return found

  def _constant(self, node: node_def_pb2.NodeDef) -> str:
    """The name of a node of the graph that holds the same."""
    key = node.attr["value"].SerializeToString(deterministic=True)
    if key not in self._constants:
      copy = self._graph.node.add()
      copy.CopyFrom(node)
      copy.name = f"stub_constant_{len(self._constants)}"
      self._constants[key] = copy.name
    return self._constants[key]


def _plain(case: node_def_pb2.NodeDef) -> node_def_pb2.NodeDef:
  """The call of a `Case` that has one branch."""
  found = node_def_pb2.NodeDef(
    name=case.name, op="StatefulPartitionedCall", input=case.input[1:]
  )
  for name in ("Tin", "Tout"):
    found.attr[name].CopyFrom(case.attr[name])
  found.attr["f"].func.CopyFrom(case.attr["branches"].list.func[0])
  return found


def _passes_on(outer: function_pb2.FunctionDef, call, nodes) -> bool:
  """Whether a function gives what its only call gives, in that order, and
  gives it nothing but its own inputs and constants."""
  inputs = {item.name for item in outer.signature.input_arg}
  if any(
    name not in inputs and nodes[_node(name)].op != "Const"
    for name in call.input
  ):
    return False
  results = [outer.ret[item.name] for item in outer.signature.output_arg]
  sources = []
  for result in results:
    node = nodes.get(_node(result))
    sources.append(node.input[0] if node and node.op == "Identity" else result)
  count = len(call.attr["Tout"].list.type)
  return sources == [f"{call.name}:output:{i}" for i in range(count)]


def _node(name: str) -> str:
  """Of `node:output:index`, or of `^node`."""
  return name.lstrip("^").partition(":")[0]


def _share_placeholders(graph: meta_graph_pb2.MetaGraphDef) -> None:
  """Has signatures read an input of one name from one placeholder."""
  nodes = {node.name: node for node in graph.graph_def.node}
  kept: dict[tuple, str] = {}
  replaced: dict[str, str] = {}
  for key in sorted(graph.signature_def):
    for name, info in graph.signature_def[key].inputs.items():
      node = nodes.get(_node(info.name))
      if node is None or node.op != "Placeholder":
        continue
      shape = info.tensor_shape.SerializeToString(deterministic=True)
      first = kept.setdefault((name, info.dtype, shape), node.name)
      if first != node.name:
        replaced[node.name] = first
  _replace(graph, replaced)


def _share_calls(graph: meta_graph_pb2.MetaGraphDef) -> None:
  """Has signatures that call one function with one input share the call."""
  kept: dict[bytes, str] = {}
  replaced: dict[str, str] = {}
  for node in graph.graph_def.node:
    if node.op in _CALLS:
      copy = node_def_pb2.NodeDef()
      copy.CopyFrom(node)
      copy.name = ""
      first = kept.setdefault(
        copy.SerializeToString(deterministic=True), node.name
      )
      if first != node.name:
        replaced[node.name] = first
  _replace(graph, replaced)


def _replace(
  graph: meta_graph_pb2.MetaGraphDef, replaced: dict[str, str]
) -> None:
  """Puts some nodes in the place of others."""

  def now(name):
    node, colon, index = name.partition(":")
    return f"{replaced.get(node, node)}{colon}{index}"

  for signature in graph.signature_def.values():
    for info in (*signature.inputs.values(), *signature.outputs.values()):
      info.name = now(info.name)
  left = [n for n in graph.graph_def.node if n.name not in replaced]
  for node in left:
    for index, name in enumerate(node.input):
      node.input[index] = now(name)
  del graph.graph_def.node[:]
  graph.graph_def.node.extend(left)
