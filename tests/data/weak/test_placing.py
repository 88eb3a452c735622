"""From written labels to pixels, by hand, in an image of 20 rows and 10 columns."""

from collections import Counter

import pytest

from tfwsss.data.weak.placing import OUTSIDE, place
from tfwsss.data.weak.written import Shape, Written
from tfwsss.data.weak_labels import Box, Point, Scribble
from tfwsss.errors import ImageFault

CLASSES = ("background", "cat", "polar bear")
SIZE = (20, 10)
CLIPPED = "boxes reach out of their image and are clipped"


def placed(kind, *shapes, fractions=False, **more):
    return place(kind, "a.xml", Written(tuple(Shape(tag, points) for tag, points in shapes), fractions, **more),
                 CLASSES, SIZE)


def test_boxes_of_pixels_stay_as_they_are():
    """VOC counts from 1, so that the last column is the width: the numbers are used as they stand."""
    labels, notes = placed("boxes", ("polar bear", ((1.0, 1.0), (10.0, 20.0))), (1, ((3.0, 4.0), (3.0, 4.0))))
    assert labels == (Box(2, 1, 1, 10, 20), Box(1, 3, 4, 3, 4)) and not notes
    assert all(type(value) is int for box in labels for value in box)


@pytest.mark.parametrize(("box", "found", "clipped"), [
    ((0.1, 0.05, 1.0, 0.5), (1, 1, 10, 10), 0), ((0.149, 0.0, 0.151, 1.0), (1, 0, 2, 20), 0),
    ((-0.2, 0.5, 1.3, 1.2), (0, 10, 10, 20), 1)])
def test_boxes_of_fractions_are_rounded_and_clipped(box, found, clipped):
    labels, notes = placed("boxes", ("cat", (box[:2], box[2:])), fractions=True)
    assert labels == (Box(1, *found),) and notes == Counter({CLIPPED: 1} if clipped else {})


@pytest.mark.parametrize(("corners", "words"), [
    (((5, 1), (4, 9)), r"a.xml: a box from \(5, 1\) to \(4, 9\) ends before it begins"),
    (((1, 9), (4, 8)), "ends before it begins"), (((10, 1), (12, 9)), "lies outside of the image of 10x20 pixels"),
    (((-5, 1), (-1, 9)), "lies outside"), (((1, 20), (4, 22)), "lies outside"), (((1, -9), (4, -1)), "pixels$")])
def test_boxes_that_hold_nothing(corners, words):
    with pytest.raises(ImageFault, match=words):
        placed("boxes", ("cat", corners))


def test_clicks_outside_are_left_out_and_counted():
    """A pixel is the floor; of background clicks drawn later lie on top."""
    labels, notes = placed("points", (0, ((0.0, 0.0),)), ("cat", ((9.99, 19.99),)), (2, ((10.0, 1.0),)),
                           (2, ((1.0, -0.01),)), ("background", ((5.5, 5.5),)), (2, ((1.0, 2.0),)))
    assert labels == (Point(1, 9.99, 19.99), Point(2, 1.0, 2.0), Point(0, 0.0, 0.0), Point(0, 5.5, 5.5))
    assert notes == Counter({OUTSIDE["points"]: 2})


def test_clicks_of_fractions():
    labels, notes = placed("points", ("cat", ((0.25, 0.5),)), ("cat", ((1, 0.99),)), ("cat", ((2.14, 0.5),)),
                           ("cat", ((0.5, 1),)), fractions=True)
    assert labels == (Point(1, 2.5, 10.0), Point(1, 9.5, 19.8), Point(1, 5.0, 19.5))
    assert notes == Counter({OUTSIDE["points"]: 1})


def test_scribbles_keep_what_the_edge_cuts_off():
    far, near = ((1.0, 1.0), (20.0, 1.0)), ((-3.0, 1.0), (4.0, 25.0), (4.0, 5.0))
    labels, notes = placed("scribbles", ("cat", ((1.0, 2.0),)), (0, near), (2, far), (2, ((-1.0, 3.0), (12.0, 3.0))))
    assert labels == (Scribble(1, ((1.0, 2.0),)), Scribble(0, near))
    assert notes == Counter({OUTSIDE["scribbles"]: 2, "scribbles reach out of their image, where they are cut off": 1})
    labels, notes = placed("scribbles", ("cat", ((0.5, 0.5), (1, 1))), fractions=True)
    assert labels == (Scribble(1, ((5.0, 10.0), (9.5, 19.5))),) and not notes


@pytest.mark.parametrize(("kind", "tag", "words"), [
    ("boxes", 0, "class 0 is none; ids are 1 to 2"), ("points", 3, "class 3 is none; ids are 0 to 2"),
    ("points", -1, "class -1 is none"), ("boxes", "background", "'background' is no class; there are cat, polar bear"),
    ("scribbles", "polar baer", "'polar baer' is no class; did you mean 'polar bear'")])
def test_classes_that_are_none(kind, tag, words):
    with pytest.raises(ImageFault, match=f"a.xml: {words}"):
        placed(kind, (tag, ((1.0, 1.0), (2.0, 2.0))))


def test_labels_made_for_another_size():
    assert placed("points", size=(20, 10)) == ((), Counter())
    with pytest.raises(ImageFault, match="made for an image of 20x10 pixels, but the image has 10x20"):
        placed("points", size=(10, 20))


def test_what_the_reader_left_out_is_counted():
    assert placed("boxes", notes=("parts", "parts"))[1] == Counter(parts=2)
