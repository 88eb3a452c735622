import cv2
import numpy as np
import pytest
import yaml

from tests.support.blobs import blobs, iou
from tfwsss.annotations.drawings import to_mask
from tfwsss.annotations.yolo import read_yolo, yolo_lines, yolo_table
from tfwsss.errors import ImageFault

CLASSES = ("background", "cat", 'a "quoted": name', "жук")


@pytest.mark.parametrize("seed", range(3))
def test_round_trip(seed):
    """Holes are kept; 255 belongs to nothing."""
    mask = blobs(seed)
    drawing = read_yolo("a.txt", "\n".join(yolo_lines(mask)), CLASSES[1:])
    back = to_mask("a", drawing, CLASSES, mask.shape)
    np.testing.assert_array_equal(back, np.where(mask == 255, 0, mask))


def test_readers_that_cut_fractions_off_see_the_same():
    """As the usual trainer does: fractions times the size, cut off to whole numbers, filled with their edges."""
    mask = blobs(5, (480, 640))
    for class_id in range(1, 4):
        found = np.zeros(mask.shape, np.uint8)
        for line in yolo_lines(mask):
            number, *rest = line.split()
            points = np.array(rest, np.float64).reshape(-1, 2) * mask.shape[::-1]
            if int(number) == class_id - 1:
                cv2.fillPoly(found, [points.astype(np.int32)], 1)
        assert iou(found > 0, mask == class_id) >= 0.99


def test_classes_count_from_zero_and_the_table_names_them():
    mask = np.array([[3, 3, 0, 1]], np.uint8)
    assert [line.split()[0] for line in yolo_lines(mask)] == ["0", "2"]
    table = yaml.safe_load(yolo_table(CLASSES))
    assert table["names"] == dict(enumerate(CLASSES[1:])) and table["train"] == "images"
    assert list(yolo_lines(np.full((2, 2), 255, np.uint8))) == []


def test_boxes_and_empty_lines():
    found = read_yolo("a.txt", "\n1 0.5 0.5 1 0.5\n\n0 0.25 0.5 0.5 1\n", ["cat", "dog"])
    assert [(label.name, label.points) for label in found.labels] == [
        ("dog", ((0, 0.25), (1, 0.75))), ("cat", ((0, 0), (0.5, 1)))]
    assert found.fractions and read_yolo("a.txt", "", ["cat"]).labels == ()


@pytest.mark.parametrize("line", ["0", "x 0.5 0.5 1 1", "0 0.5 0.5 1", "0 0.5 0.5 1 nan", "2 0.5 0.5 1 1", "-1 0 0 1 1",
                                  "0 0 0 1 1 0.5", "0 0 0 1 1 0 1 0.5", "9999999999 0 0 1 1", "0.0 0 0 1 1",
                                  "0 1e9 0 1 1", "0 320 240 100 50", "0 10 10 30 10 30 20"])
def test_broken_lines(line):
    with pytest.raises(ImageFault, match=r"a\.txt: "):
        read_yolo("a.txt", f"0 0.5 0.5 1 1\n{line}", ["cat", "dog"])
