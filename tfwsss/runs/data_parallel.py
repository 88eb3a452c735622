"""Training under JAX: every device of every process sees a part of each batch and keeps all weights."""

import contextlib
import functools
import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from tfwsss.errors import UserError
from tfwsss.runs.hosts import Place

BACKEND = "jax"
"""Back end of Keras under which processes train together."""


def under_jax() -> bool:
    """Returns whether Keras computes by JAX."""
    import keras

    return keras.backend.backend() == BACKEND


def check_backend(place: Place) -> None:
    """Refuses several processes under a back end that cannot join them.

    Args:
        place: of this process.

    Raises:
        UserError: several processes, and Keras does not compute by JAX.
    """
    if place.count > 1 and not under_jax():
        raise UserError(f"{place.count} processes train together under KERAS_BACKEND={BACKEND} only; set it for all, "
                        "or start one process, to which several GPUs of one host are devices=N; see docs/hosts.md")


def join(place: Place) -> None:
    """Lets JAX know the devices of all processes; called before anything computes.

    Args:
        place: of this process; others must call it too.
    """
    if place.count > 1:
        import jax
        import keras

        jax.config.update("jax_enable_preemption_service", False)          # it would take SIGTERM, and go on
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")    # TensorFlow beside needs memory too
        with _said_aside():
            keras.distribution.initialize(place.address, place.count, place.rank)


@contextlib.contextmanager
def _said_aside() -> Iterator[None]:
    """Sends to standard error what is printed: Gloo tells of its connections, and standard output is for results."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


class DataParallel:
    """All devices that JAX knows, of all processes, with what callers ask of a `tf.distribute.Strategy`.

    Attributes:
        num_replicas_in_sync: number of devices.
    """

    def __init__(self) -> None:
        import keras

        self.num_replicas_in_sync = len(keras.distribution.list_devices())
        self._distribution = keras.distribution.DataParallel(auto_shard_dataset=False)   # batches come in parts

    def scope(self) -> contextlib.AbstractContextManager[Any]:
        """Returns the block in which models are built and trained; one device needs none."""
        return self._distribution.scope() if self.num_replicas_in_sync > 1 else contextlib.nullcontext()


@functools.cache
def _all_devices() -> DataParallel:
    return DataParallel()


def all_devices(asked: int | Sequence[str]) -> DataParallel:
    """Returns all devices that JAX knows.

    Args:
        asked: the setting `devices`, which chooses among TensorFlow's.

    Raises:
        UserError: it asks for several, or for certain ones.
    """
    if asked != 1:
        raise UserError(f"devices: {asked!r} asks for TensorFlow's devices, but KERAS_BACKEND is {BACKEND}, under "
                        "which all that a process sees train: leave devices=1 and choose GPUs by CUDA_VISIBLE_DEVICES, "
                        "or unset KERAS_BACKEND")
    return _all_devices()
