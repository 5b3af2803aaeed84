# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What in a SavedModel TensorFlow Serving would refuse, without running it.

Sources: tensorflow/serving 2.20, servables/tensorflow/{predict_util,
classifier, regressor, bundle_factory_util}.cc, util/json_tensor.cc,
model_servers/{main.cc, BUILD}; tensorflow/text 2.20, ops_lib.
"""

import itertools
import os
import pathlib
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf import message
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.core.protobuf import saved_model_pb2

# Ops of tensorflow-text's wheel, all of which are in the server's ops_lib.
# TensorFlow's own are those of `tf.raw_ops`, whatever was loaded since; that
# leaves out what is for TPUs and XLA.
TEXT_OPS = frozenset(
  """
  CaseFoldUTF8 ConstrainedSequence FastBertNormalize
  FastWordpieceTokenizeWithOffsets FindSourceOffsets MaxSpanningTree
  NormalizeUTF8 NormalizeUTF8WithOffsetsMap PhraseTokenize
  RegexSplitWithOffsets SentenceFragments SentenceFragmentsV2
  SentencepieceDetokenizeOp SentencepieceIdToStringOp SentencepieceOp
  SentencepieceStringToIdOp SentencepieceTokenizeOp
  SentencepieceTokenizeWithOffsetsOp SentencepieceVocabSizeOp
  SplitMergeTokenizeWithOffsets TFText>BoiseTagsToOffsets
  TFText>ByteSplitByOffsets TFText>ByteSplitWithOffsets
  TFText>FastSentencepieceDetokenize TFText>FastSentencepieceTokenize
  TFText>FastWordpieceDetokenize TFText>NgramsStringJoin
  TFText>OffsetsToBoiseTags TFText>PhraseDetokenize
  TFText>RoundRobinGenerateMasks TFText>RoundRobinTrim TFText>Utf8Binarize
  TFText>WhitespaceTokenizeWithOffsetsV2 TokenizerFromLogits
  UnicodeScriptTokenizeWithOffsets WhitespaceTokenizeWithOffsets
  WordpieceTokenizeWithOffsets
  """.split()
)
# Ops whose kernels are Python's.
_PYTHON_OPS = frozenset({"PyFunc", "PyFuncStateless", "EagerPyFunc"})
# Types of outputs that REST knows and this package's clients expect.
_TYPES = frozenset({"bool", "float32", "int32", "int64", "string"})
_INIT = "__saved_model_init_op"  # which loading runs
_MUST_COMPILE = "_XlaMustCompile"
_CLASSIFY = "tensorflow/serving/classify"
_REGRESS = "tensorflow/serving/regress"
_MOST = 5  # names in one sentence


def problems(folder: str | os.PathLike) -> list[str]:
  """A sentence for each thing for which the server would refuse a model.

  Args:
    folder: Has `saved_model.pb`.

  Returns:
    Nothing for a model that has one graph with the tag `serve`, no function
    that must be compiled by XLA, only ops that the server links, and only
    signatures of strings `[rows]` to outputs `[rows, …]` of REST's types; a
    signature of `inputs`, which are serialised `tf.Example`s, also has the
    names and shapes of Classify or Regress.
  """
  path = pathlib.Path(folder) / "saved_model.pb"
  try:
    model = saved_model_pb2.SavedModel.FromString(path.read_bytes())
  except FileNotFoundError:
    return [f"{path} is missing."]
  except message.DecodeError:
    return [f"{path} is damaged, it is no SavedModel."]
  tags = [sorted(graph.meta_info_def.tags) for graph in model.meta_graphs]
  if tags != [["serve"]]:
    return [f"it must have one graph, with the tag `serve` alone; has {tags}."]
  (graph,) = model.meta_graphs
  return [*_graph(graph.graph_def), *_signatures(graph.signature_def)]


def _graph(graph) -> Iterator[str]:
  functions = {item.signature.name for item in graph.library.function}
  nodes = [
    *graph.node,
    *itertools.chain(*(item.node_def for item in graph.library.function)),
  ]
  compiled = {
    item.signature.name for item in graph.library.function if _compiled(item)
  }
  compiled |= {node.name for node in nodes if _compiled(node)}
  if compiled:
    yield (
      f"it has functions of `jit_compile=True` ({_list(compiled)}), and the "
      "server turns XLA compilation off."
    )
  ops = {node.op for node in nodes} - functions
  if python := ops & _PYTHON_OPS:
    yield f"it calls Python ({_list(python)}), which the server does not have."
  unknown = {op for op in ops - TEXT_OPS if not hasattr(tf.raw_ops, op)}
  if unknown:
    yield (
      "it has ops that are neither in `tf.raw_ops` nor tensorflow-text's "
      f"({_list(unknown)}), and the server may not have them."
    )


def _compiled(item) -> bool:
  """Whether a function or a node of a graph must be compiled."""
  return _MUST_COMPILE in item.attr and item.attr[_MUST_COMPILE].b


def _signatures(definitions) -> Iterator[str]:
  names = sorted(set(definitions) - {_INIT})
  if not names:
    yield "it has no signature."
  for name in names:
    for text in _signature(definitions[name]):
      yield f"the signature {name!r} {text}."


def _signature(signature: meta_graph_pb2.SignatureDef) -> Iterator[str]:
  if not signature.inputs or not signature.outputs:
    yield "needs inputs and outputs"
  for key, info in sorted(signature.inputs.items()):
    if _type(info) != "string" or _sizes(info) != [-1]:
      yield f"takes {key!r} as {_show(info)}; it must be string [-1]"
  for key, info in sorted(signature.outputs.items()):
    if _type(info) not in _TYPES:
      kinds = ", ".join(sorted(_TYPES))
      yield f"gives {key!r} as {_show(info)}; REST needs one of {kinds}"
    if (_sizes(info) or [0])[0] != -1:
      yield f"gives {key!r} as {_show(info)}; its first size must be -1"
  takes_examples = "inputs" in signature.inputs
  if takes_examples or signature.method_name in (_CLASSIFY, _REGRESS):
    yield from _of_examples(signature)


def _of_examples(signature: meta_graph_pb2.SignatureDef) -> Iterator[str]:
  """By names, as the server goes: TF2 writes no other method than Predict."""
  if set(signature.inputs) != {"inputs"}:
    yield f"takes {sorted(signature.inputs)}; of examples it takes `inputs`"
  outputs, method = signature.outputs, signature.method_name
  if set(outputs) == {"outputs"} and method != _CLASSIFY:
    if not _is(outputs["outputs"], "float32", ([-1], [-1, 1])):
      yield (
        f"gives `outputs` as {_show(outputs['outputs'])}; Regress needs "
        "float32 [-1] or [-1, 1]"
      )
  elif outputs and set(outputs) <= {"classes", "scores"} and method != _REGRESS:
    yield from _classes(outputs)
  else:
    yield (
      f"takes examples and gives {sorted(outputs)}; Classify gives `classes`, "
      "`scores` or both, Regress `outputs`"
    )


def _classes(outputs) -> Iterator[str]:
  for key, kind in (("classes", "string"), ("scores", "float32")):
    if key in outputs and not _is(outputs[key], kind, ([-1, None],)):
      yield (
        f"gives `{key}` as {_show(outputs[key])}; Classify needs {kind} of two "
        "sizes, examples and classes"
      )
  counts = {size for info in outputs.values() for size in _sizes(info)[1:2]}
  if len(counts - {-1}) > 1:
    yield f"gives {sorted(counts)} classes and scores; Classify needs as many"


def _is(info: meta_graph_pb2.TensorInfo, kind: str, shapes) -> bool:
  """Whether it has the type and one of the shapes; None is any size."""
  sizes = _sizes(info)
  return _type(info) == kind and any(
    len(sizes) == len(shape)
    and all(b in (None, a) for a, b in zip(sizes, shape, strict=True))
    for shape in shapes
  )


def _type(info: meta_graph_pb2.TensorInfo) -> str:
  try:
    return tf.as_dtype(info.dtype).name
  except TypeError:
    return types_pb2.DataType.Name(info.dtype)


def _sizes(info: meta_graph_pb2.TensorInfo) -> list[int]:
  """Empty also where the rank is unknown."""
  return [dim.size for dim in info.tensor_shape.dim]


def _show(info: meta_graph_pb2.TensorInfo) -> str:
  if info.tensor_shape.unknown_rank:
    return f"{_type(info)} of any rank"
  return f"{_type(info)} {_sizes(info)}"


def _list(names) -> str:
  shown = sorted(names)
  more = f" and {len(shown) - _MOST} more" if len(shown) > _MOST else ""
  return ", ".join(shown[:_MOST]) + more
