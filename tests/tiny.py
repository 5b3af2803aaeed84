# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""A tiny random BERT on disk and tiny data, made without the package."""

import json
import pathlib

import numpy as np
import safetensors.numpy

WORDS = (
  "good bad fine poor nice awful happy sad film book play song the a is was "
  "very not and it"
).split()
VOCABULARY = (
  ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
  + WORDS
  + [chr(code) for code in range(ord("a"), ord("z") + 1) if chr(code) != "a"]
  + ["##" + chr(code) for code in range(ord("a"), ord("z") + 1)]
)
HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 16, 2, 2, 32, 64
CONFIG = {
  "model_type": "bert",
  "vocab_size": len(VOCABULARY),
  "hidden_size": HIDDEN,
  "num_hidden_layers": LAYERS,
  "num_attention_heads": HEADS,
  "intermediate_size": INNER,
  "max_position_embeddings": POSITIONS,
  "type_vocab_size": 2,
  "hidden_act": "gelu",
  "hidden_dropout_prob": 0.1,
  "attention_probs_dropout_prob": 0.1,
  "layer_norm_eps": 1e-12,
}


def hugging_face_tensors(seed: int = 0) -> dict[str, np.ndarray]:
  """Random weights under Hugging Face's names and layout."""
  random = np.random.default_rng(seed)

  def normal(*shape):
    return random.normal(0, 0.3, shape).astype(np.float32)

  tensors = {
    "embeddings.word_embeddings.weight": normal(len(VOCABULARY), HIDDEN),
    "embeddings.position_embeddings.weight": normal(POSITIONS, HIDDEN),
    "embeddings.token_type_embeddings.weight": normal(2, HIDDEN),
  }

  def linear(name, inputs, outputs):
    tensors[f"{name}.weight"] = normal(outputs, inputs)
    tensors[f"{name}.bias"] = normal(outputs)

  def norm(name):
    tensors[f"{name}.weight"] = 1 + normal(HIDDEN)
    tensors[f"{name}.bias"] = normal(HIDDEN)

  norm("embeddings.LayerNorm")
  for index in range(LAYERS):
    layer = f"encoder.layer.{index}"
    for role in ("query", "key", "value"):
      linear(f"{layer}.attention.self.{role}", HIDDEN, HIDDEN)
    linear(f"{layer}.attention.output.dense", HIDDEN, HIDDEN)
    norm(f"{layer}.attention.output.LayerNorm")
    linear(f"{layer}.intermediate.dense", HIDDEN, INNER)
    linear(f"{layer}.output.dense", INNER, HIDDEN)
    norm(f"{layer}.output.LayerNorm")
  linear("pooler.dense", HIDDEN, HIDDEN)
  return tensors


def write_encoder(
  folder: pathlib.Path, seed: int = 0, **config
) -> pathlib.Path:
  """Writes a Hugging Face folder; `config` changes entries of CONFIG."""
  folder.mkdir(parents=True, exist_ok=True)
  tree = {**CONFIG, **config}
  (folder / "config.json").write_text(json.dumps(tree), encoding="utf-8")
  (folder / "vocab.txt").write_text(
    "\n".join(VOCABULARY) + "\n", encoding="utf-8"
  )
  safetensors.numpy.save_file(
    hugging_face_tensors(seed), folder / "model.safetensors"
  )
  return folder


def write_task(
  folder: pathlib.Path, rows: int = 48, seed: int = 0, pair: bool = False
) -> tuple[str, str]:
  """Writes train.tsv and dev.tsv of an easy task; returns their paths.

  The label says whether more good than bad words are in the text.
  """
  random = np.random.default_rng(seed)
  folder.mkdir(parents=True, exist_ok=True)
  paths = []
  for name in ("train", "dev"):
    header = "text\ttext_b\tlabel" if pair else "text\tlabel"
    lines = [header]
    for row in range(rows):
      label = ("pos", "neg")[row % 2]
      words = ("good", "fine", "nice", "happy")
      if label == "neg":
        words = ("bad", "poor", "awful", "sad")
      filler = random.choice(WORDS[8:], int(random.integers(0, 4))).tolist()
      filler += random.choice(words, 2).tolist()
      random.shuffle(filler)
      text = " ".join(filler)
      fields = [text, "the film", label] if pair else [text, label]
      lines.append("\t".join(fields))
    path = folder / f"{name}.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    paths.append(str(path))
  return paths[0], paths[1]


def squad_tree(questions: int = 24, seed: int = 0) -> dict:
  """Easy questions in the form of SQuAD v1.1, two on each context.

  Both ask for the one good or bad word of the context. Every third context is
  longer than one window of the tests.
  """
  random = np.random.default_rng(seed)
  paragraphs = []
  for number in range(questions // 2):
    size = 5 if number % 3 else 30
    words = random.choice(["and", "it", "was", "Is", "the"], size).tolist()
    place = int(random.integers(size))
    words[place] = str(random.choice(["good", "bad", "fine", "poor"]))
    start = len(" ".join([*words[:place], ""]))
    answers = [{"answer_start": start, "text": words[place]}]
    qas = [
      {"id": f"{number}-{thing}", "question": thing, "answers": answers}
      for thing in ("the film", "a book")
    ]
    paragraphs.append({"context": " ".join(words), "qas": qas})
  return {"version": "1.1", "data": [{"title": "", "paragraphs": paragraphs}]}


def write_squad(folder: pathlib.Path, **options) -> str:
  """Writes `squad_tree` to a file; returns its path."""
  path = folder / "squad.json"
  path.write_text(json.dumps(squad_tree(**options)), encoding="utf-8")
  return str(path)
