# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One measurement of a served model, through TensorFlow's C API alone.

  python -I -S benchmarks/served/worker.py COMMAND … --site-packages DIR

Standard library, and `tf_adapters/serving/session`, which needs no more. Two
things are compared call by call, in turn, in one process. Prints JSON.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import sys
import threading
import time

_SERVING = pathlib.Path(__file__).resolve().parents[2] / "tf_adapters/serving"
sys.path.append(str(_SERVING))

from session import Refused  # noqa: E402
from session import Session  # noqa: E402

_WORDS = (
  "time year people way day man thing woman life child world school state "
  "family student group country problem hand part place case week company "
  "system program question work number night point home water room mother"
).split()
_TOKENS = 32


def text(generator: random.Random, tokens: int = _TOKENS) -> str:
  """Words of one token each, [CLS] and [SEP] left room for."""
  return " ".join(generator.choices(_WORDS, k=max(tokens - 2, 0)))


def tasks_of(model: str) -> list[str]:
  """The tasks of an export, those that read one text."""
  path = pathlib.Path(model, "assets.extra/tasks.json")
  tree = json.loads(path.read_text(encoding="utf-8"))["tasks"]
  return sorted(n for n, task in tree.items() if task["inputs"] == ["text"])


def alternate(first, second, calls: int) -> dict:
  """Milliseconds of two functions, called in turn, and their ratios."""
  for function in (first, second, first, second):
    function()
  took = [], []
  for _ in range(calls):
    for function, seconds in zip((first, second), took, strict=True):
      began = time.perf_counter()
      function()
      seconds.append(time.perf_counter() - began)
  ratios = sorted(a / b for a, b in zip(*took, strict=True))
  quarter = len(ratios) // 4
  return {
    "ms": [round(statistics.median(each) * 1e3, 3) for each in took],
    "ratio": round(statistics.median(ratios), 4),
    "quartiles": [round(ratios[quarter], 4), round(ratios[-quarter - 1], 4)],
  }


def compare(options) -> dict:
  """A task's signature against `embed`, or `mixed` against a task's."""
  generator = random.Random(0)
  names = tasks_of(options.model)
  texts = [text(generator) for _ in range(options.batch)]
  with Session(options.model, options.site_packages) as session:

    def ask(signature):
      columns = {"text": texts}
      if signature == "mixed":
        columns["text_b"] = [""] * len(texts)
        columns["task"] = [names[i % len(names)] for i in range(len(texts))]
      return lambda: session.run(signature, columns)

    first, second = (
      ask(names[0] if name == "task" else name)
      for name in (options.first, options.second)
    )
    return alternate(first, second, options.calls)


def every(options) -> dict:
  """`all_tasks` against a call of each task's signature."""
  generator = random.Random(0)
  names = tasks_of(options.model)
  columns = {"text": [text(generator) for _ in range(options.batch)]}
  with Session(options.model, options.site_packages) as session:

    def one_by_one():
      for name in names:
        session.run(name, columns)

    return alternate(
      lambda: session.run("all_tasks", columns), one_by_one, options.calls
    )


def start(options) -> dict:
  """Load, first answer, steady answers and memory of one model."""
  generator = random.Random(0)
  names = tasks_of(options.model)
  columns = {"text": [text(generator) for _ in range(options.batch)]}
  began = time.perf_counter()
  with Session(options.model, options.site_packages) as session:
    loaded = time.perf_counter()
    session.run(names[-1], columns)
    first = time.perf_counter()
    seconds = []
    for _ in range(options.calls):
      before = time.perf_counter()
      session.run(names[-1], columns)
      seconds.append(time.perf_counter() - before)
    return {
      "tasks": len(names),
      "load_s": round(loaded - began, 3),
      "first_s": round(first - loaded, 3),
      "steady_ms": round(statistics.median(seconds) * 1e3, 3),
      "resident_mb": round(_resident() / 1e6, 1),
    }


def _resident() -> int:
  with open("/proc/self/statm", encoding="ascii") as file:
    return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- Under load --------------------------------------------------------------


def load(options) -> dict:
  """Clients that all ask at once, some of them nonsense, for some time."""
  generator = random.Random(0)
  names = tasks_of(options.model)
  lengths = (0, 2, 5, 12, 32, 64, 200, 1000, 5000)
  texts = [text(generator, n) for n in lengths for _ in range(4)]
  with Session(options.model, options.site_packages) as session:
    truth = {
      name: [session.run(name, {"text": [one]}) for one in texts]
      for name in names
    }
    counts = {"good": 0, "bad": 0, "wrong": 0, "failed": 0, "accepted": 0}
    stop = time.monotonic() + options.seconds
    lock = threading.Lock()
    clients = [
      threading.Thread(
        target=_client,
        args=(session, truth, texts, stop, counts, lock, number),
      )
      for number in range(options.clients)
    ]
    for client in clients:
      client.start()
    for client in clients:
      client.join()
  return {**counts, "clients": options.clients, "seconds": options.seconds}


def _client(session, truth, texts, stop, counts, lock, number) -> None:
  generator = random.Random(number)
  while time.monotonic() < stop:
    kind = generator.random()
    if kind < 0.1:
      found = _nonsense(session, generator)
    elif kind < 0.6:
      found = _own(session, truth, texts, generator)
    else:
      found = _mixed(session, truth, texts, generator)
    with lock:
      for name in found:
        counts[name] += 1


def _own(session, truth, texts, generator) -> list[str]:
  """One request of a task's own signature."""
  name = generator.choice(sorted(truth))
  count = generator.randint(1, 8)
  rows = [generator.randrange(len(texts)) for _ in range(count)]
  try:
    found = session.run(name, {"text": [texts[row] for row in rows]})
  except Refused:
    return ["good", "failed"]
  wrong = any(
    not _same(found, place, truth[name][row])
    for place, row in enumerate(rows)
  )
  return ["good", *(["wrong"] if wrong else [])]


def _mixed(session, truth, texts, generator) -> list[str]:
  """One request of `mixed`, perhaps with a task that there is not."""
  asked = [
    (
      generator.choice([*sorted(truth), "no such task"]),
      generator.randrange(len(texts)),
    )
    for _ in range(generator.randint(1, 8))
  ]
  columns = {
    "task": [name for name, _ in asked],
    "text": [texts[row] for _, row in asked],
    "text_b": [""] * len(asked),
  }
  try:
    found = session.run("mixed", columns)
  except Refused:
    return ["good", "failed"]
  wrong = False
  for place, (name, row) in enumerate(asked):
    if name in truth:
      wrong |= not _same(found, place, truth[name][row])
    else:
      score = found["score"][place]
      wrong |= found["label"][place] != "" or score == score
  return ["good", *(["wrong"] if wrong else [])]


def _same(found, place: int, truth) -> bool:
  """The label, unless two were as good as equal, and all probabilities."""
  own = truth["probabilities"][0]
  shares = found["probabilities"][place][: len(own)]
  near = all(abs(a - b) < 1e-4 for a, b in zip(shares, own, strict=True))
  first, second = sorted(own)[-1:-3:-1]
  label = found["label"][place] == truth["label"][0]
  return near and (label or first - second < 1e-4)


def _nonsense(session, generator) -> list[str]:
  """A request that must be refused, and must harm no other."""
  name = generator.choice(sorted(session.signatures))
  columns = generator.choice([
    {"text": "not a column"},
    {"text": [["too", "deep"]]},
    {"no such input": ["a"]},
    {},
    {"task": ["a", "b"], "text": ["a"], "text_b": ["a", "b", "c"]},
  ])
  if set(columns) == {"task", "text", "text_b"}:
    name = "mixed"
  try:
    session.run(name, columns)
  except Refused:
    return ["bad"]
  return ["bad", "accepted"]


def main() -> None:
  """Runs one measurement."""
  parser = argparse.ArgumentParser(description=__doc__)
  commands = parser.add_subparsers(required=True)
  for run in (compare, every, start, load):
    command = commands.add_parser(run.__name__)
    command.set_defaults(run=run)
    command.add_argument("model")
    command.add_argument("--site-packages", required=True)
    command.add_argument("--batch", type=int, default=32)
    command.add_argument("--calls", type=int, default=40)
    command.add_argument("--first", default="task")
    command.add_argument("--second", default="embed")
    command.add_argument("--clients", type=int, default=32)
    command.add_argument("--seconds", type=float, default=60)
  options = parser.parse_args()
  print(json.dumps(options.run(options)))


if __name__ == "__main__":
  main()
