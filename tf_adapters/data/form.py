# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The form in which a publisher gives a data set: names, labels, layout."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Form:
  """What has to be known about files to read them as they were published.

  Each of `text`, `text_b`, `label` and `index` lists names of one column, of
  which a source has one: a publisher's files, a data set of TFDS and our own
  TSV call it differently. The first that is there is read.

  Attributes:
    text: Names of the column of the text.
    text_b: Of the second text of a pair; empty for single texts.
    label: Of the label or of the target.
    index: Of the number by which a test example is submitted; where there is
      none, examples count from 0.
    labels: The labels in their order; empty takes them from the training
      set.
    values: The label of each value that stands for one in files.
    skip: Values of the label whose rows are no examples.
    skip_short: Whether a row with fewer fields than the header is left out
      (some of Quora's are cut) and no error; not where labels are not read.
    skip_empty: Whether a row without a text is left out; likewise.
    format: `tsv`, `csv`, `jsonl` or `parquet`; empty goes by the suffix.
    encoding: Of text files.
    header: Columns of a file without a header. A first line that names a
      column of the text is a header nevertheless.
  """

  text: tuple[str, ...] = ()
  text_b: tuple[str, ...] = ()
  label: tuple[str, ...] = ()
  index: tuple[str, ...] = ()
  labels: tuple[str, ...] = ()
  values: dict[str, str] = dataclasses.field(default_factory=dict)
  skip: tuple[str, ...] = ()
  skip_short: bool = False
  skip_empty: bool = False
  format: str = ""
  encoding: str = "utf-8"
  header: tuple[str, ...] = ()

  def has_header(self, fields: list[str]) -> bool:
    """Whether a file's first line is a header."""
    return not self.header or bool(set(fields) & set(self.text))


# Files with a header, as this package's users write them.
OWN = Form(
  text=("text", "text_a", "sentence"), text_b=("text_b",), label=("label",)
)
