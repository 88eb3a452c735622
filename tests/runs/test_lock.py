import subprocess
import sys

import pytest

from tfwsss.errors import UserError
from tfwsss.runs.lock import locked

LOCK = """
import sys, pathlib
from tfwsss.runs.lock import locked
with locked(pathlib.Path(sys.argv[1])): print('inside')
"""


def test_a_second_process_is_refused(tmp_path):
    def call():
        return subprocess.run([sys.executable, "-c", LOCK, str(tmp_path / "run")], capture_output=True, text=True)

    with locked(tmp_path / "run"):
        refused = call()
        with pytest.raises(UserError, match="in use by another process"), locked(tmp_path / "run"):
            pass
    assert refused.returncode == 1 and "in use by another process; wait for it or name another" in refused.stderr
    assert call().stdout == "inside\n"


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="run folder .*run cannot be written .*; name another folder with --run"):
        with locked(tmp_path / "file" / "run"):
            pass


def test_faults_of_the_work_pass_the_lock(tmp_path):
    with pytest.raises(OSError, match="elsewhere"), locked(tmp_path):
        raise OSError(5, "broken", str(tmp_path / "a" / "elsewhere"))
    with locked(tmp_path):
        pass


def test_the_folder_may_be_another_than_a_runs(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="^--out .*out cannot be written .*; name another folder with --out$"):
        with locked(tmp_path / "file" / "out", "--out", "--out"):
            pass
