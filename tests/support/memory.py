"""Gives back, after each file of tests, what TensorFlow and Keras keep of the networks that were made in it.

Without it a worker grows by 10 MiB with every network that it trains, since TensorFlow's table of gradients holds the
graph of every custom gradient that was ever traced (all sums over replicas are such), and the compiled CRFs are kept.
"""

import ctypes
import gc
import resource
import sys
from pathlib import Path

ENOUGH = 800 * 2**20
"""Bytes that a worker may hold before it gives anything back: a collection takes half a second."""


def resident() -> int:
    """Returns the bytes of memory that this process holds, or more than `ENOUGH` where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return ENOUGH + 1


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
    if not gc.get_freeze_count():
        gc.freeze()                                           # all modules are loaded: half a second a collection
    getattr(ctypes.CDLL(None), "malloc_trim", int)(0)         # glibc alone keeps free pages


def _forget_custom_gradients() -> None:
    """Empties TensorFlow's table of gradients of what was traced; its own operations' gradients stay."""
    if "tensorflow" not in sys.modules:
        return
    from tensorflow.python.framework.ops import gradient_registry

    table = gradient_registry._registry
    for name in [name for name in table if name.startswith(("CustomGradient-", "PartitionedCall-"))]:
        del table[name]
