"""Limits of the queue and of time; what a job holds is given back once, whatever becomes of it."""

import asyncio
import threading

import pytest

from tests.support.patience import PATIENCE
from tfwsss.server.refusal import Code, Refusal
from tfwsss.server.workers import Workers


def refused(code: Code, awaited) -> None:
    async def ask():
        with pytest.raises(Refusal) as caught:
            await awaited
        assert caught.value.code == code

    return ask()


def test_results_and_errors():
    ended = []

    async def ask():
        workers = Workers(threads=2, queue=1)
        assert await workers.run(lambda: 5, PATIENCE, lambda: ended.append(1)) == 5
        with pytest.raises(ZeroDivisionError):
            await workers.run(lambda: 1 / 0, PATIENCE, lambda: ended.append(2))
        assert workers.close(PATIENCE)
        await refused(Code.UNAVAILABLE, workers.run(lambda: 5, PATIENCE, lambda: ended.append(3)))

    asyncio.run(ask())
    assert ended == [1, 2, 3]


def test_a_full_queue():
    go, ended = threading.Event(), []

    async def ask():
        workers = Workers(threads=1, queue=2)
        jobs = [asyncio.ensure_future(workers.run(go.wait, PATIENCE, lambda: ended.append(1))) for _ in range(3)]
        await asyncio.sleep(0)                                               # all three are asked for, in order
        assert workers.running == 1 and workers.waiting == 2
        await refused(Code.UNAVAILABLE, workers.run(go.wait, PATIENCE, lambda: ended.append(2)))
        assert ended == [2]
        go.set()
        assert await asyncio.gather(*jobs) == [True] * 3 and workers.close(PATIENCE)

    asyncio.run(ask())
    assert ended == [2, 1, 1, 1]


def test_time_is_over():
    """A waiting job is dropped and never runs; a running one holds what it has until it ends."""
    go, ended, ran, holds = threading.Event(), [], [], threading.Event()

    def hold():
        holds.set()
        go.wait()

    async def ask():
        workers = Workers(threads=1, queue=2)
        first = asyncio.ensure_future(refused(Code.DEADLINE_EXCEEDED, workers.run(hold, 1, lambda: ended.append(1))))
        while not (holds.is_set() or first.done()):
            await asyncio.sleep(0.01)
        await refused(Code.DEADLINE_EXCEEDED, workers.run(lambda: ran.append(1), 0.05, lambda: ended.append(2)))
        await first
        assert ended == [2] and not workers.close(0.05)
        go.set()
        assert workers.close(PATIENCE) and ended == [2, 1] and not ran

    asyncio.run(ask())
