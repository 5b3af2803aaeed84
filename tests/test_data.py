# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Files of examples: every text arrives as written, every fault is named."""

import csv
import hashlib
import io
import json
import sys
import tempfile
from concurrent import futures

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tf_adapters import data
from tf_adapters.config import DataConfig
from tf_adapters.errors import InputError


@pytest.fixture
def write(tmp_path):
  def write_file(name, content):
    raw = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(raw)
    return str(tmp_path / name)

  return write_file


def read(path, **options):
  return data.read(path, key="data.train", **options)


def fails(path, **options) -> str:
  with pytest.raises(InputError) as caught:
    read(path, **options)
  assert len(str(caught.value).splitlines()) == 1
  return str(caught.value)


def to_csv(rows) -> str:
  stream = io.StringIO(newline="")
  csv.writer(stream).writerows(rows)
  return stream.getvalue()


def test_tsv_keeps_quotes_as_they_are(write):
  path = write("a.tsv", 'text\tlabel\n"a\tx\nb "" c"\ty\n\'d\tz\n')
  examples = read(path)
  assert examples.texts == ['"a', 'b "" c"', "'d"]
  assert examples.labels == ["x", "y", "z"]
  assert examples.lines == [2, 3, 4]
  assert len(examples) == 3 and examples.texts_b is None


def test_csv_counts_the_line_on_which_a_row_starts(write):
  path = write("a.csv", (
    'text,label\n'
    '"one, two\nthree ""four""",x\n'
    '\n'
    'five,y\r\n'
    '"\r\n\r\n",z\n'
    'six,x\n'
  ))
  examples = read(path)
  assert examples.texts == [
    'one, two\nthree "four"', "five", "\r\n\r\n", "six"
  ]
  assert examples.lines == [2, 5, 6, 9]


def test_jsonl_takes_numbers_as_labels(write):
  labels = [1, -2.5, True, "x", 10**20]
  rows = [{"text": str(place), "label": v} for place, v in enumerate(labels)]
  path = write("a.jsonl", "\n".join(map(json.dumps, rows)))
  expected = ["1", "-2.5", "true", "x", "1" + 20 * "0"]
  assert read(path).labels == expected


def test_a_carriage_return_within_a_line_of_tsv_is_text(write):
  path = write("a.tsv", "text\tlabel\r\na\rb\r\tx\r\n")
  assert read(path).texts == ["a\rb\r"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("text", [
  "plain", "a\u2028b", "a\u2029b\x85c", "a\x0b\x0c\x1c\x1db", "e\u0301 日 🙂",
])
def test_only_line_feeds_end_lines_and_a_bom_is_no_text(
  write, end, mark, text
):
  line = json.dumps({"text": text, "label": "x"}, ensure_ascii=False)
  contents = {
    "a.tsv": f"text\tlabel{end}{text}\tx{end}b\ty{end}",
    "a.csv": f"text,label{end}{text},x{end}b,y{end}",
    "a.jsonl": f'{line}{end}{{"text": "b", "label": "y"}}{end}',
  }
  for name, content in contents.items():
    examples = read(write(name, mark + content))
    assert examples.texts == [text, "b"], name
    assert examples.labels == ["x", "y"], name


def test_empty_and_very_long_texts_are_fine(write):
  texts = ["", 10_000 * "word ", " "]
  rows = [["text", "label"], *([text, "x"] for text in texts)]
  lines = [json.dumps({"text": text, "label": "x"}) for text in texts]
  for name, content in (
    ("a.tsv", "\n".join(map("\t".join, rows))),
    ("a.csv", to_csv(rows)),
    ("a.jsonl", "\n".join(lines)),
  ):
    assert read(write(name, content)).texts == texts, name


@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl"])
def test_a_file_of_one_column_keeps_its_empty_texts(write, suffix):
  content = {
    ".tsv": "text\na\n\nb\n",
    ".csv": 'text\na\n""\nb\n',
    ".jsonl": '{"text": "a"}\n{"text": ""}\n{"text": "b"}\n',
  }[suffix]
  columns = data.Columns("text", None, "label")
  path = write(f"a{suffix}", content)
  examples = read(path, columns=columns, labelled=False)
  assert examples.texts == ["a", "", "b"]
  assert examples.labels is None


def test_a_huge_csv_field_leaves_python_s_limit_as_it_was(write):
  before = csv.field_size_limit()
  assert before < 300_000
  path = write("a.csv", to_csv([["text", "label"], ["x" * 300_000, "y"]]))
  assert read(path).texts == ["x" * 300_000]
  assert csv.field_size_limit() == before


def test_threads_that_read_csv_leave_each_other_s_limit(write):
  """Interrupted at every step, as it happens by chance in a long process."""
  before, interval = csv.field_size_limit(), sys.getswitchinterval()
  texts = [(letter * 200_000 * size) for size, letter in enumerate("abc", 1)]
  paths = [
    write(f"{size}.csv", to_csv([["text", "label"], *[[text, "x"]] * 9]))
    for size, text in enumerate(texts)
  ]
  sys.setswitchinterval(1e-6)
  try:
    with futures.ThreadPoolExecutor(3) as pool:
      found = list(pool.map(read, paths * 20))
  finally:
    sys.setswitchinterval(interval)
  assert [examples.texts for examples in found] == [
    [text] * 9 for text in texts
  ] * 20
  assert csv.field_size_limit() == before


def test_a_faulty_csv_leaves_python_s_limit_as_it_was(write):
  before = csv.field_size_limit()
  path = write("a.csv", to_csv([["x" * 300_000, "label"], ["a", "b"]]))
  with pytest.raises(InputError) as kept:
    read(path)
  assert csv.field_size_limit() == before, kept


@pytest.mark.parametrize(("header", "config", "expected"), [
  ("text,label", {}, ("text", None)),
  ("label,sentence,text_a,text", {}, ("text", None)),
  ("sentence,text_a,label", {}, ("text_a", None)),
  ("sentence,label", {}, ("sentence", None)),
  ("text_a,text_b,label", {}, ("text_a", "text_b")),
  ("text_a,text_b,label", {"text_b": ""}, ("text_a", None)),
  ("q1,q2,text,label", {"text": "q1", "text_b": "q2"}, ("q1", "q2")),
  ("text,class,label", {"label": "class"}, ("text", None)),
])
def test_columns_are_chosen_by_name(write, header, config, expected):
  path = write("a.csv", f"{header}\n{header.upper()}\n")
  examples = read(path, config=DataConfig(**config))
  text, text_b = expected
  label = config.get("label", "label")
  assert examples.columns == data.Columns(text, text_b, label)
  assert examples.texts == [text.upper()]
  assert examples.texts_b == (None if text_b is None else [text_b.upper()])
  assert examples.labels == [label.upper()]


def test_a_second_text_that_is_not_to_be_read_may_be_in_some_rows(write):
  path = write("a.jsonl", (
    '{"text": "a", "label": 1}\n{"text": "c", "text_b": "b", "label": 1}\n'
  ))
  single = data.Columns("text", None, "label")
  for options in ({"config": DataConfig(text_b="")}, {"columns": single}):
    examples = read(path, **options)
    assert examples.texts == ["a", "c"] and examples.texts_b is None


@pytest.mark.parametrize(("name", "content", "line", "named"), [
  ("a.tsv", "words\tlabel\na\tx\n", None, ["`text`", "`words`", "`label`"]),
  ("a.tsv", "text\tclass\na\tx\n", None, ["`label`", "`class`"]),
  ("a.tsv", "text\tlabel\na\tx\nb\t\n", 3, ["`label`", "empty"]),
  ("a.tsv", "text\tlabel\ra\tx\rb\ty\r", 1, ["carriage return"]),
  ("a.tsv", "text\tlabel\r\na\tx\r\r\nb\ty\r\n", 2, ["carriage return"]),
  ("a.csv", 'text,label\n"a\n",x\nb," "\n', 4, ["`label`", "empty"]),
  ("a.tsv", "text\tlabel\na\tx\nb\n", 3, ["1 field", "2"]),
  ("a.tsv", "text\tlabel\na\tx\n\nb\tx\ty\n", 4, ["3 fields", "2"]),
  ("a.csv", 'text,label\n"a\nb",x\n"b\nc",x,y\n', 4, ["3 fields", "2"]),
  ("a.csv", 'text,label\na,x\n"b,x\nc,y\nd,z\n', 3, ["CSV"]),
  ("a.csv", 'text,label\na,x\n"b"c,x\n', 3, ["CSV"]),
  ("a.tsv", b"text\tlabel\na\tx\nb\xff\ty\n", 3, ["UTF-8", "0xff"]),
  ("a.csv", b"text,label\r\nk\xe4se,y\r\n", 2, ["UTF-8", "0xe4"]),
  ("a.jsonl", b'{"text": "\xc3', 1, ["UTF-8", "0xc3"]),
  ("a.tsv", "text\ttext\tlabel\na\tb\tx\n", 1, ["`text`", "once"]),
  ("a.csv", "text,label,label\na,b,x\n", 1, ["`label`", "once"]),
  ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "a",\n', 2, ["JSON"]),
  ("a.jsonl", '{"text": "a", "label": 1}\n\n["a", 1]\n', 3, ['["a", 1]']),
  ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "a"}', 2, ["`label`"]),
  ("a.jsonl", '{"text": "a", "label": null}', 1, ["`label`", "null"]),
  ("a.jsonl", '{"text": ["a"], "label": 1}', 1, ["`text`", '["a"]']),
  ("a.jsonl", '{"text": "a", "label": %s}' % ("9" * 5000), 1, []),
  ("a.jsonl", "[" * 100_000, 1, []),
  ("a.jsonl", '{"text": "\\ud83d", "label": 1}', 1, ["`text`"]),
  (
    "a.jsonl",
    '{"text": "a", "label": 1}\n{"text": "a", "text": "b", "label": 1}',
    2,
    ["`text`", "once"],
  ),
  (
    "a.jsonl",
    '{"text": "a", "label": 1}\n{"text": "a", "text_b": "b", "label": 1}',
    2,
    ["`text_b`", "data.text_b"],
  ),
])
def test_a_fault_is_named_with_file_and_line(write, name, content, line, named):
  path = write(name, content)
  message = fails(path)
  assert path in message
  assert line is None or f"line {line}:" in message
  for part in named:
    assert part in message


@pytest.mark.parametrize("content", ["", "\ufeff", "\n\n", "text,label\n"])
@pytest.mark.parametrize("suffix", [".tsv", ".csv", ".jsonl"])
def test_a_file_without_examples_is_named(write, content, suffix):
  if suffix == ".jsonl":
    content = content.replace("text,label\n", "")
  path = write(f"a{suffix}", content.replace(",", "\t"))
  message = fails(path)
  assert path in message and "`data.train`" in message


@pytest.mark.parametrize("name", ["a.txt", "tsv", "a.tsv.gz", ""])
def test_an_unsupported_suffix_is_named_with_its_setting(name):
  message = fails(name)
  assert "`data.train`" in message and repr(name) in message
  assert ".tsv" in message and ".csv" in message and ".jsonl" in message


def test_a_missing_file_and_a_folder_are_named(tmp_path):
  (tmp_path / "folder.tsv").mkdir()
  for name in ("folder.tsv", "missing.tsv"):
    path = str(tmp_path / name)
    message = fails(path)
    assert "`data.train`" in message and repr(path) in message


def test_suffixes_may_be_in_capitals_and_the_checksum_is_the_file_s(write):
  content = "text\tlabel\na\tx\n"
  examples = read(write("A.TSV", content))
  assert examples.texts == ["a"]
  assert examples.checksum() == hashlib.sha256(content.encode()).hexdigest()


# Python 3.10's csv module refuses NUL.
anything = st.text(
  st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
  max_size=20,
)
one_line = anything.filter(lambda text: not set(text) & set("\t\n\r"))
label = anything.filter(str.strip)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(one_line, one_line), min_size=1))
@example([("\x85", "\u2028"), ("", "\0")])
def test_any_texts_of_a_line_pass_through_tsv(rows):
  lines = ["text\tlabel\ttext_b", *(f"{a}\tx\t{b}" for a, b in rows)]
  with tempfile.NamedTemporaryFile(suffix=".tsv") as file:
    file.write("\n".join(lines).encode())
    file.flush()
    examples = read(file.name)
  assert list(zip(examples.texts, examples.texts_b, strict=True)) == rows
  assert examples.lines == list(range(2, len(rows) + 2))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(anything, label), min_size=1))
@example([("a\rb\r\nc\n", '"'), ("", ",")])
def test_any_texts_pass_through_csv_and_json(rows):
  objects = [json.dumps({"text": a, "label": b}) for a, b in rows]
  for suffix, content in (
    (".csv", to_csv([("text", "label"), *rows])),
    (".jsonl", "\n".join(objects)),
  ):
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
      file.write(content.encode())
      file.flush()
      examples = read(file.name)
    assert list(zip(examples.texts, examples.labels, strict=True)) == rows
