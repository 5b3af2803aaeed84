# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Stage 2 of `make tpu-check`: HLO through the TPU compiler, without a TPU.

  .venv-tpu/bin/python benchmarks/tpu/compile.py STEP.hlo

Prints one JSON object: what the compiled step needs, or, of a step that does
not fit the chip's memory, `refused_gib`. It runs in an environment of its own
(`pip install "jax[tpu]==0.10.2"`) and stays with that version, since JAX has
no public function for HLO that another framework made.
"""

import importlib.metadata
import json
import os
import pathlib
import re
import sys
import time

# Before JAX is imported: there is no TPU to ask, to hold, nor a host with one.
os.environ["TPU_SKIP_MDS_QUERY"] = "1"
os.environ["TPU_WORKER_HOSTNAMES"] = "localhost"
os.environ["TPU_ACCELERATOR_TYPE"] = "v5litepod-1"
os.environ["ALLOW_MULTIPLE_LIBTPU_LOAD"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import numpy as np
from jax._src import compiler
from jax._src.interpreters import mlir
from jax._src.lib import _jax
from jax._src.lib.mlir import ir
from jax.experimental import topologies

TOPOLOGY = "v5e:1x1"
_GIB = 2**30
# A copy, in MLIR's generic form and in its short one.
_COPY = re.compile(
  r'"?mhlo\.copy"?[ (]+(%\w+)\)?(?: <?\{[^}]*\}>?)? : \(?(tensor<[^>]*>)\)?'
  r"(?: -> tensor<[^>]*>)?"
)
# Of what the chip has too little: temporaries alone, or everything together.
_NEEDED = re.compile(r"\(([\d.]+)G\) exceeds|Used ([\d.]+)G of [\d.]+G hbm")


def stablehlo(hlo: bytes) -> ir.Module:
  """The same program in the form that the compiler takes.

  Copies of variables have no StableHLO form; a barrier, like a copy, keeps
  its input and its output apart. Needs an MLIR context.

  Raises:
    ValueError: for a program with a dimension that is known only when it
      runs.
  """
  text = str(ir.Module.parse(_jax.mlir.hlo_to_stablehlo(hlo)))
  dynamic = re.search(r"^.*tensor<[^>]*\?.*$", text, re.MULTILINE)
  if dynamic:
    raise ValueError(f"a dimension is not static in: {dynamic[0].strip()}")
  return ir.Module.parse(
    _COPY.sub(r"stablehlo.optimization_barrier \1 : \2", text)
  )


def compile_step(hlo: bytes) -> dict[str, float | str]:
  """Compiles a step for one chip; returns what it needs."""
  device = topologies.get_topology_desc(
    topology_name=TOPOLOGY, platform="tpu", chips_per_host_bounds=(1, 1, 1)
  ).devices[0]
  options = compiler.get_compile_options(
    num_replicas=1,
    num_partitions=1,
    device_assignment=np.array([[device.id]]),
  )
  with mlir.make_ir_context():
    module = stablehlo(hlo)
    began = time.process_time()
    try:
      compiled = device.client.compile(
        module, _jax.DeviceList((device,)), options
      )
    except jax.errors.JaxRuntimeError as error:
      needed = _NEEDED.search(str(error))
      if needed is None:
        raise
      return {"refused_gib": float(needed[1] or needed[2])}
  memory, cost = compiled.get_compiled_memory_stats(), compiled.cost_analysis()
  return {
    "device": device.device_kind,
    "peak_gib": memory.peak_memory_in_bytes / _GIB,
    "tflop": cost["flops"] / 1e12,
    "moved_gb": cost["bytes accessed"] / 1e9,
    "compile_cpu_s": time.process_time() - began,
  }


def main() -> None:
  """Compiles the file that the command line names."""
  result = compile_step(pathlib.Path(sys.argv[1]).read_bytes())
  names = ("jax", "jaxlib", "libtpu")
  result["versions"] = {n: importlib.metadata.version(n) for n in names}
  json.dump(result, sys.stdout)


if __name__ == "__main__":
  main()
