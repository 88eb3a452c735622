"""A connection between two processes on which each message is one line of JSON."""

import contextlib
import json
import select
import socket
import threading
from typing import Any

_LONGEST = 2**30        # bytes of a message: names of many million images


class Line:
    """Sends and receives JSON values; any thread may send, one receives.

    Args:
        connection: a connected stream socket.
    """

    def __init__(self, connection: socket.socket):
        self._socket, self._lock, self._kept = connection, threading.Lock(), bytearray()
        connection.settimeout(None)
        with contextlib.suppress(OSError):                       # a family without this option
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._poll = select.poll()
        self._poll.register(connection, select.POLLIN)

    def send(self, value: Any) -> None:
        """Sends a value.

        Args:
            value: JSON.

        Raises:
            OSError: the connection is gone.
        """
        data = json.dumps(value).encode() + b"\n"
        with self._lock:
            self._socket.sendall(data)

    def receive(self, patience: float) -> Any:
        """Returns the next value.

        Args:
            patience: seconds without any byte after which it gives up.

        Raises:
            TimeoutError: nothing came.
            ConnectionError: the other side is gone.
            ValueError: no JSON, or without an end.
        """
        seen = 0
        while (end := self._kept.find(b"\n", seen)) < 0:
            seen = len(self._kept)
            if seen > _LONGEST:
                raise ValueError("a message without an end")
            if not self._poll.poll(1000 * patience):
                raise TimeoutError(f"nothing came for {patience} s")
            part = self._socket.recv(2**16)
            if not part:
                raise ConnectionError("the other side is gone")
            self._kept += part
        line = bytes(self._kept[:end])
        del self._kept[:end + 1]
        return json.loads(line)

    def finish(self) -> None:
        """Says that nothing more will be sent; what was sent still arrives."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Ends the connection."""
        self._socket.close()
