"""The way of every predict request: a version is leased, a thread works, time and outcome are counted."""

import asyncio
import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np
import tensorflow as tf

from tfwsss.server.image_size import stated_size
from tfwsss.server.library import Lease, Library, Wanted
from tfwsss.server.metrics import Metrics
from tfwsss.server.refusal import Code, Refusal, invalid
from tfwsss.server.servable import Signature, check_inputs
from tfwsss.server.workers import Workers

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class Limits:
    """What is refused.

    Args:
        body: bytes of a request.
        pixels: of an image, told from its header before anything is decoded.
        side: pixels of an image's longest side.
        seconds: that a request may take, its waiting included.
    """

    body: int
    pixels: int
    side: int
    seconds: float


class Predictor:
    """Answers predict requests of both interfaces.

    Args:
        library: the models.
        workers: the threads.
        metrics: where requests are counted.
        limits: what is refused.
    """

    def __init__(self, library: Library, workers: Workers, metrics: Metrics, limits: Limits):
        self.library, self.workers, self.metrics, self.limits = library, workers, metrics, limits

    async def answer(self, wanted: Wanted, interface: str, work: Callable[[Lease], Result],
                     seconds: float | None = None) -> Result:
        """Runs a request's work in a thread, with the version that it asks for.

        Args:
            wanted: the version.
            interface: REST or GRPC, for the counts.
            work: from the leased version to the answer.
            seconds: the client's own limit, if it has one.

        Returns:
            What the work returns.

        Raises:
            Refusal: the version is not there, or the work refuses, or there is no time or place for it.
        """
        start, status, model = time.perf_counter(), "OK", wanted.model
        try:
            lease = self.library.lease(wanted)
            limit = min(self.limits.seconds, self.limits.seconds if seconds is None else max(seconds, 0.0))
            return await self.workers.run(lambda: self._timed(work, lease, interface), limit, lease.give_back)
        except Refusal as refusal:
            status = refusal.code.name
            raise
        except asyncio.CancelledError:
            status = Code.CANCELLED.name
            raise
        except Exception:                    # a defect: whoever answers tells it; here it is only counted
            status = Code.INTERNAL.name
            raise
        finally:
            known = model if model in self.library.models() else ""
            self.metrics.answered(known, interface, status, time.perf_counter() - start)

    def _timed(self, work: Callable[[Lease], Result], lease: Lease, interface: str) -> Result:
        start = time.perf_counter()
        try:
            return work(lease)
        finally:
            self.metrics.ran(lease.model, interface, time.perf_counter() - start)

    def run(self, signature: Signature, arrays: Mapping[str, np.ndarray]) -> dict[str, tf.Tensor]:
        """Calls a signature with arrays that are checked first.

        Args:
            signature: of the leased version.
            arrays: input name to array.

        Returns:
            Output name to result.

        Raises:
            Refusal: an array does not fit, an image is too large, or the graph refuses.
        """
        check_inputs(signature, arrays)
        for name, array in arrays.items():
            if array.dtype == object:
                for contents in array.flat:
                    refuse_large(name, contents, self.limits)
        return signature(arrays)


def refuse_large(name: str, contents: bytes, limits: Limits) -> None:
    """Refuses an image of too many pixels or too long a side; what is no image is left to the model.

    Args:
        name: the input, for the message.
        contents: what may be an image file.
        limits: those of pixels and side.

    Raises:
        Refusal: it is too large.
    """
    rows, columns = stated_size(contents)
    pixels, side = rows * columns, max(rows, columns)
    if pixels > limits.pixels:
        raise invalid(f"input {name!r} is an image of {pixels:,.0f} pixels, more than {limits.pixels:,}; "
                      "make it smaller")
    if side > limits.side:
        raise invalid(f"input {name!r} is an image with a side of {side:,} pixels, more than {limits.side:,}; "
                      "cut it in pieces")
