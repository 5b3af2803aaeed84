# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Runs a study, and writes its data, tables and pictures.

    OUTPUT/journal.log         what was tried, of all studies
    OUTPUT/STUDY/runs.csv      every run, failures among them
    OUTPUT/STUDY/results.json  what the tables and the pictures are made of
    OUTPUT/STUDY/table.md, *.png, *.svg
    OUTPUT/report.html         all studies of the folder
"""

import pathlib
from collections.abc import Callable

from tf_adapters import drawing
from tf_adapters import files
from tf_adapters.studies import report
from tf_adapters.studies import results as results_lib
from tf_adapters.studies.kinds import KINDS
from tf_adapters.studies.plan import Study
from tf_adapters.studies.results import Results
from tf_adapters.studies.tables import markdown
from tf_adapters.suites import outcome
from tf_adapters.suites import run as suite_run
from tf_adapters.suites import table as suite_table
from tf_adapters.suites.trials import Trials


def run(
  study: Study,
  say: Callable[[str], None],
  command: str,
  retry: bool = False,
) -> Results:
  """Runs what is left of a study; several processes may at once.

  Args:
    study: What to run.
    say: Is told of every run that ends.
    command: For the report.
    retry: Whether to run again what failed before.

  Raises:
    InputError: without Optuna or matplotlib, before anything runs.
  """
  drawing.matplotlib("a study")
  suite = study.suite
  trials = Trials(suite.output, suite.storage, retry)
  study.folder.mkdir(parents=True, exist_ok=True)
  for _ in suite_run.advance(suite, trials, say, study.inspect):
    results = _write_data(study, trials, command)
  with suite_run.alone(suite):
    publish(study.folder)
    report.write(suite.output)
  return results


def _write_data(study: Study, trials: Trials, command: str) -> Results:
  with suite_run.alone(study.suite):
    outcomes = outcome.outcomes(study.suite, trials, study.inspect)
    results = Results(
      study=study.kind.name,
      points=results_lib.gather(outcomes, study.places),
      command=command,
      config=study.config,
      versions=results_lib.versions(),
    )
    text = suite_table.table_of_runs(outcomes)
    files.write_file(study.folder / "runs.csv", text.encode())
    content = results_lib.encode(results)
    files.write_file(study.folder / "results.json", content)
  return results


def publish(folder: pathlib.Path) -> None:
  """Makes tables and pictures of the data in the folder of a study."""
  results = results_lib.read(folder / "results.json")
  kind = KINDS[results.study]
  text = "\n".join(markdown(table) for table in kind.tables(results))
  files.write_file(folder / "table.md", text.encode())
  with drawing.settings():
    figures = kind.draw(results)
    for name, figure in figures.items():
      for suffix in drawing.FORMATS:
        drawing.write(figure, folder / f"{name}.{suffix}")
  for name in set(kind.pictures) - set(figures):  # of an earlier file
    for suffix in drawing.FORMATS:
      (folder / f"{name}.{suffix}").unlink(missing_ok=True)
