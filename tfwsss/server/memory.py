"""Gives memory back to the system: the C library keeps what large requests once needed."""

import asyncio
import ctypes

from tfwsss.server.workers import Workers

SECONDS = 1.0
"""Between two looks at whether there is something to give back."""

TURNS = 3
"""So often after the last request: other threads let go a little later."""


async def keep_small(workers: Workers) -> None:
    """Gives back what is free when requests have ended and none runs; goes on until it is cancelled.

    Args:
        workers: tells what runs.
    """
    known = turns = 0
    while True:
        await asyncio.sleep(SECONDS)
        turns = TURNS if workers.ended != known else turns
        known = workers.ended
        if turns and not workers.running:
            turns -= 1
            await asyncio.to_thread(give_back)


def give_back() -> None:
    """Returns free pages; nothing where the C library has no such function."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
