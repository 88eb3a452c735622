import numpy as np
import pytest

from tfwsss.weights.rules import Rule, laid_out


def test_parts_go_to_their_targets():
    rule = Rule(r"in_(\w+)", (r"q/\1", r"k/\1", r"v/\1"), parts=3)
    array = np.arange(6).reshape(6, 1)
    places = dict(zip(rule.places("in_weight"), rule.pieces(array), strict=True))
    assert {place: piece.ravel().tolist() for place, piece in places.items()} == \
        {"q/weight": [0, 1], "k/weight": [2, 3], "v/weight": [4, 5]}


@pytest.mark.parametrize("array", [np.zeros(7), np.float32(1)])
def test_what_cannot_be_cut_is_given_whole(array):
    """Its shape then tells what is wrong."""
    pieces = Rule("a", ("x", "y", "z"), parts=3).pieces(array)
    assert len(pieces) == 3 and all(piece is array for piece in pieces)


@pytest.mark.parametrize(("layout", "given", "expected"), [
    ("kernel", (5, 4, 2, 3), (2, 3, 4, 5)), ("kernel", (5, 4), (5, 4)), ("transposed", (5, 4), (4, 5)),
    ("squeezed", (1, 1, 6), (6,)), ("squeezed", (1, 7, 6), (7, 6)), ("squeezed", (1,), ()), ("squeezed", (), ()),
    ("as is", (1, 2), (1, 2))])
def test_axes(layout, given, expected):
    assert laid_out(np.zeros(given), layout).shape == expected
