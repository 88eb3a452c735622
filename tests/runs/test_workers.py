import os

import pytest

from tfwsss.errors import UserError
from tfwsss.runs.workers import work_on_each


def complaint(name: str) -> str | None:
    """Complains of some names: at module level for other processes."""
    return f"{name} by {os.getpid() != int(os.environ['PARENT'])}" if name in "bd" else None


def end(name: str) -> str | None:
    os._exit(9)


@pytest.mark.parametrize("workers", [1, 3])
def test_every_name_is_worked_on_in_another_process(workers, monkeypatch):
    monkeypatch.setenv("PARENT", str(os.getpid()))
    assert work_on_each(complaint, list("abcde"), workers, "test") == {"b": "b by True", "d": "d by True"}


def test_a_killed_worker_is_the_users_to_mend():
    with pytest.raises(UserError, match="test: a worker process was killed, most likely for want of memory; add --set "
                                        "workers=1"):
        work_on_each(end, ["a"], 1, "test")
