# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The same task with AdapterHub on PyTorch: accuracy and speed of the peer.

In an environment of its own:

  pip install torch "adapters==1.3.0" safetensors
  python benchmarks/adapterhub_task.py --encoder FOLDER --data FOLDER --epochs 3

FOLDER of the encoder holds config.json, model.safetensors and vocab.txt, as
`store/encoder` does; that of the data train.tsv and dev.tsv with the columns
`text_a` and `label`. Houlsby adapters of size 64 with tanh-GELU, AdamW, 10 %
warm-up, then linear to 0, batches of similar length padded to their longest:
the settings of `tf-adapters train`. Prints one JSON object.
"""

import argparse
import csv
import json
import pathlib
import time

import adapters
import numpy as np
import torch
import transformers

_SIZE, _BATCH, _LONGEST, _WARMUP = 64, 32, 128, 0.1


def read(path: pathlib.Path) -> tuple[list[str], list[str]]:
  """Texts and labels of a TSV file."""
  with open(path, encoding="utf-8", newline="") as file:
    rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    pairs = [(row["text_a"], row["label"]) for row in rows]
  return [text for text, _ in pairs], [label for _, label in pairs]


def make_model(encoder: str, classes: int) -> torch.nn.Module:
  """A BERT with one Houlsby adapter and a linear head on the first token."""
  model = adapters.BertAdapterModel.from_pretrained(encoder)
  config = adapters.DoubleSeqBnConfig(
    # Half a unit more, since the library rounds width / factor down.
    reduction_factor=model.config.hidden_size / (_SIZE + 0.5),
    non_linearity="gelu_new",
  )
  model.add_adapter("task", config=config)
  model.add_classification_head("task", num_labels=classes, layers=1)
  model.train_adapter("task")
  return model


class Batches:
  """Tokenised examples, padded batch by batch."""

  def __init__(self, tokenizer, texts, targets):
    options = {"truncation": True, "max_length": _LONGEST}
    self.ids = tokenizer(texts, **options)["input_ids"]
    self.targets = np.array(targets)

  def of(self, rows):
    """Inputs and targets of `rows`."""
    longest = max(len(self.ids[row]) for row in rows)
    ids = torch.zeros([len(rows), longest], dtype=torch.long)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
      ids[place, : len(self.ids[row])] = torch.tensor(self.ids[row])
      mask[place, : len(self.ids[row])] = 1
    inputs = {"input_ids": ids, "attention_mask": mask}
    return inputs, torch.tensor(self.targets[rows])

  def shuffled(self, random):
    """Rows of one epoch's batches, of similar length."""
    order = random.permutation(len(self.ids))
    group = 50 * _BATCH
    rows = [
      row
      for start in range(0, len(order), group)
      for row in sorted(
        order[start : start + group], key=lambda row: len(self.ids[row])
      )
    ]
    batches = [rows[i : i + _BATCH] for i in range(0, len(rows), _BATCH)]
    random.shuffle(batches)
    return batches


def accuracy(model: torch.nn.Module, data: Batches) -> float:
  """Share of right answers."""
  model.eval()
  order = sorted(range(len(data.ids)), key=lambda row: len(data.ids[row]))
  right = 0
  with torch.inference_mode():
    for start in range(0, len(order), 64):
      inputs, targets = data.of(order[start : start + 64])
      right += int((model(**inputs).logits.argmax(-1) == targets).sum())
  return right / len(order)


def train(model, data: Batches, dev: Batches, options) -> dict:
  """Trains; returns dev accuracy by epoch and examples per second."""
  trained = [p for p in model.parameters() if p.requires_grad]
  optimizer = torch.optim.AdamW(trained, lr=options.rate, weight_decay=0.01)
  steps = options.epochs * -(-len(data.ids) // _BATCH)
  schedule = transformers.get_linear_schedule_with_warmup(
    optimizer, int(_WARMUP * steps), steps
  )
  random = np.random.default_rng(options.seed)
  seconds, scores = 0.0, []
  for _ in range(options.epochs):
    model.train()
    began = time.perf_counter()
    for rows in data.shuffled(random):
      inputs, targets = data.of(rows)
      optimizer.zero_grad()
      model(**inputs, labels=targets).loss.backward()
      torch.nn.utils.clip_grad_norm_(trained, 1.0)
      optimizer.step()
      schedule.step()
    seconds += time.perf_counter() - began
    scores.append(accuracy(model, dev))
  return {
    "accuracy_by_epoch": scores,
    "accuracy": max(scores),
    "examples_per_s": len(data.ids) * options.epochs / seconds,
    "trainable_parameters": sum(p.numel() for p in trained),
  }


def main() -> None:
  """Runs one task."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--encoder", required=True)
  parser.add_argument("--data", required=True, type=pathlib.Path)
  parser.add_argument("--epochs", type=int, default=3)
  parser.add_argument("--rate", type=float, default=1e-3)
  parser.add_argument("--seed", type=int, default=0)
  options = parser.parse_args()
  torch.manual_seed(options.seed)
  texts, labels = read(options.data / "train.tsv")
  index = {label: i for i, label in enumerate(dict.fromkeys(labels))}
  dev_texts, dev_labels = read(options.data / "dev.tsv")
  tokenizer = transformers.BertTokenizerFast(
    str(pathlib.Path(options.encoder, "vocab.txt")), do_lower_case=True
  )
  data = Batches(tokenizer, texts, [index[label] for label in labels])
  dev = Batches(tokenizer, dev_texts, [index[label] for label in dev_labels])
  model = make_model(options.encoder, len(index))
  print(json.dumps(train(model, data, dev, options), sort_keys=True))


if __name__ == "__main__":
  main()
