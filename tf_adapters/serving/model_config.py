# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""TensorFlow Serving's model config file: which models and versions it loads.

A `ModelServerConfig` as protocol buffer text, for the server's option
`--model_config_file`. Source: tensorflow_serving/config/
model_server_config.proto and https://www.tensorflow.org/tfx/serving/
serving_config.
"""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from collections.abc import Sequence

from tf_adapters import files
from tf_adapters.client import target
from tf_adapters.errors import InputError
from tf_adapters.serving import versions as versions_lib


@dataclasses.dataclass(frozen=True)
class ServedModel:
  """One model of a server.

  Without labels the server loads the newest version, and each new one when it
  appears. With labels it loads the labelled versions and no other.

  Attributes:
    name: By which clients ask for it.
    folder: Base folder of its versions, as `export` wrote it.
    labels: Versions by label, as `{"stable": 1, "canary": 2}`.
  """

  name: str
  folder: str
  labels: Mapping[str, int] = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    target.check_model_name("NAME", self.name)
    versions = self.versions()
    for label, version in self.labels.items():
      target.check_label("--label", label)
      target.check_version("--label", version)
      if version not in versions:
        found = ", ".join(map(str, versions))
        raise InputError(
          f"`--label` {label}={version}: {self.folder} has no version "
          f"{version}; it has {found}."
        )

  def versions(self) -> list[int]:
    """The versions in its folder that are whole, in order.

    Raises:
      InputError: if there are none.
    """
    base = pathlib.Path(self.folder)
    if not base.is_dir():
      raise InputError(f"{self.name}={self.folder}: there is no such folder.")
    found = versions_lib.found(base)
    if not found:
      raise InputError(
        f"{self.name}={self.folder}: has no version, which is a folder with a "
        "number for its name and a `saved_model.pb` in it; `tf-adapters "
        "export` writes such."
      )
    return list(found)


def write(
  path: str, models: Sequence[ServedModel], root: str | None = None
) -> None:
  """Writes the file, whole or not at all.

  Args:
    path: The file.
    models: What the server shall load; it unloads whatever else it has.
    root: The folder in which the server finds the models' folders by their
      names, as `/models` in a container; None: where they are here.

  Raises:
    InputError: if two models have one name, or `root` is not absolute, or
      two folders would have one place in it.
  """
  content = render(models, root).encode("ascii")
  place = pathlib.Path(path)
  place.parent.mkdir(parents=True, exist_ok=True)
  files.write_file(place, content)


def render(models: Sequence[ServedModel], root: str | None = None) -> str:
  """The text of the file; see `write`."""
  if not models:
    raise InputError("a model config file needs at least one model.")
  if root is not None and not root.startswith("/"):
    raise InputError(f"`--root` must be an absolute path; got {root!r}.")
  names = [model.name for model in models]
  for name in names:
    if names.count(name) > 1:
      raise InputError(f"two models have the name {name!r}.")
  _check_places(models, root)
  lines = ["model_config_list {"]
  for model in models:
    lines += [f"  {line}" for line in _config(model, root)]
  return "\n".join([*lines, "}", ""])


def _check_places(models: Sequence[ServedModel], root: str | None) -> None:
  """Refuses two folders of one name, of which a server would find one."""
  folders = {}
  for model in models:
    place = _base_path(model, root)
    first = folders.setdefault(place, model.folder)
    if not os.path.samefile(first, model.folder):
      raise InputError(
        f"{first} and {model.folder} would both be {place} to the server; give "
        "one of them another name."
      )


def _base_path(model: ServedModel, root: str | None) -> str:
  # Links keep their names: they are what the server is told to look for.
  folder = os.path.abspath(model.folder)
  if root is None:
    return folder
  return os.fspath(pathlib.PurePosixPath(root) / os.path.basename(folder))


def _config(model: ServedModel, root: str | None) -> list[str]:
  lines = [
    "config {",
    f"  name: {_quote(model.name)}",
    f"  base_path: {_quote(_base_path(model, root))}",
    '  model_platform: "tensorflow"',
  ]
  if model.labels:
    lines.append("  model_version_policy { specific {")
    lines += [f"    versions: {n}" for n in sorted({*model.labels.values()})]
    lines.append("  } }")
  else:
    lines.append("  model_version_policy { latest { num_versions: 1 } }")
  lines += [
    f"  version_labels {{ key: {_quote(label)} value: {version} }}"
    for label, version in sorted(model.labels.items())
  ]
  return [*lines, "}"]


def _quote(text: str) -> str:
  """A string literal of protocol buffer text; what is not ASCII in octal."""
  return '"' + "".join(map(_letter, os.fsencode(text))) + '"'


def _letter(byte: int) -> str:
  letter = chr(byte)
  if letter in '"\\':
    return f"\\{letter}"
  return letter if " " <= letter <= "~" else f"\\{byte:03o}"
