# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What `make tpu-check` runs: both stages, batch by batch, into TPU.md.

  python benchmarks/tpu/report.py .venv-tpu/bin/python benchmarks/TPU.md

The first argument is the Python that has JAX. Takes about an hour on two
cores; every compilation is printed as soon as it is done.
"""

import argparse
import importlib.metadata
import json
import pathlib
import platform
import subprocess
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

## Every compilation

A step, by the compiler's own estimate: memory at its peak, weights included,
of the chip's {chip} GiB; operations; bytes moved between chip memory and the
cores. CPU seconds are those that the compiler took, over all its threads.

| model | step | tokens | batch | peak GiB | TFLOP | GB moved | CPU s |
|---|---|---|---|---|---|---|---|
{measured}

Versions: {versions}.
"""


class Compiler:
  """Takes steps through both stages.

  Args:
    python: The Python that has JAX.
    folder: Where the HLO goes.
  """

  def __init__(self, python: str, folder: pathlib.Path):
    self._python, self._folder = python, folder

  def measure(
    self, steps: write_steps.Steps, step: str, length: int, batch: int
  ) -> dict[str, Any]:
    """What the compiler says of one step."""
    path = self._folder / "step.hlo"
    steps.write(step, length, batch, path)
    command = [self._python, str(_COMPILER), str(path)]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return json.loads(output)


def search(compiler: Compiler, model: str, length: int) -> list[dict[str, Any]]:
  """Compiles both steps, batch by batch up to the first that is refused."""
  steps, rows = write_steps.Steps(model), []
  for step in write_steps.STEPS:
    fits, refused, batch = 0, None, _FIRST_BATCH
    while batch and (refused is None or refused > 2 * fits):
      found = compiler.measure(steps, step, length, batch)
      row = {"model": model, "step": step, "tokens": length, "batch": batch}
      rows.append({**row, **found})
      print(json.dumps(rows[-1]), flush=True)
      if "refused_gib" in found:
        refused = batch
      else:
        fits = batch
      batch = refused // 2 if refused else fits * _factor(found["peak_gib"])
  return rows


def _factor(peak_gib: float) -> int:
  """The power of two by which a batch can surely grow, at least 2."""
  return 2 ** max(1, int(_CHIP_GIB / peak_gib).bit_length() - 1)


def page(rows: list[dict[str, Any]]) -> str:
  """The report in Markdown."""
  best = {}
  for row in rows:
    key = (f"BERT-{row['model']}", row["step"], row["tokens"])
    fitting = 0 if "refused_gib" in row else row["batch"]
    best[key] = max(best.get(key, 0), fitting)
  python = f"Python {platform.python_version()}"
  names = ("tensorflow", "tf-keras", "tf-models-official")
  here = {name: importlib.metadata.version(name) for name in names}
  versions = {**here, **rows[0]["versions"]}
  return _PAGE.format(
    device=next(row["device"] for row in rows if "device" in row),
    vocabulary=write_steps.VOCABULARY,
    size=write_steps.CONFIG.adapter.size,
    chip=_CHIP_GIB,
    largest=_lines([*key, batch or "none"] for key, batch in best.items()),
    measured=_lines(map(_cells, sorted(rows, key=_place))),
    versions=", ".join([python, *(f"{n} {v}" for n, v in versions.items())]),
  )


def _place(row: dict[str, Any]) -> tuple:
  steps = write_steps.STEPS
  case = _CASES.index((row["model"], row["tokens"]))
  return case, steps.index(row["step"]), row["batch"]


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
  """Compiles all and writes the page."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument("python", help="the Python that has JAX")
  parser.add_argument("page", type=pathlib.Path, help="the file to write")
  options = parser.parse_args()
  with tempfile.TemporaryDirectory() as folder:
    compiler = Compiler(options.python, pathlib.Path(folder))
    rows = [row for case in _CASES for row in search(compiler, *case)]
  files.write_file(options.page, page(rows).encode())


if __name__ == "__main__":
  main()
