# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`plan` counts as the closed forms do, quickly, and shows it well."""

import dataclasses
import json
import pathlib
import resource
import subprocess
import sys
import xml.etree.ElementTree

import hypothesis
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import strategies as st

import tf_adapters
from tests import formulas
from tests import tiny
from tf_adapters import __main__ as command_line
from tf_adapters import config as config_lib
from tf_adapters.config import AdapterConfig
from tf_adapters.config import Config
from tf_adapters.config import DataConfig
from tf_adapters.config import HeadConfig
from tf_adapters.config import TaskConfig
from tf_adapters.config import TrainConfig
from tf_adapters.config import TuningConfig
from tf_adapters.planning import disk
from tf_adapters.planning import picture
from tf_adapters.planning import shapes
from tf_adapters.planning import table

ROOT = pathlib.Path(__file__).parents[1]
POOLED = HeadConfig(input="pooled_output")
TINY = tf_adapters.EncoderShape(
  tiny.HIDDEN,
  tiny.LAYERS,
  tiny.HEADS,
  tiny.INNER,
  len(tiny.VOCABULARY),
  tiny.POSITIONS,
)
SHORT = DataConfig(max_length=8)


@st.composite
def any_shape(draw):
  size = st.integers(1, 40)
  heads = draw(st.integers(1, 4))
  return formulas.Shape(
    hidden=heads * draw(st.integers(1, 12)),
    blocks=draw(st.integers(1, 6)),
    heads=heads,
    inner=draw(size),
    vocabulary=draw(size),
    positions=draw(st.integers(8, 40)),
    types=draw(st.integers(1, 3)),
  )


def encoder_shape(shape):
  return tf_adapters.EncoderShape(*dataclasses.astuple(shape))


# --- Parameters --------------------------------------------------------------


@hypothesis.given(
  any_shape(), st.integers(1, 30), st.integers(1, 5), st.booleans()
)
@hypothesis.settings(deadline=None, max_examples=40)
def test_parameters_are_the_closed_forms(shape, size, classes, pooled):
  tuning = TuningConfig(rank=size, length=size, top_k=1)
  costs = tf_adapters.plan(
    encoder_shape(shape),
    sizes=[size],
    methods=config_lib.METHODS,
    classes=classes,
    config=Config(
      tuning=tuning, data=SHORT, head=POOLED if pooled else HeadConfig()
    ),
  )
  assert costs.encoder_parameters == shape.in_all
  pooler, d = (shape.in_pooler if pooled else 0), shape.hidden
  expected = {
    f"houlsby {size}": shape.trained(size),
    f"houlsby_attention {size}": shape.adapters(size, 1) + shape.norms,
    f"houlsby_ffn {size}": shape.adapters(size, 1) + shape.norms,
    f"pfeiffer {size}": shape.adapters(size, 1),
    f"parallel {size}": shape.adapters(size, 1),
    "full": shape.in_blocks + shape.in_embeddings + pooler,
    "top_k 1": shape.in_blocks // shape.blocks + pooler,
    "layer_norm": shape.norms,
    "head": 0,
    "bitfit": shape.biases + (d if pooled else 0),
    f"lora {size}": shape.lora(size),
    f"prefix {size}": shape.blocks * 2 * size * d,
    f"prompt {size}": size * d,
  }
  head = d * classes + classes
  assert {row.way: row.trained - head for row in costs.rows} == expected
  for row in costs.rows:
    assert row.parameters["head"] == head
    assert row.share == pytest.approx(row.trained / shape.in_all)


@pytest.mark.parametrize(
  ("ours", "name"), [("bert-base", "BERT-base"), ("bert-large", "BERT-large")]
)
def test_it_has_the_numbers_of_the_readme(ours, name):
  shape, sizes = formulas.SHAPES[name], [2, 8, 32, 64, 256, 512]
  costs = tf_adapters.plan(ours, sizes=sizes, strategies=["adapter"])
  readme = (ROOT / "README.md").read_text("utf-8")
  assert costs.encoder_parameters == shape.in_all
  for row, size in zip(costs.rows, sizes, strict=True):
    encoder = row.trained - row.parameters["head"]
    assert encoder == shape.trained(size)
    assert f" {encoder:,} ({encoder / shape.in_all:.2%}) |" in readme


def test_adapters_in_some_blocks_with_options():
  adapter = AdapterConfig(size=4, layers=(1,), train_pooler=True)
  config = Config(adapter=adapter, head=POOLED)
  row = tf_adapters.plan(TINY, strategies=["adapter"], config=config).rows[0]
  d = tiny.HIDDEN
  assert row.parameters == {
    "adapter": 2 * (2 * d * 4 + d + 4),
    "layer_norm": 2 * 2 * d,
    "pooler": d * d + d,
    "head": 2 * d + 2,
  }
  frozen = dataclasses.replace(adapter, train_layer_norm=False)
  config = dataclasses.replace(config, adapter=frozen)
  row = tf_adapters.plan(TINY, strategies=["adapter"], config=config).rows[0]
  assert "layer_norm" not in row.parameters


# --- Bytes -------------------------------------------------------------------

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
TENSORS = st.dictionaries(
  NAMES.filter(lambda name: name != "__metadata__"),
  st.lists(st.integers(0, 5), max_size=4).map(tuple),
  min_size=1,
  max_size=12,
)


@hypothesis.given(TENSORS, st.sampled_from([None, {"format": "pt"}]))
@hypothesis.settings(deadline=None)
def test_a_file_has_the_bytes_that_the_library_writes(tensors, metadata):
  arrays = {name: np.zeros(dims, np.float32) for name, dims in tensors.items()}
  written = safetensors.numpy.save(arrays, metadata=metadata)
  assert disk.safetensors(tensors, metadata) == len(written)


def test_a_module_of_an_older_version_has_these_bytes():
  folder = ROOT / "tests" / "golden" / "module" / "mood"
  tree = json.loads((folder / "module.json").read_text("utf-8"))
  pooler = tree["config"]["adapter"]["train_pooler"]
  row = tf_adapters.plan(
    TINY,
    sizes=[tree["config"]["adapter"]["size"]],
    strategies=["adapter"],
    classes=len(tree["definition"]["labels"]),
    config=Config(
      adapter=AdapterConfig(train_pooler=pooler),
      head=HeadConfig(tree["config"]["head"]["input"]),
    ),
  ).rows[0]
  assert row.trained == tree["parameters"]
  found = (folder / "weights.safetensors").stat().st_size
  assert row.module_bytes == found


def test_a_store_is_the_encoder_and_its_tasks():
  costs = tf_adapters.plan(TINY, tasks=7)
  for row in costs.rows:
    size = costs.encoder_bytes + 7 * row.module_bytes
    assert row.store_bytes == costs.store_bytes(row, 7) == size


# --- Memory ------------------------------------------------------------------


def memory_of(strategy="adapter", shape=TINY, **settings):
  settings = {"data": SHORT, "train": TrainConfig(batch_size=3), **settings}
  config = Config(**settings)
  config = dataclasses.replace(
    config, tuning=dataclasses.replace(config.tuning, strategy=strategy)
  )
  costs = tf_adapters.plan(
    shape, strategies=[strategy], tasks=5, config=config
  )
  return costs, costs.rows[0]


def test_memory_is_the_stated_formula():
  costs, row = memory_of(adapter=AdapterConfig(size=4))
  d, i, h, n, m = tiny.HIDDEN, tiny.INNER, tiny.HEADS, 8, 4
  assert row.training.weights == 4 * (costs.encoder_parameters + row.trained)
  assert row.training.gradients == 4 * row.trained
  assert row.training.moments == 8 * row.trained
  whole = 7 * n * d + 2 * n * d + 2 * h * n * n + n * i + 2 * n * m
  one = 7 * d + 2 * n * d + 2 * h * n + i + 2 * m
  at_work = max(4 * n * d + 2 * h * n * n, n * d + 2 * n * i)
  numbers = whole + one + 3 * n * d + at_work
  assert row.training.activations == 4 * 3 * numbers
  parts = dataclasses.astuple(row.training)
  assert row.training.total == sum(parts)
  weights = 4 * (costs.encoder_parameters + 5 * row.trained)
  assert row.serving.weights == weights
  assert row.serving.total == weights + 4 * 3 * at_work


def test_activations_begin_at_the_lowest_block_that_trains():
  deep = dataclasses.replace(TINY, layers=6)
  found = {}
  for lowest in range(6):
    adapter = AdapterConfig(layers=(lowest,), train_layer_norm=False)
    found[lowest] = memory_of(shape=deep, adapter=adapter)[1]
  kept = [found[lowest].training.activations for lowest in range(6)]
  steps = -np.diff(kept)
  assert len(set(steps[:-1])) == 1  # a block each
  assert 0 < steps[-1]  # the last one, but for one token
  above = memory_of("head", deep)[1].training.activations
  assert above == memory_of("head", deep)[1].serving.activations < kept[-1]


def test_what_needs_more_memory():
  def kept(*args, **settings):
    return memory_of(*args, **settings)[1].training.activations

  deep = dataclasses.replace(TINY, layers=6)
  small = AdapterConfig(size=4)
  assert kept("full", deep) > kept("adapter", deep, adapter=small)
  assert kept("adapter", deep, adapter=small) > kept("top_k", deep)
  train = TrainConfig(batch_size=3, recompute=True)
  assert kept("adapter", deep, train=train) < kept("adapter", deep)
  span = dict(task=TaskConfig(type="span"))
  span["data"] = DataConfig(max_length=8, max_question_length=4)
  assert kept("adapter", deep, **span) > kept("adapter", deep)
  for strategy in ("prefix", "prompt"):
    short, long = (TuningConfig(length=length) for length in (1, 9))
    assert kept(strategy, tuning=short) < kept(strategy, tuning=long)
  everywhere = TuningConfig(targets=config_lib.LINEARS)
  assert kept("lora", tuning=everywhere) > kept("lora")


# --- Encoders and errors -----------------------------------------------------


def test_an_encoder_is_a_folder_with_a_configuration(tmp_path):
  for name in ("config.json", "bert_config.json"):
    folder = tmp_path / name.removesuffix(".json")
    folder.mkdir()
    (folder / name).write_text(json.dumps(tiny.CONFIG), encoding="utf-8")
    assert shapes.find(folder) == TINY
    assert tf_adapters.plan(folder).encoder == str(folder)


def test_a_configuration_that_is_no_encoders_is_named(tmp_path):
  path = tmp_path / "config.json"
  tree = {**tiny.CONFIG, "num_attention_heads": 3}
  path.write_text(json.dumps(tree), encoding="utf-8")
  with pytest.raises(tf_adapters.InputError) as caught:
    tf_adapters.plan(tmp_path)
  assert f"{path}: `num_attention_heads` must divide" in str(caught.value)


@pytest.mark.parametrize(
  ("options", "message"),
  [
    ({"encoder": "bert-huge"}, "`encoder` must be one of `bert-tiny`"),
    ({"encoder": 3}, "`encoder` must be one of `bert-tiny`"),
    ({"encoder": None}, "`encoder` must be one of `bert-tiny`"),
    ({"sizes": [0]}, "`size` must be at least 1; got 0"),
    ({"sizes": 8}, "`sizes` takes a list of whole numbers; got 8."),
    ({"methods": "lora"}, "`methods` takes a list of names; got 'lora'."),
    ({"strategies": "full"}, "`strategies` takes a list of names; got 'full'."),
    ({"strategies": ()}, "`strategies` must name at least one; got none."),
    (
      {"strategies": ["full", "head"], "sizes": [8, 64]},
      "`sizes` are of the strategy `adapter`, which is not among full, head; "
      "got 8, 64.",
    ),
    (
      {"strategies": ["full"], "methods": ["parallel"]},
      "`methods` are of the strategy `adapter`, which is not among full; got "
      "parallel.",
    ),
    ({"config": "run.yaml"}, "`config` takes a `Config` or a dictionary"),
    (
      {"config": Config(data=DataConfig(max_length=6.5))},
      "`data.max_length` takes a whole number; got 6.5",
    ),
    ({"methods": ["lohs"]}, "`method` must be one of"),
    ({"strategies": ["all"]}, "`strategy` must be one of"),
    ({"tasks": 0}, "`tasks` must be at least 1; got 0"),
    ({"classes": 1.5}, "`classes` takes whole numbers; got 1.5"),
    (
      {"config": Config(adapter=AdapterConfig(layers=(12,)))},
      "`layers` must be block numbers from 0 to 11; got 12",
    ),
    (
      {"config": Config(tuning=TuningConfig(top_k=13))},
      "`top_k` must be at most 12",
    ),
    (
      {"config": Config(data=DataConfig(max_length=513))},
      "`data.max_length` must be at most 512",
    ),
  ],
)
def test_what_is_not_allowed_is_named(options, message):
  with pytest.raises(tf_adapters.InputError) as caught:
    tf_adapters.plan(**options)
  assert message in str(caught.value)


def test_a_shape_is_checked():
  with pytest.raises(tf_adapters.InputError, match="`heads` must divide"):
    tf_adapters.EncoderShape(10, 1, 3)
  with pytest.raises(tf_adapters.InputError, match="`layers` must be at"):
    tf_adapters.EncoderShape(10, 0, 2)
  with pytest.raises(tf_adapters.InputError, match="`hidden` takes whole"):
    tf_adapters.EncoderShape(None, 1, 2)
  assert tf_adapters.EncoderShape(10, 1, 2).inner == 40


def test_settings_may_be_a_dictionary_and_say_how_many_outputs():
  costs = tf_adapters.plan(TINY, config={"adapter.size": 3})
  assert costs.rows[0].way == "houlsby 3"
  assert costs.classes == 2
  costs = tf_adapters.plan(TINY, config={"task": {"type": "regression"}})
  assert costs.classes == 1


# --- The command -------------------------------------------------------------


def run(capsys, *arguments):
  status = command_line.main(["plan", *arguments])
  return status, *capsys.readouterr()


def seconds_of(code, *arguments):
  """Processor seconds of a script, the least of three tries.

  The first on a new machine compiles Python and lists its fonts, and a busy
  one disturbs some.
  """
  seconds = []
  for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
      [sys.executable, "-c", code, *arguments], capture_output=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr.decode()
    seconds.append(
      after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    )
  return min(seconds)


def test_it_takes_no_tensorflow_and_less_than_two_seconds(tmp_path):
  code = (
    "import sys\n"
    "from tf_adapters.__main__ import main\n"
    "main(sys.argv[1:])\n"
    "loaded = {name.split('.')[0] for name in sys.modules}\n"
    "sys.exit(bool(loaded & {'tensorflow', 'tf_keras', 'keras', 'official'}))\n"
  )
  plan = ["plan", "bert-large"]
  assert seconds_of(code, *plan) < 2
  picture = ["--picture", str(tmp_path / "plan.svg")]
  library = seconds_of("import matplotlib.figure")
  assert seconds_of(code, *plan, *picture) - library < 2


def cells(lines):
  """Rows of a Markdown table by their first cell."""
  rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
  head, rules, *rest = rows
  assert all(set(rule) <= {"-", ":"} for rule in rules)
  return {row[0]: dict(zip(head, row, strict=True)) for row in rest}


def test_the_table_has_all_of_it(capsys):
  arguments = ("minilm", "--size", "8,64", "--tasks", "20", "tuning.rank=4")
  status, out, err = run(capsys, *arguments)
  assert (status, err) == (0, "")
  _, trained, stored, remembered = out.split("\n\n")
  costs = tf_adapters.plan(
    "minilm",
    sizes=[8, 64],
    tasks=20,
    config=Config(tuning=TuningConfig(rank=4)),
  )
  trained, stored, remembered = (
    cells(text.strip().split("\n")) for text in (trained, stored, remembered)
  )
  assert list(trained) == [row.way for row in costs.rows]
  for row in costs.rows:
    assert trained[row.way]["trains"] == f"{row.trained:,}"
    for role, count in row.parameters.items():
      assert f"{role} {count:,}" in trained[row.way]["what"]
    assert stored[row.way]["a task"] == f"{row.module_bytes:,}"
    found = stored[row.way]["encoder and 20 tasks"]
    assert found == f"{row.store_bytes:,}"
    total = f"{row.training.total / 1e6:,.1f}"
    assert remembered[row.way]["to train"] == total
  _, out, _ = run(capsys, *arguments, "--json")
  assert json.loads(out) == json.loads(json.dumps(table.to_dict(costs)))


def test_other_shapes_methods_and_settings(capsys):
  status, out, _ = run(
    capsys,
    *("--json", "--hidden", "64", "--heads", "4", "--layers", "3"),
    *("--vocabulary", "100", "--strategy", "adapter,lora"),
    *("--method", "houlsby,pfeiffer", "adapter.layers=1,2"),
  )
  tree = json.loads(out)
  assert status == 0
  assert tree["shape"]["inner"] == 256
  expected = formulas.Shape(64, 3, 4, vocabulary=100).in_all
  assert tree["encoder_parameters"] == expected
  ways = [row["way"] for row in tree["rows"]]
  assert ways == ["houlsby 64", "pfeiffer 64", "lora 8"]
  assert tree["rows"][1]["parameters"]["adapter"] == 2 * (2 * 64 * 64 + 128)


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["bert-huge"], "`encoder` must be one of"),
    (["--heads", "5"], "`heads` must divide `hidden`, here 768; got 5."),
    (["adapter.sise=3"], "adapter.sise"),
    (
      ["minilm", "encoder=bert-large"],
      "the encoder is named twice: 'minilm' and encoder='bert-large'.",
    ),
    (["--strategy", "full", "--size", "8"], "`sizes` are of the strategy"),
    (["--picture", "plan.pdf"], "ends in .png or .svg; got 'plan.pdf'"),
    (["--picture", "nowhere/plan.png"], "there is no folder 'nowhere'"),
  ],
)
def test_bad_input_is_one_sentence(capsys, arguments, message):
  status, out, err = run(capsys, *arguments)
  assert (status, out) == (2, "")
  assert message in err
  assert err.count("\n") == 1


def test_the_readme_shows_what_it_prints(capsys):
  readme = (ROOT / "README.md").read_text("utf-8")
  command = "tf-adapters plan bert-base --size 8,64 --strategy adapter,full"
  assert f"    {command}\n" in readme
  _, out, _ = run(capsys, *command.split()[2:])
  assert out in readme


# --- The picture -------------------------------------------------------------


def test_a_picture_names_every_way_and_repeats(tmp_path):
  costs = tf_adapters.plan("bert-base", sizes=(8, 64), tasks=12)
  path, again = tmp_path / "plan.svg", tmp_path / "again.svg"
  picture.write(costs, path)
  picture.write(costs, again)
  assert path.read_bytes() == again.read_bytes()
  root = xml.etree.ElementTree.parse(path).getroot()
  texts = " | ".join(root.itertext())
  for row in costs.rows:
    assert texts.count(row.way) >= 2  # a bar and a line
    assert f"{row.way}: {row.store_bytes / 1e9:.3g}" in texts
  assert "%" in texts
  assert "GB" in texts
  png = tmp_path / "plan.PNG"
  picture.write(costs, png)
  assert png.read_bytes().startswith(b"\x89PNG")
  assert len(list(tmp_path.iterdir())) == 3


def test_a_picture_is_black_and_white(tmp_path):
  image = pytest.importorskip("matplotlib.image")
  path = tmp_path / "plan.png"
  picture.write(tf_adapters.plan("bert-large"), path)
  red, green, blue = np.moveaxis(image.imread(path)[..., :3], -1, 0)
  assert np.ptp(red) > 0.9
  np.testing.assert_array_equal(red, green)
  np.testing.assert_array_equal(red, blue)


def test_without_matplotlib_it_says_what_to_install(
  capsys, monkeypatch, tmp_path
):
  monkeypatch.setitem(sys.modules, "matplotlib", None)
  path = tmp_path / "plan.png"
  status, out, err = run(capsys, "--picture", str(path))
  assert (status, out) == (2, "")
  assert "pip install 'tf-adapters[picture]'" in err
  assert not path.exists()
