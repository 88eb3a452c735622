"""Masks without any object although tags say otherwise."""

import pytest

from tfwsss.data.mask_objects import check_objects
from tfwsss.errors import UserError

TAGS = {"a": (0,), "b": (0, 1), "c": ()}


@pytest.mark.parametrize(("ids", "words"), [
    ({"a": [0, 255], "b": [0, 255]}, "of 2 masks of images that show a class, all hold the ids 0 and 255 only"),
    ({"a": [255], "b": [0], "c": [1]}, "0 and 255 only; 255 means ignore: save a class as its number"),
    ({"a": [0], "b": [0]}, "all are background alone"), ({"b": [255]}, "of 1 masks")])
def test_no_mask_holds_a_class(ids, words):
    with pytest.raises(UserError, match=words):
        check_objects("masks", ids, TAGS, learnt=True)
    if "background" in words:                   # true masks of background alone are odd, and may be right
        assert words in check_objects("masks", ids, TAGS)


@pytest.mark.parametrize("ids", [{"a": [0, 1], "b": [0, 1, 255]}, {"a": [0, 1], "b": [0]}, {"c": [0, 255]}, {}])
def test_masks_that_may_be_right(ids):
    assert check_objects("masks", ids, TAGS) is None


def test_some_masks_without_one_are_told():
    assert "1 of 2 masks hold the ids 0 and 255 only, though their images show a class, the first that of 'b'" in \
        check_objects("masks", {"a": [0, 1], "b": [0, 255], "c": [0, 255]}, TAGS)
