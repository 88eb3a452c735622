"""How long tests wait for what must come: no time-out says anything but that something hangs."""

import time
from collections.abc import Callable

PATIENCE = 1800.0
"""Seconds, more than ten times what the slowest wait takes on an idle machine."""


def until(true: Callable[[], object], pause: float = 0.02) -> None:
    """Waits for something to become true."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(pause)
