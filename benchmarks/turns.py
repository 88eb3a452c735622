"""What benchmarks share: forms of one piece of work timed in turns, the rate of the machine, memory, and PyTorch."""

import os
import time

import numpy as np


def imported_torch():
    """PyTorch with all cores, or None where it is missing, after a word about it."""
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed: its column is left out (pip install torch)")
        return None
    torch.set_num_threads(os.cpu_count())
    return torch


def in_turns(calls: dict, repeats: int) -> dict[str, np.ndarray]:
    """Median seconds of each call, by the wall and of all cores; the first of each, which traces, does not count."""
    taken = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            start = np.array([time.perf_counter(), time.process_time()])
            call()
            if turn:
                taken[name].append(np.array([time.perf_counter(), time.process_time()]) - start)
    return {name: np.median(values, axis=0) for name, values in taken.items()}


def walls(calls: dict, repeats: int) -> dict[str, float]:
    """Median seconds of each call by the wall, as `in_turns`."""
    return {name: float(wall) for name, (wall, _) in in_turns(calls, repeats).items()}


def rate() -> np.ndarray:
    """Multiply-adds a second of a large matrix product, by the wall and of all cores."""
    import tensorflow as tf

    one = tf.random.normal((2048, 2048))
    return 2048**3 / in_turns({"product": lambda: tf.matmul(one, one).numpy()}, 5)["product"]


def held(field: str) -> float:
    """MiB of this process (Linux), now (VmRSS) or at its peak (VmHWM)."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024
