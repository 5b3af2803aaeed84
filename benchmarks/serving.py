# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Measures served models and writes their part of RESULTS.md.

  python benchmarks/serving.py --data DATA

Models are made first, in the folder --work, and stay there. Everything is
asked through TensorFlow's C API, as TensorFlow Serving runs a model; what is
compared is asked in turn, in one process, or of the peer by processes in turn.
"""

import argparse
import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys

import results
import rich.console

from tf_adapters import files
from tf_adapters.checkpoints import minilm
from tf_adapters.serving import oracle
from tf_adapters.serving import versions

HERE = pathlib.Path(__file__).resolve().parent
MARKER = "<!-- Serving: written by benchmarks/serving.py. -->"


@dataclasses.dataclass(frozen=True)
class Line:
  """A row of the table.

  Attributes:
    title: What was measured.
    ours: What stands above the line, as shown.
    against: What stands below it.
    ratio: Of the two; None: there is none.
    spread: Of the ratio, as shown.
    goal: What was to be reached.
    least: What still does.
  """

  title: str
  ours: str
  against: str
  ratio: float | None
  spread: str
  goal: float
  least: float

  @property
  def cells(self) -> str:
    verdict = "no"
    if self.ratio <= self.least:
      verdict = "goal" if self.ratio <= self.goal else "at least"
    shown = f"{self.ratio:.3f}{self.spread}"
    return (
      f"| {self.title} | {self.ours} | {self.against} | {shown} "
      f"| ≤ {self.goal:g} | ≤ {self.least:g} | {verdict} |"
    )


class Bench:
  """Runs the measurements of one call.

  Args:
    options: Of the command line.
  """

  def __init__(self, options: argparse.Namespace):
    self._options = options
    self._console = rich.console.Console(stderr=True)
    self._packages = oracle.find_site_packages()

  def models(self) -> None:
    """Makes them."""
    command = [
      sys.executable, str(HERE / "served/models.py"), str(self._options.work)
    ]
    if self._options.data:
      command += ["--data", str(self._options.data)]
    self._console.print("making models")
    made = subprocess.run(command, check=False)
    if made.returncode:
      sys.exit(made.returncode)  # it has said why

  def ours(self, command: str, model: str, **values) -> dict:
    """What the worker measures of a model."""
    words = [
      word
      for name, value in values.items()
      for word in (f"--{name}", str(value))
    ]
    _, version = versions.found(self._options.work / model).popitem()
    return self._run([
      sys.executable, "-I", "-S", str(HERE / "served/worker.py"), command,
      str(version), "--site-packages", self._packages, *words,
    ])

  def peer(self, command: str) -> dict:
    """What the peer's script measures."""
    return self._run([
      str(self._options.peer_python), str(HERE / "peer.py"), "mixed",
      "--encoder", str(minilm.find()), "--batch", "32", "--seq", "32",
      "--tasks", "16", *command.split(),
    ])

  def _run(self, command: list[str]) -> dict:
    done = subprocess.run(
      command, stdout=subprocess.PIPE, text=True, check=True
    )
    found = json.loads(done.stdout.splitlines()[-1])
    shown = " ".join(pathlib.Path(word).name for word in command[1:])
    self._console.print(f"{shown}: {found}", markup=False, soft_wrap=True)
    return found

  # --- Rows ----------------------------------------------------------------

  def lines(self):
    """All rows of the table."""
    for batch, calls in ((1, 300), (32, 40)):
      found = self.ours("compare", "mixed", batch=batch, calls=calls)
      yield _compared(
        f"a task's signature against `embed`, batch {batch}",
        found, 1.03, 1.10,
      )
    found = self.ours("compare", "mixed", first="mixed", second="task")
    title = "`mixed`, 32 rows of 16 tasks, against a task's signature"
    yield _compared(title, found, 1.05, 1.25)
    yield from self._against_peer()
    found = self.ours("every", "upper_export", calls=12)
    title = "`all_tasks`, 16 with adapters in the upper half, against 16 calls"
    yield _compared(title, found, 0.35, 0.6)
    yield from self._many()
    yield self._disk()
    yield self._adding()
    yield self._load()

  def _against_peer(self):
    """Time of `mixed` against the best that the peer has, in turn."""
    rivals = ("", "--loop", "--bf16", "--loop --bf16")
    models = {"mixed": "", "low": ", exported in bfloat16"}
    took = {name: [] for name in (*rivals, *models)}
    for _ in range(self._options.repeats):
      for name in models:
        found = self.ours("compare", name, first="mixed", second="mixed")
        took[name].append(found["ms"][0])
      for name in rivals:
        took[name].append(self.peer(name)["step_ms"])
    best = min(rivals, key=lambda name: statistics.median(took[name]))
    for name, shown in models.items():
      ratios = sorted(
        a / b for a, b in zip(took[name], took[best], strict=True)
      )
      yield Line(
        f"`mixed`{shown}, against the peer's best for that batch, token ids "
        "given",
        f"{statistics.median(took[name]):.1f} ms",
        f"{statistics.median(took[best]):.1f} ms ({best or 'BatchSplit'})",
        statistics.median(ratios),
        f" ({ratios[0]:.3f}–{ratios[-1]:.3f})",
        1 / 3,
        1 / 1.3,
      )

  def _many(self):
    """500 tasks against one."""
    one, many = [], []
    for _ in range(self._options.repeats):
      one.append(self.ours("start", "one"))
      many.append(self.ours("start", "many"))
    more = self._weights("many") - self._weights("one")
    for entry in many:
      entry["resident_mb"] -= more / 1e6
    for key, title, unit in (
      ("load_s", "500 tasks against one: load", "s"),
      ("first_s", "the same: first answer", "s"),
      ("steady_ms", "the same: an answer, 32 rows", "ms"),
      ("resident_mb", "the same: memory beyond the tasks' weights", "MB"),
    ):
      ratios = sorted(b[key] / a[key] for a, b in zip(one, many, strict=True))
      yield Line(
        title,
        f"{statistics.median(e[key] for e in many):.2f} {unit}",
        f"{statistics.median(e[key] for e in one):.2f} {unit}",
        statistics.median(ratios),
        f" ({ratios[0]:.2f}–{ratios[-1]:.2f})",
        1.2,
        2.0,
      )

  def _weights(self, model: str) -> int:
    """Bytes of the tasks' weights in a model."""
    (version,) = (self._options.work / model).iterdir()
    path = version / "assets.extra/tasks.json"
    tasks = json.loads(path.read_text(encoding="utf-8"))["tasks"]
    return sum(task["bytes"] for task in tasks.values())

  def _disk(self) -> Line:
    (version,) = (self._options.work / "many").iterdir()
    whole = sum(
      path.stat().st_size for path in version.rglob("*") if path.is_file()
    )
    encoder = sum(
      path.stat().st_size for path in minilm.find().glob("*.safetensors")
    )
    parts = encoder + self._weights("many")
    return Line(
      "500 tasks on disk, against the encoder and their weights",
      f"{whole / 1e6:.1f} MB",
      f"{parts / 1e6:.1f} MB",
      whole / parts,
      "",
      1.01,
      1.05,
    )

  def _adding(self) -> Line:
    path = self._options.work / "adding.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    return Line(
      "a task added to 100, s; files of others that were rewritten: "
      f"{found['rewritten']}",
      f"{found['seconds']:.1f} s",
      "",
      found["seconds"],
      " s",
      10,
      30,
    )

  def _load(self) -> Line:
    found = self.ours("load", "mixed", seconds=self._options.seconds)
    wrong = found["wrong"] + found["failed"] + found["accepted"]
    return Line(
      f"{found['clients']} clients for {found['seconds']:g} s, random tasks "
      "and texts up to 5,000 words, a tenth of the requests malformed: wrong "
      "answers, good requests that failed, bad ones that were answered",
      f"{wrong} of {found['good']:,} good and {found['bad']:,} bad requests",
      "",
      float(wrong),
      "",
      0,
      0,
    )


def _compared(title: str, found: dict, goal: float, least: float) -> Line:
  first, second = found["ms"]
  low, high = found["quartiles"]
  return Line(
    title,
    f"{first:.2f} ms",
    f"{second:.2f} ms",
    found["ratio"],
    f" ({low:.3f}–{high:.3f})",
    goal,
    least,
  )


def section(lines, machine: dict[str, str], repeats: int) -> str:
  """The part of RESULTS.md."""
  rows = "\n".join(line.cells for line in lines)
  listed = ", ".join(f"{name} {value}" for name, value in machine.items())
  return f"""
# Serving

Written by `python benchmarks/serving.py --data DATA`. MiniLM, adapters of size
64, texts of 32 tokens, batch 32 unless said; through TensorFlow's C API with
XLA off, as TensorFlow Serving runs a model. Of the 16 tasks of `mixed` four
are trained on DATA. Ratios are of neighbours in one process, median and
quartiles; of the peer and of 500 tasks of {repeats} processes each, in turn,
median, least and greatest. {listed}.

| row | ours | against | ratio | goal | at least | reached |
|---|---|---|---|---|---|---|
{rows}

What limits: 500 tasks load no sooner than their weights are read, which takes
nearly all of the difference (`python benchmarks/served/restore.py VERSION`, of
`benchmarks/served/made/many/1` and of `one/1`). A task's signature does two
small products a sublayer more than `embed`, and with one text the time of a
step is that of its many small operations. Adding a task writes all weights
again and tries all signatures.
"""


def write(path: pathlib.Path, text: str) -> None:
  """Replaces this part of a file, which is its last."""
  before = ""
  if path.exists():
    before = path.read_text(encoding="utf-8").partition(MARKER)[0]
  files.write_file(path, f"{before.rstrip()}\n\n{MARKER}\n{text}".encode())


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
  """Reads the command line."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  add = parser.add_argument
  add(
    "--data",
    type=pathlib.Path,
    required=True,
    help="folder with sms_spam, trec6, cola and sst2, each with train.tsv and "
    "dev.tsv",
  )
  add("--work", type=pathlib.Path, default=HERE / "served/made")
  add("--repeats", type=int, default=3)
  add("--seconds", type=float, default=60, help="under load")
  add(
    "--peer-python",
    type=pathlib.Path,
    default=HERE.parent / ".venv-peer/bin/python",
    help="default: that of `make peer`",
  )
  add("--output", type=pathlib.Path, default=HERE / "RESULTS.md")
  options = parser.parse_args(arguments)
  if not options.peer_python.exists():
    sys.exit(f"no {options.peer_python}; `make peer` makes the environment.")
  return options


def main() -> None:
  """Runs the benchmark."""
  options = parse()
  bench = Bench(options)
  bench.models()
  lines = list(bench.lines())
  write(options.output, section(lines, results.machine(), options.repeats))
  print("\n".join(line.cells for line in lines))


if __name__ == "__main__":
  main()
