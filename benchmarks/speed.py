# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Measures this project and its peer in turn and writes RESULTS.md.

  make peer                              # once: the peer's environment
  python benchmarks/speed.py --data DATA

Every measurement is a process of its own, and goes into the raw file as soon
as it is there. A run that was interrupted continues with --resume; no figure
of another run enters a ratio.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import sys
import time

import results
import rich.console
import rows as rows_lib
from rows import Measure
from rows import Row

from tf_adapters.checkpoints import minilm

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
# What changes a measurement; the rest only writes it down.
_MEASURED = ("common", "flops", "ours", "ours_step", "peer")
_QUICK = {
  "step": ["--batch", "2", "--seq", "16", "--steps", "1"],
  "task": ["--cap", "64", "--epochs", "2", "--seq", "32"],
  "limit": ["--n", "256", "--steps", "1"],
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
  """Reads the command line, or `arguments` instead."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  names = ", ".join(row.name for row in rows_lib.ROWS)
  add = parser.add_argument
  add("--repeats", type=int, default=3)
  add("--only", metavar="ROW[,ROW]", help=f"of {names}")
  add("--data", type=pathlib.Path, help="folder with sst2, cola, sms_spam")
  add("--encoder", type=pathlib.Path, help="default: that of `minilm`")
  add(
    "--peer-python",
    type=pathlib.Path,
    default=ROOT / ".venv-peer/bin/python",
    help="default: that of `make peer`",
  )
  add("--raw", type=pathlib.Path, default=HERE / "speed.jsonl")
  add("--output", type=pathlib.Path, default=HERE / "RESULTS.md")
  add(
    "--resume",
    nargs="?",
    const="last",
    metavar="RUN",
    help="continue a run; without RUN the last in the raw file",
  )
  add("--timeout", type=float, default=3600, help="of one, in seconds")
  add("--quick", action="store_true", help="all small: tries the benchmark")
  return parser.parse_args(arguments)


def choose(options: argparse.Namespace) -> tuple[Row, ...]:
  """The rows to measure."""
  by_name = {row.name: row for row in rows_lib.ROWS}
  names = options.only.split(",") if options.only else list(by_name)
  for name in names:
    if name not in by_name:
      sys.exit(f"--only: no row {name!r}; rows are {', '.join(by_name)}.")
  chosen = tuple(by_name[name] for name in names)
  if options.data is None:
    for row in chosen:
      if row.needs_data:
        print(f"skipped, as --data is not given: {row.name}", file=sys.stderr)
    chosen = tuple(row for row in chosen if not row.needs_data)
  sides = {measure.side for row in chosen for measure in row.measures}
  if "peer" in sides and not options.peer_python.exists():
    sys.exit(f"no {options.peer_python}; `make peer` makes the environment.")
  return chosen


# --- The raw file ------------------------------------------------------------


def source() -> str:
  """A digest of the code that is measured."""
  paths = [HERE / f"{name}.py" for name in _MEASURED]
  paths += sorted((ROOT / "tf_adapters").rglob("*.py"))
  digest = hashlib.sha256()
  for path in paths:
    digest.update(f"{path.relative_to(ROOT)}\0".encode())
    digest.update(path.read_bytes())
  return digest.hexdigest()[:12]


def read_raw(path: pathlib.Path) -> list[dict]:
  """All whole lines of the raw file; a last one cut short is left out."""
  if not path.exists():
    return []
  lines = path.read_bytes().split(b"\n")[:-1]  # after the last end: nothing
  return [json.loads(line) for line in lines]


def append_raw(path: pathlib.Path, entry: dict) -> None:
  """Adds a line; drops what a process that died left half written."""
  with open(path, "ab+") as file:
    file.seek(0)
    file.truncate(file.read().rfind(b"\n") + 1)
    file.write(json.dumps(entry, sort_keys=True).encode() + b"\n")


def start_or_resume(options: argparse.Namespace) -> tuple[dict, list[dict]]:
  """The run's own first line, and what was measured in it so far."""
  settings = {
    "source": source(),
    "machine": results.machine(),
    "repeats": options.repeats,
    "encoder": str(options.encoder),
    "data": str(options.data),
    "quick": options.quick,
  }
  if not options.resume:
    run = {"run": time.strftime("%Y%m%dT%H%M%S"), **settings}
    append_raw(options.raw, run)
    return run, []
  entries = read_raw(options.raw)
  runs = {entry["run"]: entry for entry in entries if "repeats" in entry}
  wanted = options.resume
  if wanted == "last":
    wanted = next(reversed(runs), None)
  if wanted not in runs:
    sys.exit(f"{options.raw}: holds no run to resume ({options.resume}).")
  for key, value in settings.items():
    if runs[wanted][key] != value:
      sys.exit(
        f"run {wanted} cannot be resumed: `{key}` was {runs[wanted][key]}, "
        f"and is {value}."
      )
  measured = [e for e in entries if e["run"] == wanted and "side" in e]
  return runs[wanted], measured


def collect(entries: list[dict]) -> dict[tuple[Measure, int], dict]:
  """Entries of one run by measure and repeat; a later one counts."""
  return {
    (Measure(entry["side"], tuple(entry["arguments"])), entry["repeat"]): entry
    for entry in entries
  }


# --- Measuring ---------------------------------------------------------------


def run_command(command: list[str], timeout: float) -> dict:
  """`result`: the JSON a command prints last; or `error`: why there is none."""
  try:
    done = subprocess.run(
      command, capture_output=True, text=True, timeout=timeout, check=False
    )
  except subprocess.TimeoutExpired:
    return {"error": f"took more than {timeout:g} s"}
  except OSError as error:
    return {"error": str(error)}
  if done.returncode:
    reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return {"error": f"exit code {done.returncode}: {reason}"}
  try:
    return {"result": json.loads(done.stdout.strip().splitlines()[-1])}
  except (IndexError, ValueError):
    return {"error": "printed no JSON"}


def command_of(measure: Measure, options: argparse.Namespace) -> list[str]:
  """The command with this machine's folders."""
  python = {"ours": sys.executable, "peer": str(options.peer_python)}
  places = {"ENCODER": str(options.encoder), "DATA": str(options.data)}
  words = []
  for word in measure.arguments:
    first, slash, rest = word.partition("/")
    words.append(places.get(first, first) + slash + rest)
  if options.quick:
    words += _QUICK[words[0]]
  script = str(HERE / f"{measure.side}.py")
  return [python[measure.side], script, *words]


def measure_all(chosen, options, run: dict, entries: list[dict]) -> dict:
  """Measures what is not measured yet, block by block, in turn."""
  found = collect(entries)
  plan = [
    (measure, repeat)
    for block in rows_lib.in_turn(chosen)
    for repeat in range(run["repeats"])
    for measure in block
  ]
  console = rich.console.Console(stderr=True)
  for number, (measure, repeat) in enumerate(plan, 1):
    title = f"[{number}/{len(plan)}] {measure.command}"
    entry = found.get((measure, repeat))
    if entry is None or "error" in entry:
      began = time.perf_counter()
      entry = {
        "run": run["run"],
        "side": measure.side,
        "arguments": measure.arguments,
        "repeat": repeat,
        **run_command(command_of(measure, options), options.timeout),
        "seconds": round(time.perf_counter() - began, 1),
      }
      append_raw(options.raw, entry)
      found[measure, repeat] = entry
    console.print(
      f"{title}: {_summary(entry)}",
      markup=False,
      highlight=False,
      soft_wrap=True,
    )
  return found


def _summary(entry: dict) -> str:
  if "error" in entry:
    return entry["error"]
  result = entry["result"]
  for key, unit in (
    ("examples_per_s", "examples/s"), ("float32_gflop_per_s", "GFLOP/s")
  ):
    if key in result:
      return f"{result[key]:.1f} {unit} ({entry['seconds']:.0f} s in all)"
  return "done"


def main() -> None:
  """Runs the benchmark."""
  options = parse()
  options.encoder = (options.encoder or minilm.find()).resolve()
  chosen = choose(options)
  run, entries = start_or_resume(options)
  found = measure_all(chosen, options, run, entries)
  text = results.document(rows_lib.ROWS, found, run)
  results.write(options.output, text)
  print(results.table(chosen, found, run["repeats"]))


if __name__ == "__main__":
  main()
