"""How networks are shown images: what the kinds of views have in common."""

import pytest

from tfwsss.backbones.facts import GREY
from tfwsss.inference.views import Canvas, OwnSize, Picture, Resized, Windows


@pytest.mark.parametrize("view", [Canvas(65), OwnSize(), Resized(65), Windows(65)])
def test_each_view_has_scales_and_mirror_images_that_can_be_changed(view):
    """A client of an export may ask for others; without being asked, images are seen once."""
    assert (view.scales, view.mirror) == ((1.0,), False)
    changed = view._replace(scales=(0.5, 1.0), mirror=True)
    assert type(changed) is type(view) and (changed.scales, changed.mirror) == ((0.5, 1.0), True)


@pytest.mark.parametrize("view", [Canvas(65), Windows(65)])
def test_what_lies_round_an_image_is_grey_unless_said_otherwise(view):
    assert view.colour == (GREY, GREY, GREY)


def test_a_picture_has_neither_pixels_nor_saliency_unless_a_rule_looks_at_them():
    assert Picture((2, 3), (5, 5)) == ((2, 3), (5, 5), None, None)


def test_the_frame_of_a_scale():
    view = Resized(225, True, 16, "cubic", (1.0, 0.5))
    assert [view.frame(scale) for scale in view.scales] == [(225, True, 16, "cubic"), (112, True, 16, "cubic")]
