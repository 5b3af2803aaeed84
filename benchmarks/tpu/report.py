# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What `make tpu-check` runs: both stages, batch by batch, into TPU.md.

  python benchmarks/tpu/report.py .venv-tpu/bin/python benchmarks/TPU.md

The first argument is the Python that has JAX. Takes about an hour on two
cores. Every compilation is printed as soon as it is done, and the page written
after every search, so that a run that is ended leaves what it found.
"""

import importlib.metadata
import json
import operator
import os
import pathlib
import platform
import subprocess
import sys
import tempfile
from typing import Any

import write_steps

from tf_adapters import files

_CASES = (("base", 128), ("base", 512), ("large", 128))  # model, tokens
_FIRST_BATCH = 32  # the default of `train.batch_size`
_CHIP_GIB = 15.75  # what the compiler lets a program have of a v5e's 16
_COMPILER = pathlib.Path(__file__).with_name("compile.py")
_PAGE = """\
# The training step on a TPU: what its compiler says

The exact steps of `tf_adapters`, compiled by the real TPU compiler for one
{device} chip (topology v5e:1x1) on a machine without a TPU. Nothing has run
on a TPU: these are the compiler's figures, and no speeds. The command:

    make tpu-check

BERT (random weights, vocabulary {vocabulary}) under the policy
mixed_bfloat16; Houlsby adapters of size {size}, LayerNorms and a head of two
units train. Training is forward, backward, clipping and AdamW; evaluation is
the forward pass to the logits. All examples have the full length.

## Largest batch that fits

In powers of two; the next one is refused by the compiler.

| model | step | tokens | largest batch |
|---|---|---|---|
{largest}
{missing}
## Every compilation

A step, by the compiler's own estimate: memory at its peak, weights included,
of the chip's {chip} GiB; operations; bytes moved between chip memory and the
cores. Near the limit it computes some things twice rather than store them; a
refused step shows the GiB that it would need. CPU seconds are those that the
compiler took, over all its threads.

| model | step | tokens | batch | peak GiB | TFLOP | GB moved | CPU s |
|---|---|---|---|---|---|---|---|
{measured}

Versions: {versions}.
"""


def measure(python: str, steps: write_steps.Steps, *step) -> dict[str, Any]:
  """What the compiler says of one step, taken through both stages."""
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, "step.hlo")
    steps.write(*step, path)
    run = subprocess.run(
      [python, str(_COMPILER), str(path)],
      env={**os.environ, "TPU_LOG_DIR": folder},
      check=True,
      stdout=subprocess.PIPE,
    )
  return json.loads(run.stdout)


def search(
  python: str, steps: write_steps.Steps, step: str, tokens: int
) -> list[dict[str, Any]]:
  """Compiles one step at growing batches, until it is known which fits."""
  rows, fits, refused, batch = [], 0, None, _FIRST_BATCH
  while batch and (refused is None or refused > 2 * fits):
    found = measure(python, steps, step, tokens, batch)
    rows.append({"step": step, "tokens": tokens, "batch": batch, **found})
    print(json.dumps(rows[-1]), flush=True)
    if "refused_gib" in found:
      refused = batch
    else:
      fits = batch
    batch = refused // 2 if refused else fits * _factor(found["peak_gib"])
  return sorted(rows, key=operator.itemgetter("batch"))


def _factor(peak_gib: float) -> int:
  """The power of two by which a batch may well grow, at least 2."""
  return 2 ** max(1, int(_CHIP_GIB / peak_gib).bit_length() - 1)


def page(rows: list[dict[str, Any]]) -> str:
  """The report in Markdown."""
  best = {}
  for row in rows:
    key = (f"BERT-{row['model']}", row["step"], row["tokens"])
    batch = "none" if "refused_gib" in row else row["batch"]
    if batch != "none" or key not in best:
      best[key] = batch  # batches of one key grow
  missing = [
    f"BERT-{model} {step} at {tokens} tokens"
    for model, tokens in _CASES
    for step in write_steps.STEPS
    if (f"BERT-{model}", step, tokens) not in best
  ]
  names = ("tensorflow", "tf-keras", "tf-models-official")
  here = {name: importlib.metadata.version(name) for name in names}
  versions = {
    "Python": platform.python_version(), **here, **rows[0]["versions"]
  }
  return _PAGE.format(
    device=next(row["device"] for row in rows if "device" in row),
    vocabulary=write_steps.VOCABULARY,
    size=write_steps.CONFIG.adapter.size,
    chip=_CHIP_GIB,
    largest=_lines([*key, batch] for key, batch in best.items()),
    missing="\nNot compiled in this run, which was ended before: "
    + ", ".join(missing) + ".\n" if missing else "",
    measured=_lines(map(_cells, rows)),
    versions=", ".join(f"{name} {v}" for name, v in versions.items()),
  )


def _cells(row: dict[str, Any]) -> list[Any]:
  cells = [f"BERT-{row['model']}", row["step"], row["tokens"], row["batch"]]
  if "refused_gib" in row:
    return [*cells, f"refused: {row['refused_gib']:.2f}", "", "", ""]
  return [
    *cells,
    f"{row['peak_gib']:.2f}",
    f"{row['tflop']:.3f}",
    f"{row['moved_gb']:.1f}",
    f"{row['compile_cpu_s']:.0f}",
  ]


def _lines(rows) -> str:
  return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def main() -> None:
  """Compiles all and writes the page that the command line names."""
  python, path = sys.argv[1], pathlib.Path(sys.argv[2])
  rows = []
  for model, tokens in _CASES:
    steps = write_steps.Steps(model)
    for step in write_steps.STEPS:
      found = search(python, steps, step, tokens)
      rows += [{"model": model, **row} for row in found]
      files.write_file(path, page(rows).encode())


if __name__ == "__main__":
  main()
