"""Patterns against what they mean, written down by hand."""

import os

import pytest

from tfwsss.data import patterns
from tfwsss.errors import UserError

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
    pattern = patterns.parse(text)
    found = list(patterns.match_on_disk(pattern))
    assert pattern.base == base and len(found) == len(set(found)) and set(found) == expected


def test_a_sign_of_a_class_is_taken_as_it_is(tmp_path):
    for name in ("^", "a", "\\"):
        (tmp_path / f"{name}.jpg").touch()
    assert list(patterns.match_on_disk(patterns.parse(f"{tmp_path}/[^x].jpg"))) == ["^.jpg"]
    assert list(patterns.match_on_disk(patterns.parse(f"{tmp_path}/[\\x].jpg"))) == ["\\.jpg"]


def test_folders_beyond_the_pattern_are_not_searched(folder, monkeypatch):
    searched, walk = [], os.walk

    def watched(*arguments, **options):
        for entry in walk(*arguments, **options):
            searched.append(entry[0])
            yield entry

    monkeypatch.setattr(os, "walk", watched)
    assert set(patterns.match_on_disk(patterns.parse("photos/*/a.jpg"))) == {"b/a.jpg"}
    assert "photos/b" in searched and "photos/b/c" not in searched


def test_linked_folders_are_searched_once(folder):
    (folder / "photos" / "b" / "ring").symlink_to(folder / "photos")
    (folder / "photos" / "z").symlink_to(folder / "other")
    (folder / "other").mkdir()
    (folder / "other" / "o.jpg").touch()
    assert list(patterns.match_on_disk(patterns.parse("photos/**.jpg"))) == [
        "a.jpg", "ab.jpg", "two words.jpg", "b/a.jpg", "b/c/[x].jpg", "b/c/a.jpg", "z/o.jpg"]


def test_a_folder_that_cannot_be_opened_stops_the_walk(folder, monkeypatch):
    scan = os.scandir

    def closed(path):
        if str(path).endswith("b/c"):
            raise PermissionError(13, os.strerror(13), str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(UserError, match="photos/b/c: cannot be searched .Permission denied.; give yourself the right"):
        list(patterns.match_on_disk(patterns.parse("photos")))


@pytest.mark.parametrize("pattern", ["photos", "photos/**"])
def test_a_folder_is_left_out(folder, pattern):
    found = set(patterns.match_on_disk(patterns.parse(pattern, "photos/b/c")))
    assert found == {"a.jpg", "ab.jpg", "two words.jpg", "b/a.jpg"}
    assert patterns.parse(pattern, "elsewhere").without == "" == patterns.parse(pattern, "photos").without
