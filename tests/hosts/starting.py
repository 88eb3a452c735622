"""Starts several processes of a command, as whoever trains on several hosts does, here on this machine."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence

from tests.support.patience import PATIENCE
from tests.support.tiny_run import Answer, ended


def free_port() -> int:
    """Returns a port such that it and the next one are free."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                other.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def start_all(count: int, module: str, *arguments, counts: Sequence[int] = (),
              devices: int = 1) -> list[subprocess.Popen]:
    """Starts so many processes of a module under JAX; one alone knows of no others.

    `counts` are the numbers of processes that each is told, where they are to differ; `devices` those that each sees.
    """
    port = free_port()
    environment = {**os.environ, "KERAS_BACKEND": "jax", "CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu",
                   "PYTHONUTF8": "1",
                   "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    started = []
    for rank in range(count):
        ours = {"JOB_ADDRESSES": f"127.0.0.1:{port}", "NUM_PROCESSES": str((counts or [count] * count)[rank]),
                "PROCESS_ID": str(rank)} if count > 1 else {}
        own = {f"KERAS_DISTRIBUTION_{key}": value for key, value in ours.items()}
        started.append(subprocess.Popen([sys.executable, "-m", module, *map(str, arguments)], text=True,
                                        env={**environment, **own}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        start_new_session=True))
    return started


def all_ended(processes: Sequence[subprocess.Popen], seconds: float = PATIENCE) -> list[Answer]:
    """Waits for all; returns what each said."""
    return [ended(process, seconds) for process in processes]
