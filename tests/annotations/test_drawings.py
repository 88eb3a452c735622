import numpy as np
import pytest

from tfwsss.annotations.drawings import (
    KINDS,
    MAX_LABELS,
    Drawing,
    Drawn,
    check_labels,
    file_forms,
    painted,
    to_mask,
)
from tfwsss.annotations.runs import encode_runs
from tfwsss.errors import ImageFault

CLASSES = ("background", "cat", "dog")
TRIANGLE = ((0.0, 0.0), (4.0, 0.0), (0.0, 4.0))


@pytest.mark.parametrize(("written", "expected"), [
    ("x.jpg", ("x.jpg",)), ("farm/x.jpg", ("farm/x.jpg", "x.jpg")), ("farm\\x.jpg", ("farm\\x.jpg", "x.jpg")),
    ("/data/upload/1/abc-0001TP_1.jpg", ("/data/upload/1/abc-0001TP_1.jpg", "abc-0001TP_1.jpg", "0001TP_1.jpg")),
    ("https://a.org/p/%D0%B6.jpg?x=1", ("https://a.org/p/%D0%B6.jpg?x=1", "p/ж.jpg", "ж.jpg")),
    ("0A1b2c3d-cow.jpg", ("0A1b2c3d-cow.jpg", "cow.jpg")), ("raincoat-cow.jpg", ("raincoat-cow.jpg",)),
    ("what?.jpg", ("what?.jpg", "what"))])
def test_what_an_address_may_mean(written, expected):
    assert file_forms(written) == expected


def test_later_labels_lie_on_top_and_only_areas_are_painted():
    mask = np.zeros((4, 4), bool)
    mask[0] = True
    labels = (Drawn("polygon", "cat", TRIANGLE), Drawn("mask", "dog", runs=encode_runs(mask)), Drawn("tag", "cat"),
              Drawn("box", "cat", ((0, 0), (4, 4))), Drawn("line", "dog", TRIANGLE), Drawn("point", "dog", ((1, 3),)))
    assert {label.kind for label in labels} == set(KINDS)
    drawing = Drawing(("a.png",), labels, (4, 4))
    assert to_mask("a", drawing, CLASSES, (4, 4)).tolist() == [[2] * 4, [1, 1, 0, 0], [1, 0, 0, 0], [0] * 4]
    assert painted(labels) == list(labels[:2]) and drawing.tags == ("cat", "dog")


def test_fractions_are_of_the_size():
    half = Drawn("polygon", "cat", ((0, 0), (0.5, 0), (0.5, 1), (0, 1)))
    drawing = Drawing((), (half,), fractions=True)
    assert to_mask("a", drawing, CLASSES, (1, 4)).tolist() == [[1, 1, 0, 0]]


@pytest.mark.parametrize(("label", "expected"), [
    (Drawn("polygon", "cow", TRIANGLE), "'cow' is no class"),
    (Drawn("mask", "cat", runs=encode_runs(np.zeros((2, 3), bool))), "a mask of 3 x 2 pixels; its image has 4 x 4")])
def test_drawings_that_do_not_fit(label, expected):
    with pytest.raises(ImageFault, match=expected):
        to_mask("a", Drawing((), (label,)), CLASSES, (4, 4))


@pytest.mark.parametrize("labels", [[Drawn("tag", "cat")] * (MAX_LABELS + 1), [Drawn("point", "cat", ((0, 1e8),))],
                                    [Drawn("line", "cat", ((0, 0),) * 200_001)]])
def test_bounds(labels):
    with pytest.raises(ImageFault, match=r"a\.json: "):
        check_labels("a.json", labels)
