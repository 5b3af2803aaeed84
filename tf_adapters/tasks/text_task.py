# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""What tasks on a text or a pair of texts share: one row of logits a text."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import ClassVar

import numpy as np
import tensorflow as tf

from tf_adapters import data
from tf_adapters.config import DataConfig
from tf_adapters.tokens import batching
from tf_adapters.tokens import text as text_lib


class TextTask:
  """Reading, tokens and answers of a task on whole texts.

  Attributes:
    reads: What the head reads if the task decides that, else None.
  """

  reads: ClassVar[str | None] = None

  @staticmethod
  def read(source: str | data.Split, **options: Any) -> data.Examples:
    """Reads a file or a split as `data.read` does."""
    return data.read(source, **options)

  @staticmethod
  def inputs(columns: data.Columns) -> tuple[str, ...]:
    """Names of what a signature takes."""
    return ("text", "text_b") if columns.text_b else ("text",)

  @staticmethod
  def tokenizer(
    vocabulary: Sequence[str], lower_case: bool, config: DataConfig
  ) -> text_lib.Tokenizer:
    """From texts to the encoder's inputs."""
    return text_lib.Tokenizer(vocabulary, lower_case, config.max_length)

  @staticmethod
  def tokenise(
    tokenizer: text_lib.Tokenizer,
    texts: Sequence[str],
    texts_b: Sequence[str] | None,
  ) -> batching.Tokenised:
    """The tokens of many texts."""
    return batching.tokenise(tokenizer, texts, texts_b)

  def place(self, targets: np.ndarray, tokens: batching.Tokenised):
    """The targets once tokens are known; here they do not depend on them."""
    del tokens
    return targets

  def predictions(
    self, logits: np.ndarray, tokens: batching.Tokenised, texts_b=None
  ) -> dict[str, np.ndarray]:
    """The answers of all texts by name."""
    del tokens, texts_b
    found = self.answers(tf.constant(logits))
    return {name: value.numpy() for name, value in found.items()}

  def serve(
    self, model: Callable, tokenizer: Callable, *texts: tf.Tensor
  ) -> dict[str, tf.Tensor]:
    """The same in a graph, from texts string `[batch]`."""
    return self.answers(model(tokenizer(*texts), training=False))
