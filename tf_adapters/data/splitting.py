# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Cuts a publisher's one file into training, dev and test sets at random."""

import json
import pathlib
from collections.abc import Callable

import numpy as np

from tf_adapters import checks
from tf_adapters import files
from tf_adapters.data.examples import Examples
from tf_adapters.data.examples import read
from tf_adapters.data.form import OWN
from tf_adapters.data.form import Form
from tf_adapters.errors import InputError

_SHOWN = 5  # labels that are named


def sizes(count: int) -> tuple[int, int, int]:
  """Examples of train, dev and test, 80, 10 and 10 percent.

  Rounded as in Houlsby et al. 2019, Table 3: the first two down.
  """
  train = count * 8 // 10
  dev = (count - train) // 2
  return train, dev, count - train - dev


def split(
  path: str,
  output: str,
  form: Form = OWN,
  seed: int = 0,
  say: Callable[[str], None] = lambda message: None,
) -> dict[str, int]:
  """Writes `train.jsonl`, `dev.jsonl` and `test.jsonl` into a new folder.

  The rows have `text` (and `text_b`) and `label`, whatever the file calls
  them.

  Args:
    path: The file.
    output: A folder that is not there yet.
    form: In which the file is.
    seed: Of the order; the same seed makes the same files.
    say: Gets a line where dev or test have labels that train lacks, by which
      a classification refuses them.

  Returns:
    Examples by file.

  Raises:
    InputError: for a file that cannot be read, or of fewer than ten examples,
      a folder that is there, or a seed below 0.
  """
  checks.at_least("--seed", seed, 0)
  place = pathlib.Path(output)
  if place.exists():
    raise InputError(
      f"`--output`: {output!r} is there already; remove it or name another."
    )
  examples = read(path, key="FILE", form=form)
  if len(examples) < 10:
    raise InputError(
      f"{path}: has {len(examples)} examples; a split needs at least 10."
    )
  order = np.random.default_rng(seed).permutation(len(examples))
  ends = np.cumsum(sizes(len(examples)))[:-1]
  parts = dict(
    zip(("train", "dev", "test"), np.split(order, ends), strict=True)
  )
  with files.folder_aside(place.parent, place.name) as aside:
    for name, rows in parts.items():
      lines = [_line(examples, row) for row in rows]
      content = "\n".join([*lines, ""]).encode()
      (aside / f"{name}.jsonl").write_bytes(content)
    files.publish(aside, place)
  _tell_unseen(examples, parts["train"], form, say)
  return {name: len(rows) for name, rows in parts.items()}


def _tell_unseen(
  examples: Examples,
  train: np.ndarray,
  form: Form,
  say: Callable[[str], None],
) -> None:
  seen = {*form.labels, *(examples.labels[row] for row in train)}
  unseen = [name for name in dict.fromkeys(examples.labels) if name not in seen]
  if unseen:
    shown = ", ".join(f"`{name}`" for name in unseen[:_SHOWN])
    more = f" and {len(unseen) - _SHOWN} more" if len(unseen) > _SHOWN else ""
    say(
      f"no training example has the label {shown}{more}; a classification "
      "refuses dev and test sets that have one, another --seed may not."
    )


def _line(examples: Examples, row: int) -> str:
  tree = {"text": examples.texts[row]}
  if examples.texts_b is not None:
    tree["text_b"] = examples.texts_b[row]
  tree["label"] = examples.labels[row]
  return json.dumps(tree, ensure_ascii=False)
