# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""TFDS, Parquet and publishers' files: the same examples as written."""

import decimal
import json
import shutil
import subprocess
import sys

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import tensorflow_datasets as tfds

import tf_adapters
from tests import tiny
from tf_adapters import data
from tf_adapters import submission
from tf_adapters.config import DataConfig
from tf_adapters.errors import InputError
from tf_adapters.tasks import tables
from tf_adapters.training.reporting import Silent

LABELS = ["bad", "good"]


class TinyMood(tfds.core.GeneratorBasedBuilder):
  """Built on disk by TFDS itself; its test split has no labels, as GLUE's."""

  VERSION = tfds.core.Version("1.0.0")
  BUILDER_CONFIGS = [
    tfds.core.BuilderConfig(name=name)
    for name in ("single", "pair", "lists", "unpackaged")
  ]

  def _info(self):
    features = {"words": tfds.features.Sequence(tfds.features.Text())}
    if self.builder_config.name == "lists":
      return tfds.core.DatasetInfo(
        builder=self, features=tfds.features.FeaturesDict(features)
      )
    features |= {
      "sentence": tfds.features.Text(),
      "label": tfds.features.ClassLabel(names=LABELS),
      "idx": np.int32,
      "score": np.float32,
    }
    if self.builder_config.name == "pair":
      features["text_b"] = tfds.features.Text()
    return tfds.core.DatasetInfo(
      builder=self, features=tfds.features.FeaturesDict(features)
    )

  def _split_generators(self, dl_manager):
    if self.builder_config.name == "unpackaged":
      import no_such_package  # noqa: F401
    return {
      "train": self._generate_examples(24, 0),
      "validation": self._generate_examples(9, 1),
      "test": self._generate_examples(5, 2, labelled=False),
    }

  def _generate_examples(self, count, seed, labelled=True):
    for row in written(count, seed):
      if not labelled:
        row["label"] = row["score"] = -1
      if self.builder_config.name == "pair":
        row["text_b"] = f"the film {row['idx']}"
      yield row["idx"], {name: row[name] for name in self.info.features}


def written(count, seed):
  random = np.random.default_rng(seed)
  for number in range(count):
    label = LABELS[number % 2]
    text = f"the film is {label} süß" + random.integers(1, 4) * " very"
    yield {
      "sentence": text,
      "label": label,
      "idx": number,
      "score": 0.1 + number,
      "words": text.split(),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp("tfds")
  for config in ("single", "pair", "lists"):
    TinyMood(config=config, data_dir=folder).download_and_prepare()
  return str(folder)


def read(source, **options):
  return data.read(source, key="data.tfds_train", **options)


def fails(function, *arguments, **options) -> str:
  with pytest.raises(InputError) as caught:
    function(*arguments, **options)
  assert len(str(caught.value).splitlines()) == 1
  return str(caught.value)


@pytest.mark.parametrize(("split", "count", "seed"), [
  ("train", 24, 0), ("validation", 9, 1), ("train[:25%]", 6, 0),
])
def test_a_split_of_tfds_is_what_was_written(folder, split, count, seed):
  source = data.Split("tiny_mood/single", split, folder)
  examples = read(source, form=data.Form(
    text=("sentence",), label=("label",), index=("idx",)
  ))
  assert len(examples) == count
  rows = {str(row["idx"]): row for row in written(24 - 15 * seed, seed)}
  for text, label, index in zip(
    examples.texts, examples.labels, examples.indices, strict=True
  ):
    assert (text, label) == (rows[index]["sentence"], rows[index]["label"])
  assert len(set(examples.indices)) == len(examples)
  assert examples.digest == read(source).digest
  assert "example 2" in examples.where(2) and split in examples.where(2)


def test_a_data_set_of_tfds_that_is_on_disk_needs_no_code(folder, tmp_path):
  """Another process knows the files alone."""
  code = (
    "import json, sys\n"
    "from tf_adapters import data\n"
    "split = data.Split('tiny_mood/pair', 'validation', sys.argv[1])\n"
    "examples = data.read(split, key='x')\n"
    "print(json.dumps([examples.texts_b, examples.labels]))\n"
  )
  done = subprocess.run(
    [sys.executable, "-c", code, folder], capture_output=True, check=True
  )
  texts_b, labels = json.loads(done.stdout)
  assert sorted(texts_b) == sorted(f"the film {n}" for n in range(9))
  assert sorted(labels) == 5 * ["bad"] + 4 * ["good"]


def test_numbers_of_tfds_are_those_that_were_written(folder):
  source = data.Split("tiny_mood/single", "validation", folder)
  config = DataConfig(label="score", text_b="")
  labels = read(source, config=config).labels
  assert sorted(map(float, labels)) == [0.1, *(n + 0.1 for n in range(1, 9))]


@pytest.mark.parametrize(("name", "split", "named"), [
  ("no_such_set", "train", ["no_such_set", "TensorFlow Datasets"]),
  ("no such set!", "train", ["no such set!"]),
  ("tiny_mood/triple", "train", ["tiny_mood/triple"]),
  ("tiny_mood/single:9.9.9", "train", ["9.9.9", "1.0.0"]),
  ("tiny_mood/single", "dev", ["dev", "`train`", "`validation`", "`test`"]),
  ("tiny_mood/single", "train[", ["train["]),
  ("tiny_mood/single", "all[:5]", ["all[:5]"]),
  ("tiny_mood/single/a=1", "train", ["tiny_mood/single/a=1"]),
  ("huggingface:tiny_mood", "train", ["huggingface:tiny_mood", "Parquet"]),
  ("tiny_mood/lists", "train", ["tiny_mood/lists", "`words`"]),
  ("tiny_mood/unpackaged", "train", ["no_such_package"]),
  ("tiny_mood/single", "test", ["test, example 1", "`label`"]),
])
def test_what_tfds_does_not_have_is_named(folder, name, split, named):
  message = fails(read, data.Split(name, split, folder))
  for part in named:
    assert part in message, message


@pytest.mark.parametrize("split", [
  "train[:0]", "train[50%:20%]", "train[20:10]", "train[100:200]",
  "train[:0]+test[5:]",
])
def test_a_slice_without_examples_is_named(folder, split):
  message = fails(read, data.Split("tiny_mood/single", split, folder))
  assert split in message and "empty" in message
  assert "`train` of 24 examples" in message


@pytest.mark.parametrize("damage", [
  lambda path: path.write_bytes(path.read_bytes()[:-9]),
  lambda path: path.write_bytes(b"x" + path.read_bytes()[1:]),
  lambda path: path.write_bytes(b""),
  lambda path: path.unlink(),
])
def test_a_damaged_file_of_tfds_is_named(folder, tmp_path, damage):
  copy = tmp_path / "tiny_mood/single/1.0.0"
  shutil.copytree(f"{folder}/tiny_mood/single/1.0.0", copy)
  damage(next(copy.glob("*train.tfrecord*")))
  source = data.Split("tiny_mood/single", "train", str(tmp_path))
  message = fails(read, source, config=DataConfig(label="score"))
  assert f"{source}: " in message and str(copy) in message
  assert "{{" not in message and "[Op:" not in message


def test_a_column_that_is_no_text_is_named(folder):
  source = data.Split("tiny_mood/single", "train", folder)
  message = fails(read, source, config=DataConfig(text="words"))
  assert "`words`" in message and "`sentence`" in message


@pytest.fixture
def settings(encoder_folder, tmp_path):
  return {
    "task.name": "mood",
    "data.max_length": 24,
    "encoder": str(encoder_folder),
    "store": str(tmp_path / "store"),
    "adapter.size": 4,
    "train.batch_size": 8,
    "train.epochs": 1,
  }


def test_training_from_tfds_and_scoring_a_test_set(folder, settings, tmp_path):
  result = tf_adapters.train({
    **settings,
    "data.tfds": "tiny_mood/single",
    "data.tfds_dir": folder,
    "data.tfds_train": "train",
    "data.tfds_test": "validation[:5]",
  }, reporter=Silent())
  for name, source in (
    ("metrics", "validation"), ("test_metrics", "validation[:5]")
  ):
    split = data.Split("tiny_mood/single", source, folder)
    again = tf_adapters.evaluate(settings["store"], "mood", split)
    scores = getattr(result, name)
    for key, value in again.items():
      assert value == pytest.approx(scores[key], abs=1e-6)
  tree = tf_adapters.Store(settings["store"]).describe("mood")
  assert tree["test_metrics"] == result.test_metrics
  assert tree["data"]["test"]["examples"] == 5


def test_an_unlabelled_regression_is_answered_and_not_scored(
  folder, settings, tmp_path
):
  tf_adapters.train({
    **settings,
    "task.type": "regression",
    "data.form": "stsb",
    "data.tfds": "tiny_mood/pair",
    "data.tfds_dir": folder,
    "data.text": "sentence",
  }, reporter=Silent())
  task = tf_adapters.load_task(settings["store"], "mood")
  test = data.Split("tiny_mood/pair", "test", folder)
  assert f"{test}: every row has the target -1" in fails(task.evaluate, test)
  path = submission.write(task, test, str(tmp_path))
  assert len(open(path).readlines()) == 1 + 5


def test_a_test_set_chooses_nothing(settings, tmp_path):
  """The module is the same to the bit with a test set and without."""
  train, dev = tiny.write_task(tmp_path)
  weights = []
  for name, more in (("a", {}), ("b", {"data.test": train})):
    store = str(tmp_path / name)
    result = tf_adapters.train({
      **settings, "store": store, "data.train": train, "data.eval": dev, **more
    }, reporter=Silent())
    weights.append(
      (tmp_path / name / "tasks/mood/weights.safetensors").read_bytes()
    )
    assert set(result.test_metrics) == (
      {"accuracy", "f1_macro", "matthews"} if more else set()
    )
  assert weights[0] == weights[1]


@pytest.mark.parametrize(("changes", "named"), [
  ({}, ["`data.train`", "`data.tfds`"]),
  ({"data.tfds": "a/b", "data.train": "x.tsv"}, ["`data.train`", "a/b"]),
  ({"data.tfds": "a/b", "data.test": "x.tsv"}, ["`data.test`", "x.tsv"]),
  ({"data.tfds": "a/b", "data.tfds_train": ""}, ["`data.tfds_train`"]),
  ({"data.train": "x.tsv", "data.form": "colla"}, ["`data.form`", "`cola`"]),
])
def test_sources_that_contradict_are_named(settings, changes, named):
  message = fails(tf_adapters.train, {**settings, **changes})
  for part in named:
    assert part in message


def test_parquet_equals_json_lines(tmp_path):
  rows = [
    {"text": "süß\n\t\"", "text_b": "", "label": 0},
    {"text": 1000 * "word ", "text_b": "b", "label": 1},
  ]
  pyarrow.parquet.write_table(
    pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet"
  )
  lines = "\n".join(map(json.dumps, rows))
  (tmp_path / "a.jsonl").write_text(lines)
  one = read(str(tmp_path / "a.parquet"))
  other = read(str(tmp_path / "a.jsonl"))
  for name in ("texts", "texts_b", "labels", "columns"):
    assert getattr(one, name) == getattr(other, name)
  assert one.where(one.lines[1]).endswith("a.parquet, row 2")


@pytest.mark.parametrize("value", [None, b"\xff", [1], float("nan")])
def test_a_parquet_cell_that_is_no_text_is_named(tmp_path, value):
  path = tmp_path / "a.parquet"
  rows = {"text": ["a", "b"], "label": [value, value]}
  pyarrow.parquet.write_table(pyarrow.table(rows), path)
  message = fails(read, str(path))
  assert f"{path}, row 1" in message and "`label`" in message


def test_a_decimal_of_parquet_is_a_number(tmp_path):
  path = tmp_path / "a.parquet"
  labels = [decimal.Decimal("1.5"), decimal.Decimal("0.0")]
  rows = {"text": ["a", "b"], "label": labels}
  pyarrow.parquet.write_table(pyarrow.table(rows), path)
  assert read(str(path)).labels == ["1.5", "0.0"]


@pytest.mark.parametrize("bits", [16, 32, 64])
def test_a_parquet_number_has_as_many_digits_as_it_needs(tmp_path, bits):
  """The fewest by which its type tells it from all others."""
  path = tmp_path / "a.parquet"
  numbers = [3.8, 0.1, 2.0, -1e-3]
  labels = pyarrow.array(numbers, getattr(pyarrow, f"float{bits}")())
  rows = {"text": ["a"] * 4, "label": labels}
  pyarrow.parquet.write_table(pyarrow.table(rows), path)
  assert read(str(path)).labels == ["3.8", "0.1", "2.0", "-0.001"]
  rows["label"] = labels.dictionary_encode() if bits > 16 else labels
  pyarrow.parquet.write_table(pyarrow.table(rows), path)
  assert read(str(path)).labels == ["3.8", "0.1", "2.0", "-0.001"]


def test_a_parquet_text_that_is_not_utf8_is_named(tmp_path):
  path = tmp_path / "a.parquet"
  texts = pyarrow.array(4 * [b"a"] + 3 * [b"k\xe4se"])
  rows = {"text": texts.view(pyarrow.string()), "label": range(7)}
  pyarrow.parquet.write_table(pyarrow.table(rows), path)
  assert f"{path}, row 5: is not UTF-8 (byte 0xe4)" in fails(read, str(path))


# What PyArrow keeps and Python has no value for.
NO_VALUES = {
  "far": pyarrow.array([1, 10**18], pyarrow.timestamp("ms")),
  "date": pyarrow.array([1, 10**7], pyarrow.date32()),
  "zone": pyarrow.array([None, 1], pyarrow.timestamp("us", tz="Mars/Base")),
  "twice": pyarrow.StructArray.from_arrays(
    [pyarrow.array([1, 2])] * 2,
    names=["a", "a"],
    mask=pyarrow.array([True, False]),
  ),
  "text": pyarrow.array([b"a", b"\xe4"]).view(pyarrow.string()),
}


@pytest.mark.parametrize("values", NO_VALUES.values(), ids=NO_VALUES)
def test_a_parquet_column_that_nobody_reads_may_hold_anything(
  tmp_path, values
):
  path = tmp_path / "a.parquet"
  rows = {"text": ["a", "b"], "other": values, "label": ["x", "y"]}
  pyarrow.parquet.write_table(pyarrow.table(rows), path)
  examples = read(str(path))
  assert (examples.texts, examples.labels) == (["a", "b"], ["x", "y"])
  with pytest.raises(InputError) as caught:
    read(str(path), config=DataConfig(text="other"))
  message = str(caught.value)
  assert f"{path}, row 2: " in message
  assert len(message.splitlines()) == 1


def test_a_parquet_column_that_is_there_twice_is_named(tmp_path):
  path = tmp_path / "a.parquet"
  columns = [pyarrow.array(["a"]), pyarrow.array([0]), pyarrow.array([1])]
  rows = pyarrow.table(columns, names=["text", "label", "label"])
  pyarrow.parquet.write_table(rows, path)
  message = fails(read, str(path))
  assert f"{path}: the header names `label` more than once" in message


def test_a_damaged_parquet_file_is_named(tmp_path):
  path = tmp_path / "a.parquet"
  pyarrow.parquet.write_table(pyarrow.table({"text": ["a"]}), path)
  path.write_bytes(path.read_bytes()[:-9])
  assert str(path) in fails(read, str(path))


def test_a_nan_label_is_named_in_json_too(tmp_path):
  path = tmp_path / "a.jsonl"
  path.write_text('{"text": "a", "label": 1}\n{"text": "b", "label": NaN}\n')
  message = fails(read, str(path))
  assert "line 2" in message and "nan" in message


GLUE = {
  "cola": (
    "gj04\t1\t\tThe film plays.\nclc\t0\t*\tFilm the is.\n",
    ["The film plays.", "Film the is."], None,
    ["acceptable", "unacceptable"],
  ),
  "sst2": ("sentence\tlabel\n\"good\t1\n", ['"good'], None, ["positive"]),
  "mrpc": (
    "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n1\t7\t8\ta \"b\tc\n",
    ['a "b'], ["c"], ["equivalent"],
  ),
  "qqp": (
    "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
    "1\t2\t3\ta?\tb?\t0\n4\t5\t6\tcut\n",
    ["a?"], ["b?"], ["not_duplicate"],
  ),
  "stsb": (
    "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1"
    "\tsentence2\tscore\n0\tm\tf\t2012\t1\tn\tn\ta\tb\t2.500\n",
    ["a"], ["b"], ["2.500"],
  ),
  "mnli_matched": (
    "index\tpromptID\tsentence1_parse\tsentence1\tsentence2\tlabel1"
    "\tgold_label\n0\t3\t(a)\ta\tb\tneutral\tcontradiction\n",
    ["a"], ["b"], ["contradiction"],
  ),
  "qnli": (
    "index\tquestion\tsentence\tlabel\n0\ta?\tb\tnot_entailment\n",
    ["a?"], ["b"], ["not_entailment"],
  ),
  "rte": (
    "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n",
    ["a"], ["b"], ["entailment"],
  ),
}


@pytest.mark.parametrize("name", GLUE)
def test_glue_s_own_files_are_read_by_their_tables(tmp_path, name):
  content, texts, texts_b, labels = GLUE[name]
  (tmp_path / "train.tsv").write_text(content)
  examples = read(str(tmp_path / "train.tsv"), form=tables.form(name))
  assert (examples.texts, examples.texts_b) == (texts, texts_b)
  assert examples.labels == labels


def test_a_form_reads_the_package_s_own_columns_as_well(tmp_path):
  (tmp_path / "a.tsv").write_text("text_a\tlabel\na\t1\nb\tunacceptable\n")
  examples = read(str(tmp_path / "a.tsv"), form=tables.form("cola"))
  assert examples.texts == ["a", "b"]
  assert examples.labels == ["acceptable", "unacceptable"]


@pytest.mark.parametrize(("name", "file", "content", "expected"), [
  (
    "crowdflower_disasters", "DFE.csv",
    "_unit_id,choose_one,text\r\n1,Relevant,\"fire, k\xe4se\"\r\n"
    "2,Can't Decide,x\r\n3,Not Relevant,y\r\n",
    [("fire, käse", "Relevant"), ("y", "Not Relevant")],
  ),
  (
    "crowdflower_global_warming", "warming.csv",
    "tweet,existence,existence.confidence\na,Y,1\nb,No,1\nc,NA,1\nd,,1\n",
    [("a", "Yes"), ("b", "No")],
  ),
  (
    "crowdflower_political_bias", "Political.csv",
    "audience,bias,label,message,text\nnational,partisan,From: A,policy,a\n",
    [("a", "partisan")],
  ),
  (
    "sms_spam", "SMSSpamCollection", "ham\t\"hi\nspam\twin\n",
    [('"hi', "ham"), ("win", "spam")],
  ),
  (
    "news_aggregator", "newsCorpora.csv",
    "1\ta \"b\tu\tp\tb\ts\th\t1\n2\tc\tu\tp\tm\ts\th\t1\n",
    [('a "b', "business"), ("c", "health")],
  ),
  (
    "customer_complaints", "complaints.csv",
    "Issue,Consumer complaint narrative\nLoan,\nBill,they lied\n",
    [("they lied", "Bill")],
  ),
])
def test_publishers_files_are_read_by_their_tables(
  tmp_path, name, file, content, expected
):
  encoding = tables.form(name).encoding
  (tmp_path / file).write_bytes(content.encode(encoding))
  examples = read(str(tmp_path / file), form=tables.form(name))
  pairs = list(zip(examples.texts, examples.labels, strict=True))
  assert pairs == expected
