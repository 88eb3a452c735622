"""Labels beside tags: what is refused when a set is made of them."""

from pathlib import Path

import pytest

from tfwsss.data.weak_labels import SUPERVISION, Box, Point, Scribble, check_weak_labels, classes_of
from tfwsss.errors import UserError


def test_classes_of_labels_without_background():
    labels = (Point(0, 1.0, 1.0), Point(3, 1.0, 1.0), Point(2, 0.5, 0.5), Point(3, 0.0, 0.0))
    assert classes_of(labels) == {2, 3} and classes_of(()) == set()
    assert SUPERVISION == ("mask", "scribble", "box", "point", "image")


@pytest.mark.parametrize(("kind", "label"), [
    ("boxes", Box(2, 0, 0, 0, 0)), ("boxes", Box(1, 3, 4, 9, 4)), ("points", Point(0, 1.5, 2.0)),
    ("scribbles", Scribble(0, ((1.0, 2.0),)))])
def test_labels_that_can_be(kind, label):
    check_weak_labels(Path("pets"), 2, kind, {"a": (label,)})


@pytest.mark.parametrize(("kind", "label", "words"), [
    ("boxes", Box(0, 0, 0, 9, 9), "pets: boxes of 'a': id 0 is no class; expected 1 to 2"),
    ("boxes", Box(3, 0, 0, 9, 9), "id 3 is no class"), ("points", Point(-1, 1.0, 1.0), "expected 0 to 2"),
    ("scribbles", Scribble(3, ((1.0, 1.0),)), "scribbles of 'a': id 3"),
    ("boxes", Box(1, 5, 0, 4, 9), "ends before it begins"), ("boxes", Box(1, 0, 5, 9, 4), "ends before it begins"),
    ("scribbles", Scribble(1, ()), "a scribble without a point")])
def test_labels_that_no_reader_makes(kind, label, words):
    with pytest.raises(UserError, match=words):
        check_weak_labels(Path("pets"), 2, kind, {"a": (label,)})
