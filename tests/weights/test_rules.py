"""What a name rule says of names, and what becomes of arrays."""

import numpy as np
import pytest

from tfwsss.weights.rules import LAYOUTS, Network, Rule, laid_out


def test_a_rule_speaks_of_whole_names():
    rule = Rule(r"(conv\d)\.weight", (r"\1/kernel", r"copy/\1"), "kernel")
    assert rule.places("conv1.weight") == ("conv1/kernel", "copy/conv1") and rule.layout in LAYOUTS
    assert rule.places("x.conv1.weight") is None and rule.places("conv1.weights") is None


def test_reasons_for_staying_fresh_are_found_by_the_end_of_a_path():
    network = Network((), ((r"fc8/.*", "trained anew"),))
    assert network.why_fresh("model/fc8/kernel") == network.why_fresh("fc8/bias") == "trained anew"
    assert network.why_fresh("fc7/kernel") is None and network.rule_for("a") is None


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
