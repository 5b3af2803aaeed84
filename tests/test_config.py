# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Settings: defaults < YAML < overrides, and wrong ones are named."""

import dataclasses
import json
import math

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as settings_of_test
from hypothesis import strategies as st

from tf_adapters import config as config_lib
from tf_adapters import json_files
from tf_adapters import settings
from tf_adapters.command_line import training
from tf_adapters.config import Config
from tf_adapters.errors import InputError


def write(folder, text, encoding="utf-8") -> str:
  path = folder / "run.yaml"
  path.write_bytes(text.encode(encoding))
  return str(path)


def fails(function, *arguments) -> str:
  """The one line of the `InputError` that a call raises."""
  with pytest.raises(InputError) as caught:
    function(*arguments)
  assert len(str(caught.value).splitlines()) == 1
  return str(caught.value)


def test_nothing_given_gives_the_defaults():
  assert settings.load() == Config()
  assert settings.load().train.epochs == 3


def test_yaml_goes_over_defaults_and_overrides_go_over_yaml(tmp_path):
  path = write(
    tmp_path,
    "task: {name: sms}\n"
    "adapter:\n  size: 8\n  method: pfeiffer\n"
    "train.epochs: 7\n",
  )
  config = settings.load(path, ["adapter.size=16", "train.seed=5"])
  assert config.task.name == "sms"
  assert config.adapter.size == 16
  assert config.adapter.method == "pfeiffer"
  assert (config.train.epochs, config.train.seed) == (7, 5)
  assert config.train.batch_size == Config().train.batch_size


@pytest.mark.parametrize("text", [
  "train: {epochs: 3}\n",
  "train.epochs: 3\n",
  "train.epochs: 3\ntrain: {batch_size: 4}\n",
  "train: {batch_size: 4}\ntrain.epochs: 3\n",
])
def test_an_override_wins_however_the_yaml_spells_the_key(tmp_path, text):
  config = settings.load(write(tmp_path, text), ["train.epochs=5"])
  assert config.train.epochs == 5


def test_the_last_of_two_overrides_wins():
  config = settings.load(None, ["train.epochs=5", "train.epochs=6"])
  assert config.train.epochs == 6


@pytest.mark.parametrize("text", ["", "# nothing but a remark\n"])
def test_an_empty_yaml_file_gives_the_defaults(tmp_path, text):
  assert settings.load(write(tmp_path, text)) == Config()


@pytest.mark.parametrize(("tree", "unknown", "allowed"), [
  ({"epochs": 3}, "epochs", [f.name for f in dataclasses.fields(Config)]),
  (
    {"head": {"inputs": "first_token"}},
    "head.inputs",
    ["head.input", "head.dropout"],
  ),
  ({"head.inputs": "x"}, "head.inputs", ["head.input", "head.dropout"]),
  ({"task": {1: "x"}}, "task.1", ["task.name", "task.type", "task.metric"]),
])
def test_an_unknown_key_is_named_with_what_is_allowed(tree, unknown, allowed):
  message = fails(settings.from_dict, tree)
  assert f"`{unknown}`" in message
  for key in allowed:
    assert f"`{key}`" in message


@pytest.mark.parametrize(("key", "value"), [
  *[("train.epochs", value) for value in ("0", "1.5", True, 2.0)],
  ("train.batch_size", "-1"),
  ("train.checkpoint_steps", "0"),
  ("train.seed", "-1"),
  ("train.seed", 2**63),
  ("train.replicas", "-1"),
  ("train.replicas", "2"),  # on one device
  *[
    ("train.learning_rate", value)
    for value in ("nan", "inf", "0", "abc", "", math.nan, True, None)
  ],
  ("train.clip_norm", "-1"),
  ("train.warmup", "1"),
  ("train.weight_decay", "nan"),
  ("train.strategy", "two_devices"),
  ("task.type", "ranking"),
  ("data.max_length", "7"),
  ("data.train", ["a.tsv"]),
  *[("adapter.size", value) for value in ("0", "-3", "")],
  ("adapter.dropout", "1.0"),
  ("adapter.dropout", "-0.1"),
  ("adapter.init_stddev", "-inf"),
  ("adapter.method", "Houlsby"),
  ("adapter.activation", "selu"),
  *[("adapter.train_pooler", value) for value in ("maybe", "1", 0)],
  ("adapter.train_layer_norm", "2"),
  *[
    ("adapter.layers", value)
    for value in ("x", "", "0,,1", [0.5], True, {"0": True})
  ],
  ("head.input", "last_token"),
  ("head.dropout", "1.0"),
  ("copy_encoder", "perhaps"),
])
def test_a_wrong_value_is_named_with_its_key(key, value):
  message = fails(settings.from_dict, {key: value})
  assert f"`{key}`" in message
  assert (str(value) or "''") in message.rsplit("got ", 1)[1]


def test_a_float_too_large_for_a_float_is_named():
  message = fails(settings.from_dict, {"train.learning_rate": 10**400})
  assert "`train.learning_rate`" in message


@pytest.mark.parametrize(("item", "value"), [
  ("train.learning_rate=1e-3", 1e-3),
  ("train.learning_rate=3", 3.0),
  ("train.warmup=0", 0.0),
  ("adapter.layers=0,1,2", (0, 1, 2)),
  ("adapter.layers=4", (4,)),
  ("adapter.layers=null", None),
  ("adapter.activation=none", None),
  ("adapter.train_layer_norm=False", False),
  ("adapter.train_layer_norm=null", None),
  ("copy_encoder=true", True),
  ("task.metric=null", None),
  ("encoder=null", None),
  ("data.label=null", None),
  ("data.label=label", "label"),
  ("data.text_b=", ""),
  ("data.text_b=null", None),
  ("store=a=b", "a=b"),
  ("store=none", "none"),
  ("task.name=2024", "2024"),
])
def test_a_string_of_the_command_line_becomes_the_field_s_type(item, value):
  found = settings.load(None, [item])
  for part in item.partition("=")[0].split("."):
    found = getattr(found, part)
  assert found == value and type(found) is type(value)


@pytest.mark.parametrize(("text", "positive"), [
  ('"none"', "none"), ("none", "none"), ("'null'", "null"), ("null", None),
  ("~", None), ("", None),
])
def test_a_label_may_be_called_none_where_yaml_has_a_null(
  tmp_path, text, positive
):
  path = write(tmp_path, f"task: {{positive: {text}}}\n")
  assert settings.load(path).task.positive == positive
  assert settings.from_dict({"task.positive": "none"}).task.positive == "none"
  assert settings.load(path, ["task.positive=none"]).task.positive is None


@pytest.mark.parametrize(("text", "layers"), [
  ("[0, 1]", (0, 1)), ("'0,1'", (0, 1)), ("3", (3,)), ("null", None),
])
def test_block_numbers_in_yaml(tmp_path, text, layers):
  path = write(tmp_path, f"adapter: {{layers: {text}}}\n")
  assert settings.load(path).adapter.layers == layers


@pytest.mark.parametrize("text", [
  "train: {epochs: 3}\nencoder: x\ntrain: {batch_size: 8}",
  "encoder: y\ntask:\n  name: a\n  name: b",
])
def test_a_key_that_is_there_twice_is_named_with_its_line(tmp_path, text):
  path = tmp_path / "run.yaml"
  path.write_text(text, encoding="utf-8")
  key, line = ("train", 3) if text.startswith("train") else ("name", 4)
  words = f"`{key}` is there twice .*line {line}"
  with pytest.raises(InputError, match=words) as error:
    settings.load(str(path))
  assert "\n" not in str(error.value)


def test_keys_of_two_merges_are_no_doubles(tmp_path):
  path = tmp_path / "run.yaml"
  path.write_text(
    "a: &a {train.epochs: 3}\nb: {<<: *a, train.batch_size: 8}", "utf-8"
  )
  assert settings.read_yaml(str(path))["b"] == {
    "train.epochs": 3, "train.batch_size": 8
  }


@pytest.mark.parametrize("text", [
  "train: {epochs: 3",
  "- train\n- task\n",
  "just words\n",
  "a: \t- b\n\tc\n",
  "task: {name: 2024-13-45}\n",
])
def test_a_file_that_is_not_a_yaml_mapping_is_named(tmp_path, text):
  path = write(tmp_path, text)
  assert path in fails(settings.load, path)


def test_a_file_that_is_not_utf_8_is_named(tmp_path):
  path = write(tmp_path, "task: {name: käse}\n", "latin-1")
  message = fails(settings.load, path)
  assert path in message and "UTF-8" in message


def test_a_folder_and_what_is_in_a_file_are_no_files(tmp_path):
  inner = tmp_path / "run.yaml" / "more.yaml"
  inner.parent.write_text("")
  for read in (settings.read_yaml, json_files.read):
    message = f"{tmp_path}: is a folder, not a file."
    assert fails(read, tmp_path) == message
    assert str(inner) in fails(read, inner)


def test_a_missing_file_is_named(tmp_path):
  path = str(tmp_path / "no.yaml")
  assert path in fails(settings.load, path)


@pytest.mark.parametrize("item", ["train.epochs", "=3", "", "epochs:3"])
def test_an_override_without_key_or_equals_sign_is_named(item):
  assert repr(item) in fails(settings.load, None, [item])


@pytest.mark.parametrize(("item", "named"), [
  ("train=3", "train"),
  ("store.path=x", "store"),
  ("train.epochs.a=1", "train.epochs"),
])
def test_a_value_in_place_of_a_group_or_the_reverse_is_named(item, named):
  assert f"`{named}`" in fails(settings.load, None, [item])


def test_from_dict_leaves_what_it_was_given_alone():
  tree = {"train": {"epochs": 4}, "train.seed": 1}
  settings.from_dict(tree)
  assert tree == {"train": {"epochs": 4}, "train.seed": 1}


positive = st.floats(1e-300, 1e300)
share = st.floats(0, 1, exclude_max=True)
texts = st.text(max_size=8) | st.sampled_from(["null", "none"])
CONFIGS = st.builds(
  Config,
  task=st.builds(
    config_lib.TaskConfig,
    name=texts,
    type=st.sampled_from(config_lib.TASK_TYPES),
    metric=st.none() | st.sampled_from([
      "accuracy", "f1_macro", "matthews", "f1", "pearson", "spearman", "mse",
      "exact_match",
    ]),
    positive=st.none() | texts,
    n_best_size=st.integers(1, 100),
    max_answer_length=st.integers(1, 100),
  ),
  encoder=st.none() | texts,
  store=texts,
  copy_encoder=st.booleans(),
  data=st.builds(
    config_lib.DataConfig,
    text=st.none() | texts,
    text_b=st.none() | texts,
    label=st.none() | texts,
    max_length=st.integers(8, 512),
  ),
  tuning=st.builds(
    config_lib.TuningConfig,
    strategy=st.sampled_from(config_lib.TUNINGS),
    top_k=st.integers(1, 48),
    rank=st.integers(1, 512),
    alpha=st.none() | positive,
    targets=st.lists(
      st.sampled_from(config_lib.LINEARS), min_size=1, unique=True
    ).map(tuple),
    length=st.integers(1, 512),
  ),
  adapter=st.builds(
    config_lib.AdapterConfig,
    method=st.sampled_from(config_lib.METHODS),
    size=st.integers(1, 4096),
    activation=st.none() | st.sampled_from(("gelu", "relu", "tanh")),
    init_stddev=positive,
    dropout=share,
    layers=st.none() | st.lists(st.integers(0, 11), unique=True).map(tuple),
    train_layer_norm=st.none() | st.booleans(),
    train_pooler=st.booleans(),
  ),
  head=st.builds(
    config_lib.HeadConfig,
    input=st.sampled_from(config_lib.HEAD_INPUTS),
    dropout=share,
  ),
  train=st.builds(
    config_lib.TrainConfig,
    epochs=st.integers(1, 10**6),
    learning_rate=positive,
    warmup=share,
    strategy=st.sampled_from(config_lib.STRATEGIES),
    seed=st.integers(0, 2**63 - 1),
  ),
)


def fits_together(config):
  kind, positive = config.task.type, config.task.positive
  if positive is not None and kind != "classification":
    return False
  if config.task.metric not in (None, *config_lib.metrics_of(kind, positive)):
    return False
  pooled = config.head.input == "pooled_output"
  if config.task.type == "span" and (pooled or config.data.max_length < 68):
    return False
  return pooled or not config.adapter.train_pooler


@settings_of_test(deadline=None)
@given(CONFIGS.filter(fits_together))
def test_a_valid_configuration_survives_dict_json_and_yaml(config):
  tree = settings.to_dict(config)
  assert settings.from_dict(tree) == config
  assert settings.from_dict(json.loads(json.dumps(tree))) == config
  dumped = yaml.safe_dump(json.loads(json.dumps(tree)))
  assert settings.from_dict(yaml.safe_load(dumped)) == config


@pytest.mark.parametrize(("task", "message"), [
  (
    {"metric": "f1"},
    "`task.metric` must be one of accuracy, f1_macro, matthews for a "
    "classification; got 'f1'. `f1` needs `task.positive`.",
  ),
  (
    {"type": "regression", "metric": "accuracy"},
    "`task.metric` must be one of pearson, spearman, mse for a regression; "
    "got 'accuracy'.",
  ),
  (
    {"type": "span", "positive": "yes"},
    "`task.positive` names a label of a classification; got 'yes' for a span.",
  ),
])
def test_a_metric_fits_its_task(task, message):
  assert fails(settings.from_dict, {"task": task}) == message
  made = Config(task=config_lib.TaskConfig(**task))
  assert fails(settings.checked, made) == message


def test_a_name_that_is_not_utf_8_is_shown_as_it_can_be():
  message = fails(settings.from_dict, {"data.train": "caf\udce9.tsv"})
  assert message == "`data.train` takes text in UTF-8; got 'caf\\udce9.tsv'."


@pytest.mark.parametrize("text", [
  "train: {epochs: 3}\ntrain.epochs: 5", "train.epochs: 5\ntrain: {epochs: 3}",
])
def test_a_key_that_a_file_has_in_two_spellings_is_named(tmp_path, text):
  path = write(tmp_path, text)
  expected = "`train.epochs` is there twice."
  assert fails(settings.load, path) == f"{path}: {expected}"
  assert fails(settings.from_dict, yaml.safe_load(text)) == expected


def test_a_path_is_no_configuration():
  assert fails(settings.checked, "run.yaml") == (
    "`config` takes a `Config` or a dictionary; got 'run.yaml' (`load_config` "
    "reads a file)."
  )


def test_the_defaults_that_help_shows_can_be_typed():
  lines = training._settings_help().splitlines()[1:]
  names = settings.dotted(settings.to_dict(Config()))
  assert [line.strip().partition("=")[0] for line in lines] == list(names)
  for line in lines:
    assert settings.load(None, [line.strip()]) == Config()


def test_a_pooler_that_nobody_reads_is_not_trained():
  message = fails(settings.from_dict, {"adapter.train_pooler": True})
  assert "`adapter.train_pooler`" in message and "pooled_output" in message
  tree = {"adapter.train_pooler": True, "head.input": "pooled_output"}
  assert settings.from_dict(tree).adapter.train_pooler
