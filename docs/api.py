# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Renders the API page from the docstrings: `make docs`, or

    python docs/api.py FOLDER

It fails on any warning of pdoc's, and on a public name that the page lacks.
"""

import pathlib
import re
import sys
import warnings

import pdoc
import pdoc.doc
import pdoc.render

import tf_adapters

PACKAGE = tf_adapters.__name__


def main(output: str) -> int:
  """Writes the page; returns the exit status."""
  # They are imported when they are first used; pdoc shows what is there.
  for name in tf_adapters.__all__:
    setattr(tf_adapters, name, getattr(tf_adapters, name))
  pdoc.render.configure(
    docformat="google",
    show_source=False,
    footer_text=f"{PACKAGE} {tf_adapters.__version__}",
  )
  folder = pathlib.Path(output)
  with warnings.catch_warnings(record=True) as found:
    warnings.simplefilter("always")
    # The public names alone, without the modules that they come from.
    pdoc.pdoc(PACKAGE, f"!{PACKAGE}[.].*", output_directory=folder)
  page = folder / f"{PACKAGE}.html"
  problems = [f"{item.filename}: {item.message}" for item in found]
  problems += [
    f"{page}: lacks `{name}`"
    for name in sorted(set(tf_adapters.__all__) - shown(page))
  ]
  for problem in problems:
    print(problem, file=sys.stderr)
  print(page)
  return 1 if problems else 0


def shown(page: pathlib.Path) -> set[str]:
  """The names that have an entry of their own."""
  return set(re.findall(r'<section id="(\w+)">', page.read_text("utf-8")))


if __name__ == "__main__":
  sys.exit(main(*sys.argv[1:]))
