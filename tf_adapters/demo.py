# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The demonstration: three tasks, one after another, beside one encoder.

  python -m tf_adapters demo --output demo
"""

import json
import os
import pathlib
import subprocess
import sys

import rich.box
import rich.console
import rich.table

import tf_adapters
from tf_adapters import files
from tf_adapters.errors import InputError
from tf_adapters.training.runs import TrainResult

SAMPLES = pathlib.Path(__file__).parent / "samples" / "helpdesk"
TASKS = ("topic", "mood", "urgency")
_QUESTIONS = (
  "The demo is in one hour and nobody can log in, please help!",
  "You charged me twice this month. Again. This is a disgrace.",
  "The new keyboard is lovely, thank you for the quick delivery.",
  "Could you add a dark mode to the app some day?",
)

# What a server does: no tf_adapters, no model code, only the SavedModel.
_ASK = """
import json, sys
class Blocked:
  def find_spec(self, name, path=None, target=None):
    if name.split(".")[0] in ("tf_adapters", "official"):
      raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Blocked())
import tensorflow as tf
import tensorflow_text
version, texts = sys.argv[1], json.loads(sys.argv[2])
model = tf.saved_model.load(version)
with open(version + "/assets.extra/tasks.json", encoding="utf-8") as file:
  tasks = json.load(file)["tasks"]
answers = {}
for task in tasks:
  found = model.signatures[task](text=tf.constant(texts))
  answers[task] = {
    "label": [label.decode() for label in found["label"].numpy()],
    "score": found["score"].numpy().tolist(),
    "bits": found["probabilities"].numpy().tobytes().hex(),
  }
print(json.dumps(answers))
"""


def run(output: str, epochs: int = 8) -> None:
  """Trains, exports and asks; everything goes below the folder `output`.

  Args:
    output: A folder that is not there yet.
    epochs: Of each task.

  Raises:
    InputError: if the folder is there already.
  """
  folder = pathlib.Path(output)
  if folder.exists():
    raise InputError(
      f"`--output`: {output!r} is there already; remove it or name another."
    )
  store, served = str(folder / "store"), str(folder / "serving" / "helpdesk")
  console = rich.console.Console(markup=False, emoji=False)
  results, module_bits, first_export = [], None, None
  for task in TASKS:
    console.rule(f"task {len(results) + 1} of {len(TASKS)}: {task}")
    results.append(_train(task, store, epochs))
    if first_export is None:
      first_export = tf_adapters.export(store, served)
      module_bits = _module_bits(store, task)
  console.rule("one SavedModel for all tasks")
  version = tf_adapters.export(store, served)
  before, after = _ask(first_export), _ask(version)
  _show_answers(console, version, after)
  _show_tasks(console, store, results)
  first = TASKS[0]
  same_files = _module_bits(store, first) == module_bits
  same_answers = before[first]["bits"] == after[first]["bits"]
  console.print(
    f"Did {first!r} change when the others came? "
    f"Its files: {'no, not by a bit' if same_files else 'YES'}. "
    f"Its answers: {'no, not by a bit' if same_answers else 'YES'}."
  )
  console.print(_how_to_serve(served), highlight=False, soft_wrap=True)
  if not (same_files and same_answers):
    raise AssertionError("an earlier task changed")  # our own promise


def _train(task: str, store: str, epochs: int) -> TrainResult:
  return tf_adapters.train({
    "task.name": task,
    "data.train": str(SAMPLES / "train.tsv"),
    "data.eval": str(SAMPLES / "dev.tsv"),
    "data.label": task,
    "encoder": "minilm",
    "store": store,
    "train.epochs": epochs,
  })


def _module_bits(store: str, task: str) -> dict[str, str]:
  folder = pathlib.Path(store) / "tasks" / task
  return {path.name: files.sha256(path) for path in sorted(folder.iterdir())}


def _ask(version: str) -> dict:
  """Answers of a fresh process that cannot import this package."""
  environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
  done = subprocess.run(
    [sys.executable, "-c", _ASK, version, json.dumps(_QUESTIONS)],
    stdout=subprocess.PIPE,
    check=True,
    env=environment,
  )
  return json.loads(done.stdout.splitlines()[-1])


def _show_answers(console, version: str, answers: dict) -> None:
  table = rich.table.Table(
    title=f"answers from {version}, without tf_adapters", box=rich.box.SIMPLE
  )
  table.add_column("text")
  for task in TASKS:
    table.add_column(task)
  for row, text in enumerate(_QUESTIONS):
    cells = [
      f"{answers[task]['label'][row]} {answers[task]['score'][row]:.2f}"
      for task in TASKS
    ]
    table.add_row(text, *cells)
  console.print(table)


def _show_tasks(console, store: str, results: list[TrainResult]) -> None:
  table = rich.table.Table(box=rich.box.SIMPLE, title="the store")
  for column in ("task", "dev accuracy", "trained", "of encoder", "on disk"):
    table.add_column(column, justify="left" if column == "task" else "right")
  for result in results:
    size = tf_adapters.Store(store).size(result.task)
    table.add_row(
      result.task,
      f"{result.metrics['accuracy']:.3f}",
      f"{result.trainable_parameters:,}",
      f"{result.trainable_parameters / result.encoder_parameters:.2%}",
      f"{size / 1e6:.2f} MB",
    )
  encoder = sum(
    path.stat().st_size for path in pathlib.Path(store, "encoder").iterdir()
  )
  table.add_section()
  table.add_row(
    "encoder, once", "", "0", "", f"{encoder / 1e6:.2f} MB"
  )
  console.print(table)


def _how_to_serve(served: str) -> str:
  path = pathlib.Path(served).resolve()
  return (
    "Serve it:\n"
    f"  docker run -p 8501:8501 -v {path}:/models/helpdesk \\\n"
    "    -e MODEL_NAME=helpdesk tensorflow/serving:2.20.0\n"
    "Ask it:\n"
    "  curl -d '{\"signature_name\": \"topic\", \"instances\": "
    "[\"My parcel is late\"]}' \\\n"
    "    http://localhost:8501/v1/models/helpdesk:predict"
  )
