"""Patterns against what they mean, written down by hand; files appear whole; object stores by a store of our own."""

import os

import pytest

from tfwsss.errors import UserError
from tfwsss.scale import places

FILES = ("a.jpg", "ab.jpg", "b/a.jpg", "b/c/a.jpg", "b/c/[x].jpg", ".hidden.jpg", "b/.hidden/a.jpg", "two words.jpg")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in FILES:
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(name.encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("text", "base", "expected"), [
    ("photos", "photos/", {"a.jpg", "ab.jpg", "two words.jpg", "b/a.jpg", "b/c/a.jpg", "b/c/[x].jpg"}),
    ("photos/", "photos/", {"a.jpg", "ab.jpg", "two words.jpg", "b/a.jpg", "b/c/a.jpg", "b/c/[x].jpg"}),
    ("photos/**", "photos/", {"a.jpg", "ab.jpg", "two words.jpg", "b/a.jpg", "b/c/a.jpg", "b/c/[x].jpg"}),
    ("photos/*", "photos/", {"a.jpg", "ab.jpg", "two words.jpg"}),
    ("photos/*/a.jpg", "photos/", {"b/a.jpg"}),
    ("photos/**/a.jpg", "photos/", {"b/a.jpg", "b/c/a.jpg"}),
    ("photos/**a.jpg", "photos/", {"a.jpg", "b/a.jpg", "b/c/a.jpg"}),
    ("photos/a?.jpg", "photos/", {"ab.jpg"}),
    ("photos/[!a]*.jpg", "photos/", {"two words.jpg"}),
    ("photos/[ab].jpg", "photos/", {"a.jpg"}),
    ("photos/b/c/a.jpg", "photos/b/c/", {"a.jpg"}),
    ("photos/b/c/[x].jpg", "photos/b/c/", {"[x].jpg"}),
    ("photos/a*", "photos/", {"a.jpg", "ab.jpg"}),
    ("photos/c*", "photos/", set()), ("nothing/*", "nothing/", set()), ("**", "", {f"photos/{name}" for name in (
        "a.jpg", "ab.jpg", "two words.jpg", "b/a.jpg", "b/c/a.jpg", "b/c/[x].jpg")})])
def test_patterns(folder, text, base, expected):
    pattern = places.parse(text)
    found = list(places.match(pattern))
    assert pattern.base == base and len(found) == len(set(found)) and set(found) == expected


def test_a_sign_of_a_class_is_taken_as_it_is(tmp_path):
    for name in ("^", "a", "\\"):
        (tmp_path / f"{name}.jpg").touch()
    assert list(places.match(places.parse(f"{tmp_path}/[^x].jpg"))) == ["^.jpg"]
    assert list(places.match(places.parse(f"{tmp_path}/[\\x].jpg"))) == ["\\.jpg"]


def test_folders_beyond_the_pattern_are_not_searched(folder, monkeypatch):
    searched, walk = [], os.walk

    def watched(*arguments, **options):
        for entry in walk(*arguments, **options):
            searched.append(entry[0])
            yield entry

    monkeypatch.setattr(os, "walk", watched)
    assert set(places.match(places.parse("photos/*/a.jpg"))) == {"b/a.jpg"}
    assert "photos/b" in searched and "photos/b/c" not in searched


@pytest.mark.parametrize("pattern", ["photos", "photos/**"])
def test_a_folder_is_left_out(folder, pattern):
    assert set(places.match(places.parse(pattern, "photos/b/c"))) == {"a.jpg", "ab.jpg", "two words.jpg", "b/a.jpg"}
    assert places.parse(pattern, "elsewhere").without == "" == places.parse(pattern, "photos").without


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
