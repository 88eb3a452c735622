"""Classes in one cell, as people separate them: every way gives the same classes, or is refused with the cure."""

from pathlib import Path

import pytest

from tfwsss.data.tags import split_tags
from tfwsss.errors import UserError

PATH = Path("labels.csv")
KNOWN = ("background", "cat", "traffic sign", "traffic light", "tv/monitor", "polar", "bear", "polar bear")


def split(*cells, classes=None):
    return split_tags(PATH, list(enumerate(cells, 2)), classes)


@pytest.mark.parametrize("both", [
    "cat, dog", "cat,dog", "['cat', 'dog']", '["cat", "dog"]', "[cat, dog]", "('cat', 'dog')", "['cat' 'dog']",
    "cat/dog", "cat / dog", "cat|dog", "cat;dog", "cat + dog", "cat+dog", "cat & dog", "cat and dog", "cat dog",
    "cat\ndog", "cat,  dog,", "cat、dog", "cat；dog", "'cat' dog", "“cat” dog", "cat dog cat", "{cat, dog}"])
def test_every_usual_separator(both):
    """With tables in which each class stands alone somewhere, so that nothing is open."""
    assert split(both, "dog", "", "cat") == [("cat", "dog"), ("dog",), (), ("cat",)]
    assert split(both, classes=("background", "cat", "dog")) == [("cat", "dog")]


@pytest.mark.parametrize("cells", [
    ("traffic sign;cat", "cat", "traffic sign"), ("traffic sign, cat", "cat", "traffic sign"),
    ("'traffic sign' cat", "cat", "'traffic sign'"), ('"traffic sign" cat', "cat", "traffic sign"),
    ("['traffic sign', 'cat']", "['cat']", "['traffic sign']"), ("traffic  sign;cat", "cat;", ";traffic sign")])
def test_names_with_spaces_have_a_way(cells):
    assert split(*cells) == [("traffic sign", "cat"), ("cat",), ("traffic sign",)]


@pytest.mark.parametrize(("cell", "tags"), [
    ("traffic sign cat", ("traffic sign", "cat")), ("traffic light;tv/monitor", ("traffic light", "tv/monitor")),
    ("tv/monitor cat", ("tv/monitor", "cat")), ("polar bear", ("polar bear",)), ("polar;bear", ("polar", "bear")),
    ("cat/traffic sign", ("cat", "traffic sign")), ("['tv/monitor', 'cat']", ("tv/monitor", "cat")),
    ("polar bear, cat", ("polar bear", "cat")), ("Background", ()), ("cat background", ("cat",)), ("[]", ()),
    ("cat cow", ("cat", "cow")), ("cat, red cow", ("cat", "red cow"))])         # what is none is told of by the caller
def test_known_classes_are_found_however_they_are_written(cell, tags):
    assert split(cell, classes=KNOWN) == [tags]


def test_known_classes_that_can_be_read_in_two_ways():
    with pytest.raises(UserError, match="line 2: 'cat polar bear' can mean .*'polar' .*separate classes by ;"):
        split("cat polar bear", classes=KNOWN)


@pytest.mark.parametrize("cells", [
    ("a;b", "a, b"), ("a b", "a/b"), ("a/b", "a+b", "a", "b"), ("a;'b' c",)])
def test_two_ways_in_one_column_are_refused(cells):
    with pytest.raises(UserError, match=r"labels.csv: lines? [23].*(quotes|by ;)"):
        split(*cells)


def test_long_cells():
    assert len(split(" ".join(map(str, range(1, 5_000))), *map(str, range(1, 5_000)))[0]) == 4_999
    with pytest.raises(UserError, match="one class or two"):
        split(" ".join(f"c{number}" for number in range(5_000)))
    assert len(split("cat " * 5_000, classes=KNOWN)[0]) == 1
