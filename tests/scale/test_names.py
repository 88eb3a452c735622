"""Names of masks against the rule for whole lists, which `predict` keeps to."""

import collections
import itertools

import pytest

from tfwsss.data import finding
from tfwsss.scale import names

ALL = ("a.jpg", "a.png", "a", "a.jpg.png", "a.jpg.png.png", "b/a.jpg", "a.JPG", "a.b.jpg", "a.b", "v1.2.webp", "ü.jpg")


def named(places) -> dict[str, str]:
    """Returns place to name of mask."""
    groups = collections.defaultdict(list)
    for place in places:
        groups[names.key_of(place)].append(place)
    return {each.place: each.name for key, group in groups.items() for each in names.missing(key, group, ())}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_no_two_photographs_share_a_mask(count):
    for places in itertools.combinations(ALL, count):
        found = named(places)
        assert set(found) == set(places) and len(set(found.values())) == count
        for place, name in found.items():       # what is done is found under the key that asks for it
            assert names.key_of(name) == names.key_of(place)


def test_names_are_those_of_predict(tmp_path):
    places = ["a.jpg", "b/a.png", "b/a.jpg", "c d.jpeg", "v1.2.webp", "ü.JPG"]
    for place in places:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).touch()
    found = finding.find_images(tmp_path).images
    theirs = {path.relative_to(tmp_path).as_posix(): name for name, path in found.items()}
    assert named(places) == theirs
    assert theirs["a.jpg"] == "a" and theirs["b/a.jpg"] == "b/a.jpg"


def test_what_is_done_is_not_missing():
    assert list(names.missing("a", ["a.jpg"], ["a"])) == []
    assert list(names.missing("a", ["a.jpg"], ["a.jpg"])) == [names.Photograph("a.jpg", "a")]
    assert list(names.missing("a", ["a.png", "a.jpg"], ["a"])) == [
        names.Photograph("a.jpg", "a.jpg"), names.Photograph("a.png", "a.png")]


def test_photographs_are_told_by_their_endings():
    told = {place: names.is_photograph(place) for place in ("a.jpg", "a.JPEG", "x/8f", "a.csv", "a.b/c", "label.json")}
    assert told == {"a.jpg": True, "a.JPEG": True, "x/8f": True, "a.csv": False, "a.b/c": True, "label.json": False}


def test_a_table_names_with_ending_or_without():
    table = {"a": (1,), "b/a.jpg": (2,), "é": (3,), "c.jpg": (4,), "c": (5,)}
    found = [names.named_in(table, place) for place in ("a.jpg", "b/a.jpg", "e\u0301.png", "c.jpg", "c.png", "d.jpg")]
    assert found == [(1,), (2,), (3,), (4,), (5,), None]
