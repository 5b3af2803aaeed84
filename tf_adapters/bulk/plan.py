# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What a run has to do, decided before it begins and the same ever after.

All inputs are cut into parts of consecutive rows. A part has one output file,
which depends on the part's rows, the export and the plan alone, so it does
not matter who writes it, when, and how often.
"""

import dataclasses
import json
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from tf_adapters import checks
from tf_adapters.bulk import answers
from tf_adapters.bulk import parts as parts_lib
from tf_adapters.bulk import places
from tf_adapters.bulk.parts import Part
from tf_adapters.bulk.parts import Source
from tf_adapters.errors import InputError

PLAN = "_plan.json"
SUCCESS = "_SUCCESS"
REJECTED = "_rejected"  # readers of folders skip names that start so
_STRANGE = f"whose {PLAN} is damaged or of another version of this package"


@dataclasses.dataclass(frozen=True)
class BulkJob:
  """Files to be answered by a task of an export.

  Attributes:
    export: A version folder that `tf_adapters.export` wrote, or the folder of
      its versions, of which the newest is taken.
    task: Name of the task.
    inputs: Paths or patterns, as `data/*.tsv`, of TSV, CSV, JSON Lines and
      Parquet files.
    output: The folder of the answers.
    columns: By input of the task, as `text`, the column that is read where it
      has another name.
    batch_size: Rows that the model answers at once.
    part_rows: Rows of one output file.

  Paths may be of any file system that Beam knows, as `gs://…`.

  Raises:
    InputError: for no inputs, and for sizes that are no whole numbers above 0.
  """

  export: str
  task: str
  inputs: Sequence[str]
  output: str
  columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
  batch_size: int = 32
  part_rows: int = 5000

  def __post_init__(self):
    if isinstance(self.inputs, str) or not self.inputs:
      raise InputError(
        f"`inputs` must be a list of files or patterns; got {self.inputs!r}."
      )
    for key in ("batch_size", "part_rows"):
      checks.whole(key, getattr(self, key))
      checks.at_least(key, getattr(self, key), 1)


@dataclasses.dataclass(frozen=True)
class Plan:
  """A job with all that its inputs and its export say.

  Attributes:
    asked: The task.
    columns: The column that is read, by input of the task.
    names: The column that is written, by name of the answer.
    batch_size: Rows that the model answers at once.
    part_rows: Rows of a part at most.
    sources: The inputs.
    parts: (number of the source, part), in order.
  """

  asked: answers.Asked
  columns: dict[str, str]
  names: dict[str, str]
  batch_size: int
  part_rows: int
  sources: list[Source]
  parts: list[tuple[int, Part]]

  def to_json(self) -> str:
    """Readable, in ASCII: paths and columns may have what no UTF-8 holds."""
    return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True)

  def to_dict(self) -> dict[str, Any]:
    """As JSON holds it."""
    return json.loads(self.to_json())

  def name(self, number: int) -> str:
    """Of a part's output file."""
    source, _ = self.parts[number]
    return f"{self._stem(number)}.{self.sources[source].kind}"

  def rejected_name(self, number: int) -> str:
    """Of the file with a part's bad rows, below the same folder."""
    return f"{REJECTED}/{self._stem(number)}.jsonl"

  def _stem(self, number: int) -> str:
    return f"part-{number:05d}-of-{len(self.parts):05d}"


def make(job: BulkJob) -> Plan:
  """Reads every input once.

  Raises:
    InputError: for an export, a file or a column that is not there.
  """
  asked = answers.find(job.export, job.task)
  columns = _columns(job, asked)
  sources, parts = [], []
  for number, path in enumerate(_paths(job)):
    source, found = parts_lib.cut(path, job.part_rows)
    _check_columns(source, columns)
    _check_labels(source, asked)
    sources.append(source)
    parts += [(number, part) for part in found]
  taken = {name for source in sources for name in source.columns}
  return Plan(
    asked,
    columns,
    _names(asked, taken),
    job.batch_size,
    job.part_rows,
    sources,
    parts,
  )


def _paths(job: BulkJob) -> list[str]:
  """Every file once, whatever patterns match it."""
  found = set()
  for pattern in job.inputs:
    paths = places.expand(pattern)
    if not paths:
      raise InputError(f"`--input`: there is no file {pattern!r}.")
    found.update(paths)
  inside = places.join(places.absolute(job.output), "")
  for path in sorted(found):
    if path.startswith(inside):
      raise InputError(f"`--input`: {path} is in `--output`.")
  return sorted(found)


def _columns(job: BulkJob, asked: answers.Asked) -> dict[str, str]:
  for name in job.columns:
    if name not in asked.inputs:
      known = " and ".join(f"`{item}`" for item in asked.inputs)
      raise InputError(
        f"`--column` {name}={job.columns[name]}: the task {asked.task!r} "
        f"takes {known}."
      )
  return {name: job.columns.get(name, name) for name in asked.inputs}


def _check_columns(source: Source, columns: Mapping[str, str]) -> None:
  """Of tables; in JSON Lines each row has columns of its own."""
  for name, column in columns.items():
    if source.columns and source.kind != "jsonl":
      if column not in source.columns:
        known = ", ".join(f"`{item}`" for item in source.columns)
        raise InputError(
          f"{source.path} has no column `{column}` (`--column {name}=…` names "
          f"another); its columns are {known}."
        )


def _check_labels(source: Source, asked: answers.Asked) -> None:
  for label in asked.labels:
    if source.kind == "tsv" and set(label) & set("\t\r\n"):
      raise InputError(
        f"{source.path}: the label {label!r} of the task {asked.task!r} "
        "cannot stand in TSV, which has no quoting; give CSV or JSON Lines."
      )


def _names(asked: answers.Asked, taken: Iterable[str]) -> dict[str, str]:
  """The answers' own names, or with the task before all if any is taken."""
  taken = set(taken)
  number = 0
  while True:
    before = ("", f"{asked.task}_", f"{asked.task}_{number}_")[min(number, 2)]
    names = {name: f"{before}{name}" for name in asked.outputs}
    if taken.isdisjoint(names.values()):
      return names
    number += 1


def check_same(begun: Any, plan: Plan, output: str) -> None:
  """Raises `InputError` unless a run that was begun has the same plan.

  Args:
    begun: What the file of its plan says; any JSON.
    plan: What is to be done now.
    output: The folder, for errors.
  """
  now = plan.to_dict()
  try:
    if _comparable(begun) == _comparable(now):
      return
    difference = _difference(begun, now)
  except (KeyError, TypeError):
    difference = _STRANGE
  raise InputError(
    f"`--output` {output} holds a run {difference}; start it as it was begun, "
    "or give another folder."
  )


def _comparable(tree: dict[str, Any]) -> dict[str, Any]:
  """Without the export's folder: what is in it counts."""
  return {**tree, "asked": {**tree["asked"], "folder": ""}}


def _difference(begun: dict[str, Any], now: dict[str, Any]) -> str:
  old, new = begun["asked"], now["asked"]
  if old["task"] != new["task"]:
    return f"of the task {old['task']!r}"
  if old["sha256"] != new["sha256"]:
    return f"of another model, {old['folder']} as it was then"
  sources = {item["path"]: item for item in begun["sources"]}
  for item in now["sources"]:
    before = sources.pop(item["path"], None)
    if before is None:
      return f"without the input {item['path']}"
    if before["sha256"] != item["sha256"]:
      return f"of the input {item['path']} as it was before it changed"
  if sources:
    return f"with the input {min(sources)} too"
  for key in ("columns", "batch_size", "part_rows"):
    if begun[key] != now[key]:
      return f"with `{key}` {begun[key]!r}, and not {now[key]!r}"
  return _STRANGE
