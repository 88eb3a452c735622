"""What is given back, and when."""

import asyncio
import threading

import numpy as np
import pytest

from tests.support.memory import resident
from tests.support.patience import PATIENCE
from tfwsss.server import memory
from tfwsss.server.workers import Workers


def test_free_memory_goes_back_to_the_system():
    """Small pieces between which one stays, so that the C library does not do it by itself."""
    memory.give_back()
    kept = [np.ones(50_000, np.uint8) for _ in range(8000)]                 # 400 MB
    before = resident()
    kept = kept[::200]
    memory.give_back()
    assert resident() < before - 200 * 2**20 and len(kept) == 40


def test_it_is_given_back_once_all_requests_have_ended(monkeypatch):
    """Not while one runs, and not again while there was none."""
    given, go = [], threading.Event()
    monkeypatch.setattr(memory, "SECONDS", 0.01)
    monkeypatch.setattr(memory, "give_back", lambda: given.append(1))

    async def until(true) -> None:
        while not true():
            await asyncio.sleep(0.01)

    async def ask():
        workers = Workers(2, 2)
        task = asyncio.create_task(memory.keep_small(workers))
        await asyncio.sleep(0.1)
        long = asyncio.create_task(workers.run(lambda: go.wait(60), PATIENCE, lambda: None))
        await until(lambda: workers.running)                                # before another ends
        await workers.run(lambda: None, PATIENCE, lambda: None)
        await asyncio.sleep(0.1)
        assert given == []
        go.set()
        await long
        await until(lambda: len(given) == memory.TURNS)
        await asyncio.sleep(0.1)
        assert len(given) == memory.TURNS
        await workers.run(lambda: None, PATIENCE, lambda: None)
        await until(lambda: len(given) == 2 * memory.TURNS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(ask())
