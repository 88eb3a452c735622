"""Processes that make one run together: they wait for each other, and learn at once when one of them is lost."""

import contextlib
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tfwsss.errors import UserError
from tfwsss.runs.hosts import Place
from tfwsss.runs.line import Line
from tfwsss.runs.team import Team

PATIENCE = 600.0
"""Seconds for which processes wait for each other at the start: clusters start them one after the other."""

SILENCE = 40.0
"""Seconds without a sign of life after which a process counts as lost."""

_LEAVING = 2.0


def _end_process(message: str) -> None:
    """Ends this process from whatever thread: others would wait for it, or it for them, in a collective operation."""
    print(message, file=sys.stderr, flush=True)
    os._exit(2)


class Several(Team):
    """Many processes, joined by connections to process 0, one port after the one where JAX's coordinator listens.

    Values go to process 0 and from there to all. Where a connection ends or falls
    silent, or a process tells why it ends, all others end with that reason.

    Args:
        place: of this process.
        patience: seconds to wait for the others at the start.
        silence: seconds without a sign of life after which a process counts as lost.
        lost: called with one line when another process is lost; by default ends this process.

    Raises:
        UserError: the others do not come, or disagree about how many there are.
    """

    def __init__(self, place: Place, patience: float = PATIENCE, silence: float = SILENCE,
                 lost: Callable[[str], None] = _end_process):
        self.place, self._silence, self._lost = place, silence, lost
        self._number, self._closing = 0, threading.Event()
        self._values: queue.Queue[tuple[int, list]] = queue.Queue()
        self._given: dict[int, dict[int, Any]] = {}
        self._lock = threading.Lock()
        self._lines = self._listen(patience) if self.first else {0: self._call(patience)}
        self._readers = [threading.Thread(target=self._follow, args=each, daemon=True) for each in self._lines.items()]
        for thread in (*self._readers, threading.Thread(target=self._beat, daemon=True)):
            thread.start()

    def exchange(self, value: Any) -> list[Any]:
        """Waits for all, see `Team.exchange`."""
        self._number += 1
        if self.first:
            self._give(0, self._number, value)
        else:
            self._lines[0].send(["value", self._number, value])
        number, values = self._values.get()
        if number != self._number:
            raise RuntimeError(f"exchange {self._number} of process {self.place.rank} met exchange {number}")
        return values

    def leave(self, reason: str | None = None) -> None:
        """Takes this process out of the team.

        Args:
            reason: why it fails, for the others, which end with it; None: all are done.
        """
        self._closing.set()
        self._tell(["bye"] if reason is None else ["end", self.place.rank, reason])
        for line in self._lines.values():
            line.finish()
        for thread in self._readers:                           # until the others have read it
            thread.join(_LEAVING)

    def _listen(self, patience: float) -> dict[int, Line]:
        """Waits for all others at process 0."""
        port, end, lines = self.place.port + 1, time.monotonic() + patience, {}
        try:
            server = socket.create_server(("", port), backlog=self.place.count)
        except OSError as error:
            raise UserError(f"process 0 cannot listen at port {port} ({error.strerror}); name another port in "
                            "KERAS_DISTRIBUTION_JOB_ADDRESSES") from None
        with server:
            while len(lines) < self.place.count - 1:
                server.settimeout(max(0.01, end - time.monotonic()))
                try:
                    line = Line(server.accept()[0])
                    self._welcome(line, lines)
                except TimeoutError:
                    missing = sorted(set(range(1, self.place.count)) - set(lines))
                    raise UserError(f"{len(lines) + 1} of {self.place.count} processes came within {patience:.0f} s; "
                                    f"missing: {', '.join(map(str, missing))}") from None
        return lines

    def _welcome(self, line: Line, lines: dict[int, Line]) -> None:
        """Takes a process in; one that counts differently, or comes twice, ends all."""
        try:
            word, rank, count = line.receive(5.0)
        except (OSError, ValueError, TypeError):
            line.close()                                       # a stranger
            return
        wrong = ""
        if word != "tfwsss" or count != self.place.count:
            wrong = f"process {rank} says that there are {count} processes, process 0 that there are {self.place.count}"
        elif rank in (0, *lines):
            wrong = f"two processes say that they are process {rank}"
        if wrong:
            wrong += "; give each its number, and all the same number of processes"
            for each in (line, *lines.values()):
                with contextlib.suppress(OSError):
                    each.send(["end", 0, wrong])
            raise UserError(wrong)
        lines[rank] = line

    def _call(self, patience: float) -> Line:
        """Finds process 0."""
        end = time.monotonic() + patience
        while True:
            try:
                line = Line(socket.create_connection((self.place.host, self.place.port + 1), timeout=5.0))
                line.send(["tfwsss", self.place.rank, self.place.count])
                return line
            except OSError as error:
                if time.monotonic() > end:
                    raise UserError(f"process 0 does not answer at {self.place.host}, port {self.place.port + 1}, for "
                                    f"{patience:.0f} s ({error}); see that it runs and that the port is open") from None
                time.sleep(0.2)

    def _follow(self, rank: int, line: Line) -> None:
        """Reads what another process sends until it leaves or is lost."""
        reason = "it was killed, or its machine is gone"
        while True:
            try:
                word, *rest = line.receive(self._silence)
            except TimeoutError:
                reason = f"no sign of life for {self._silence:.0f} s"
                break
            except (OSError, ValueError, TypeError):
                break
            if word == "bye":
                return
            if word == "end":
                rank, reason = rest
                break
            if word == "value":
                self._give(rank, *rest)
            elif word == "all":
                self._values.put(tuple(rest))
        if not self._closing.is_set():
            self._closing.set()
            if self.first:
                self._tell(["end", rank, reason])
                time.sleep(_LEAVING / 10)                      # for it to arrive
            self._lost(f"error: process {rank} of {self.place.count} ended: {reason}\n"
                       "the same command, started for all processes, goes on from here")

    def _give(self, rank: int, number: int, value: Any) -> None:
        """Takes a value at process 0; sends all of them to all once they are there."""
        with self._lock:
            given = self._given.setdefault(number, {})
            given[rank] = value
            if len(given) < self.place.count:
                return
            values = [given[one] for one in range(self.place.count)]
            del self._given[number]
        self._tell(["all", number, values])
        self._values.put((number, values))

    def _tell(self, message: list) -> None:
        """Sends to all who listen here; one that is gone is noticed where it is read."""
        for line in self._lines.values():
            with contextlib.suppress(OSError):
                line.send(message)

    def _beat(self) -> None:
        while not self._closing.wait(self._silence / 8):
            self._tell(["beat"])
