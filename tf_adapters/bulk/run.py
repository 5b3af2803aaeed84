# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`predict_files`: answers files of any size, and goes on where it stopped."""

import contextlib
import dataclasses
import json
import pathlib
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

from tf_adapters import files
from tf_adapters import json_files
from tf_adapters.bulk import parts as parts_lib
from tf_adapters.bulk import places
from tf_adapters.bulk import plan as plan_lib
from tf_adapters.bulk.plan import BulkJob
from tf_adapters.bulk.plan import Plan
from tf_adapters.bulk.work import Work
from tf_adapters.errors import InputError
from tf_adapters.training import reporting

_LOCK = ".lock"
_GLANCE = 1.0  # seconds between two looks at what is done


@dataclasses.dataclass(frozen=True)
class BulkResult:
  """What a run has done.

  Attributes:
    output: The folder of the answers.
    files: How many inputs there were.
    rows: Their rows: those answered and those rejected.
    answered: Rows with an answer.
    rejected: Bad rows, each in a file in `_rejected` with its reason.
    parts: Output files.
    found: How many of these an earlier run had left.
    seconds: How long it took.
  """

  output: str
  files: int
  rows: int
  answered: int
  rejected: int
  parts: int
  found: int
  seconds: float


def predict_files(
  job: BulkJob,
  *,
  runner: str = "DirectRunner",
  options: Sequence[str] = (),
  reporter: reporting.Reporter | None = None,
) -> BulkResult:
  """Answers files on Apache Beam (`pip install 'tf-adapters[beam]'`).

  In the output folder there is a file for every `job.part_rows` rows, of the
  format of its input, `part-00000-of-00012.tsv`: the rows in their order with
  all their columns, and behind these the answer: `label`, `score` and
  `probabilities`; `value`; or `answer`, `score`, `start` and `end`. If an
  input has a column of such a name, all have the task before theirs, as
  `sms_label`. `probabilities` are by label, in tables a JSON object in a
  cell, in Parquet a struct.

  Rows that cannot be answered (too few fields, no such column, no text, not
  UTF-8, no valid JSON) are in `_rejected/part-….jsonl`, each with `file`,
  `line` (of Parquet `row`) and `reason`. Blank lines are no rows. At the end
  `_SUCCESS` has the counts.

  A run that was stopped goes on with the same job and skips the parts that
  are there; at the end the folder is the same, byte by byte, as if it had not
  been stopped.

  Args:
    job: What is to be done.
    runner: A runner of Beam: `DirectRunner` is this machine; `FlinkRunner`,
      `SparkRunner` or `DataflowRunner` need paths that their workers see.
    options: Beam's and the runner's, as `direct_num_workers=2`.
    reporter: Is told how far it is; None: a bar on stderr.

  Returns:
    Where the answers are, how many rows were answered and rejected, how many
    parts were there already, and the seconds that it took.

  Raises:
    InputError: for a job that cannot be, an output folder with another, or an
      input that changes under way.
  """
  begin = time.monotonic()
  reporter = reporter or reporting.Reporter()
  output = places.absolute(job.output)
  pipeline = _pipeline()
  with _held(output):
    _check_output(output)
    plan = plan_lib.make(job)
    _begin(plan, output)
    left = _left(plan, output)
    done = sum(part.rows for _, part in plan.parts)
    done -= sum(work.part.rows for work in left)
    handler = pipeline.Handler(plan.asked, plan.batch_size)
    with _progress(plan, output, reporter, done):
      if left:
        pipeline.run(left, handler, runner, options)
        for source in plan.sources:
          parts_lib.check_whole(source)
    counts = _finish(plan, output)
  seconds = time.monotonic() - begin
  found = len(plan.parts) - len(left)
  return BulkResult(output, **counts, found=found, seconds=seconds)


def _pipeline():
  try:
    from tf_adapters.bulk import pipeline
  except ImportError as error:
    raise InputError(
      "answering files needs Apache Beam: pip install 'tf-adapters[beam]' "
      f"({error})."
    ) from None
  return pipeline


@contextlib.contextmanager
def _held(output: str) -> Iterator[None]:
  """Keeps a second run out of a folder of this machine."""
  if places.is_remote(output):
    yield
    return
  try:
    with files.lock(pathlib.Path(output) / _LOCK, wait=False):
      yield
  except BlockingIOError:
    raise InputError(
      f"`--output`: another run is writing to {output}."
    ) from None
  except (FileExistsError, NotADirectoryError):
    raise InputError(f"`--output`: {output} is no folder.") from None


def _check_output(output: str) -> None:
  names = places.names(output)
  visible = [name for name in names if not name.startswith(".")]
  if visible and plan_lib.PLAN not in names:
    raise InputError(
      f"`--output`: {output} has other files in it ({visible[0]}); give a "
      "folder that is new or empty."
    )


def _begin(plan: Plan, output: str) -> None:
  """Writes the plan, or sees that it is the one that was begun."""
  path = places.join(output, plan_lib.PLAN)
  if places.exists(path):
    plan_lib.check_same(_read(path), plan, output)
  else:
    places.write(path, f"{plan.to_json()}\n".encode())
  places.remove_left_aside(output)
  places.remove_left_aside(places.join(output, plan_lib.REJECTED))


def _read(path: str) -> Any:
  try:
    return json.loads(places.read(path))
  except (ValueError, RecursionError) as error:
    raise InputError(f"{path}: is damaged, it is no JSON: {error}.") from None


def _left(plan: Plan, output: str) -> list[Work]:
  """The parts whose files are not there."""
  names = set(places.names(output))
  return [
    _work(plan, number, output)
    for number in range(len(plan.parts))
    if plan.name(number) not in names
  ]


def _work(plan: Plan, number: int, output: str) -> Work:
  source, part = plan.parts[number]
  return Work(
    plan.sources[source],
    part,
    plan.columns,
    plan.names,
    plan.asked.labels,
    places.join(output, plan.name(number)),
    places.join(output, plan.rejected_name(number)),
  )


@contextlib.contextmanager
def _progress(
  plan: Plan, output: str, reporter: reporting.Reporter, done: int
) -> Iterator[None]:
  """Shows the rows whose parts are there; so it does with any runner."""
  rows = {
    plan.name(number): part.rows
    for number, (_, part) in enumerate(plan.parts)
  }
  over = threading.Event()

  def watch(show: Callable[[int], None]) -> None:
    last = False
    while not last:
      last = over.wait(_GLANCE)
      show(sum(rows.get(name, 0) for name in places.names(output)))

  with reporter.counting("rows", sum(rows.values()), done) as show:
    watcher = threading.Thread(target=watch, args=(show,), daemon=True)
    watcher.start()
    try:
      yield
    finally:
      over.set()
      watcher.join()


def _finish(plan: Plan, output: str) -> dict[str, int]:
  """Counts; writes them as the last file of the run."""
  left = _left(plan, output)
  if left:
    raise InputError(
      f"`--output`: {len(left)} of {len(plan.parts)} files are not in "
      f"{output} after the run; its workers must see this folder."
    )
  rows = sum(part.rows for _, part in plan.parts)
  rejected = _rejected(output)
  counts = {
    "files": len(plan.sources),
    "rows": rows,
    "answered": rows - rejected,
    "rejected": rejected,
    "parts": len(plan.parts),
  }
  path = places.join(output, plan_lib.SUCCESS)
  places.write(path, json_files.encode(counts))
  return counts


def _rejected(output: str) -> int:
  folder = places.join(output, plan_lib.REJECTED)
  return sum(
    places.read(places.join(folder, name)).count(b"\n")
    for name in places.names(folder)
  )
