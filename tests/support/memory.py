"""Gives back, between files of tests, what TensorFlow and Keras keep of the networks that were made in them.

Without it a worker grows by 10 MiB with every network that it trains, since TensorFlow's table of gradients holds the
graph of every custom gradient that was ever traced (all sums over replicas are such), and the compiled CRFs are kept.
"""

import ctypes
import gc
import resource
import sys
from collections.abc import Callable
from pathlib import Path

ENOUGH = 800 * 2**20
"""Bytes that a worker may hold before it gives anything back."""

STEP = 150 * 2**20
"""Bytes that a test may leave behind before a collector is sent for them: networks refer to themselves."""

_LARGE = (-3, 4 * 2**20)       # M_MMAP_THRESHOLD of glibc, 4 MiB; left alone it grows with what is asked for

_least = ENOUGH


def resident() -> int:
    """Returns the bytes of memory that this process holds, or more than `ENOUGH` where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return ENOUGH + 1


def collect_what_is_large() -> None:
    """After a test with a network of full size, frees it, so that the next one does not come on top."""
    global _least
    if resident() > _least + STEP:
        gc.collect()
        _return_pages()
        _least = resident()
    _least = min(_least, resident())


def prepare() -> None:
    """Before there is any network: leaves what is loaded out of collections, and lets large pieces go back at once."""
    gc.collect()
    gc.freeze()                                               # half a second a collection
    _of_glibc("mallopt")(*_LARGE)


def give_back() -> None:
    """Forgets names, graphs and gradients that no living network needs, and returns the free pages to the system."""
    if resident() < ENOUGH:
        return
    if "keras" in sys.modules:
        sys.modules["keras"].backend.clear_session()
    crf = sys.modules.get("tfwsss.ops.mean_field")
    if crf is not None:
        crf.compiled.cache_clear()
        crf.compiled_for_one.cache_clear()
    _forget_custom_gradients()
    gc.collect()
    _return_pages()


def _of_glibc(name: str) -> Callable:
    """Returns a function of the C library, or one that does nothing where it has no such."""
    return getattr(ctypes.CDLL(None), name, lambda *arguments: None)


def _return_pages() -> None:
    _of_glibc("malloc_trim")(0)                               # which alone keeps free pages


def _forget_custom_gradients() -> None:
    """Empties TensorFlow's table of gradients of what was traced; its own operations' gradients stay."""
    if "tensorflow" not in sys.modules:
        return
    from tensorflow.python.framework.ops import gradient_registry

    table = gradient_registry._registry
    for name in [name for name in table if name.startswith(("CustomGradient-", "PartitionedCall-"))]:
        del table[name]
