"""Version folders: whole or not there, whatever happens."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from tfwsss.errors import UserError
from tfwsss.saved_model.versions import publishing, versions


def publish(model, version=None, text="x"):
    with publishing(model, version) as folder:
        (folder / "assets").mkdir()
        (folder / "assets" / "labels.txt").write_text(text)


def test_versions_follow_each_other(tmp_path):
    model = tmp_path / "models" / "m"
    assert versions(model) == []
    for number in (1, 2):
        publish(model)
        assert versions(model) == list(range(1, number + 1))
    publish(model, 30)
    publish(model, 7)
    publish(model)
    (model / "notes").mkdir()
    (model / "99").write_text("a file")
    assert versions(model) == [1, 2, 7, 30, 31]
    assert (model / "31" / "assets" / "labels.txt").read_text() == "x"
    assert {path.name for path in model.iterdir()} == {".lock", "1", "2", "7", "30", "31", "notes", "99"}


def test_numbers_beyond_those_of_servers(tmp_path):
    """A folder of such a name is no version, and none is written."""
    (tmp_path / str(2**63)).mkdir(parents=True)
    (tmp_path / ("9" * 200)).mkdir()
    publish(tmp_path)
    assert versions(tmp_path) == [1]
    with pytest.raises(UserError, match="9223372036854775808 is beyond 9223372036854775807, .* smaller one"):
        publish(tmp_path, 2**63)
    publish(tmp_path, 2**63 - 1)
    with pytest.raises(UserError, match="is beyond .* smaller one by --version"):
        publish(tmp_path)
    assert versions(tmp_path) == [1, 2**63 - 1]


def test_a_version_never_changes(tmp_path):
    publish(tmp_path, 3, "old")
    with pytest.raises(UserError, match="--version 3: .* is there already; a version never changes"):
        publish(tmp_path, 3, "new")
    assert (tmp_path / "3" / "assets" / "labels.txt").read_text() == "old"


def test_nothing_is_seen_before_the_end(tmp_path):
    with publishing(tmp_path) as folder:
        (folder / "saved_model.pb").write_text("x")
        assert versions(tmp_path) == [] and not folder.name.isdecimal()
    assert versions(tmp_path) == [1]


@pytest.mark.parametrize("error", [UserError("no"), KeyboardInterrupt(), ValueError()])
def test_what_fails_leaves_nothing(tmp_path, error):
    with pytest.raises(type(error)), publishing(tmp_path) as folder:
        (folder / "saved_model.pb").write_text("x")
        raise error
    assert {path.name for path in tmp_path.iterdir()} == {".lock"}


def test_a_full_disk_is_told(tmp_path):
    with pytest.raises(UserError, match="could not be written .No space left on device.; free space on that disk"), \
            publishing(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert versions(tmp_path) == []


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "m").write_text("a file")
    with pytest.raises(UserError, match="could not be written .*a folder in which you may write"):
        publish(tmp_path / "m")


SLOW = """
import sys, time
from pathlib import Path
from tfwsss.saved_model.versions import publishing
with publishing(Path(sys.argv[1])) as folder:
    (folder / "saved_model.pb").write_text("half")
    print("writing", flush=True)
    time.sleep(3600)
"""


def test_killed_in_the_middle(tmp_path):
    """No version, a second process is kept out until then, and the next one clears what was left."""
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "writing\n"
    with pytest.raises(UserError, match="another process is exporting there; wait for it"):
        publish(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert versions(tmp_path) == [] and (tmp_path / ".part-1" / "saved_model.pb").exists()
    publish(tmp_path)
    assert versions(tmp_path) == [1] and not (tmp_path / ".part-1").exists()
    assert not (tmp_path / "1" / "saved_model.pb").exists()
