# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What the benchmark measures, and the goals that were set beforehand."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Measure:
  """One command; every measurement of it is a process of its own.

  Attributes:
    side: `ours` or `peer`: which script and which environment.
    arguments: Of the script; ENCODER and DATA stand for folders.
    label: What tells it from its like in the table.
  """

  side: str
  arguments: tuple[str, ...]
  label: str = dataclasses.field(default="", compare=False)

  @property
  def command(self) -> str:
    """As it is shown."""
    python = {"ours": "python", "peer": ".venv-peer/bin/python"}[self.side]
    return f"{python} benchmarks/{self.side}.py {' '.join(self.arguments)}"


@dataclasses.dataclass(frozen=True)
class Row:
  """One ratio: `ours` over the best of `others`.

  Attributes:
    name: For `--only`.
    title: For the table.
    block: Rows of one block are measured together, in turn.
    ours: What stands above the line.
    others: What stands below it; of several the one with the better median.
    goal: Of the ratio.
    least: The ratio that still does.
    key: Of the figure that is compared.
    lower: Whether less is better.
    other_key: The same below the line; empty: `key`.
  """

  name: str
  title: str
  block: str
  ours: Measure
  others: tuple[Measure, ...]
  goal: float
  least: float
  key: str = "examples_per_s"
  lower: bool = False
  other_key: str = ""

  @property
  def measures(self) -> tuple[Measure, ...]:
    return (self.ours, *self.others)

  @property
  def needs_data(self) -> bool:
    return any("DATA" in word for m in self.measures for word in m.arguments)


def _ours(arguments: str, label: str = "") -> Measure:
  return Measure("ours", tuple(arguments.split()), label)


def _peer(arguments: str) -> tuple[Measure, Measure]:
  """The peer in fp32 and in bf16."""
  return (
    Measure("peer", tuple(arguments.split()), "fp32"),
    Measure("peer", (*arguments.split(), "--bf16"), "bf16"),
  )


_STEP = "step --encoder ENCODER --batch 32 --seq 128"
_BASE = "step --hidden 768 --layers 12 --batch 16 --seq 128"
_OURS = _ours(_STEP)
_FP32, _BF16 = _peer(_STEP)
_OURS_FP32 = _ours(f"{_STEP} --precision float32")
_OURS_BF16 = _ours(f"{_STEP} --precision bfloat16")


def _task(name: str, cap: int) -> Row:
  arguments = f"task --encoder ENCODER --data DATA/{name} --epochs 3"
  shown = name
  if cap:
    arguments += f" --cap {cap}"
    shown += f", first {cap:,}"
  return Row(
    name,
    f"whole epochs, {shown}",
    name,
    _ours(arguments),
    _peer(f"{arguments} --group-by-length"),
    2.5,
    1.5,
  )


def _forward() -> Row:
  """The peer gets both batch sizes, ours takes the predictor's own."""
  step = "step --encoder ENCODER --seq 128 --infer --batch"
  others = [
    dataclasses.replace(measure, label=f"{measure.label}, batch {size}")
    for size in (32, 64)
    for measure in _peer(f"{step} {size}")
  ]
  ours = _ours(f"{step} 64")
  return Row(
    "forward", "prediction", "forward", ours, tuple(others), 1.5, 1.1
  )


ROWS = (
  Row(
    "step", "training step 32×128, peer fp32", "step", _OURS, (_FP32,), 2.5, 1.8
  ),
  Row(
    "step_best",
    "training step 32×128, peer's better",
    "step",
    _OURS,
    (_FP32, _BF16),
    2.0,
    1.4,
  ),
  _task("sst2", 8000),
  _task("cola", 0),
  _task("sms_spam", 0),
  Row(
    "base",
    "training step 16×128, shape of BERT-base, peer's better",
    "base",
    _ours(_BASE),
    _peer(_BASE),
    2.0,
    1.4,
  ),
  Row(
    "full",
    "time of a step, adapters against own full fine-tuning",
    "step",
    _OURS,
    (_ours(f"{_STEP} --mode full"),),
    0.5,
    0.6,
    "step_ms",
    lower=True,
  ),
  Row(
    "upper",
    "time of a step, adapters in the upper half against all blocks",
    "step",
    _ours(f"{_STEP} --layers-adapted upper"),
    (_OURS,),
    0.5,
    0.62,
    "step_ms",
    lower=True,
  ),
  Row(
    "cached",
    "the same with a cached prefix, epochs after the first",
    "step",
    _ours(f"{_STEP} --layers-adapted upper --cache-prefix"),
    (_OURS,),
    0.3,
    0.4,
    "step_ms",
    lower=True,
  ),
  _forward(),
  Row(
    "memory_fp32",
    "peak memory of training, fp32",
    "step",
    _OURS_FP32,
    (_FP32,),
    0.8,
    1.1,
    "peak_rss_gb",
    lower=True,
  ),
  Row(
    "memory_bf16",
    "peak memory of training, bf16",
    "step",
    _OURS_BF16,
    (_BF16,),
    0.8,
    1.1,
    "peak_rss_gb",
    lower=True,
  ),
  Row(
    "limit",
    "share of the machine's fp32 limit that an fp32 step reaches",
    "step",
    _OURS_FP32,
    (_ours("limit", "product of 4096×4096"),),
    0.9,
    0.7,
    "gflop_per_s",
    other_key="float32_gflop_per_s",
  ),
  Row(
    "start",
    "time from the command to the end of the first training step",
    "step",
    _OURS,
    (_FP32,),
    1.0,
    2.0,
    "seconds_to_first_step",
    lower=True,
  ),
)


def in_turn(rows: tuple[Row, ...]) -> list[list[Measure]]:
  """The measures of each block, each once, in the order of the rows."""
  blocks: dict[str, dict[Measure, None]] = {}
  for row in rows:
    blocks.setdefault(row.block, {}).update(dict.fromkeys(row.measures))
  return [list(measures) for measures in blocks.values()]
