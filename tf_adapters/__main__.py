# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""The command line: `tf-adapters`, or `python -m tf_adapters`.

  tf-adapters train task.name=sms data.train=train.tsv data.eval=dev.tsv
  tf-adapters predict --store store --task sms "You have won a prize"
  tf-adapters export --store store --output serving/sms

Results go to stdout, everything else to stderr. Bad input: one sentence and
exit status 2.
"""

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import tf_adapters
from tf_adapters import config as config_lib
from tf_adapters import settings as settings_lib
from tf_adapters.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs one command; returns the exit status."""
  # TensorFlow's start-up notes would bury what the user should read.
  os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
  options = _parse(arguments)
  try:
    options.run(options)
  except InputError as error:
    print(f"tf-adapters: {error}", file=sys.stderr)
    return 2
  except BrokenPipeError:  # the reader of our output, `head` say, has gone
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
  except OSError as error:
    print(f"tf-adapters: {_describe(error)}", file=sys.stderr)
    return 2
  except KeyboardInterrupt:
    print("tf-adapters: interrupted; run it again to go on.", file=sys.stderr)
    return 130
  return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
  parser = _parser()
  options, rest = parser.parse_known_args(arguments)
  # argparse takes positional arguments of a sub-command in one run only, but
  # people write `train a=1 --json b=2`.
  many = next((k for k in ("settings", "texts") if k in options), None)
  if rest and (many is None or any(word.startswith("-") for word in rest)):
    parser.error(f"unrecognized arguments: {' '.join(rest)}")
  if rest:
    getattr(options, many).extend(rest)
  return options


def _describe(error: OSError) -> str:
  where = f"{error.filename}: " if error.filename else ""
  return f"{where}cannot be read or written: {error.strerror or error}."


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog="tf-adapters",
    description="Adapts one frozen BERT to many tasks and serves them all.",
  )
  parser.add_argument(
    "--version", action="version", version=tf_adapters.__version__
  )
  commands = parser.add_subparsers(required=True, metavar="COMMAND")
  _add_train(commands)
  _add_evaluate(commands)
  _add_predict(commands)
  _add_export(commands)
  _add_list(commands)
  _add_show(commands)
  _add_demo(commands)
  return parser


def _add_command(commands, name: str, run, text: str, **options):
  parser = commands.add_parser(name, help=text, description=text, **options)
  parser.set_defaults(run=run)
  parser.add_argument(
    "--json", action="store_true", help="print results as JSON"
  )
  return parser


def _add_store(parser) -> None:
  parser.add_argument("--store", required=True, metavar="DIR")


def _add_train(commands) -> None:
  parser = _add_command(
    commands,
    "train",
    _train,
    "Trains one task and adds it to a store.",
    epilog=_settings_help(),
    formatter_class=argparse.RawDescriptionHelpFormatter,
  )
  parser.add_argument(
    "settings",
    nargs="*",
    metavar="CONFIG.yaml | KEY=VALUE",
    help="a configuration file, then settings over it",
  )
  parser.add_argument(
    "--overwrite", action="store_true", help="replace the task if it exists"
  )


def _settings_help() -> str:
  lines = ["settings and their defaults:"]
  for name, value in _flatten(settings_lib.to_dict(config_lib.Config()), ""):
    lines.append(f"  {name}={'' if value is None else value}")
  return "\n".join(lines)


def _flatten(tree: dict[str, Any], prefix: str):
  for key, value in tree.items():
    if isinstance(value, dict):
      yield from _flatten(value, f"{prefix}{key}.")
    else:
      yield f"{prefix}{key}", value


def _train(options) -> None:
  settings = list(options.settings)
  path = settings.pop(0) if settings and "=" not in settings[0] else None
  config = settings_lib.load(path, settings)
  result = tf_adapters.train(config, overwrite=options.overwrite)
  if options.json:
    _print_json(dataclasses.asdict(result))
    return
  share = result.trainable_parameters / result.encoder_parameters
  print(
    f"{result.task}: {_scores(result.metrics)}; "
    f"{result.trainable_parameters:,} parameters trained ({share:.2%} of the "
    f"encoder's) in {result.seconds:.0f} s; stored in {result.store}"
  )


def _add_evaluate(commands) -> None:
  parser = _add_command(
    commands, "evaluate", _evaluate, "Scores a task on a labelled file."
  )
  _add_store(parser)
  parser.add_argument("--task", required=True, metavar="NAME")
  parser.add_argument("--data", required=True, metavar="FILE")


def _evaluate(options) -> None:
  metrics = tf_adapters.evaluate(options.store, options.task, options.data)
  if options.json:
    _print_json({"task": options.task, "metrics": metrics})
  else:
    print(_scores(metrics))


def _add_predict(commands) -> None:
  parser = _add_command(
    commands,
    "predict",
    _predict,
    "Answers texts with a task: those given, of a file, or of stdin.",
  )
  _add_store(parser)
  parser.add_argument("--task", required=True, metavar="NAME")
  parser.add_argument("--input", metavar="FILE", help="a file with a header")
  parser.add_argument(
    "texts", nargs="*", metavar="TEXT", help="for pairs: A B A B …"
  )


def _predict(options) -> None:
  from tf_adapters import data

  if options.texts and options.input:
    raise InputError("give texts or `--input`, not both.")
  if not options.texts and not options.input:
    raise InputError("`predict` needs texts or `--input FILE`; got neither.")
  task = tf_adapters.load_task(options.store, options.task)
  if options.input:
    examples = data.read(
      options.input, key="--input", columns=task.columns, labelled=False
    )
    texts, texts_b = examples.texts, examples.texts_b
  else:
    texts, texts_b = options.texts, None
    if task.columns.text_b:
      if len(texts) % 2:
        raise InputError(
          f"the task {task.name!r} takes pairs of texts; got {len(texts)} "
          "texts."
        )
      texts, texts_b = texts[::2], texts[1::2]
  for index, answer in enumerate(task.predict(texts, texts_b)):
    shown = {"text": texts[index]}
    if texts_b is not None:
      shown["text_b"] = texts_b[index]
    if options.json:
      _print_json({**shown, **answer})
    else:
      _print_answer(answer, shown)


def _print_answer(answer: dict[str, Any], shown: dict[str, str]) -> None:
  if "value" in answer:
    fields = [f"{answer['value']:.4f}"]
  else:
    fields = [answer["label"], f"{answer['score']:.4f}"]
  print("\t".join([*fields, *shown.values()]))


def _add_export(commands) -> None:
  parser = _add_command(
    commands,
    "export",
    _export,
    "Writes all tasks of a store as the next version of one SavedModel.",
  )
  _add_store(parser)
  parser.add_argument("--output", required=True, metavar="DIR")


def _export(options) -> None:
  version = tf_adapters.export(options.store, options.output)
  if options.json:
    _print_json({"path": version})
  else:
    print(version)


def _add_list(commands) -> None:
  parser = _add_command(commands, "list", _list, "Lists the tasks of a store.")
  _add_store(parser)


def _list(options) -> None:
  store = tf_adapters.Store(options.store)
  rows = []
  for name in store.tasks():
    tree = store.describe(name)
    rows.append({
      "task": name,
      "type": tree["definition"]["type"],
      "metrics": tree["metrics"],
      "parameters": tree["parameters"],
      "bytes": store.size(name),
    })
  if options.json:
    _print_json({"tasks": rows})
    return
  for row in rows:
    print(
      f"{row['task']}\t{row['type']}\t{_scores(row['metrics'])}\t"
      f"{row['parameters']:,} parameters\t{row['bytes'] / 1e6:.2f} MB"
    )


def _add_show(commands) -> None:
  parser = _add_command(
    commands, "show", _show, "Shows how a task was made, as JSON."
  )
  _add_store(parser)
  parser.add_argument("--task", required=True, metavar="NAME")


def _show(options) -> None:
  tree = tf_adapters.Store(options.store).describe(options.task)
  if options.json:
    _print_json(tree)
  else:
    print(json.dumps(tree, indent=2, sort_keys=True, ensure_ascii=False))


def _add_demo(commands) -> None:
  parser = _add_command(
    commands,
    "demo",
    _demo,
    "Trains three tasks on sample data, exports them and asks the export.",
  )
  parser.add_argument("--output", default="demo", metavar="DIR")


def _demo(options) -> None:
  from tf_adapters import demo

  demo.run(options.output)


def _scores(metrics: dict[str, float | None]) -> str:
  return "  ".join(
    f"{name} {'undefined' if value is None else f'{value:.4f}'}"
    for name, value in metrics.items()
  )


def _print_json(tree: dict[str, Any]) -> None:
  print(json.dumps(tree, ensure_ascii=False, sort_keys=True), flush=True)


if __name__ == "__main__":
  sys.exit(main())
