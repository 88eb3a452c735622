"""Masks of drawings: what is painted, what is background, and what nobody can know."""

import numpy as np
import pytest

from tfwsss.annotations.drawings import Drawing, Drawn
from tfwsss.annotations.painting import paint
from tfwsss.annotations.runs import encode_runs
from tfwsss.errors import ImageFault

CLASSES = ("background", "cat", "dog")


def rectangle(name, left, right, kind="polygon"):
    """Returns columns of an image of two rows."""
    corners = ((left, 0), (right, 2)) if kind == "box" else ((left, 0), (right, 0), (right, 2), (left, 2))
    return Drawn(kind, name, corners)


def row(*labels, columns=6, **further):
    mask, scribbled = paint("a", Drawing(("a",), labels, **further), CLASSES, (2, columns))
    assert mask.dtype == np.uint8 and (mask[0] == mask[1]).all()
    return mask[0].tolist(), scribbled


def test_what_nobody_painted_is_background():
    assert row(rectangle("cat", 0, 2), rectangle("dog", 1, 3)) == ([1, 2, 2, 0, 0, 0], False)
    runs = encode_runs(np.array([[0, 1, 1, 0, 0, 0]] * 2, bool))
    assert row(Drawn("mask", "dog", runs=runs), Drawn("tag", "dog")) == ([0, 2, 2, 0, 0, 0], False)


def test_a_box_without_its_object_is_undecided_inside():
    """That of an object that is painted tells nothing more."""
    boxes = rectangle("cat", 0, 2, "box"), rectangle("cat", 3.5, 5, "box")
    assert row(rectangle("cat", 0, 1), *boxes) == ([1, 0, 0, 255, 255, 0], False)
    assert row(rectangle("cat", 0, 1), rectangle("dog", -3, 3, "box")) == ([1, 255, 255, 0, 0, 0], False)


@pytest.mark.parametrize("label", [Drawn("tag", "dog"), Drawn("point", "dog", ((4.0, 1.0),)),
                                   Drawn("line", "dog", ((4.0, 1.0), (5.0, 1.0)))])
def test_a_class_that_is_painted_nowhere_leaves_all_else_undecided(label):
    assert row(rectangle("cat", 0, 2), label) == ([1, 1, 255, 255, 255, 255], False)
    assert row(rectangle("dog", 0, 2), label) == ([2, 2, 0, 0, 0, 0], False)


def test_painted_background_makes_scribbles():
    assert row(rectangle("cat", 0, 1), rectangle("background", 4, 5)) == ([1, 255, 255, 255, 0, 255], True)
    assert row(rectangle("background", 0, 6), rectangle("cat", 0, 1)) == ([1, 0, 0, 0, 0, 0], False)


def test_fractions():
    corners = tuple((x / 6, y / 2) for x, y in rectangle("cat", 1, 2).points)
    box = Drawn("box", "dog", ((0.5, 0.0), (1.0, 1.0)))
    assert row(Drawn("polygon", "cat", corners), box, fractions=True) == ([0, 1, 0, 255, 255, 255], False)


def test_what_was_drawn_on_another_size_is_refused():
    """Polygons of pixels would lie elsewhere; fractions fit any size, and no size may be told."""
    label = rectangle("cat", 0, 2)
    assert row(label, size=(2, 6)) == row(label) == ([1, 1, 0, 0, 0, 0], False)
    with pytest.raises(ImageFault, match="a: made for an image of 12x4 pixels, but the image has 6x2; annotate"):
        row(label, size=(4, 12))


def test_faults():
    with pytest.raises(ImageFault, match="'cow' is no class"):
        row(rectangle("cow", 0, 1))
    with pytest.raises(ImageFault, match="'cow' is no class"):
        row(rectangle("cat", 0, 1), Drawn("tag", "cow"))
    with pytest.raises(ImageFault, match="a mask of 3 x 3 pixels; its image has 6 x 2"):
        row(Drawn("mask", "cat", runs=encode_runs(np.eye(3, dtype=bool))))
