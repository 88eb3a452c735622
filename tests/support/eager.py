"""Functions that are not traced: where a few steps or a few images are asked for, that takes most of the time."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def eagerly() -> Iterator[None]:
    """Lets what `tf.function` has wrapped run as it is called; data sets stay graphs."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)
