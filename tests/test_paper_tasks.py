# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The paper's tasks as tables, their configurations, and GLUE's files."""

import dataclasses
import json
import pathlib

import pytest
import yaml

import tf_adapters
from tests import tiny
from tf_adapters import data
from tf_adapters import settings as settings_lib
from tf_adapters import submission
from tf_adapters import tasks
from tf_adapters.config import DataConfig
from tf_adapters.data import splitting
from tf_adapters.errors import InputError
from tf_adapters.store import store
from tf_adapters.tasks import tables
from tf_adapters.training.reporting import Silent

CONFIGS = pathlib.Path(__file__).parent.parent / "configs"
NAMES = list(tables.all_tables())
GLUE = [n for n in NAMES if tables.get(n).collection == "glue"]
FURTHER = [n for n in NAMES if tables.get(n).collection == "further"]


def fails(function, *arguments, **options) -> str:
  with pytest.raises(InputError) as caught:
    function(*arguments, **options)
  assert len(str(caught.value).splitlines()) == 1
  return str(caught.value)


def test_all_tasks_of_the_paper_are_there_and_each_has_a_configuration():
  assert len(GLUE) == 9 and len(FURTHER) == 17
  files = {str(path.relative_to(CONFIGS)) for path in CONFIGS.glob("*/*.yaml")}
  wanted = {f"{tables.get(name).collection}/{name}.yaml" for name in NAMES}
  assert wanted <= files


def test_the_means_of_the_further_tasks_are_the_paper_s():
  """The last row of Table 2, whose own 74.0 its column makes 74.08."""
  means = {"full": 73.7, "variable": 74.0, "adapters": 73.3}
  for method, mean in means.items():
    scores = [tables.get(name).paper[method] for name in FURTHER]
    assert sum(scores) / 17 == pytest.approx(mean, abs=0.08), method


def test_the_rows_of_glue_are_the_paper_s():
  """Table 1 row by row; its averages are the server's, of other columns."""
  rows = {
    "full": [60.5, 94.9, 89.3, 87.6, 72.1, 86.7, 85.9, 91.1, 70.1],
    "adapters": [59.5, 94.0, 89.5, 86.9, 71.8, 84.9, 85.1, 90.7, 71.5],
    "adapters_64": [56.9, 94.2, 89.6, 87.3, 71.8, 85.3, 84.6, 91.4, 68.8],
  }
  for method, row in rows.items():
    assert [tables.get(name).paper[method] for name in GLUE] == row


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_is_its_table_s(name):
  table = tables.get(name)
  path = CONFIGS / table.collection / f"{name}.yaml"
  config = settings_lib.load(str(path))
  store.check_name(config.task.name)
  assert config.task.name == config.data.form == name
  assert config.task.type == table.type
  assert config.task.metric == table.metrics[0]
  assert config.task.positive == table.positive
  assert config.adapter.method == "houlsby"
  protocol = tables.protocol(table.collection)
  assert config.train.batch_size == protocol["batch_size"]
  assert config.train.warmup == protocol["warmup"]
  assert config.adapter.size in protocol["size"]
  assert config.train.learning_rate in protocol["learning_rate"]
  if table.tfds:
    assert config.data.tfds == table.tfds
    assert config.data.tfds_train == table.splits["train"]
    assert config.data.tfds_eval == table.splits["eval"]
    assert config.train.epochs in tables.protocol("glue")["epochs"]
  else:
    assert config.data.train == f"data/{name}/train.jsonl"
    assert config.data.test == f"data/{name}/test.jsonl"
    assert config.train.epochs == table.paper["epochs_adapters"]
  header = path.read_text(encoding="utf-8").split("task:")[0]
  words = header.replace("#", " ").split()
  for method in ("full", "variable", "adapters", "adapters_64"):
    if method in table.paper:
      assert any(str(table.paper[method]) == w.strip(",.") for w in words)
  assert f"tf-adapters train configs/{table.collection}/{name}.yaml" in header


@pytest.mark.parametrize("name", NAMES)
def test_a_table_is_consistent(name):
  table = tables.get(name)
  labels = table.form.labels
  assert len(set(labels)) == len(labels)
  assert set(table.form.values.values()) <= set(labels)
  if table.type == "classification":
    task = tasks.Classification(labels or ("a", "b"), table.positive)
    assert set(table.metrics) <= set(task.metrics)
  else:
    assert set(table.metrics) <= set(tasks.Regression.metrics)
  if table.submission and table.submission.values:
    assert set(table.submission.values) == set(labels)
    for label, value in table.submission.values.items():
      assert table.form.values[value] == label
  if table.collection == "further" and labels:
    assert len(labels) == table.paper["classes"]


@pytest.mark.parametrize("name", GLUE)
def test_a_glue_table_is_what_tfds_has(name):
  """Labels, their order and columns, against TFDS' own description."""
  import tensorflow_datasets as tfds

  table = tables.get(name)
  config = table.tfds.split("/")[1]
  builder = tfds.builder_cls("glue")
  known = next(c for c in builder.BUILDER_CONFIGS if c.name == config)
  assert tuple(known.label_classes or ()) == table.form.labels
  columns = [*known.text_features, "label", "idx"]
  found = data.find_columns(
    "x", columns, settings_lib.from_dict({}).data, table.form
  )
  texts = [found.text] if found.text_b is None else [found.text, found.text_b]
  assert texts == list(known.text_features)
  assert found.label == "label" and "idx" in table.form.index
  # The names of GLUE's own columns stand there as well.
  for column in known.text_features.values():
    assert not column or column in table.form.text + table.form.text_b


@pytest.mark.parametrize("name", FURTHER)
def test_split_sizes_are_the_paper_s(name):
  wanted = tables.get(name).paper["examples"]
  assert splitting.sizes(sum(wanted)) == tuple(wanted)


@pytest.mark.parametrize(("label", "read"), [
  (None, "bias"), ("label", "label"), ("message", "message"),
])
def test_a_label_that_is_named_goes_before_that_of_the_form(
  tmp_path, label, read
):
  """The publisher's file has a column `label`, which is another thing."""
  path = tmp_path / "bias.csv"
  path.write_text(
    "bias,label,message,text\npartisan,From: A,policy,a\n", encoding="utf-8"
  )
  examples = data.read(
    str(path),
    key="x",
    config=DataConfig(label=label),
    form=tables.form("crowdflower_political_bias"),
  )
  assert examples.columns.label == read
  named = {"bias": "partisan", "label": "From: A", "message": "policy"}
  assert examples.labels == [named[read]]


def test_split_keeps_every_example_once_and_repeats(tmp_path):
  lines = [f"{('ham', 'spam')[n % 2]}\ttext {n}" for n in range(57)]
  path = tmp_path / "SMSSpamCollection"
  path.write_text("\n".join(lines))
  form = tables.form("sms_spam")
  for name in ("a", "b"):
    counts = splitting.split(str(path), str(tmp_path / name), form)
    assert counts == {"train": 45, "dev": 6, "test": 6}
  rows = []
  for name in counts:
    content = (tmp_path / "a" / f"{name}.jsonl").read_bytes()
    assert content == (tmp_path / "b" / f"{name}.jsonl").read_bytes()
    examples = data.read(str(tmp_path / "a" / f"{name}.jsonl"), key="x")
    rows += [
      f"{label}\t{text}"
      for text, label in zip(examples.texts, examples.labels, strict=True)
    ]
  assert rows != lines and sorted(rows) == sorted(lines)
  message = fails(splitting.split, str(path), str(tmp_path / "a"), form)
  assert repr(str(tmp_path / "a")) in message
  path.write_text("ham\ta\n")
  message = fails(splitting.split, str(path), str(tmp_path / "d"), form, -1)
  assert "`--seed`" in message and "-1" in message
  message = fails(splitting.split, str(path), str(tmp_path / "c"), form)
  assert "1 examples" in message and not (tmp_path / "c").exists()


def test_labels_that_the_training_part_lacks_are_told(tmp_path):
  path, told = tmp_path / "a.csv", []
  rows = [f"t{n},{'ab'[n % 2]}" for n in range(18)] + ["t18,rare", "t19,odd"]
  path.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
  for seed in range(6):
    output = tmp_path / str(seed)
    lines = []
    splitting.split(str(path), str(output), seed=seed, say=lines.append)
    found = data.read(str(output / "train.jsonl"), key="x").labels
    lacking = {"a", "b", "rare", "odd"} - set(found)
    assert len(lines) == bool(lacking)
    assert all(f"`{name}`" in lines[0] for name in lacking)
    told += lines
  assert 0 < len(told) < 6, "the seeds do not show both"
  labels = ("a", "b", "rare", "odd")
  known = dataclasses.replace(data.OWN, text_b=(), labels=labels)
  for seed in range(6):
    output = str(tmp_path / f"known{seed}")
    splitting.split(str(path), output, known, seed, pytest.fail)


def write_glue(folder, name, rows=12):
  """GLUE's train, dev and test files of a task, made up."""
  good, bad = ("the film is good very", "1"), ("a sad play it was", "0")
  train, test = [], ["index\tsentence"]
  for number in range(rows):
    text, label = (good, bad)[number % 2]
    if name == "cola":
      train.append(f"src\t{label}\t\t{text}")
    else:
      train.append(f"{text}\tthe film\t{2.5 * int(label) + number % 3}")
    test.append(f"{rows - 1 - number}\t{text}")
  if name == "stsb":
    train.insert(0, "sentence1\tsentence2\tscore")
    test = ["index\tsentence1\tsentence2"] + [
      f"{line}\tthe film" for line in test[1:]
    ]
  for part in ("train", "dev"):
    (folder / f"{part}.tsv").write_text("\n".join([*train, ""]))
  (folder / "test.tsv").write_text("\n".join([*test, ""]))


@pytest.fixture(params=["cola", "stsb"])
def trained(request, tmp_path, encoder_folder):
  """The shipped configuration, a few steps on made-up files."""
  name = request.param
  write_glue(tmp_path, name)
  config = settings_lib.load(str(CONFIGS / f"glue/{name}.yaml"), [
    "data.tfds=", f"data.train={tmp_path}/train.tsv",
    f"data.eval={tmp_path}/dev.tsv", f"encoder={encoder_folder}",
    f"store={tmp_path}/store", "train.epochs=4", "train.batch_size=4",
    "train.learning_rate=0.01", "data.max_length=24",
  ])
  result = tf_adapters.train(config, reporter=Silent())
  assert tables.get(name).metrics[0] in result.metrics
  return name, tmp_path


def test_a_glue_task_from_its_files_to_its_submission(trained):
  name, folder = trained
  task = tf_adapters.load_task(f"{folder}/store", name)
  path = submission.write(task, f"{folder}/test.tsv", f"{folder}/out")
  table = tables.get(name)
  assert path == f"{folder}/out/{table.submission.file}"
  lines = pathlib.Path(path).read_text().splitlines()
  assert lines[0] == "index\tprediction"
  fields = [line.split("\t") for line in lines[1:]]
  assert [index for index, _ in fields] == [str(n) for n in range(12)]
  texts = ["a sad play it was", "the film is good very"]  # index 11 comes first
  texts = [texts[n % 2] for n in range(12)]
  if name == "cola":
    numbers = {"unacceptable": "0", "acceptable": "1"}
    wanted = [numbers[answer["label"]] for answer in task.predict(texts)]
    assert task.task.labels == table.form.labels
  else:
    answers = task.predict(texts, 12 * ["the film"])
    wanted = [f"{min(max(a['value'], 0), 5):.3f}" for a in answers]
    assert all(0 <= float(value) <= 5 for _, value in fields)
  assert [value for _, value in fields] == wanted


def test_an_index_that_is_there_twice_is_named(trained):
  name, folder = trained
  path = folder / "test.tsv"
  lines = path.read_text().splitlines()
  path.write_text("\n".join([*lines, lines[3]]))  # its line 4
  task = tf_adapters.load_task(f"{folder}/store", name)
  message = fails(submission.write, task, str(path), f"{folder}/out")
  assert f"{path}, line 14" in message and "line 4" in message
  assert not (folder / "out").exists()


@pytest.mark.parametrize("name", ["qqp", "customer_complaints"])
def test_rows_to_be_answered_are_not_left_out(tmp_path, name):
  """As some of Quora's training rows are, and complaints without a text."""
  path = tmp_path / "a.csv"
  if name == "qqp":
    path = tmp_path / "a.tsv"
    rows = ["id\tquestion1\tquestion2\tis_duplicate", "0\ta\tb\t0", "1\tcut"]
  else:
    rows = ["Consumer complaint narrative,Issue", "a,x", ",y"]
  path.write_text("\n".join(rows), encoding="utf-8")
  form = tables.form(name)
  assert data.read(str(path), key="x", form=form).texts == ["a"]
  if name == "qqp":
    message = fails(data.read, str(path), key="x", form=form, labelled=False)
    assert f"{path}, line 3" in message
  else:
    examples = data.read(str(path), key="x", form=form, labelled=False)
    assert examples.texts == ["a", ""]


def test_a_submission_to_the_wrong_task_is_named(trained):
  name, folder = trained
  task = tf_adapters.load_task(f"{folder}/store", name)
  out = folder / "out"
  for form, named in (
    ("mnli_matched", "entailment"), ("sms_spam", "GLUE"), ("none", "`cola`"),
  ):
    path = f"{folder}/test.tsv"
    message = fails(submission.write, task, path, str(out), form)
    assert named in message and repr(form) in message
  assert not out.exists()


def test_a_task_without_a_form_needs_one_to_be_submitted(
  tmp_path, encoder_folder
):
  train, dev = tiny.write_task(tmp_path)
  tf_adapters.train({
    "task.name": "mood", "data.train": train, "data.eval": dev,
    "encoder": str(encoder_folder), "store": str(tmp_path / "store"),
    "train.epochs": 1, "data.max_length": 24,
  }, reporter=Silent())
  task = tf_adapters.load_task(str(tmp_path / "store"), "mood")
  message = fails(submission.write, task, dev, str(tmp_path / "out"))
  assert "`data.form`" in message and "`--form`" in message
  message = fails(submission.write, task, dev, str(tmp_path / "out"), "cola")
  assert "'pos'" in message and "'acceptable'" in message


def test_tables_are_data_that_any_reader_of_yaml_reads():
  for collection in tables.COLLECTIONS:
    path = pathlib.Path(tables.__file__).parent / f"{collection}.yaml"
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    json.dumps(tree)
    assert set(tree) == {"protocol", "tasks"}
