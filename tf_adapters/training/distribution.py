# Copyright 2026 The tf_adapters Authors. Licensed under the Apache License 2.0.
"""`tf.distribute` strategies by name, and batches cut over their replicas."""

import contextlib
import hashlib
from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from official.common import distribute_utils

from tf_adapters.config import TrainConfig
from tf_adapters.errors import InputError
from tf_adapters.training import portions

# How TensorFlow names, in different places, a worker that is gone.
_LOST = (
  tf.errors.AbortedError,
  tf.errors.CancelledError,
  tf.errors.DeadlineExceededError,
  tf.errors.UnavailableError,
)


def get_strategy(config: TrainConfig) -> tf.distribute.Strategy:
  """The strategy that `train.strategy` names, on `train.replicas` devices."""
  gpus = len(tf.config.list_physical_devices("GPU"))
  if config.strategy == "mirrored" and not gpus:
    return _mirrored_cpus(config.replicas or 1)
  if config.strategy == "one_device":
    gpus = min(gpus, 1)
    if not gpus:
      portions.share_cores()
  elif config.replicas:
    gpus = config.replicas
  try:
    return distribute_utils.get_distribution_strategy(
      config.strategy, num_gpus=gpus, tpu_address=config.tpu
    )
  except (ValueError, tf.errors.OpError) as error:
    reason = " ".join(str(error).split())
    raise InputError(
      f"`train.strategy={config.strategy}` cannot start here: {reason}"
    ) from error


def _mirrored_cpus(replicas: int) -> tf.distribute.Strategy:
  """Mirrored over virtual CPU devices, to try what many GPUs would do."""
  cpu = tf.config.list_physical_devices("CPU")[0]
  parts = [tf.config.LogicalDeviceConfiguration()] * replicas
  try:
    tf.config.set_logical_device_configuration(cpu, parts)
  except RuntimeError:  # TensorFlow runs already: it has what it has
    if len(tf.config.list_logical_devices("CPU")) < replicas:
      raise InputError(
        f"`train.replicas={replicas}` needs virtual CPU devices, which must "
        "be made before TensorFlow first runs; start a fresh process."
      ) from None
  return tf.distribute.MirroredStrategy(
    [f"CPU:{index}" for index in range(replicas)]
  )


def is_chief(strategy: tf.distribute.Strategy) -> bool:
  """Whether this process is the one that writes files."""
  resolver = strategy.cluster_resolver
  if resolver is None or not resolver.task_type:
    return True
  chiefless = "chief" not in resolver.cluster_spec().jobs
  return resolver.task_type == "chief" or (
    chiefless and resolver.task_type == "worker" and resolver.task_id == 0
  )


def wait_for_all(strategy: tf.distribute.Strategy) -> None:
  """Waits until every worker has come here."""
  all_agree(strategy, b"")


def all_agree(strategy: tf.distribute.Strategy, content: bytes) -> bool:
  """Whether all workers have the same content; waits for all of them."""
  if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
    return True

  # Not the whole digest: integers of 64 bits can be gathered anywhere.
  number = int.from_bytes(hashlib.sha256(content).digest()[:7], "big")

  def own():
    return tf.constant([number], tf.int64)

  @tf.function
  def gather():
    return strategy.gather(strategy.run(own), axis=0)

  return len(np.unique(gather())) == 1


@contextlib.contextmanager
def naming_lost_workers(strategy: tf.distribute.Strategy) -> Iterator[None]:
  """Says in one sentence that another worker of this run is gone.

  TensorFlow ends all that waits for a worker at once when its process dies,
  and some ten seconds after it was last heard of.
  """
  try:
    yield
  except _LOST as error:
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
      raise
    raise InputError(
      "another worker of this run has ended or cannot be reached; start all "
      "of them again to go on from the last checkpoint."
    ) from error


def compiles_steps(strategy: tf.distribute.Strategy) -> bool:
  """Whether a step is to be compiled whole, by `jit_compile`.

  Several replicas on one host share no compiled function (their variables
  sit on other devices), and a TPU strategy compiles by itself. On a CPU the
  products are faster outside XLA: there `fuses_kernels`.
  """
  gpus = tf.config.list_physical_devices("GPU")
  return bool(gpus) and strategy.num_replicas_in_sync == 1


def fuses_kernels(strategy: tf.distribute.Strategy) -> bool:
  """Whether XLA is to compile what lies between products, piece by piece."""
  accelerators = tf.config.list_physical_devices("GPU") or (
    isinstance(strategy, tf.distribute.TPUStrategy)
  )
  return not accelerators and strategy.num_replicas_in_sync == 1


def parts(strategy: tf.distribute.Strategy) -> int:
  """Into how many equal parts the rows of a batch are cut."""
  if fuses_kernels(strategy):
    return portions.SIDE_BY_SIDE
  return strategy.num_replicas_in_sync


def split(
  strategy: tf.distribute.Strategy,
  batch: Mapping[str, np.ndarray],
  axis: int = 0,
) -> dict[str, tf.Tensor]:
  """Cuts a global batch along `axis` into equal parts, replica 0 first."""
  replicas = strategy.num_replicas_in_sync
  if replicas == 1:
    return {name: tf.constant(value) for name, value in batch.items()}

  def part(context):
    index = context.replica_id_in_sync_group
    return {
      name: tf.constant(np.split(value, replicas, axis)[index])
      for name, value in batch.items()
    }

  return strategy.experimental_distribute_values_from_function(part)
