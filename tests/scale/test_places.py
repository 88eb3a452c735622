"""Files appear whole, what the killed leave behind is deleted; object stores have tests of their own, `test_stores`."""

import os

import pytest

from tfwsss.errors import UserError
from tfwsss.scale import places


def test_files_appear_whole(tmp_path, monkeypatch):
    path = str(tmp_path / "new" / "a.bin")
    places.write(path, b"one")
    places.write(path, b"two")
    assert places.read(path) == b"two" and places.exists(path) and os.listdir(tmp_path / "new") == ["a.bin"]

    def torn(*arguments):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "replace", torn)
    with pytest.raises(UserError, match="could not be written .No space left"):
        places.write(path, b"three")
    assert places.read(path) == b"two" and os.listdir(tmp_path / "new") == ["a.bin"]


def test_parts_of_the_killed_are_deleted_and_nothing_else(tmp_path):
    names = [".0123456789abcdef.part", "b/.fedcba9876543210.part"]
    others = [".part", "a.part", ".0123456789abcdef.part.png", "b/mask.png"]
    for name in names + others:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    places.clear_parts(str(tmp_path))
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == set(others)


def test_a_store_without_beam_is_told(monkeypatch):
    monkeypatch.setattr(places.importlib.util, "find_spec", lambda name: None)
    places.check_readable("photos/**")
    with pytest.raises(UserError, match="gs://bucket/photos: object stores are read by Apache Beam, .*make venv-beam"):
        places.check_readable("gs://bucket/photos")
