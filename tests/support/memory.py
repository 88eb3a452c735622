"""Gives back, after each file of tests, what TensorFlow and Keras keep of the networks that were made in it.

Without it a worker grows by 10 MiB with every network that it trains, since TensorFlow's table of gradients holds the
graph of every custom gradient that was ever traced (all sums over replicas are such), and the compiled CRFs are kept.
"""

import ctypes
import gc
import sys


def give_back() -> None:
    """Forgets names, graphs and gradients that no living network needs, and returns the free pages to the system."""
    if "keras" in sys.modules:
        sys.modules["keras"].backend.clear_session()
    crf = sys.modules.get("tfwsss.ops.mean_field")
    if crf is not None:
        crf.compiled.cache_clear()
        crf.compiled_for_one.cache_clear()
    gc.collect()
    _forget_custom_gradients()
    gc.collect()
    getattr(ctypes.CDLL(None), "malloc_trim", int)(0)         # glibc alone keeps free pages


def _forget_custom_gradients() -> None:
    """Empties TensorFlow's table of gradients of what was traced; its own operations' gradients stay."""
    if "tensorflow" not in sys.modules:
        return
    from tensorflow.python.framework.ops import gradient_registry

    table = gradient_registry._registry
    for name in [name for name in table if name.startswith(("CustomGradient-", "PartitionedCall-"))]:
        del table[name]
