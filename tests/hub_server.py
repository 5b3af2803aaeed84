# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Servers that speak the file protocols of the Hugging Face Hub and of Kaggle.

As documented by their clients: the Hub answers for a file with its commit,
ETag and size, and sends large ones elsewhere; Kaggle takes calls as JSON.
"""

import hashlib
import json
import pathlib
import urllib.parse

from tests.file_server import Answer
from tests.file_server import FileServer

LARGE = (".safetensors", ".bin")


def read_folder(folder: pathlib.Path) -> dict[str, bytes]:
  """All files of a folder by their paths in it."""
  return {
    path.relative_to(folder).as_posix(): path.read_bytes()
    for path in folder.rglob("*")
    if path.is_file()
  }


class HubServer(FileServer):
  """Repositories with commits and branches.

  Attributes:
    commits: Files by name, by repository and commit.
    branches: Commits by repository and branch.
  """

  def __init__(self):
    super().__init__()
    self.commits: dict[tuple[str, str], dict[str, bytes]] = {}
    self.branches: dict[tuple[str, str], str] = {}

  def commit(self, repo: str, files: dict[str, bytes], branch="main") -> str:
    """Makes `files` the newest of a branch; returns the commit."""
    content = repr([repo, sorted(files.items())]).encode()
    commit = hashlib.sha1(content).hexdigest()
    self.commits[repo, commit] = files
    self.branches[repo, branch] = commit
    return commit

  def answer(self, method, path, body):
    if path.startswith("/large/"):
      return super().answer(method, path, body)
    repo, _, rest = path[1:].partition("/resolve/")
    revision, _, name = rest.partition("/")
    revision = urllib.parse.unquote(revision)
    if not any(repo == known for known, _ in self.commits):
      return Answer(401, headers={"X-Error-Code": "RepoNotFound"})
    commit = self.branches.get((repo, revision), revision)
    if (repo, commit) not in self.commits:
      return Answer(404, headers={"X-Error-Code": "RevisionNotFound"})
    headers = {"X-Repo-Commit": commit}
    content = self.commits[repo, commit].get(name)
    if content is None:
      return Answer(404, headers={**headers, "X-Error-Code": "EntryNotFound"})
    if not name.endswith(LARGE):
      etag = hashlib.sha1(content).hexdigest()
      return Answer(body=content, headers={**headers, "ETag": f'"{etag}"'})
    etag = hashlib.sha256(content).hexdigest()
    self.contents[f"/large/{etag}"] = content
    return Answer(302, headers={
      **headers,
      "X-Linked-Etag": f'"{etag}"',
      "X-Linked-Size": str(len(content)),
      # Another host, as the Hub's own are.
      "Location": f"http://localhost:{self.server_port}/large/{etag}",
    })


class KaggleServer(FileServer):
  """Versions of one model, for kagglehub as the proxy of http://localhost."""

  def __init__(self, handle: str):
    super().__init__()
    owner, model, _, variation = handle.split("/")
    self._slugs = [owner, model, variation]
    self.versions: list[dict[str, bytes]] = []

  def answer(self, method, path, body):
    if method == "GET":
      return super().answer(method, path, body)
    call = path.removeprefix("/api/v1/models.ModelApiService/")
    request = json.loads(body)
    keys = ("ownerSlug", "modelSlug", "instanceSlug")
    if [request[key] for key in keys] != self._slugs:
      return _json(404, {"code": 404, "message": "Not found"})
    if call == "GetModelInstance":
      return _json(200, {"versionNumber": len(self.versions)})
    number = request["versionNumber"]
    if not 1 <= number <= len(self.versions):
      return _json(404, {"code": 404, "message": "Not found"})
    files = self.versions[number - 1]
    if call == "ListModelInstanceVersionFiles":
      return _json(200, {"files": [{"name": name} for name in files]})
    place = f"/files/{number}/{request['path']}"
    self.contents[place] = files[request["path"]]
    return Answer(302, headers={"Location": f"http://localhost{place}"})


def _json(status, tree):
  headers = {"Content-Type": "application/json"}
  return Answer(status, json.dumps(tree).encode(), headers)
