# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Makes the models that benchmarks/serving.py measures, in one folder.

  python benchmarks/served/models.py WORK [--data DATA] [--encoder FOLDER]

`store` has tasks trained on DATA, the rest up to 500 with random weights of
their size; `upper` has 16 with adapters in the upper half of the blocks. What
is there already stays.
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np

import tf_adapters
from tf_adapters import files
from tf_adapters import settings
from tf_adapters import tasks
from tf_adapters.checkpoints import minilm
from tf_adapters.checkpoints import pretrained
from tf_adapters.modeling import tuning
from tf_adapters.store import modules
from tf_adapters.store.store import Module
from tf_adapters.training.reporting import Silent

# Tasks on DATA; of each one epoch over the first rows, since it is not their
# scores that are measured here.
_REAL = ("sms_spam", "trec6", "cola", "sst2")
_ROWS = 2000
_LABELS = ["no", "yes"]
_MANY = 500
_MIXED = 16


def main() -> None:
  """Makes what lacks."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("work", type=pathlib.Path)
  parser.add_argument("--data", type=pathlib.Path)
  parser.add_argument("--encoder", default=None)
  options = parser.parse_args()
  if options.data:
    _check(options.data)
  options.work.mkdir(parents=True, exist_ok=True)
  folder = str(options.encoder or minilm.find())
  encoder = tf_adapters.load_encoder(folder)
  real = _train(options, folder) if options.data else []
  store = _create(options.work / "store", encoder)
  names = [f"random_{number}" for number in range(_MANY)]
  _fill(store, encoder, names, {})
  upper = _create(options.work / "upper", encoder)
  blocks = encoder.get_config()["num_layers"]
  layers = list(range(blocks // 2, blocks))
  _fill(upper, encoder, names[:_MIXED], {"adapter.layers": layers})

  mixed = [*real, *names][:_MIXED]
  for name, chosen in (
    ("one", names[:1]), ("mixed", mixed), ("many", names)
  ):
    _export(store, options.work / name, chosen)
  _export(store, options.work / "low", mixed, precision="bfloat16")
  _export(upper, options.work / "upper_export", names[:_MIXED])
  _add_one(store, options.work, names)


def _check(data: pathlib.Path) -> None:
  for task in _REAL:
    for name in ("train.tsv", "dev.tsv"):
      if not (data / task / name).is_file():
        sys.exit(f"--data: no {data / task / name}.")


def _train(options, encoder: str) -> list[str]:
  """Tasks trained on real data."""
  store = tf_adapters.Store(options.work / "store")
  known = store.tasks() if store.exists else []
  for name in _REAL:
    if name in known:
      continue
    short = options.work / f"{name}.tsv"
    with open(options.data / name / "train.tsv", encoding="utf-8") as file:
      lines = [line for _, line in zip(range(_ROWS + 1), file, strict=False)]
    short.write_text("".join(lines), encoding="utf-8")
    tf_adapters.train({
      "task.name": name,
      "encoder": encoder,
      "store": str(store.path),
      "data.train": str(short),
      "data.eval": str(options.data / name / "dev.tsv"),
      "train.epochs": 1,
    })
  return list(_REAL)


def _create(path: pathlib.Path, encoder) -> tf_adapters.Store:
  store = tf_adapters.Store(path)
  info = pretrained.of(encoder)
  store.create(
    {
      "fingerprint": info.fingerprint,
      "source": info.source,
      "copied": False,
    },
    None,
  )
  return store


def _fill(store, encoder, names, given) -> None:
  """Adds the tasks that lack, of the size of a trained one."""
  lacking = sorted(set(names) - set(store.tasks()))
  if not lacking:
    return
  config = settings.from_dict({"data.max_length": 128, **given})
  definition = {"type": "classification", "labels": _LABELS}
  model = modules.new_model(encoder, tasks.from_dict(definition), config)
  items = tuning.task_variables(model)
  for name in lacking:
    random = np.random.default_rng([*name.encode()])
    weights = {}
    for item in items:
      start = item.variable.numpy()
      noise = random.normal(0, 0.02, start.shape)
      weights[item.name] = (start + noise).astype(np.float32)
    tree = settings.to_dict(config)
    tree["task"]["name"] = name
    store.save(
      Module(
        task=name,
        definition=definition,
        columns={"text": "text", "text_b": None, "label": "label"},
        config=tree,
        encoder_fingerprint=pretrained.of(encoder).fingerprint,
        data={},
        metrics={},
        parameters=tuning.trainable_parameters(model),
        weights=weights,
      )
    )


def _export(store, output: pathlib.Path, names, **options) -> None:
  if not output.exists():
    tf_adapters.export(
      str(store.path), str(output), tasks=names, reporter=Silent(), **options
    )


def _add_one(store, work: pathlib.Path, names) -> None:
  """Adds a task to a model of 100, and says what that took."""
  output, report = work / "hundred", work / "adding.json"
  if report.exists():
    return
  tf_adapters.export(
    str(store.path), str(output), tasks=names[:100], reporter=Silent()
  )
  before = _state(store.path)
  began = time.perf_counter()
  tf_adapters.export(
    str(store.path),
    str(output),
    tasks=tf_adapters.Change(add=[names[100]]),
    keep=1,
    reporter=Silent(),
  )
  seconds = time.perf_counter() - began
  after = _state(store.path)
  rewritten = sum(before[path] != after.get(path) for path in before)
  tree = {"seconds": round(seconds, 2), "rewritten": rewritten}
  files.write_file(report, json.dumps(tree).encode())


def _state(folder: pathlib.Path) -> dict[str, list[int]]:
  """When each file of the tasks was last written, and its number on disk."""
  found = {}
  for path in sorted((folder / "tasks").rglob("*")):
    status = path.stat()
    found[str(path)] = [status.st_mtime_ns, status.st_ino, status.st_size]
  return found


if __name__ == "__main__":
  main()
