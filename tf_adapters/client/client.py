# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`Client`: the answers of a served model, as `tf_adapters.predict` gives."""

import dataclasses
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from tf_adapters import checks
from tf_adapters.client import answers as answers_lib
from tf_adapters.client import options
from tf_adapters.client import protocols
from tf_adapters.client import target
from tf_adapters.client import texts as texts_lib
from tf_adapters.client import transport
from tf_adapters.client.known import Known
from tf_adapters.client.known import Signatures
from tf_adapters.client.retries import Deadline
from tf_adapters.client.retries import Retries
from tf_adapters.client.signatures import Signature
from tf_adapters.errors import InputError
from tf_adapters.errors import ServerError

_MOST = 20  # tasks named in an error


@dataclasses.dataclass(eq=False)
class Client:
  """Asks TensorFlow Serving for what `export` wrote.

      client = tf_adapters.Client("localhost:8501", model="my_model")
      client.predict("sms", ["You have won a prize"])

  REST needs the standard library alone. Connections are kept and used again;
  threads may share a client. A request is repeated, after a random pause that
  grows, where the server was not there (connection refused, or closed before
  an answer), or said that it is unavailable (503, UNAVAILABLE); never after a
  time-out or for bad input. What the model's tasks take and give is asked once,
  and anew where the server seems to have loaded another version.

  Attributes:
    address: `HOST:PORT`, with `https://` for TLS, or `grpc://HOST:PORT` and
      `grpcs://`; see `target.parse`.
    model: The model's name on the server; `model` is that of its container.
    version: One of its versions; None: the newest.
    label: A label of a version instead, as `tf-adapters serve-config` sets it.
    protocol: `rest` or `grpc` where the address does not say it.
    labels: The export's `assets.extra/tasks.json`, or labels by task. With
      it `probabilities` go by label; without it they are a list in the order
      of the task's labels, which no server tells.
    timeout: Seconds for one request, its repetitions included.
    retries: Repetitions at most.
    batch_size: Rows of one request; more texts go in several, one by one.
    form: Of REST: `column`, or `row` for gateways that know no other.
    headers: Sent with every request, for gateways; over gRPC as metadata.

  Raises:
    InputError: for arguments that cannot be, here and in each method.
    ServerError: in each method, if the server cannot be reached or answers
      wrong.
  """

  address: str
  _: dataclasses.KW_ONLY
  model: str = "model"
  version: int | None = None
  label: str | None = None
  protocol: str | None = None
  labels: str | Mapping[str, Sequence[str]] | None = dataclasses.field(
    default=None, repr=False
  )
  timeout: float = 60.0
  retries: int = 3
  batch_size: int = 128
  form: str = "column"
  headers: Mapping[str, str] = dataclasses.field(
    default_factory=dict, repr=False  # they may hold a token
  )

  def __post_init__(self):
    options.check_numbers(self.timeout, self.retries, self.batch_size)
    checks.one_of("form", self.form, ("column", "row"))
    self.labels = options.labels_of(self.labels)
    self._address = target.parse(self.address, self.protocol)
    options.check_headers(self.headers, self._address.protocol)
    self._retries = Retries(self.retries, self.timeout)
    model = target.Model(self.model, self.version, self.label)
    self._transport = protocols.connect(
      self._address, model, self.headers, self.form
    )
    self._known = Known(
      lambda: self._retries.run(self._transport.signatures)
    )

  def predict(
    self,
    task: str,
    texts: Iterable[str | bytes],
    texts_b: Iterable[str | bytes] | None = None,
  ) -> list[dict[str, Any]]:
    """An answer a text, in their order.

    Args:
      task: Name of the task.
      texts: Texts, or UTF-8 as bytes; the questions of a span task.
      texts_b: The second texts of pairs; the contexts of a span task.

    Returns:
      For a classification `label`, `score` and `probabilities` (see
      `labels`), for a regression `value`, for a span task `answer`, `score`,
      `start` and `end`, as `tf_adapters.predict` says.
    """
    texts_lib.task_name("task", task)
    columns = texts_lib.columns(texts, texts_b)
    if not columns[0]:
      return []
    known = self._known.get([(task, len(columns))])
    signature = known.task(task)
    if signature is None:
      return self._by_mixed(known, task, columns)
    inputs = signature.inputs
    texts_lib.wants(task, inputs, texts_b is not None, "texts")
    names = answers_lib.OUTPUTS[signature.type]
    found = self._ask(signature, dict(zip(inputs, columns, strict=True)), names)
    return [self._named(answer, task, exact=True) for answer in found]

  def predict_mixed(
    self, pairs: Iterable[Sequence[str | bytes]]
  ) -> list[dict[str, Any]]:
    """An answer a row, each by its own task, in one request a batch.

    Args:
      pairs: (task, text) or (task, text, text_b), in any mix and order.

    Returns:
      As `predict`, in their order. A row whose task the model does not have
      is `{"error": …}`; the others are answered. Of a task that has no
      signature of its own, and is not in `labels`, `probabilities` may be
      followed by those that other tasks have more.
    """
    rows = texts_lib.pairs(pairs)
    if not rows:
      return []
    known = self._known.get(
      (task, 1 if text_b is None else 2) for task, _, text_b in rows
    )
    found = self._ask_mixed(known, rows)
    if not _fit(known, rows, found):
      newest = self._known.renewed(known)
      if newest != known:
        known, found = newest, self._ask_mixed(newest, rows)
    return self._of_mixed(known, rows, found)

  def tasks(self) -> list[str]:
    """The tasks that have a signature of their own, asked anew, sorted."""
    self._known.forget()
    return self._known.get().tasks

  def inputs(self, task: str) -> tuple[str, ...]:
    """What a task takes: `text`, and `text_b`; or `question`, `context`."""
    texts_lib.task_name("task", task)
    known = self._known.get([(task, None)])
    signature = known.task(task)
    if signature is None:
      raise self._no_task(known, task)
    return signature.inputs

  def close(self) -> None:
    """Closes connections; another request opens them again."""
    self._transport.close()

  def __enter__(self) -> "Client":
    return self

  def __exit__(self, *_: Any) -> None:
    self.close()

  def _no_task(self, known: Signatures, task: str) -> InputError:
    tasks = [repr(name) for name in known.tasks]
    more = f" and {len(tasks) - _MOST} more" if len(tasks) > _MOST else ""
    return InputError(
      f"the model {self.model!r} of the server {self._address} has no task "
      f"{task!r}; it has {', '.join(tasks[:_MOST]) or 'none'}{more}."
    )

  # --- Many tasks in one request -------------------------------------------

  def _by_mixed(
    self, known: Signatures, task: str, columns: list[list]
  ) -> list[dict[str, Any]]:
    """For models that have a task in `mixed` alone."""
    if known.mixed is None:
      raise self._no_task(known, task)
    rows = texts_lib.pairs([
      (task, *row) for row in zip(*columns, strict=True)
    ])
    found = self._of_mixed(known, rows, self._ask_mixed(known, rows))
    if any("error" in answer for answer in found):
      raise self._no_task(known, task)
    return found

  def _ask_mixed(
    self, known: Signatures, rows: list[tuple]
  ) -> list[dict[str, Any]]:
    """All that `mixed` gives, by row."""
    mixed = known.mixed
    if mixed is None:
      self._known.forget()
      raise ServerError(
        f"the model {self.model!r} of the server {self._address} has no "
        "signature `mixed`; export it anew, or ask one task at a time."
      )
    for index, (task, _, text_b) in enumerate(rows):
      _check_row(index, known.task(task), text_b is not None, mixed)
    tasks, texts, texts_b = zip(*rows, strict=True)
    columns = {"task": tasks, "text": texts}
    if "text_b" in mixed.inputs:
      columns["text_b"] = ["" if text is None else text for text in texts_b]
    names = [name for name in answers_lib.KNOWN if name in mixed.outputs]
    return self._ask(mixed, columns, names)

  def _of_mixed(
    self, known: Signatures, rows: list[tuple], found: list[dict[str, Any]]
  ) -> list[dict[str, Any]]:
    """What `mixed` gave as each row's own task gives it."""
    answers = []
    for row, (task, *_) in zip(found, rows, strict=True):
      own = known.task(task)
      answer = answers_lib.mixed(row, task, own)
      exact = own is not None and own.labels is not None
      answers.append(self._named(answer, task, exact))
    return answers

  # --- Requests ------------------------------------------------------------

  def _ask(
    self,
    signature: Signature,
    columns: Mapping[str, Sequence[str | bytes]],
    names: Sequence[str],
  ) -> list[dict[str, Any]]:
    """In batches, one after another."""
    count = len(next(iter(columns.values())))
    found = []
    for first in range(0, count, self.batch_size):
      part = {
        name: column[first : first + self.batch_size]
        for name, column in columns.items()
      }
      found += self._ask_once(signature, part, names)
    return found

  def _ask_once(self, signature, columns, names) -> list[dict[str, Any]]:
    def ask(deadline: Deadline) -> dict[str, Any]:
      return self._transport.predict(signature, columns, deadline)

    count = len(next(iter(columns.values())))
    try:
      return answers_lib.rows(self._retries.run(ask), names, count)
    except ServerError:
      # Perhaps the server has another version now, with other signatures.
      self._known.forget()
      raise
    except answers_lib.Malformed as error:
      self._known.forget()
      raise transport.malformed(self._address, str(error)) from None

  def _named(
    self, answer: dict[str, Any], task: str, exact: bool
  ) -> dict[str, Any]:
    labels = self.labels.get(task)
    if labels is None:
      return answer
    return answers_lib.by_label(answer, task, labels, exact)


def _fit(
  known: Signatures, rows: list[tuple], found: list[dict[str, Any]]
) -> bool:
  """Whether what `mixed` gave can be by the signatures that are known."""
  return all(
    answers_lib.fits(row, known.task(task))
    for row, (task, *_) in zip(found, rows, strict=True)
  )


def _check_row(
  index: int, own: Signature | None, paired: bool, mixed: Signature
) -> None:
  """Whether a row of `mixed` has a second text where its task takes one."""
  where = f"pairs[{index}]"
  if own is not None:
    texts_lib.wants(own.name, own.inputs, paired, where)
  if paired and "text_b" not in mixed.inputs:
    raise InputError(
      f"`{where}` has a second text, and no task of the model takes one."
    )
