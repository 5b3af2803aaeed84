# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One SavedModel for a whole store: the encoder once, a signature per task."""

import pathlib
from collections.abc import Sequence

import tensorflow as tf

from tf_adapters import checks
from tf_adapters import json_files
from tf_adapters import writing
from tf_adapters.checkpoints import pretrained
from tf_adapters.checkpoints.load import load_encoder
from tf_adapters.errors import InputError
from tf_adapters.modeling import garden
from tf_adapters.serving import checking
from tf_adapters.serving import loading
from tf_adapters.serving import signatures as signatures_lib
from tf_adapters.serving import stubs
from tf_adapters.serving import versions
from tf_adapters.serving import warmup
from tf_adapters.serving.loading import ServedTask
from tf_adapters.serving.versions import Change
from tf_adapters.store.store import Store
from tf_adapters.training import reporting
from tf_adapters.version import __version__

# A server runs each request that warms it up before it answers any.
_WARM = 50
_PRECISIONS = ("float32", "bfloat16")


def export(
  store: str,
  output: str,
  *,
  tasks: Sequence[str] | Change | None = None,
  keep: int | None = None,
  merge: bool = False,
  examples: bool = False,
  precision: str | None = None,
  reporter: reporting.Reporter | None = None,
) -> str:
  """Writes tasks of a store as the next version of one served model.

  The SavedModel holds the encoder once, and it and all tasks in one variable;
  it needs tensorflow and tensorflow-text alone. Tokenisation is inside.
  Signatures, whose every input is string `[batch]`:

  * each task's name: `text` (and `text_b` for pairs) to `label`, `score` and
    `probabilities` `[batch, labels]`, or to `value` for a regression; of a
    span task `question` and `context` to `answer`, `score`, and `start` and
    `end` in characters (Unicode code points) of the context, -1 where nothing
    can be an answer.
  * `mixed`: `task`, `text` and `text_b` ("" where it is not read) to the
    answers of each row's own task; see `serving.mixed.Mixed`.
  * `all_tasks`: `text` to every task's answer, `[batch, tasks]`, of tasks
    that read one text; see `serving.all_tasks.AllTasks`.
  * `embed`: `text` to the bare encoder's `first_token` and `pooled_output`,
    float32 `[batch, hidden]`.
  * `serving_default`: the only task, or `mixed`.
  * with `examples` NAME.classify or NAME.regress: serialised `tf.Example`s
    with the features `text` (and `text_b`), for the server's Classify,
    Regress and MultiInference calls.

  Beside it lie, as a server wants them, requests that warm it up and
  `batching_params.pbtxt`; and `assets.extra/tasks.json`: the order of
  `probabilities`, dev scores and what each task adds to the encoder. Before
  the version appears all requests, and one of each kind of the other
  signatures, are run through TensorFlow's C API.

  Args:
    store: Folder of the store.
    output: Base folder of the model, as TensorFlow Serving polls it; its
      next version folder (`1`, `2`, …) appears complete or not at all.
    tasks: Names; None: all; `Change`: those of the newest version, but for
      some added or removed. The weights of the others are then those of that
      version, to the bit, and `merge` and `examples` at least as there.
    keep: How many of the newest versions stay; None: all.
    merge: Whether tasks of the strategy `lora` get plain kernels, which are
      faster and larger; see `tf_adapters.merge`.
    examples: Whether there are signatures for `tf.Example`s.
    precision: Of products with the encoder's kernels in blocks: `float32`, or
      `bfloat16`, in which a processor with AVX512-BF16 or AMX multiplies
      faster (others slower) and scores move by some 0.01; all else stays
      float32. None: that of the newest version with `Change`, else float32.
    reporter: Is told what each task adds; None: a line a task on stderr.

  Returns:
    The version folder.

  Raises:
    InputError: for a store without tasks or with a damaged one, for tasks
      that it does not have or that are not as they were served, and for a
      `Change` of what is no longer the newest version when it is written.
    ExportError: if the server would refuse what was made.
  """
  checks.literal("output", output)
  if not isinstance(tasks, Change | None):
    checks.names("tasks", tasks)
  if keep is not None:
    checks.whole("keep", keep)
    checks.at_least("keep", keep, 1)
  for key, value in (("merge", merge), ("examples", examples)):
    checks.boolean(key, value)
  if precision is not None:
    checks.one_of("precision", precision, _PRECISIONS)
  source, base = Store(store), pathlib.Path(output)
  before = versions.newest(base) if isinstance(tasks, Change) else None
  said = before.said if before else {}
  form = {
    "merge": merge or said.get("merge") is True,
    "examples": examples or said.get("examples") is True,
    "precision": precision or said.get("precision") or _PRECISIONS[0],
  }
  loaded = _load(source, before, tasks)
  encoder = load_encoder(source.encoder_path())
  source.check_encoder(pretrained.of(encoder).fingerprint)
  served = loading.load(encoder, loaded, form["merge"])
  _report(encoder, served, reporter or reporting.Reporter())
  made = signatures_lib.make(
    encoder,
    served,
    examples=form["examples"],
    warm=_WARM,
    precision=form["precision"],
  )
  with versions.folder_aside(base, before) as aside:
    with writing.as_os_error(str(base)):
      _write(aside, made, {**_describe(served), **form})
    checking.check(aside, [*made.requests, *made.trials])
    place = versions.publish(aside, base)
    if keep is not None:
      versions.keep(base, keep)
  return str(place)


def _write(
  aside: pathlib.Path, made: signatures_lib.Served, description: dict
) -> None:
  """Writes the SavedModel and what lies beside it."""
  tf.saved_model.save(
    made.root,
    str(aside),
    signatures=made.signatures,
    # Nobody trains what is served.
    options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),
  )
  stubs.shorten(aside)
  extra = aside / "assets.extra"
  extra.mkdir()
  (extra / "tasks.json").write_bytes(json_files.encode(description))
  warmup.write_requests(aside, made.requests)
  warmup.write_batching(aside)


def _load(source: Store, before: versions.Version | None, tasks) -> list:
  """The modules that are asked for."""
  names = source.tasks()
  if not names:
    raise InputError(f"the store {str(source.path)!r} has no task to export.")
  if before is not None:
    wanted = versions.changed(before, tasks)
  else:
    wanted = dict.fromkeys(names if tasks is None else tasks)
  if not wanted:
    raise InputError("`tasks` must name at least one task to export; got none.")
  loaded = []
  for name, checksum in wanted.items():
    module = source.load(name)
    if checksum not in (None, module.weights_sha256):
      raise InputError(
        f"the task {name!r} of the store {str(source.path)!r} is not the one "
        f"that the newest version in {str(before.path.parent)!r} serves; add "
        f"{name!r}, too, to replace it, or export all tasks anew."
      )
    loaded.append(module)
  return loaded


def _report(encoder, served, reporter: reporting.Reporter) -> None:
  parts = garden.lay_open(encoder)
  whole = sum(v.shape.num_elements() * 4 for _, v in parts.named())
  for member in served:
    cost = member.cost()
    line = (
      f"{member.name}: {cost['parameters']:,} parameters of its own "
      f"({cost['strategy']}), {cost['bytes'] / 1e6:.2f} MB"
    )
    if member.in_place:
      line += (
        f"; {cost['bytes_in_place']:,} bytes stand in the place of the "
        f"encoder's, which has {whole:,}"
      )
    reporter.say(line)


def _describe(served: Sequence[ServedTask]) -> dict:
  """Says what the signatures cannot: labels in order, scores, origin."""
  return {
    "package_version": __version__,
    "encoder_fingerprint": served[0].module.encoder_fingerprint,
    "tasks": {
      member.name: {
        **member.module.definition,
        "inputs": list(member.inputs),
        "metrics": member.module.metrics,
        "weights_sha256": member.module.weights_sha256,
        **member.cost(),
      }
      for member in served
    },
  }
