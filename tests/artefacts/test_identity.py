import hashlib
import os

import pytest

from tfwsss.artefacts.identity import fingerprint, identity
from tfwsss.errors import UserError


def test_size_time_and_hash(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    os.utime(path, ns=(5, 7_000_000_001))
    assert identity(path) == {"size": 3, "mtime_ns": path.stat().st_mtime_ns,
                              "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}


def test_what_is_known_is_not_read_again(tmp_path):
    """The hash is looked at only where size or time of change differ."""
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    known = identity(path) | {"sha256": "of before", "name": "further"}
    assert identity(path, known)["sha256"] == "of before" and set(identity(path, known)) == {"size", "mtime_ns",
                                                                                             "sha256"}
    for other in ({}, None, {"size": 3}, known | {"size": 4}, known | {"mtime_ns": 1}, known | {"sha256": None}):
        assert identity(path, other) == identity(path)
    os.utime(path, ns=(1, 1))
    assert identity(path, known)["sha256"] == hashlib.sha256(b"abc").hexdigest()


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match="nowhere: cannot be read .No such file or directory.; check the file"):
        identity(tmp_path / "nowhere")


def test_fingerprints_of_values():
    """The order of keys does not count, that of a list does; records of before keep theirs."""
    assert fingerprint({"a": 1, "ж": [2, 3]}) == fingerprint({"ж": [2, 3], "a": 1})
    assert fingerprint({"ж": [2, 3]}) != fingerprint({"ж": [3, 2]})
    assert fingerprint({"ж": [1, None]}) == hashlib.sha256('{"ж": [1, null]}'.encode()).hexdigest()
