"""How a process joins others and how its failure ends them, by processes that compute nothing."""

import os
import subprocess
import sys

import pytest

from tests.hosts.starting import free_port
from tests.support.patience import PATIENCE
from tfwsss.errors import UserError
from tfwsss.runs.membership import member
from tfwsss.runs.team import Team

WORK = """
import os, sys, time
from pathlib import Path
from tfwsss.errors import UserError
from tfwsss.runs import data_parallel, membership
data_parallel.under_jax = lambda: True              # nothing computes here
data_parallel.join = lambda place: None
what, rank = sys.argv[2], os.environ["KERAS_DISTRIBUTION_PROCESS_ID"]
with membership.member(Path(sys.argv[1]) / (rank if what == "apart" else "")) as team:
    print("in", team.exchange(team.place.rank), flush=True)
    if rank == "1":
        if what == "mistake":
            raise UserError("the disk is full")
        if what == "fault":
            raise ValueError("a fault of the program")
        if what == "killed":
            os.kill(os.getpid(), 9)
    team.exchange("work")
print("out", flush=True)
"""


def run_two(folder, what):
    """Returns code, output and errors of both."""
    port, started = free_port(), []
    for rank in range(2):
        ours = {"JOB_ADDRESSES": f"127.0.0.1:{port}", "NUM_PROCESSES": "2", "PROCESS_ID": str(rank)}
        started.append(subprocess.Popen(
            [sys.executable, "-c", WORK, str(folder), what], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **{f"KERAS_DISTRIBUTION_{key}": value for key, value in ours.items()}}))
    return [(process.returncode, out, err) for process, (out, err) in
            [(process, process.communicate(timeout=PATIENCE)) for process in started]]


def test_one_alone_is_a_team(tmp_path, monkeypatch):
    for key in list(os.environ):
        if key.startswith(("KERAS_DISTRIBUTION", "SLURM", "OMPI", "PMI", "JAX_")):
            monkeypatch.delenv(key)
    with member(tmp_path / "run") as team:
        assert type(team) is Team
    with pytest.raises(UserError, match="mine"), member(tmp_path / "run"):
        raise UserError("mine")
    monkeypatch.setenv("KERAS_DISTRIBUTION_NUM_PROCESSES", "2")
    with pytest.raises(UserError, match="PROCESS_ID is not set"), member(tmp_path / "run"):
        pass


def test_both_come_and_go(tmp_path):
    assert [(code, out) for code, out, _ in run_two(tmp_path, "work")] == [(0, "in [0, 1]\nout\n")] * 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("what", "codes", "own", "others"), [
    ("mistake", (2, 2), "error: the disk is full", "error: process 1 of 2 ended: the disk is full"),
    ("fault", (2, 1), "ValueError: a fault of the program", "process 1 of 2 ended: ValueError: a fault of the program"),
    ("killed", (2, -9), "", "error: process 1 of 2 ended: it was killed, or its machine is gone")])
def test_a_failure_ends_the_other_with_its_reason(tmp_path, what, codes, own, others):
    (code, out, err), (own_code, own_out, own_err) = run_two(tmp_path, what)
    assert (code, own_code) == codes and out == own_out == "in [0, 1]\n"
    assert own in own_err and others in err and "Traceback" not in err
    assert "the same command, started for all processes, goes on from here" in err


def test_a_folder_of_ones_own_is_refused(tmp_path):
    (tmp_path / "1").mkdir()
    for code, out, err in run_two(tmp_path, "apart"):
        assert code == 2 and out == "" and "process 1 does not see what process 0 writes to" in err, err
