"""Which process this is: read from what starters give, refused in one line where it makes no sense."""

import pytest

from tfwsss.errors import UserError
from tfwsss.runs.hosts import Place, place_of


def ours(addresses=None, count=None, rank=None):
    values = {"JOB_ADDRESSES": addresses, "NUM_PROCESSES": count, "PROCESS_ID": rank}
    return {f"KERAS_DISTRIBUTION_{key}": value for key, value in values.items() if value is not None}


@pytest.mark.parametrize(("environment", "expected"), [
    ({}, Place()),
    (ours("node1:4000", "3", "2"), Place(2, 3, "node1", 4000)),
    (ours("node1:4000,node2:4000", "2", "0"), Place(0, 2, "node1", 4000)),
    (ours("[fe80::1]:4000", "2", "1"), Place(1, 2, "fe80::1", 4000)),
    (ours("node1", "2", "1"), Place(1, 2, "node1", 8476)),
    (ours("node1:1", "1", "0"), Place()),
    ({"JAX_COORDINATOR_ADDRESS": "job-0.svc:6666", "JAX_NUM_PROCESSES": "4", "JAX_PROCESS_ID": "3"},
     Place(3, 4, "job-0.svc", 6666)),
    ({"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "5", "SLURM_STEP_NODELIST": "gpu[07-09,12],x1", "SLURM_JOB_ID": "1"},
     Place(5, 8, "gpu07", 61442)),
    ({"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1", "SLURM_STEP_NODELIST": "a1,a2", "SLURM_JOB_ID": "4001"},
     Place(1, 2, "a1", 61442)),
    ({"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"}, Place()),
    ({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}, Place()),                  # a batch script, which srun has not begun
    ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_LOCAL_SIZE": "2"},
     Place(1, 2, "localhost", 8476)),
    ({"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_LOCAL_SIZE": "2",
      **ours("node1:5000")}, Place(3, 4, "node1", 5000)),
    ({"PMI_SIZE": "4", "PMI_RANK": "3", "MPI_LOCALNRANKS": "2", **ours("node1:5000")}, Place(3, 4, "node1", 5000)),
])
def test_places_are_read(environment, expected):
    assert place_of(environment) == expected


@pytest.mark.parametrize(("environment", "word"), [
    (ours("node1:4000", "2"), "PROCESS_ID is not set"),
    (ours("node1:4000", None, "1"), "NUM_PROCESSES is not set"),
    (ours("node1:4000", "2", "2"), "numbered from 0"),
    (ours("node1:4000", "two", "0"), "'two'"),
    (ours(None, "2", "0"), "no address"),
    (ours("a:1,b:2,c:3", "2", "0"), "names 3 processes"),
    (ours("a:1,b:2"), "are not set"),
    (ours("node1:port", "2", "0"), "is no address"),
    (ours("node1:65535", "2", "0"), "is no address"),
    (ours("a:b:c", "2", "0"), "is no address"),
    ({"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_LOCAL_SIZE": "2"}, "no address"),
])
def test_senseless_places_are_refused_in_one_line(environment, word):
    with pytest.raises(UserError) as caught:
        place_of(environment)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_addresses_of_the_sixth_version_stand_in_brackets():
    assert (Place(0, 2, "fe80::1", 9).address, Place(0, 2, "node1", 9).address) == ("[fe80::1]:9", "node1:9")
