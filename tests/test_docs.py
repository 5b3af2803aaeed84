# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Public docstrings say what they must, and the page of them has no warning."""

import html
import inspect
import pathlib
import re
import subprocess
import sys

import pytest

import tf_adapters

REPOSITORY = pathlib.Path(__file__).parent.parent
NAMES = [name for name in tf_adapters.__all__ if name != "__version__"]
CLASSES = [
  name for name in NAMES if inspect.isclass(getattr(tf_adapters, name))
]
ERRORS = ("ExportError", "InputError", "ServerError")
FUNCTIONS = sorted(set(NAMES) - set(CLASSES))

# What takes or gives tensors says their shapes.
SHAPED = ("AdapterEncoder", "AdapterLayer", "Head", "LoadedTask", "build",
          "export")
# What somebody published says by whom, and where.
CITING = ("AdapterConfig", "AdapterEncoder", "AdapterLayer", "Head", "build",
          "plan", "train", "train_baseline")
# What measures says in what.
MEASURING = {
  "Client": ["Seconds"],
  "TrainResult": ["examples_per_s", "seconds", "10**9 bytes", "undefined"],
  "plan": ["bytes"],
  "export": ["in characters"],
}
# Nothing that is given to them can be wrong.
WITHOUT_ERRORS = {"parameter_table", "task_variables"}


def doc(name: str) -> str:
  return inspect.cleandoc(getattr(tf_adapters, name).__doc__)


def sections(text: str) -> dict[str, str]:
  """The sections of a docstring in Google's form, by their titles."""
  parts = re.split(r"^([A-Z][a-z]+):\n", text, flags=re.MULTILINE)
  return dict(zip(parts[1::2], parts[2::2], strict=True))


def described(text: str) -> set[str]:
  """Names before a colon at the least indentation."""
  found = re.findall(r"^  (\**\w+(?:, \w+)*):", text, flags=re.MULTILINE)
  return {name.lstrip("*") for names in found for name in names.split(", ")}


def parameters(value) -> set[str]:
  """What a caller may pass; of a Keras layer not what all layers take."""
  names = {
    name
    for name in inspect.signature(value).parameters
    if not name.startswith("_")
  }
  return names - {"kwargs"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_say_what_they_take_give_and_refuse(name):
  found = sections(doc(name))
  function = getattr(tf_adapters, name)
  assert described(found["Args"]) == parameters(function)
  assert found["Returns"].strip()
  if name not in WITHOUT_ERRORS:
    assert "InputError: " in found["Raises"]


@pytest.mark.parametrize("name", sorted(set(CLASSES) - set(ERRORS)))
def test_classes_say_what_they_take(name):
  found = sections(doc(name))
  said = described(found.get("Args", "")) | described(
    found.get("Attributes", "")
  )
  value = getattr(tf_adapters, name)
  sub = {"task", "data", "tuning", "adapter", "head", "train"}
  needed = parameters(value) - (sub if name == "Config" else set())
  assert needed <= said
  # The first two are only ever given; `export` checks the last.
  if name not in ("AdapterEncoder", "TrainResult", "Change"):
    assert "Raises" in found or name.endswith("Config")


@pytest.mark.parametrize("name", CLASSES)
def test_public_methods_are_documented(name):
  value = getattr(tf_adapters, name)
  for attribute, member in vars(value).items():
    if inspect.isfunction(member) and not attribute.startswith("_"):
      inherited = any(hasattr(base, attribute) for base in value.__mro__[1:])
      assert member.__doc__ or inherited, f"{name}.{attribute}"


@pytest.mark.parametrize("name", SHAPED)
def test_shapes_are_said(name):
  assert re.search(r"`?\[(batch|texts|\.\.\.)", doc(name) + methods(name))


def methods(name: str) -> str:
  members = vars(getattr(tf_adapters, name)) if name in CLASSES else {}
  return "".join(member.__doc__ or "" for member in members.values())


@pytest.mark.parametrize("name", CITING)
def test_sources_are_said(name):
  text = " ".join(doc(name).split())
  assert re.search(r"et al\., .*(20\d\d).*(section|Table|figure) \d", text)


@pytest.mark.parametrize("name", MEASURING)
def test_units_are_said(name):
  for unit in MEASURING[name]:
    assert unit in " ".join(doc(name).split())


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> str:
  pytest.importorskip("pdoc")
  folder = tmp_path_factory.mktemp("docs")
  done = subprocess.run(
    [sys.executable, REPOSITORY / "docs/api.py", folder],
    capture_output=True,
    check=False,
    text=True,
    cwd=REPOSITORY,
  )
  assert done.returncode == 0, done.stderr
  return (folder / "tf_adapters.html").read_text("utf-8")


def test_the_page_has_every_public_name_and_what_it_says(page):
  shown = " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())
  for name in NAMES:
    assert f'<section id="{name}">' in page
    first = doc(name).split("\n\n")[0]
    words = " ".join(first.replace("`", "").split())
    assert words in shown, name


def test_a_warning_fails(tmp_path):
  """As a reference to what is not there; the script itself is run."""
  pytest.importorskip("pdoc")
  script = str(REPOSITORY / "docs/api.py")
  code = (
    "import sys, warnings, runpy\n"
    "import pdoc, tf_adapters\n"
    "tf_adapters.__all__[:] = ['InputError']\n"
    "pdoc.pdoc = lambda *a, output_directory: (\n"
    "  (output_directory / 'tf_adapters.html').write_text(''),\n"
    "  warnings.warn('odd'))\n"
    f"sys.argv = ['api.py', {str(tmp_path)!r}]\n"
    f"runpy.run_path({script!r}, run_name='__main__')\n"
  )
  done = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, check=False, text=True
  )
  assert done.returncode == 1
  assert "odd" in done.stderr and "lacks `InputError`" in done.stderr
