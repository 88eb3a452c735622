import cv2
import numpy as np
import pytest

from tests.support.blobs import blobs, iou
from tfwsss.annotations.outlines import LEAST_IOU, outline_of
from tfwsss.annotations.parts import parts_of
from tfwsss.annotations.polygons import fill

RING = np.array([[1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [1, 0, 0, 1, 1], [1, 1, 1, 1, 0]], bool)


def parts():
    """Parts of smooth masks, of noise, and a ring whose hole touches itself and the outside at corners."""
    noise = (np.random.default_rng(1).random((40, 50)) < 0.5).astype(np.uint8)
    return [RING, *(part.pixels for mask in (blobs(0), blobs(1), noise) for part in parts_of(mask))]


def by_cutting_off(points, size) -> np.ndarray:
    """Fills as readers do that cut the fractions off and draw the edges too."""
    found = np.zeros(size, np.uint8)
    cv2.fillPoly(found, [points.astype(np.int32)], 1)
    return found > 0


def test_outlines_give_back_their_parts_with_holes():
    """By the middle of pixels, and, moved inwards, by readers that cut fractions off."""
    for pixels in parts():
        points, inwards = outline_of(pixels, least=1)
        np.testing.assert_array_equal(fill(points, pixels.shape), pixels)
        np.testing.assert_array_equal(by_cutting_off(points + 0.05 * inwards, pixels.shape), pixels)


def test_simpler_outlines_have_fewer_points_and_keep_the_part():
    circle = np.zeros((300, 300), np.uint8)
    cv2.circle(circle, (150, 150), 120, 1, -1)
    cv2.circle(circle, (170, 140), 40, 0, -1)
    circle = circle > 0
    few, many = outline_of(circle)[0], outline_of(circle, least=1)[0]
    assert len(few) < len(many) / 2
    assert iou(fill(few, circle.shape), circle) >= LEAST_IOU
    for pixels in parts():
        assert iou(fill(outline_of(pixels)[0], pixels.shape), pixels) >= LEAST_IOU


def test_corners_are_whole_numbers_and_straight_edges_have_no_points_between():
    points, inwards = outline_of(np.array([[1, 1, 1], [1, 0, 0]], bool))
    assert points.tolist() == [[0, 0], [3, 0], [3, 1], [1, 1], [1, 2], [0, 2]]
    assert inwards.tolist() == [[1, 1], [-1, 1], [-1, -1], [-1, -1], [-1, -1], [1, -1]]


def test_the_tool_itself_fills_the_same_pixels():
    coco = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed; pip install 'tfwsss[test]'")
    for pixels in parts():
        for kept, least in ((1.0, 1.0), (LEAST_IOU, 0.99)):
            points = outline_of(pixels, kept)[0].ravel().tolist()
            theirs = coco.decode(coco.merge(coco.frPyObjects([points], *pixels.shape))).astype(bool)
            assert iou(theirs, pixels) >= least
