# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Bulk scoring without Beam and without a model: rows in, rows out."""

import concurrent.futures
import contextlib
import csv
import hashlib
import io
import json
import pathlib
import sys
import zlib

import hypothesis
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import strategies as st

import tf_adapters
from tf_adapters import data
from tf_adapters.bulk import parts as parts_lib
from tf_adapters.bulk import places
from tf_adapters.bulk import records
from tf_adapters.bulk import work as work_lib

COLUMNS = ["id", "text", "note"]
NAMES = {"label": "sms_label", "score": "score", "probabilities": "p"}
LABELS = ("no", 'y"es,\r\nsüß')
FEW = hypothesis.settings(max_examples=40, deadline=None)

# What CSV quotes comes up in most texts.
TEXT = st.text(
  st.sampled_from('\r\n",')
  | st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
  max_size=8,
)
# TSV has no quoting, so a tab ends a field there and `\n` a line.
FIELD = st.text(
  st.characters(exclude_categories=["Cs"], exclude_characters="\t\r\n"),
  max_size=8,
)


def truth(text: str) -> dict:
  """The model: any text may be an answer, and tells its row from others."""
  score = (zlib.crc32(text.encode()) % 1000) / 1000
  return {
    "label": text[::-1],
    "score": score,
    "probabilities": {LABELS[0]: score, LABELS[1]: 0.5},
  }


def run(path: pathlib.Path, part_rows: int) -> tuple[list[bytes], list[dict]]:
  """Answers a file by `truth`: the contents of its parts, and bad rows."""
  source, parts = parts_lib.cut(str(path), part_rows)
  done, rejected = [], []
  for part in parts:
    assert 0 < part.rows <= part_rows
    out, bad = path.parent / "out", path.parent / "bad"
    work = work_lib.Work(
      source, part, {"text": "text"}, NAMES, LABELS, str(out), str(bad)
    )
    filled = work_lib.read(work_lib.Work.from_json(work.to_json()))
    answers = [truth(text) for text in filled.texts["text"]]
    work_lib.write(
      filled, {name: [row[name] for row in answers] for name in NAMES}
    )
    done.append(out.read_bytes())
    out.unlink()
    if bad.exists():
      rejected += map(json.loads, bad.read_bytes().splitlines())
      bad.unlink()
  return done, rejected


def check(path, rows, bad, part_rows, read) -> list[bytes]:
  """Every row once: in its place with its own answer, or among the bad.

  Args:
    path: The file that is answered.
    rows: (other columns, text) of the good rows.
    bad: Numbers of the lines, or rows, of the others.
    part_rows: Of `cut`.
    read: Gives [(other columns, [label, score, probabilities])] of an output.
  """
  done, rejected = run(path, part_rows)
  found = [row for content in done for row in read(content)]
  assert [others for others, _ in found] == [others for others, _ in rows]
  assert [answer for _, answer in found] == [
    list(truth(text).values()) for _, text in rows
  ]
  unit = "row" if path.suffix == ".parquet" else "line"
  assert [row[unit] for row in rejected] == bad
  assert {row["file"] for row in rejected} <= {str(path)}
  assert all(row["reason"] for row in rejected)
  return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
  return tmp_path_factory.mktemp("parts")


@pytest.fixture(scope="module", autouse=True)
def quick_files():
  """Flushing thousands of small files to the disk would take most time."""
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(
      places,
      "write",
      lambda path, content: pathlib.Path(path).write_bytes(content),
    )
    yield


# --- Tables ------------------------------------------------------------------


def tsv_line(row) -> bytes:
  return "\t".join(row).encode()


def csv_line(row, quoting) -> bytes:
  sink = io.StringIO(newline="")
  csv.writer(sink, quoting=quoting, lineterminator="\r\n").writerow(row)
  return sink.getvalue().removesuffix("\r\n").encode()


# (line, its cells or None for a bad one)
TSV = st.one_of(
  st.tuples(FIELD, FIELD, FIELD).map(lambda row: (tsv_line(row), row)),
  st.sampled_from([b"one", b"a\tb", b"a\tb\tc\td", b"a\t\xff\tb"]).map(
    lambda line: (line, None)
  ),
)
CSV = st.one_of(
  st.tuples(
    st.tuples(TEXT, TEXT, TEXT),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
  ).map(lambda given: (csv_line(*given), given[0])),
  st.sampled_from([b"1", b"1,2,3,4", b'"x"y,2,3', b"\xed\xa0\x80,2,3"]).map(
    lambda line: (line, None)
  ),
)


def read_tsv(content: bytes) -> list:
  lines = content.decode().replace("\r\n", "\n").split("\n")
  assert lines.pop() == ""
  return rows_of([line.split("\t") for line in lines])


def read_csv(content: bytes) -> list:
  text = io.StringIO(content.decode(), newline="")
  return rows_of(list(csv.reader(text, strict=True)))


def rows_of(lines: list[list[str]]) -> list:
  header, *rows = lines
  assert header == [*COLUMNS, *NAMES.values()]
  return [
    (tuple(row[:3]), [row[3], float(row[4]), json.loads(row[5])])
    for row in rows
  ]


@pytest.mark.parametrize("kind,lines,read", [
  ("tsv", TSV, read_tsv), ("csv", CSV, read_csv)
])
@FEW
@hypothesis.given(given=st.data())
def test_tables(folder, kind, lines, read, given):
  pieces = given.draw(st.lists(lines, max_size=9))
  end = given.draw(st.sampled_from([b"\n", b"\r\n"]))
  mark = given.draw(st.sampled_from([b"", records.MARK]))
  header = (b"\t" if kind == "tsv" else b",").join(
    name.encode() for name in COLUMNS
  )
  content, good, bad = header + end, [], []
  for line, cells in pieces:
    if given.draw(st.integers(0, 5)) == 0:
      content += end  # blank lines are no rows
    if cells is None:
      bad.append(count_lines(content, kind) + 1)
    else:
      good.append((cells, cells[1]))
    content += line + end
  if given.draw(st.booleans()):  # files may end without the end of a line
    content = content.removesuffix(end) if pieces else content
  path = folder / f"a.{kind}"
  path.write_bytes(mark + content)
  source, _ = parts_lib.cut(str(path), 1)
  assert source.sha256 == hashlib.sha256(mark + content).hexdigest()
  done = check(path, good, bad, given.draw(st.integers(1, 4)), read)
  # The bytes of a row are still there, one after another.
  everything = b"".join(done)
  for line, cells in pieces:
    if cells is not None:
      before, found, everything = everything.partition(line)
      assert found == line, before


def count_lines(content: bytes, kind: str) -> int:
  if kind == "csv":  # where `\r` alone ends a line too
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
  return content.count(b"\n")


def test_texts_are_those_that_the_whole_file_has(folder):
  """As the reader of training files sees them."""
  files = {
    "tsv": b"text\tn\na\x0bb\t1\r\n\n\xc2\x85\t2\n \t3",
    "csv": b'n,text\r1,"a\r\nb"\r2,x"y\r\r3,""\r4,"""q"""',
    "jsonl": b'{"text": 1.50}\r\n \n{"text": true, "n": NaN}\n'
    b'{"text": "\xe2\x80\xa8\\u00fc"}',
  }
  for kind, content in files.items():
    path = folder / f"same.{kind}"
    path.write_bytes(content)
    wanted = data.read(str(path), key="x", labelled=False)
    for part_rows in (1, 2, 100):
      source, parts = parts_lib.cut(str(path), part_rows)
      texts, lines = [], []
      for part in parts:
        work = work_lib.Work(source, part, {"text": "text"}, NAMES, (), "", "")
        filled = work_lib.read(work)
        assert not filled.rejected
        texts += filled.texts["text"]
        lines.append(part.line)
      assert texts == wanted.texts
      assert lines[0] <= wanted.lines[0]


def test_a_file_of_one_column_has_empty_texts(folder):
  path = folder / "one.tsv"
  path.write_bytes(b"text\n\na\n\n")
  done, rejected = run(path, 10)
  texts = [line.split(b"\t")[0] for line in done[0].split(b"\n")]
  assert texts == [b"text", b"", b"a", b"", b""] and not rejected


def test_a_quotation_mark_that_is_never_closed_takes_one_record(folder):
  path = folder / "open.csv"
  path.write_bytes(b'id,text,note\n1,a,b\n2,"c,d\n3,e,f\n')
  done, rejected = run(path, 10)
  assert [row for row, _ in read_csv(done[0])] == [("1", "a", "b")]
  (bad,) = rejected
  assert bad["line"] == 3 and "2 lines" in bad["reason"]


@pytest.mark.parametrize("lines", [[b"x" * 300_000, b"y"], [b'"x"y', b"z"]])
def test_long_csv_fields_leave_python_s_limit_as_it_was(lines):
  before = csv.field_size_limit()
  assert before < 300_000
  for record in records.read(io.BytesIO(b"\n".join(lines)), "csv"):
    assert csv.field_size_limit() == before, record.line


def test_threads_read_long_csv_fields_side_by_side():
  """Python has one limit for all of them."""
  cell = b'"%b"\n' % (b"word\n" * 30_000)
  before, interval = csv.field_size_limit(), sys.getswitchinterval()
  sys.setswitchinterval(1e-6)
  try:
    with concurrent.futures.ThreadPoolExecutor(4) as threads:
      found = threads.map(
        lambda _: [
          record.problem for record in records.read(io.BytesIO(cell * 5), "csv")
        ],
        range(4),
      )
      assert list(found) == [[""] * 5] * 4
  finally:
    sys.setswitchinterval(interval)
  assert csv.field_size_limit() == before


# --- JSON Lines --------------------------------------------------------------

VALUE = st.recursive(
  st.none() | st.booleans() | st.integers() | TEXT
  | st.floats(allow_nan=False),
  lambda inner: st.lists(inner, max_size=2)
  | st.dictionaries(TEXT, inner, max_size=2),
  max_leaves=4,
)
OBJECT = st.fixed_dictionaries(
  {"text": TEXT},
  optional={"note": VALUE, "score_": VALUE, "": VALUE},
)
BAD_JSON = (
  b"{", b"[1]", b'"text"', b'{"x": 1}', b'{"text": null}', b'{"text": [1]}',
  b'{"text": "\xff"}', b'{"text": "\\ud800"}', b'{"text": NaN}', b"{}",
  b'{"text": "a"} {}', b"[" * 100_000, b'{"text": "a", "text": "b"}',
)


def read_jsonl(content: bytes) -> list:
  rows = [json.loads(line) for line in content.split(b"\n")[:-1]]
  return [
    (row, [row.pop(column) for column in NAMES.values()]) for row in rows
  ]


@FEW
@hypothesis.given(given=st.data())
def test_json_lines(folder, given):
  content, good, bad, kept = b"", [], [], []
  for number in range(1, given.draw(st.integers(0, 9)) + 1):
    if given.draw(st.integers(0, 3)) == 0:
      line = given.draw(st.sampled_from(BAD_JSON))
      bad.append(number)
    else:
      row = given.draw(OBJECT)
      line = json.dumps(
        row,
        ensure_ascii=given.draw(st.booleans()),
        separators=given.draw(st.sampled_from([(",", ":"), (" , ", " : ")])),
      ).encode()
      good.append((row, row["text"]))
      kept.append(line)
      line += given.draw(st.sampled_from([b"", b" ", b"\r", b"\t\r"]))
    content += line + b"\n"
  path = folder / "a.jsonl"
  path.write_bytes(content)
  done = check(path, good, bad, given.draw(st.integers(1, 4)), read_jsonl)
  found = b"".join(done).split(b"\n")[:-1]
  for line, out in zip(kept, found, strict=True):
    assert out.startswith(line.removesuffix(b"}") + b", ")


def test_numbers_of_other_columns_stay_as_they_were_written(folder):
  path = folder / "numbers.jsonl"
  row = b'{"a": 1.10, "b": 1e400, "c": 100000000000000000000000, "text": 3.50'
  path.write_bytes(row + b"}\n")
  (content,), _ = run(path, 1)
  assert content.startswith(row + b', "sms_label": ')
  assert json.loads(content)["sms_label"] == truth("3.5")["label"]


# --- Parquet -----------------------------------------------------------------


def read_parquet(content: bytes) -> list:
  table = pyarrow.parquet.read_table(io.BytesIO(content))
  assert table.column_names[-3:] == [*NAMES.values()]
  assert table.schema.field("score").type == pyarrow.float32()
  rows = table.to_pylist()
  return [
    (
      (row["id"], row["text"], row["note"]),
      [
        row["sms_label"],
        pytest.approx(row["score"], rel=1e-6),
        {key: pytest.approx(value) for key, value in row["p"].items()},
      ],
    )
    for row in rows
  ]


@FEW
@hypothesis.given(
  st.lists(
    st.tuples(
      st.none() | st.integers(-(2**63), 2**63 - 1),
      st.none() | TEXT,
      st.lists(TEXT, max_size=2),
    ),
    max_size=9,
  ),
  st.integers(1, 4),
  st.integers(1, 4),
)
def test_parquet(folder, rows, part_rows, group_rows):
  types = (pyarrow.int64(), pyarrow.string(), pyarrow.list_(pyarrow.string()))
  arrays = [
    pyarrow.array([row[number] for row in rows], kind)
    for number, kind in enumerate(types)
  ]
  table = pyarrow.Table.from_arrays(arrays, COLUMNS)
  path = folder / "a.parquet"
  pyarrow.parquet.write_table(table, path, row_group_size=group_rows)
  good = [(row, row[1]) for row in rows if row[1] is not None]
  bad = [number for number, row in enumerate(rows, 1) if row[1] is None]
  done = check(path, good, bad, part_rows, read_parquet)
  for content in done:
    found = pyarrow.parquet.read_table(io.BytesIO(content))
    assert found.schema.types[:3] == list(types)


WORDS = st.lists(st.sampled_from("abc"), min_size=1, max_size=4)
TABLE = st.fixed_dictionaries({"text": WORDS}, optional={"x": WORDS}).filter(
  lambda columns: len(set(map(len, columns.values()))) == 1
)


def works_of(path: pathlib.Path, part_rows: int) -> list[work_lib.Work]:
  source, parts = parts_lib.cut(str(path), part_rows)
  given = ({"text": "text"}, NAMES, LABELS, "", "")
  return [work_lib.Work(source, part, *given) for part in parts]


def footer_of(path: pathlib.Path) -> bytes:
  return path.read_bytes()[
    -8 - pyarrow.parquet.read_metadata(path).serialized_size :
  ]


@FEW
@hypothesis.given(
  TABLE, TABLE, st.sampled_from(["text", "other"]), st.integers(1, 4),
  st.integers(1, 4),
)
@hypothesis.example({"text": [*"aac"]}, {"text": [*"abc"]}, "text", 2, 3)
def test_parquet_that_changes_under_way(
  folder, before, after, name, part_rows, group_rows
):
  """A part sees what the footer has; the end of the run sees every byte."""
  path = folder / "changing.parquet"

  def put(columns):
    table = pyarrow.table(columns)
    pyarrow.parquet.write_table(table, path, row_group_size=group_rows)

  put(before)
  content, footer = path.read_bytes(), footer_of(path)
  works = works_of(path, part_rows)
  put({name if key == "text" else key: after[key] for key in after})
  for work in works:
    with changes_if(footer_of(path) != footer):
      assert len(work_lib.read(work).kept) == work.part.rows
  with changes_if(path.read_bytes() != content):
    parts_lib.check_whole(works[0].source)
  path.unlink()
  with changes_if(True):
    parts_lib.check_whole(works[0].source)


def changes_if(changed: bool):
  if not changed:
    return contextlib.nullcontext()
  return pytest.raises(
    tf_adapters.InputError, match="changing.parquet has changed since the run"
  )


def test_parquet_that_is_no_utf8(folder):
  raw = pyarrow.array([b"a", b"\xff", b"b"], pyarrow.binary())
  text = pyarrow.StringArray.from_buffers(3, *raw.buffers()[1:])
  path = folder / "raw.parquet"
  ids = pyarrow.array([1, 2, 3])
  pyarrow.parquet.write_table(
    pyarrow.Table.from_arrays([ids, text, ids], COLUMNS), path
  )
  (content,), rejected = run(path, 10)
  assert [row[0][0] for row in read_parquet(content)] == [1, 3]
  (bad,) = rejected
  assert bad["row"] == 2 and "utf-8" in bad["reason"]


# --- What cannot be ----------------------------------------------------------


def test_a_parquet_column_whose_name_is_no_utf8(tmp_path):
  path = tmp_path / "a.parquet"
  schema = pyarrow.schema([pyarrow.field(b"text\xff", pyarrow.string())])
  table = pyarrow.Table.from_arrays([pyarrow.array(["a"])], schema=schema)
  pyarrow.parquet.write_table(table, path)
  said = f"{path}, the name of a column: is not UTF-8 \\(byte 0xff\\)"
  with pytest.raises(tf_adapters.InputError, match=said):
    parts_lib.cut(str(path), 5)
  with pytest.raises(tf_adapters.InputError, match=said):
    data.records.read(str(path), "data.train")


@pytest.mark.parametrize("name,content,words", [
  ("a.txt", b"", ".jsonl or .parquet files"),
  ("a.csv", b"text,text\n", "line 1: the header names `text` more than once"),
  ("a.tsv", b"text\t\xff\n", "line 1: is not UTF-8 (byte 0xff)"),
  ("a.csv", b'\n"text"x\n', "line 2: is not valid CSV"),
  ("a.parquet", b"PAR1", "not valid Parquet"),
])
def test_a_file_that_cannot_be_read_at_all(tmp_path, name, content, words):
  path = tmp_path / name
  path.write_bytes(content)
  with pytest.raises(tf_adapters.InputError) as raised:
    parts_lib.cut(str(path), 5)
  assert words in str(raised.value) and name in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"text\tn\n", b"\n\n", b"text\tn"])
def test_a_file_without_rows_has_no_part(tmp_path, content):
  path = tmp_path / "a.tsv"
  path.write_bytes(content)
  assert parts_lib.cut(str(path), 5)[1] == []


def test_a_file_that_changes_under_way_is_named(tmp_path):
  path = tmp_path / "a.tsv"
  path.write_bytes(b"text\ta\none\t1\ntwo\t2\n")
  source, (_, part) = parts_lib.cut(str(path), 1)
  work = work_lib.Work(source, part, {"text": "text"}, NAMES, (), "", "")
  assert work_lib.read(work).texts == {"text": ["two"]}
  path.write_bytes(b"text\ta\none\t1\ntwo\t3\n")
  with pytest.raises(tf_adapters.InputError, match="a.tsv has changed"):
    work_lib.read(work)
  path.unlink()
  with pytest.raises(tf_adapters.InputError, match="a.tsv has changed"):
    work_lib.read(work)


def test_parts_end_by_their_bytes_too(tmp_path, monkeypatch):
  monkeypatch.setattr(parts_lib, "_MOST_BYTES", 10)
  path = tmp_path / "a.tsv"
  path.write_bytes(b"text\n" + b"12345678901\n" + b"1234\n" * 4)
  _, parts = parts_lib.cut(str(path), 100)
  assert [(part.rows, part.line) for part in parts] == [(1, 2), (2, 3), (2, 5)]


def test_patterns_name_files_once_and_in_order(tmp_path):
  for name in ("b.tsv", "a.tsv", "a[1].tsv"):
    (tmp_path / name).write_bytes(b"")
  (tmp_path / "c.tsv").mkdir()
  found = places.expand(f"{tmp_path}/*.tsv")
  assert found == [f"{tmp_path}/{n}" for n in ("a.tsv", "a[1].tsv", "b.tsv")]
  assert places.expand(f"{tmp_path}/a[1].tsv") == [f"{tmp_path}/a[1].tsv"]
  assert places.expand(f"{tmp_path}/none*") == []
