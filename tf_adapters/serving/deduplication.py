# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Functions of a SavedModel without operations that say the same twice.

Half of what tracing writes is constants, most of them equal, and shapes taken
of one tensor over and over. TensorFlow finds that by itself, but anew whenever
a signature runs for the first time, and by passes over all that is there.
"""

import graphlib
from collections.abc import Iterable

from tensorflow.core.framework import function_pb2
from tensorflow.core.framework import node_def_pb2

# Of equal inputs they give equal outputs, and have no other effect.
_PURE = frozenset({
  "Cast", "ConcatV2", "Const", "Mul", "Pack", "Range", "Reshape", "Shape",
  "StridedSlice", "Sub",
})
# They give what they get; gradients are what they are for.
_PASS = frozenset({"Identity", "IdentityN", "StopGradient"})
_AFTER = "^"  # marks an input that is only waited for


def deduplicate(function: function_pb2.FunctionDef) -> None:
  """Merges equal operations, and leaves out those that do nothing.

  The function computes the same, to the bit.

  Args:
    function: Is changed.
  """
  renamed: dict[str, str] = {}  # nodes
  passed: dict[str, str] = {}  # outputs
  seen: dict[bytes, str] = {}
  reshaped: dict[str, str] = {}  # results of Reshape, and what they read
  left = []
  for node in _in_order(function.node_def):
    for index, name in enumerate(node.input):
      node.input[index] = _now(name, renamed, passed)
    if node.op in _PASS and not any(n[0] == _AFTER for n in node.input):
      for index, name in enumerate(node.input):
        passed[f"{node.name}:output:{index}"] = name
      # Who waits for it waits for what it reads.
      renamed[node.name] = _node(node.input[0])
      continue
    if node.op == "Reshape":
      # What was reshaped before need not have been.
      node.input[0] = reshaped.get(node.input[0], node.input[0])
      reshaped[f"{node.name}:output:0"] = node.input[0]
    if node.op in _PURE:
      first = seen.setdefault(_key(node), node.name)
      if first != node.name:
        renamed[node.name] = first
        continue
    left.append(node)
  for key, name in list(function.ret.items()):
    function.ret[key] = _now(name, renamed, passed)
  del function.node_def[:]
  function.node_def.extend(_read(left, function))


def _in_order(nodes: Iterable[node_def_pb2.NodeDef]) -> list:
  """Nodes after all that they read."""
  by_name = {node.name: node for node in nodes}
  reads = {
    name: [n for n in map(_node, node.input) if n in by_name]
    for name, node in by_name.items()
  }
  order = graphlib.TopologicalSorter(reads).static_order()
  return [by_name[name] for name in order]


def _read(nodes: list, function: function_pb2.FunctionDef) -> list:
  """Those whose results somebody reads, or that have other effects."""
  wanted = {_node(name) for name in function.ret.values()}
  wanted.update(function.control_ret.values())
  left = []
  for node in reversed(nodes):
    if node.op not in _PURE or node.name in wanted:
      wanted.update(map(_node, node.input))
      left.append(node)
  return left[::-1]


def _node(name: str) -> str:
  """Of `node:output:index`, or of `^node`."""
  return name.lstrip(_AFTER).partition(":")[0]


def _now(name: str, renamed: dict[str, str], passed: dict[str, str]) -> str:
  """What a name stands for after the changes."""
  if name in passed:
    return passed[name]
  control = _AFTER if name[0] == _AFTER else ""
  node, colon, output = name[len(control) :].partition(":")
  return f"{control}{renamed.get(node, node)}{colon}{output}"


def _key(node: node_def_pb2.NodeDef) -> bytes:
  """Equal for nodes that are but for their names."""
  copy = node_def_pb2.NodeDef()
  copy.CopyFrom(node)
  copy.name = ""
  copy.ClearField("experimental_debug_info")
  return copy.SerializeToString(deterministic=True)
