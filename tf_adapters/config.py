# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""All settings of a run and their defaults."""

import dataclasses
import types

METHODS = (
  "houlsby", "houlsby_attention", "houlsby_ffn", "pfeiffer", "parallel"
)
TUNINGS = (
  "adapter", "full", "top_k", "layer_norm", "head", "bitfit", "lora", "prefix",
  "prompt",
)
LINEARS = (
  "query", "key", "value", "attention_output", "intermediate", "output"
)
ACTIVATIONS = ("gelu_tanh", "gelu", "relu", "swish", "tanh")
STRATEGIES = ("one_device", "mirrored", "multi_worker_mirrored", "tpu")
HEAD_INPUTS = ("first_token", "pooled_output")
PRECISIONS = ("auto", "float32", "bfloat16")
TASK_TYPES = ("classification", "regression", "span")
METRICS = types.MappingProxyType({
  "classification": ("accuracy", "f1_macro", "matthews"),
  "regression": ("pearson", "spearman", "mse"),
  "span": ("f1", "exact_match"),
})
MAX_LENGTH = types.MappingProxyType(
  {"classification": 128, "regression": 128, "span": 384}
)


@dataclasses.dataclass(frozen=True)
class TaskConfig:
  """What is learned.

  Attributes:
    name: The task's folder in the store and its signature when served.
    type: `classification`, `regression`, or `span`: a part of a context that
      answers a question.
    metric: The dev metric by which the best epoch is kept; `None` takes
      `accuracy`, `pearson` or `f1`.
    positive: The label of a classification whose F1 is the metric `f1`;
      `None`: there is none.
    n_best_size: For spans: how many of the best share the probability that
      is an answer's `score`.
    max_answer_length: For spans: the longest answer, in tokens.
  """

  name: str = ""
  type: str = "classification"
  metric: str | None = None
  positive: str | None = None
  n_best_size: int = 20
  max_answer_length: int = 30


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """Where the examples are.

  Attributes:
    train: A `.tsv`, `.csv`, `.jsonl` or `.parquet` file with a header, UTF-8;
      for spans a `.json` file in the form of SQuAD v1.1.
    eval: The same for the dev set; empty: no evaluation, last epoch kept.
    test: The same for a set that is scored once, at the end, and chooses
      nothing; empty: none.
    form: A task of `tf_adapters/tasks/*.yaml`, as `cola`, in whose
      publisher's form the data is; empty: the package's own.
    tfds: A data set of TensorFlow Datasets, as `glue/sst2`, instead of files.
    tfds_dir: Where it is or goes; `None` takes TFDS' own place.
    tfds_train: Its split to learn from, as `train` or `train[:80%]`.
    tfds_eval: Its split that is the dev set; empty: none.
    tfds_test: Its split that is the test set; empty: none.
    text: Column of the text; `None` takes the first present of `text`,
      `text_a`, `sentence`.
    text_b: Column of the second text of a pair; `None` takes `text_b` where
      present; `""` takes none.
    label: Column of the label or of the target; `None` takes `label`, or what
      `form` calls it.
    max_length: Longest input in tokens, [CLS] and [SEP] included; longer
      ones are cut, pairs token by token from the longer text, and contexts
      of spans into windows. `None` takes 128, for spans 384.
    doc_stride: For spans: tokens from the start of one window to that of the
      next.
    max_question_length: For spans: tokens to which questions are cut.
  """

  train: str = ""
  eval: str = ""
  test: str = ""
  form: str = ""
  tfds: str = ""
  tfds_dir: str | None = None
  tfds_train: str = "train"
  tfds_eval: str = "validation"
  tfds_test: str = ""
  text: str | None = None
  text_b: str | None = None
  label: str | None = None
  max_length: int | None = None
  doc_stride: int = 128
  max_question_length: int = 64


@dataclasses.dataclass(frozen=True)
class TuningConfig:
  """What a task has of its own beside its head; see `tf_adapters.build`.

  Attributes:
    strategy: `adapter`, `full`, `top_k`, `layer_norm`, `head`, `bitfit`,
      `lora`, `prefix` or `prompt`.
    top_k: How many of the upper blocks `top_k` trains.
    rank: Of the update of `lora`; 8 is what its authors take for RoBERTa.
    alpha: Its factor is alpha / rank; `None`: alpha is the rank.
    targets: The maps of each block that `lora` updates, out of `query`, `key`,
      `value`, `attention_output`, `intermediate` and `output`.
    length: Rows that `prefix` and `prompt` put in front.
  """

  strategy: str = "adapter"
  top_k: int = 1
  rank: int = 8
  alpha: float | None = None
  targets: tuple[str, ...] = ("query", "value")
  length: int = 20


@dataclasses.dataclass(frozen=True)
class AdapterConfig:
  """Where adapters sit and what trains beside them; see `tf_adapters.build`.

  Source: of `houlsby` Houlsby et al., ICML 2019, section 2.1; of `pfeiffer`
  Pfeiffer et al., "AdapterFusion", EACL 2021, as AdapterHub runs it; of
  `parallel` He et al., "Towards a Unified View of Parameter-Efficient Transfer
  Learning", ICLR 2022, section 4.

  Attributes:
    method: `houlsby`, `houlsby_attention` and `houlsby_ffn` (the same after one
      of the two sublayers alone), `pfeiffer` or `parallel`.
    size: Bottleneck size m; 64 is the paper's fixed size (its Table 1).
    activation: `None` takes the method's own: ReLU for `pfeiffer` and
      `parallel`, tanh-GELU for the others.
    init_stddev: Standard deviation of the truncated normal (cut at two) that
      draws adapter kernels. 1e-2 as in Houlsby et al. 2019, section 3.1;
      their published code has 1e-3.
    dropout: Rate on the bottleneck's output, before it is added.
    layers: Blocks that get adapters, counted from 0; `None` is all of them.
    train_layer_norm: `None` takes the method's own: false for `pfeiffer` and
      `parallel`, true for the others.
    train_pooler: Whether the task trains a copy of the pooler.
  """

  method: str = "houlsby"
  size: int = 64
  activation: str | None = None
  init_stddev: float = 1e-2
  dropout: float = 0.0
  layers: tuple[int, ...] | None = None
  train_layer_norm: bool | None = None
  train_pooler: bool = False


@dataclasses.dataclass(frozen=True)
class HeadConfig:
  """What the task's head reads.

  Attributes:
    input: `first_token` of the last block, or `pooled_output`, which is what
      the paper's code reads. The pooler of an encoder that was trained on
      after its pre-training, as MiniLM for sentence vectors, may have lost
      its sense, and learning through it is slow.
    dropout: Rate on that vector.
  """

  input: str = "first_token"
  dropout: float = 0.1


@dataclasses.dataclass(frozen=True)
class TrainConfig:
  """How it is trained; the defaults are the paper's protocol (section 3.1).

  Attributes:
    epochs: Passes over the training file.
    batch_size: Examples a step over all replicas.
    learning_rate: Peak, reached after the warm-up, then linear to 0.
    warmup: Share of all steps that warm up.
    weight_decay: Decoupled, on kernels only.
    clip_norm: Global norm to which gradients are clipped.
    seed: Of initialisation, order of examples and dropout; below 2**63, of a
      baseline below 2**32.
    strategy: `one_device`, `mirrored`, `multi_worker_mirrored` or `tpu`.
    replicas: Devices of `mirrored`; 0 takes all GPUs, or one CPU. More than
      one without a GPU splits the CPU into that many virtual devices.
    tpu: Address of the TPU, `local` on a TPU VM or in Colab.
    checkpoint_steps: Steps between resumable checkpoints; one is also
      written after every epoch.
    precision: Of the blocks' products with the encoder's kernels, frozen or
      a task's copies: `float32`, `bfloat16`, or `auto`, bfloat16 where the
      processor multiplies it faster.
    recompute: Whether the backward pass computes each block again instead of
      keeping its inner activations: less memory, more time.
    steps_per_loop: Steps between two returns to Python; more than one is for
      TPUs, where returning costs more than a step.
    cache_prefix: Whether the output of the blocks below the lowest adapter is
      computed once for the training file and kept. For `adapter.layers`
      without the lowest blocks.
    cache_gigabytes: Most that `cache_prefix` may take; above 1 it is on disk.
  """

  epochs: int = 3
  batch_size: int = 32
  learning_rate: float = 1e-3
  warmup: float = 0.1
  weight_decay: float = 0.01
  clip_norm: float = 1.0
  seed: int = 0
  strategy: str = "one_device"
  replicas: int = 0
  tpu: str = "local"
  checkpoint_steps: int = 500
  precision: str = "auto"
  recompute: bool = False
  steps_per_loop: int = 1
  cache_prefix: bool = False
  cache_gigabytes: float = 8.0


@dataclasses.dataclass(frozen=True)
class Config:
  """One training run.

  Attributes:
    encoder: `minilm`, or a folder or an address, as hf://OWNER/NAME, that
      `tf_adapters.load_encoder` reads; `None` takes the store's, and `minilm`
      for a new store. A store keeps to the revision that it was made with:
      the address without one means the store's.
    store: Folder of the store that the task joins.
    copy_encoder: Whether a new store holds a copy of the encoder, so that it
      can be moved as a whole; false: a reference to it.
  """

  task: TaskConfig = TaskConfig()
  encoder: str | None = None
  store: str = "store"
  copy_encoder: bool = True
  data: DataConfig = DataConfig()
  tuning: TuningConfig = TuningConfig()
  adapter: AdapterConfig = AdapterConfig()
  head: HeadConfig = HeadConfig()
  train: TrainConfig = TrainConfig()


def metrics_of(kind: str, positive: str | None = None) -> tuple[str, ...]:
  """What a type of task is scored by; the first chooses the epoch by default.

  Args:
    kind: The type.
    positive: Of a classification, the label whose F1 is `f1`.
  """
  return METRICS[kind] + (() if positive is None else ("f1",))


def with_max_length(config: Config) -> Config:
  """The same with the `data.max_length` of its type of task if it has none."""
  if config.data.max_length is not None:
    return config
  length = MAX_LENGTH[config.task.type]
  data = dataclasses.replace(config.data, max_length=length)
  return dataclasses.replace(config, data=data)
