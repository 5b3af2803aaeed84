# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The peer's side: AdapterHub's `adapters` on PyTorch, on the same work.

In an environment of its own, which `make peer` makes:

  python benchmarks/peer.py step --encoder FOLDER
  python benchmarks/peer.py task --encoder FOLDER --data FOLDER

Houlsby adapters with GELU, AdamW, 10 % warm-up, then linear to 0, batches
padded to their longest. Prints one JSON object.
"""

import argparse
import csv
import os
import pathlib
import time

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import adapters
import common
import numpy as np
import torch
import transformers

_WARMUP, _CLIP_NORM, _WEIGHT_DECAY = 0.1, 1.0, 0.01
_GROUP = 50  # batches whose examples are sorted by length among themselves
_EVAL_BATCH = 64


def make_model(options, classes: int) -> torch.nn.Module:
  """A BERT with a linear head on the first token, and one Houlsby adapter."""
  torch.manual_seed(options.seed)
  if options.encoder:
    model = adapters.BertAdapterModel.from_pretrained(options.encoder)
  else:
    model = adapters.BertAdapterModel(
      transformers.BertConfig(
        hidden_size=options.hidden,
        num_hidden_layers=options.layers,
        num_attention_heads=12,
        intermediate_size=4 * options.hidden,
      )
    )
  model.add_classification_head("task", num_labels=classes, layers=1)
  if options.mode == "adapter":
    config = adapters.DoubleSeqBnConfig(
      # Half a unit more, since the library rounds width / factor down.
      reduction_factor=model.config.hidden_size / (options.size + 0.5),
      non_linearity=options.activation,
    )
    model.add_adapter("task", config=config)
    model.train_adapter("task")  # freezes all else, and makes it active
  model.active_head = "task"
  return model


def trained(model: torch.nn.Module) -> list[torch.nn.Parameter]:
  """The parameters that train."""
  return [each for each in model.parameters() if each.requires_grad]


def autocast(options):
  """Products in bfloat16 if it is asked for."""
  return torch.autocast("cpu", torch.bfloat16, enabled=options.bf16)


def step(options) -> dict:
  """One batch of fixed shape and full length, repeated."""
  model = make_model(options, classes=2)
  random = torch.Generator().manual_seed(options.seed)
  shape = (options.batch, options.seq)
  vocabulary = model.config.vocab_size
  ids = torch.randint(1000, vocabulary, shape, generator=random)
  inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
  labels = torch.randint(0, 2, (options.batch,), generator=random)
  parameters = trained(model)
  optimizer = torch.optim.AdamW(parameters, lr=1e-4)

  def forward():
    with torch.inference_mode(), autocast(options):
      return float(model(**inputs).logits.sum())

  def train():
    optimizer.zero_grad()
    with autocast(options):
      loss = model(**inputs, labels=labels).loss
    loss.backward()
    optimizer.step()
    return float(loss)

  model.train(not options.infer)
  clock = common.Clock(forward if options.infer else train, options.steps)
  return clock.report(options.batch)


def mixed(options) -> dict:
  """A batch whose rows belong to several tasks, as token ids."""
  model = make_model(options, classes=2)
  names = [f"task_{number}" for number in range(options.tasks)]
  for name in names:
    model.add_adapter(name, config=model.adapters_config.get("task"))
    model.add_classification_head(name, num_labels=2, layers=1)
  model.eval()
  random = torch.Generator().manual_seed(options.seed)
  rows = options.batch // options.tasks
  shape = (options.batch, options.seq)
  vocabulary = model.config.vocab_size
  ids = torch.randint(1000, vocabulary, shape, generator=random)
  inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

  def at_once():
    """Rows sorted by task, one pass."""
    split = adapters.composition.BatchSplit(*names, batch_sizes=rows)
    model.active_adapters = model.active_head = split
    return model(**inputs)

  def one_by_one():
    """Rows in any order, a pass a task."""
    for number, name in enumerate(names):
      model.active_adapters = model.active_head = name
      part = slice(number, None, len(names))
      model(**{key: value[part] for key, value in inputs.items()})

  def one():
    with torch.inference_mode(), autocast(options):
      (one_by_one if options.loop else at_once)()

  return common.Clock(one, options.steps).report(options.batch)


class Examples:
  """Tokenised examples of one file, padded batch by batch."""

  def __init__(self, path: pathlib.Path, cap: int, options):
    with open(path, encoding="utf-8", newline="") as file:
      rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
      self._rows = list(rows)[: cap or None]
    self.labels = [row["label"] for row in self._rows]
    tokenizer = transformers.BertTokenizerFast(
      str(pathlib.Path(options.encoder, "vocab.txt")), do_lower_case=True
    )
    columns = [c for c in ("text_a", "text_b") if c in self._rows[0]]
    texts = [[row[column] for row in self._rows] for column in columns]
    found = tokenizer(*texts, truncation=True, max_length=options.seq)
    self.ids, self.types = found["input_ids"], found["token_type_ids"]

  def __len__(self) -> int:
    return len(self.ids)

  def length(self, row: int) -> int:
    return len(self.ids[row])

  def batch(self, rows) -> dict[str, torch.Tensor]:
    """The model's inputs of these rows."""
    longest = max(self.length(row) for row in rows)

    def padded(values):
      return torch.tensor([v + [0] * (longest - len(v)) for v in values])

    ids = [self.ids[row] for row in rows]
    return {
      "input_ids": padded(ids),
      "token_type_ids": padded([self.types[row] for row in rows]),
      "attention_mask": padded([[1] * len(each) for each in ids]),
    }

  def shuffled(self, random, options) -> list:
    """Rows of one epoch's batches; perhaps of similar length."""
    order = random.permutation(len(self))
    size = options.batch
    if options.group_by_length:
      groups = range(0, len(order), _GROUP * size)
      order = np.concatenate([
        sorted(order[start : start + _GROUP * size], key=self.length)
        for start in groups
      ])
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    if options.group_by_length:
      random.shuffle(batches)
    return batches


def accuracy(model, data: Examples, targets: np.ndarray, options) -> float:
  """Share of right answers."""
  model.eval()
  order = sorted(range(len(data)), key=data.length)
  right = 0
  with torch.inference_mode(), autocast(options):
    for start in range(0, len(order), _EVAL_BATCH):
      rows = order[start : start + _EVAL_BATCH]
      answers = model(**data.batch(rows)).logits.argmax(-1).numpy()
      right += int((answers == targets[rows]).sum())
  return right / len(order)


def task(options) -> dict:
  """Whole epochs on a task, with the dev accuracy after each."""
  folder = pathlib.Path(options.data)
  data = Examples(folder / "train.tsv", options.cap, options)
  dev = Examples(folder / "dev.tsv", 0, options)
  index = {label: i for i, label in enumerate(dict.fromkeys(data.labels))}
  targets, dev_targets = (
    np.array([index.get(label, 0) for label in each.labels])
    for each in (data, dev)
  )
  model = make_model(options, len(index))
  optimizer = torch.optim.AdamW(
    trained(model), lr=options.rate, weight_decay=_WEIGHT_DECAY
  )
  steps = options.epochs * -(-len(data) // options.batch)
  schedule = transformers.get_linear_schedule_with_warmup(
    optimizer, int(_WARMUP * steps), steps
  )
  random = np.random.default_rng(options.seed)
  seconds, scores, firsts = [], [], []
  for _ in range(options.epochs):
    model.train()
    batches = data.shuffled(random, options)
    began = time.perf_counter()
    for rows in batches:
      _learn(model, data.batch(rows), targets[rows], optimizer, options)
      schedule.step()
      if not firsts:
        firsts.append(common.seconds_since_start())
    seconds.append(time.perf_counter() - began)
    scores.append(accuracy(model, dev, dev_targets, options))
  return {
    **common.report_epochs(seconds, len(data)),
    "dev_accuracy": max(scores),
    "dev_accuracy_by_epoch": scores,
    "seconds_to_first_step": round(firsts[0], 3),
  }


def _learn(model, inputs, targets, optimizer, options) -> None:
  """One step of training."""
  optimizer.zero_grad()
  with autocast(options):
    loss = model(**inputs, labels=torch.tensor(targets)).loss
  loss.backward()
  torch.nn.utils.clip_grad_norm_(trained(model), _CLIP_NORM)
  optimizer.step()


def main() -> None:
  """Runs one measurement."""
  parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  commands = parser.add_subparsers(dest="command", required=True)
  for run, add in (
    (step, common.add_step_options), (task, common.add_task_options)
  ):
    command = commands.add_parser(run.__name__, help=run.__doc__)
    common.add_model_options(command)
    add(command)
    command.add_argument("--bf16", action="store_true")
    command.add_argument("--activation", default="gelu", help="of the adapter")
    command.set_defaults(run=run, mode="adapter")
  command = commands.add_parser("mixed", help=mixed.__doc__)
  common.add_model_options(command)
  common.add_step_options(command)
  command.add_argument("--bf16", action="store_true")
  command.add_argument("--activation", default="gelu", help="of the adapter")
  command.add_argument("--tasks", type=int, default=16)
  command.add_argument("--loop", action="store_true", help="a pass a task")
  command.set_defaults(run=mixed)
  commands.choices["task"].add_argument(
    "--group-by-length", action="store_true", help="batches of similar length"
  )
  options = parser.parse_args()
  values = options.run(options)
  del options.run
  versions = {
    "torch": torch.__version__,
    "adapters": adapters.__version__,
    "transformers": transformers.__version__,
  }
  common.print_report(options, versions, side="peer", **values)


if __name__ == "__main__":
  main()
