import numpy as np

from tests.support.blobs import blobs
from tfwsss.annotations.parts import parts_of, without_small


def test_parts_cover_each_class_once_and_nothing_undecided():
    mask = blobs()
    found = np.zeros_like(mask)
    for part in parts_of(mask):
        whole = part.whole(mask.shape)
        assert part.area == np.count_nonzero(whole) and not (found[whole] > 0).any()
        found[whole] = part.class_id
    np.testing.assert_array_equal(found, np.where(mask == 255, 0, mask))


def test_parts_come_by_class():
    """Not in the order of a set, which has 8 before 1."""
    assert [part.class_id for part in parts_of(np.array([[16, 8, 1, 0, 200]], np.uint8))] == [1, 8, 16, 200]


def test_corners_connect_and_edges_of_other_classes_do_not():
    mask = np.array([[1, 0, 2], [0, 1, 2], [3, 3, 0]], np.uint8)
    assert [(part.class_id, part.area) for part in parts_of(mask)] == [(1, 2), (2, 2), (3, 2)]


def test_small_parts_become_background():
    mask = np.array([[1, 0, 1, 1], [255, 0, 2, 2]], np.uint8)
    assert without_small(mask, 2).tolist() == [[0, 0, 1, 1], [255, 0, 2, 2]]
    assert without_small(mask, 3).tolist() == [[0, 0, 0, 0], [255, 0, 0, 0]]
    assert without_small(mask, 1) is mask and mask[0, 0] == 1
