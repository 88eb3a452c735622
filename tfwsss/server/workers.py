"""Threads that run the models, so that the server can always answer; what waits for them is limited."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from tfwsss.server.refusal import Code, Refusal

Result = TypeVar("Result")


class Workers:
    """A pool of threads with a limited queue.

    Args:
        threads: int. Requests that run at the same time.
        queue: int. Requests that may wait; more are refused at once.
    """

    def __init__(self, threads: int, queue: int):
        self._threads, self._limit = threads, threads + queue
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="model")
        self._lock = threading.Lock()
        self._inside = 0
        self.ended = 0              # requests, whatever became of them

    @property
    def running(self) -> int:
        """Requests that a thread works on."""
        return min(self._inside, self._threads)

    @property
    def waiting(self) -> int:
        """Requests that no thread has taken up yet."""
        return max(0, self._inside - self._threads)

    async def run(self, job: Callable[[], Result], timeout: float, ended: Callable[[], None]) -> Result:
        """Runs a job in a thread and waits for it.

        Args:
            job: what to run.
            timeout: seconds to wait. A job that no thread has taken up by then is dropped; one that
                runs cannot be stopped, keeps its place until it ends, and its result is lost.
            ended: called when the job holds nothing any more, whatever became of it.

        Returns:
            What the job returns.

        Raises:
            Refusal: the queue is full, or the time is over.
        """
        try:
            future = self._submit(job)
        except BaseException:
            ended()
            raise
        future.add_done_callback(lambda _: self._leave(ended))
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            raise Refusal(Code.DEADLINE_EXCEEDED, f"no answer within {timeout:.3g} s; send fewer or smaller requests, "
                          "or raise the limit") from error
        finally:
            del future                # it holds the job's error, which holds this frame: requests would pile up

    def _submit(self, job: Callable[[], Result]) -> "Future[Result]":
        with self._lock:
            if self._inside >= self._limit:
                raise Refusal(Code.UNAVAILABLE, f"{self._limit - self._threads} requests wait already; try again later")
            try:
                future = self._pool.submit(job)
            except RuntimeError as error:
                raise Refusal(Code.UNAVAILABLE, "the server is being stopped; ask another") from error
            self._inside += 1
            return future

    def _leave(self, ended: Callable[[], None]) -> None:
        with self._lock:
            self._inside -= 1
            self.ended += 1
        ended()

    def close(self, seconds: float) -> bool:
        """Drops the jobs that wait, and gives those that run some time.

        Args:
            seconds: to wait at most.

        Returns:
            Whether all have ended.
        """
        self._pool.shutdown(wait=False, cancel_futures=True)
        until = time.monotonic() + seconds
        while self._inside and time.monotonic() < until:
            time.sleep(0.01)
        return not self._inside
