# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""One page of HTML with everything in it: tables, pictures, commands."""

import base64
import html
import pathlib
import string
from collections.abc import Iterator

from tf_adapters import files
from tf_adapters.studies import results as results_lib
from tf_adapters.studies.kinds import KINDS
from tf_adapters.studies.results import Results
from tf_adapters.studies.tables import as_html

_PAGE = string.Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Studies of adapter tuning</title>
<style>
body { font: 16px/1.5 Georgia, serif; color: #111; background: #fff;
       max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; font-weight: normal; }
h2 { margin-top: 3rem; border-top: 1px solid #999; padding-top: 1rem; }
figure { margin: 1.5rem 0; }
img { max-width: 100%; height: auto; }
pre { background: #f4f4f4; padding: .6rem .8rem; overflow-x: auto;
      font-size: .8rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 1.2rem 0; font-size: .8rem;
        font-variant-numeric: tabular-nums; }
caption { text-align: left; font-style: italic; padding-bottom: .4rem; }
th, td { padding: .15rem .7rem .15rem 0; text-align: left;
         white-space: nowrap; }
th { border-bottom: 1px solid #111; font-weight: normal; }
td { border-bottom: 1px solid #ddd; }
.n { text-align: right; padding-left: .7rem; }
</style>
<h1>Studies of adapter tuning</h1>
<p>Of Houlsby et al., “Parameter-Efficient Transfer Learning for NLP”, ICML
2019, repeated with tf_adapters. Scores are in percent, differences in points.
Numbers of the paper are of BERT-base or BERT-large: shapes can be compared,
heights only with care.</p>
$parts
</html>
""")


def write(output: pathlib.Path) -> None:
  """Writes `report.html` of all studies that `output` holds."""
  parts = []
  for name in KINDS:
    folder = output / name
    if (folder / "results.json").exists():
      parts += _part(folder, results_lib.read(folder / "results.json"))
  page = _PAGE.substitute(parts="\n".join(parts))
  files.write_file(output / "report.html", page.encode())


def _part(folder: pathlib.Path, results: Results) -> Iterator[str]:
  kind = KINDS[results.study]
  yield f"<h2>{html.escape(kind.title)}</h2>"
  yield f"<p>{html.escape(kind.about)} {_extent(results)}</p>"
  for path in sorted(folder.glob("*.png")):
    yield _picture(path, f"{kind.title}: {path.stem}")
  for table in kind.tables(results):
    yield f'<div class="wide">{as_html(table)}</div>'
  yield from _failures(results)
  yield f"<pre>{html.escape(results.command)}</pre>"
  used = ", ".join(f"{name} {v}" for name, v in results.versions.items())
  yield f"<p>{html.escape(used)}.</p>"
  yield (
    "<details><summary>The file of the study</summary>"
    f"<pre>{html.escape(results.config)}</pre></details>"
  )


def _extent(results: Results) -> str:
  hours = sum(point.seconds for point in results.points) / 3600
  counts = (
    ("task", len(results.tasks)),
    ("point", len(results.points)),
    ("seed", results.seeds),
  )
  shown = [f"{n} {noun}{'' if n == 1 else 's'}" for noun, n in counts]
  return f"{', '.join(shown)}; {hours:.1f} hours of training in all."


def _picture(path: pathlib.Path, title: str) -> str:
  data = base64.b64encode(path.read_bytes()).decode()
  return (
    f'<figure><img alt="{html.escape(title)}" '
    f'src="data:image/png;base64,{data}"></figure>'
  )


def _failures(results: Results) -> Iterator[str]:
  failed = [
    f"<li>{html.escape(f'{point.task}, {point.name}: {reason}')}</li>"
    for point in results.points
    for reason in point.failed
  ]
  if failed:
    yield f"<p>Runs that failed:</p><ul>{''.join(failed)}</ul>"
