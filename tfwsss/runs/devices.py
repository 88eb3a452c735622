"""Devices to a strategy: one replica by default, several under MirroredStrategy."""

import contextlib
import functools
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf

from tfwsss.errors import UserError
from tfwsss.runs import data_parallel


def strategy(devices: int | Sequence[str] = 1) -> tf.distribute.Strategy | data_parallel.DataParallel:
    """Returns the strategy for the devices asked for.

    One device needs no strategy. Several are mirrored; where there are fewer GPUs
    than asked for and no GPU at all, logical CPU devices are made, which shows
    that a model is right on replicas, not that it is fast. Under JAX all its devices
    are one, whose memory TensorFlow, which reads the images, leaves alone.

    Args:
        devices: number of replicas, or names such as `("GPU:0", "GPU:1")`.

    Returns:
        A `tf.distribute.Strategy`; the same object for the same devices, since
        two mirrored strategies in one process disturb each other. Under JAX `data_parallel.DataParallel`.

    Raises:
        UserError: a device does not exist, or logical CPU devices come too late.

    Example:
    >>> strategy(1).num_replicas_in_sync
    1
    """
    if data_parallel.under_jax():
        if tf.config.get_visible_devices("GPU"):
            tf.config.set_visible_devices([], "GPU")
        return data_parallel.all_devices(devices)
    names = _names(devices) if isinstance(devices, int) else tuple(devices)
    return _strategy(names)


@functools.cache
def _strategy(names: tuple[str, ...]) -> tf.distribute.Strategy:
    known = [device.name.split("device:")[-1] for device in tf.config.list_logical_devices()]
    for name in names:
        if name not in known:
            raise UserError(f"devices: {name!r} is not there; this machine has {', '.join(known)}")
        if names.count(name) > 1:
            raise UserError(f"devices: {name!r} is named twice; name each device once")
    if len(names) == 1 and names[0] in ("CPU:0", "GPU:0"):
        return tf.distribute.get_strategy()
    if len(names) == 1:
        return tf.distribute.OneDeviceStrategy(names[0])
    on_cpu = names[0].startswith("CPU")
    return tf.distribute.MirroredStrategy(names, tf.distribute.ReductionToOneDevice() if on_cpu else None)


def count_gpus() -> int:
    """Returns how many graphics cards TensorFlow can use; asking starts none of them."""
    return len(tf.config.list_physical_devices("GPU"))


def _names(count: int) -> tuple[str, ...]:
    """Chooses GPUs where there are any, else makes logical CPU devices."""
    gpus = count_gpus()
    if gpus:
        if count > gpus:
            raise UserError(f"devices: {count} replicas asked for, this machine has {gpus} GPUs; lower devices")
        return tuple(f"GPU:{i}" for i in range(count))
    if count > 1:
        _split_cpu(count)
    return tuple(f"CPU:{i}" for i in range(count))


def _split_cpu(count: int) -> None:
    """Makes logical CPU devices, unless TensorFlow has already enough of them."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    have = tf.config.get_logical_device_configuration(cpu)
    if have and len(have) >= count:
        return
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError:
        raise UserError(
            f"devices: {count} logical CPU devices must be made before TensorFlow starts; start a new process"
        ) from None


@contextlib.contextmanager
def precision(mixed: bool) -> Iterator[None]:
    """Computes in float16 where that is safe, while the block runs.

    Args:
        mixed: whether to; `False` leaves everything in float32.

    Yields:
        Nothing; afterwards the policy is what it was.

    Example:

    >>> with precision(True):
    ...     keras.mixed_precision.dtype_policy().name
    'mixed_float16'
    """
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_float16" if mixed else before)
    try:
        yield
    finally:
        keras.mixed_precision.set_dtype_policy(before)
