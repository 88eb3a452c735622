"""Which of several processes this one is, as whoever started it says: by hand, SLURM, MPI or Kubernetes."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from tfwsss.errors import UserError

_OURS = tuple(f"KERAS_DISTRIBUTION_{word}" for word in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID"))
_KUBEFLOW = ("JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
_MPI = (("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
        ("PMI_SIZE", "PMI_RANK", "MPI_LOCALNRANKS"))
_PORT = 8476            # where process 0 listens, unless the address names a port
_CURE = "; see docs/hosts.md"


class Place(NamedTuple):
    """One process among those that train together.

    Args:
        rank: its number, from 0; process 0 alone writes.
        count: of processes.
        host, port: where process 0 listens; the port after it is used too.
    """

    rank: int = 0
    count: int = 1
    host: str = ""
    port: int = 0

    @property
    def address(self) -> str:
        """Where process 0 listens, as `host:port`."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def place_of(environment: Mapping[str, str]) -> Place:
    """Reads which process this is.

    Read are, the first that are there: KERAS_DISTRIBUTION_{JOB_ADDRESSES, NUM_PROCESSES, PROCESS_ID}, what Kubeflow
    Trainer gives JAX, what `srun` gives a step of several tasks, and what `mpirun` gives. An address in
    KERAS_DISTRIBUTION_JOB_ADDRESSES counts beside any of them; of several addresses the first.

    Args:
        environment: of the process.

    Returns:
        Its place; of one that was started alone `Place()`.

    Raises:
        UserError: something is missing, or makes no sense.

    Example:
    >>> place_of({"KERAS_DISTRIBUTION_JOB_ADDRESSES": "node1:4000", "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    ...           "KERAS_DISTRIBUTION_PROCESS_ID": "1"})
    Place(rank=1, count=2, host='node1', port=4000)
    >>> place_of({})
    Place(rank=0, count=1, host='', port=0)
    """
    addresses = environment.get(_OURS[0], "")
    for names in ((addresses, *_OURS[1:]), (addresses or environment.get(_KUBEFLOW[0], ""), *_KUBEFLOW[1:])):
        if names[1] in environment or names[2] in environment:
            return _place(environment, names[1], names[2], names[0])
    if int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        job = int(environment.get("SLURM_JOB_ID", "0"))
        first = f"{_first_node(environment.get('SLURM_STEP_NODELIST', ''))}:{61440 + 2 * (job % 2000)}"
        return _place(environment, "SLURM_STEP_NUM_TASKS", "SLURM_PROCID", addresses or first)
    for count, rank, beside in _MPI:
        if int(environment.get(count, "1")) > 1:
            here = environment.get(beside) == environment[count]          # all of them run on this machine
            return _place(environment, count, rank, addresses or ("localhost" if here else ""))
    if "," in addresses:
        raise UserError(f"{_OURS[0]} names several processes, but {_OURS[1]} and {_OURS[2]} are not set" + _CURE)
    return Place()


def _place(environment: Mapping[str, str], count_key: str, rank_key: str, addresses: str) -> Place:
    count, rank = (_number(environment, key) for key in (count_key, rank_key))
    if not 0 <= rank < count:
        raise UserError(f"{rank_key} is {rank} and {count_key} is {count}; processes are numbered from 0 to "
                        f"{count_key} - 1{_CURE}")
    if count == 1:
        return Place()
    listed = [address.strip() for address in addresses.split(",") if address.strip()]
    if not listed:
        raise UserError(f"{count} processes are to train together, but no address says where they meet; set {_OURS[0]} "
                        f"to HOST:PORT of process 0, the same for all{_CURE}")
    if len(listed) not in (1, count):
        raise UserError(f"{_OURS[0]} names {len(listed)} processes, {count_key} is {count}; name process 0 alone, or "
                        f"all of them{_CURE}")
    return Place(rank, count, *_host_and_port(listed[0]))


def _number(environment: Mapping[str, str], key: str) -> int:
    text = environment.get(key)
    if text is None or not re.fullmatch(r"\d{1,6}", text.strip()):
        raise UserError(f"{key} is {'not set' if text is None else repr(text)}; expected a whole number from 0{_CURE}")
    return int(text)


def _host_and_port(address: str) -> tuple[str, int]:
    found = re.fullmatch(r"(?:\[([^]]+)\]|([^:\[\]]+))(?::(\d{1,5}))?", address)
    port = int(found[3] or _PORT) if found else 0
    if not 0 < port < 65535:
        raise UserError(f"{address!r} is no address; expected HOST:PORT with a port from 1 to 65534{_CURE}")
    return found[1] or found[2], port


def _first_node(listed: str) -> str:
    """Returns the first host of SLURM's list: "n[07-09,12],m1" begins with n07."""
    found = re.match(r"([^,\[]*)(?:\[(\d+)[^]]*\]([^,\[]*))?", listed)
    return "".join(part or "" for part in found.groups())
