# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Where the time of a training step goes, by TensorFlow's own profiler.

  python benchmarks/profiling.py --batch 32 --seq 128
  python benchmarks/profiling.py --batch 32 --seq 12 --precision float32

Prints the milliseconds of a step that all threads together spend in each kind
of work, in Markdown. Options are those of `ours.py step`.
"""

import argparse
import collections
import os
import pathlib
import re
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import ours
import ours_step
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from tf_adapters.config import TrainConfig
from tf_adapters.training import distribution

_WARM, _STEPS = 20, 10
# The first pattern that an event's name matches says what it is.
_KINDS = (
  ("optimiser", r"AdamW|ResourceApplyAdam|AssignSubVariableOp"),
  ("attention's products", r"BatchMatMul"),
  ("products with kernels", r"MatMul$"),
  ("transposes and casts", r"(Transpose|Cast|ConcatV2|Pack)$"),
  ("starting kernels", r"ProcessAsync|ExecutorState|^call|Execute"),
  ("sums, as of LayerNorm", r"^reduce"),
  ("other element-wise kernels", r"_fusion|^(multiply|add|select|copy)"),
)


def self_times(path: pathlib.Path) -> collections.Counter:
  """Milliseconds by event name, without those of events inside."""
  space = xplane_pb2.XSpace()
  space.ParseFromString(path.read_bytes())
  found = collections.Counter()
  for plane in space.planes:
    if "CPU" not in plane.name:
      continue
    for line in plane.lines:
      if line.name != "python":
        _add_line(plane, line, found)
  return found


def _add_line(plane, line, found: collections.Counter) -> None:
  events = sorted(
    (event.offset_ps, -event.duration_ps, event.metadata_id)
    for event in line.events
  )
  open_events = []  # end, name
  for begin, negative, number in events:
    while open_events and open_events[-1][0] <= begin:
      open_events.pop()
    duration = -negative / 1e9
    name = plane.event_metadata[number].name
    found[name] += duration
    if open_events:
      found[open_events[-1][1]] -= duration
    open_events.append((begin - negative, name))


def kind_of(name: str) -> str:
  """What an event is."""
  name = name.removesuffix(".clone")
  return next((k for k, p in _KINDS if re.search(p, name)), "the rest")


def profile(options) -> collections.Counter:
  """Milliseconds of a step by kind of work, over all threads."""
  strategy = distribution.get_strategy(TrainConfig())
  with strategy.scope():
    encoder = ours_step.load_encoder(options)
    model = ours_step.build(options, encoder)
    vocabulary = encoder.get_config()["vocab_size"]
    trainer = ours_step.make_trainer(options, model, vocabulary)
    for _ in range(_WARM):
      trainer.train(1)
    with tempfile.TemporaryDirectory() as folder:
      tf.profiler.experimental.start(folder)
      for _ in range(_STEPS):
        trainer.train(1)
      tf.profiler.experimental.stop()
      (path,) = pathlib.Path(folder).rglob("*.xplane.pb")
      times = self_times(path)
  by_kind = collections.Counter()
  for name, milliseconds in times.items():
    by_kind[kind_of(name)] += milliseconds / _STEPS
  return by_kind


def main() -> None:
  """Profiles one step and prints the table."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  common.add_model_options(parser)
  common.add_step_options(parser)
  ours.add_speed_options(parser)
  options = parser.parse_args()
  options.loop = 1
  found = profile(options)
  total = sum(found.values())
  print("| work | ms a step, all threads | share |\n|---|---|---|")
  for kind, milliseconds in found.most_common():
    print(f"| {kind} | {milliseconds:.1f} | {milliseconds / total:.0%} |")
  print(f"| all | {total:.1f} | 100% |")


if __name__ == "__main__":
  main()
