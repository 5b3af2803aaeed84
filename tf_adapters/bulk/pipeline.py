# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The run on Apache Beam: part → rows → `RunInference` → file.

    Create(parts) ─ Reshuffle ─▶ read ─▶ RunInference ─▶ write

Each part goes through on its own and is done when its file is there; nothing
is collected, so memory does not grow with the inputs, and what is done stays
done if the run stops. Source: https://beam.apache.org/documentation/ml/
about-ml.
"""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler
from apache_beam.ml.inference.base import PredictionResult
from apache_beam.ml.inference.base import RunInference
from apache_beam.options.pipeline_options import PipelineOptions

from tf_adapters.bulk import work as work_lib
from tf_adapters.bulk.answers import Asked
from tf_adapters.bulk.answers import Model
from tf_adapters.errors import InputError

METRICS = "tf_adapters"  # the namespace of the counters
# By the first name Beam prefers Prism, a program that it downloads; the second
# is its runner in this process.
_DIRECT = ("DirectRunner", "FnApiRunner")
_ERROR = f"{InputError.__module__}.{InputError.__qualname__}: "


class Handler(ModelHandler):
  """Answers parts; Beam loads the model once in each worker process.

  Beam's own handlers for TensorFlow load Keras models.

  Args:
    asked: The task.
    batch_size: Rows that the model answers at once.
  """

  def __init__(self, asked: Asked, batch_size: int):
    super().__init__()
    self._asked = asked
    self._batch_size = batch_size

  def load_model(self) -> Model:
    return Model(self._asked)

  def run_inference(
    self,
    batch: Sequence[work_lib.Filled],
    model: Model,
    inference_args: dict[str, Any] | None = None,
  ) -> Iterable[PredictionResult]:
    del inference_args
    for filled in batch:
      answers = model.answer(filled.texts, self._batch_size)
      yield PredictionResult(filled, answers)

  def get_num_bytes(self, batch: Sequence[work_lib.Filled]) -> int:
    return sum(
      len(text)
      for filled in batch
      for texts in filled.texts.values()
      for text in texts
    )

  def get_metrics_namespace(self) -> str:
    return METRICS

  def batch_elements_kwargs(self) -> dict[str, int]:
    """One part at a time: which rows share a batch must not be chance."""
    return {"min_batch_size": 1, "max_batch_size": 1}


def run(
  works: Sequence[work_lib.Work],
  handler: ModelHandler,
  runner: str,
  options: Sequence[str],
) -> Any:
  """Does all parts, and waits until they are done.

  Args:
    works: The parts.
    handler: Answers them.
    runner: Name of a runner of Beam, as `DirectRunner`.
    options: Beam's, as `name=value`, or `name` for one without a value.

  Returns:
    Beam's result, with its metrics.

  Raises:
    InputError: for a runner that Beam does not know, and whatever a worker
      says of the inputs.
  """
  runner = _DIRECT[1] if runner == _DIRECT[0] else runner
  flags = [f"--runner={runner}", *(f"--{option}" for option in options)]
  try:
    pipeline = beam.Pipeline(options=PipelineOptions(flags))
  except ValueError as error:
    raise InputError(f"`--runner`: {error}") from None
  _ = (
    pipeline
    | "Parts" >> beam.Create([work.to_json() for work in works])
    | "Spread" >> beam.Reshuffle()
    | "Read" >> beam.Map(_read)
    | "Answer" >> RunInference(handler)
    | "Write" >> beam.Map(_write)
  )
  try:
    result = pipeline.run()
    result.wait_until_finish()
  except InputError as error:
    raise InputError(_without_step(str(error))) from error
  except RuntimeError as error:
    raise _reason(error) from error
  return result


def _reason(error: RuntimeError) -> Exception:
  """A worker's `InputError`, which Beam gives as the text of its traceback."""
  for line in str(error).splitlines():
    if line.startswith(_ERROR):
      return InputError(_without_step(line.removeprefix(_ERROR)))
  return error


def _without_step(message: str) -> str:
  """Beam says behind an error in which of its steps it was."""
  return message.partition(" [while running ")[0]


def _read(text: str) -> work_lib.Filled:
  return work_lib.read(work_lib.Work.from_json(text))


def _write(result: PredictionResult) -> str:
  filled = result.example
  work_lib.write(filled, result.inference)
  count = beam.metrics.Metrics.counter
  count(METRICS, "rows_answered").inc(len(filled.kept))
  count(METRICS, "rows_rejected").inc(len(filled.rejected))
  return filled.work.path
