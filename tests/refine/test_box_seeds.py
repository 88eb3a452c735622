import numpy as np
import pytest

from tfwsss.refine.box_seeds import NOBODY, Objects, box_objects, box_seeds, clipped, topmost


def strip(*places, columns=6):
    """Masks of one row, true at the given columns."""
    return [np.isin(np.arange(columns), place)[None] for place in places]


@pytest.mark.parametrize(("corners", "rows", "columns"), [
    ((2, 3, 8, 9), (3, 9), (2, 8)), ((1, 1, 20, 10), (1, 10), (1, 20)), ((-5, -1, 30, 11), (0, 10), (0, 20)),
    ((4, 4, 4, 8), (4, 8), (4, 4)), ((22, 2, 30, 5), (2, 5), (20, 20))])
def test_boxes_are_cut_off_at_the_image_and_end_before_their_last_pixels(corners, rows, columns):
    assert clipped((7, *corners), (10, 20)) == (slice(*rows), slice(*columns))


def test_smaller_objects_lie_on_top_and_of_equal_ones_the_last():
    large, small, equal = strip([0, 1, 2, 3], [1, 2], [2, 4])
    assert topmost([small, large, equal], (1, 6)).tolist() == [[1, 0, 2, 1, 2, NOBODY]]
    assert topmost([equal, large, small], (1, 6)).tolist() == [[1, 2, 2, 1, 0, NOBODY]]
    assert topmost([], (1, 2)).tolist() == [[NOBODY, NOBODY]]


def test_objects_of_boxes_are_found_by_their_colours():
    random = np.random.default_rng(0)
    image = np.full((30, 40, 3), (40, 90, 160)) + random.integers(-9, 9, (30, 40, 3))
    image[5:25, 4:20] += np.array([150, 30, -110])
    image[10:16, 24:34] += np.array([90, 120, 60])
    boxes = [(3, 2, 3, 22, 27), (1, 22, 8, 36, 18), (9, 38, 1, 60, 9)]
    objects = box_objects(image.astype(np.uint8), boxes)
    assert objects.ids == (3, 1, 9) and objects.places[2] == (slice(1, 9), slice(38, 40))
    expected = np.full((30, 40), NOBODY)
    expected[5:25, 4:20], expected[10:16, 24:34], expected[1:9, 38:40] = 0, 1, 2     # in the last, one colour only
    np.testing.assert_array_equal(objects.owner, expected)


ONE = Objects(np.array([[NOBODY, NOBODY, 0, 0, 0, NOBODY]]), (12,), ((slice(0, 1), slice(1, 5)),))


@pytest.mark.parametrize(("confident", "switches", "seeds"), [
    ([12, 255, 12, 0, 255, 255], {}, [0, 255, 12, 255, 255, 0]),
    ([255, 255, 255, 255, 255, 255], {}, [0, 255, 12, 12, 12, 0]),
    ([12, 255, 0, 3, 255, 12], {}, [0, 255, 12, 12, 12, 0]),                     # of the class, but outside the box
    ([255, 12, 255, 255, 255, 255], {}, [0, 255, 255, 255, 255, 0]),             # inside the box, beside the object
    ([255] * 6, {"box_fallback": False}, [0, 255, 255, 255, 255, 0]),
    ([0, 255, 12, 0, 255, 0], {"box_background": False}, [255, 255, 12, 255, 255, 255])])
def test_one_box_by_hand(confident, switches, seeds):
    found = box_seeds(ONE, np.uint8([confident]), **switches)
    assert found.dtype == np.uint8 and found.tolist() == [seeds]


def test_each_box_is_confirmed_alone():
    """Of two objects of one class the left one is confirmed; what overlaps belongs to the smaller."""
    owner = np.array([[0, 0, 1, 1, NOBODY, 2, 2]])
    places = tuple((slice(0, 1), slice(first, last)) for first, last in ((0, 3), (2, 5), (5, 7)))
    objects = Objects(owner, (4, 4, 6), places)
    assert box_seeds(objects, np.uint8([[4, 255, 255, 4, 4, 4, 255]])).tolist() == [[4, 255, 255, 4, 255, 6, 6]]


def test_without_boxes_everything_is_background():
    nothing = Objects(np.full((2, 3), NOBODY), (), ())
    assert not box_seeds(nothing, np.full((2, 3), 255, np.uint8)).any()
