# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""This project's side of the benchmark, and the limit of the machine.

  python benchmarks/ours.py step                # one batch, repeated
  python benchmarks/ours.py task --data FOLDER  # whole epochs, by `train`
  python benchmarks/ours.py limit               # large matrix products

Prints one JSON object.
"""

import argparse
import contextlib
import json
import os
import pathlib
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import common
import ours_step
import tensorflow as tf

import tf_adapters
from tf_adapters.checkpoints import minilm


class _Epochs(ours_step.Silent):
  """Notes when epochs end, evaluations left out, and their scores.

  An epoch starts where the evaluation before it ended, so checkpoints and
  the planning of batches count.

  Attributes:
    seconds: Of training, by epoch.
    scores: Dev accuracy, by epoch.
    first: Seconds from the start of the process to the end of the first step.
  """

  def __init__(self):
    super().__init__()
    self.seconds, self.scores, self.first = [], [], None

  @contextlib.contextmanager
  def running(self, *unused):
    self._began = time.perf_counter()
    yield

  def step(self, *unused):
    self._last = time.perf_counter()
    self.first = self.first or common.seconds_since_start()

  def evaluation(self, epoch, scores, best):
    del epoch, best
    self.seconds.append(self._last - self._began)
    self.scores.append(float(scores["accuracy"]))
    self._began = time.perf_counter()


def task(options) -> dict:
  """Whole epochs on a task, with the dev accuracy after each."""
  encoder = options.encoder or str(minilm.find())
  tree = json.loads(pathlib.Path(encoder, "config.json").read_text("utf-8"))
  epochs = _Epochs()
  with tempfile.TemporaryDirectory() as folder:
    examples = _cut(options, pathlib.Path(folder))
    settings = {
      "task.name": "task",
      "encoder": encoder,
      "store": f"{folder}/store",
      "copy_encoder": False,
      "data.train": f"{folder}/train.tsv",
      "data.eval": str(pathlib.Path(options.data, "dev.tsv")),
      "data.max_length": options.seq,
      "adapter.size": options.size,
      "adapter.layers": ours_step.upper(options, tree["num_hidden_layers"]),
      "train.epochs": options.epochs,
      "train.batch_size": options.batch,
      "train.learning_rate": options.rate,
      "train.seed": options.seed,
    }
    for name, value in ours_step.speed_settings(options).items():
      settings[f"train.{name}"] = value
    result = tf_adapters.train(settings, reporter=epochs)
  return {
    **common.report_epochs(epochs.seconds, examples),
    "dev_accuracy": result.metrics["accuracy"],
    "dev_accuracy_by_epoch": epochs.scores,
    "seconds_to_first_step": round(epochs.first, 3),
  }


def _cut(options, folder: pathlib.Path) -> int:
  """Writes the first rows of train.tsv into `folder`; returns how many."""
  source = pathlib.Path(options.data, "train.tsv").read_bytes()
  header, *rows = source.rstrip(b"\n").split(b"\n")
  rows = rows[: options.cap or None]
  content = b"\n".join([header, *rows]) + b"\n"
  (folder / "train.tsv").write_bytes(content)
  return len(rows)


def limit(options) -> dict:
  """What the machine can do: products of two square matrices, the best."""
  found = {}
  for dtype in (tf.float32, tf.bfloat16):
    a, b = (tf.cast(tf.random.normal([options.n] * 2), dtype) for _ in "ab")
    seconds = []
    for compiled in (False, True):  # two libraries; the faster is the limit
      product = tf.function(tf.linalg.matmul, jit_compile=compiled)
      product(a, b)
      for _ in range(options.steps):
        began = time.perf_counter()
        product(a, b)[0, 0].numpy()
        seconds.append(time.perf_counter() - began)
    rate = 2 * options.n**3 / min(seconds) / 1e9
    found[f"{dtype.name}_gflop_per_s"] = round(rate, 2)
  return found


def add_speed_options(parser: argparse.ArgumentParser) -> None:
  """Options that change how fast a step is."""
  parser.add_argument(
    "--precision", choices=["auto", "float32", "bfloat16"], default="auto"
  )
  parser.add_argument("--recompute", action="store_true")
  parser.add_argument("--cache-prefix", action="store_true")
  parser.add_argument(
    "--layers-adapted",
    choices=["all", "upper"],
    default="all",
    help="blocks that get adapters: all, or the upper half",
  )


def parse() -> argparse.Namespace:
  """Reads the command line."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  commands = parser.add_subparsers(dest="command", required=True)
  for run, add in (
    (ours_step.step, common.add_step_options), (task, common.add_task_options)
  ):
    command = commands.add_parser(run.__name__, help=run.__doc__)
    common.add_model_options(command)
    add(command)
    add_speed_options(command)
    command.set_defaults(run=run)
  commands.choices["step"].add_argument(
    "--loop", type=int, default=1, help="steps a call of `Trainer.train`"
  )
  command = commands.add_parser("limit", help=limit.__doc__)
  command.add_argument("--n", type=int, default=4096, help="rows and columns")
  command.add_argument("--steps", type=int, default=5)
  command.set_defaults(run=limit)
  return parser.parse_args()


def main() -> None:
  """Runs one measurement."""
  options = parse()
  values = options.run(options)
  del options.run
  versions = {
    "tensorflow": tf.__version__,
    "tf_adapters": tf_adapters.__version__,
  }
  common.print_report(options, versions, side="ours", **values)


if __name__ == "__main__":
  main()
