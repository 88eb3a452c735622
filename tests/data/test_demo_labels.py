"""Weak labels of the built-in pictures: of the right class where the true mask says so, and always the same."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from tfwsss.data.demo import CLASSES, draw_demo
from tfwsss.data.demo_labels import LabelDrawing
from tfwsss.data.folder import read_folder
from tfwsss.data.weak.label_files import LabelFiles
from tfwsss.data.weak_labels import Box

FILES = LabelFiles(Path("boxes.json"), Path("points.json"), Path("scribbles.json"))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo")
    draw_demo(root, num_images=30)
    return read_folder(root, None, FILES)


def test_boxes_are_those_of_the_objects():
    objects = np.zeros((20, 30), np.uint8)
    objects[3:9, 4:20], objects[12:20, 0:30] = 1, 3
    drawing = LabelDrawing(0, CLASSES)
    drawing.add("a", 0, objects, [2, 4, 1])
    found = json.loads(drawing.files()["boxes.json"])["a"]
    assert [label["name"] for label in found] == [CLASSES[2], CLASSES[1]]         # of the second nothing is seen
    assert [np.round(np.multiply(label["box"], (30, 20, 30, 20)), 3).tolist() for label in found] == \
        [[4, 3, 19, 8], [0, 12, 29, 19]]


def test_every_object_is_labelled_in_each_way(images):
    for name in images.names:
        tags = {label + 1 for label in images.labels[name]}
        for kind in ("boxes", "points", "scribbles"):
            labels = getattr(images, kind)[name]
            assert {label.class_id for label in labels} - {0} == tags
            objects, ground = len(images.boxes[name]), sum(label.class_id == 0 for label in labels)
            assert len(labels) - ground == objects
            assert ground in {"boxes": (0,), "points": (1, 2), "scribbles": (1,)}[kind]
    assert max(len(labels) for labels in images.boxes.values()) == 2


def test_boxes_hold_all_of_their_class(images):
    """Outlines, which masks leave open, included; and a class alone in its picture fills its box."""
    for name in images.names:
        mask = images.read_mask(name)
        for class_id in {box.class_id for box in images.boxes[name]}:
            inside = np.zeros(mask.shape, bool)
            boxes = [box for box in images.boxes[name] if box.class_id == class_id]
            for box in boxes:
                inside[box.y0:box.y1 + 1, box.x0:box.x1 + 1] = True
            assert (inside | (mask != class_id)).all()
            if len(boxes) == 1 == len(images.boxes[name]):
                y, x = np.nonzero((mask == class_id) | (mask == 255))
                assert np.abs(np.subtract(boxes[0], Box(class_id, x.min(), y.min(), x.max(), y.max()))).max() <= 2


def test_clicks_and_scribbles_lie_on_what_they_name(images):
    lengths = []
    for name in images.names:
        mask = images.read_mask(name)
        assert all(mask[int(point.y), int(point.x)] == point.class_id for point in images.points[name])
        for line in images.scribbles[name]:
            drawn = np.zeros(mask.shape, np.uint8)
            cv2.polylines(drawn, [np.floor(line.points).astype(np.int32)], False, 1)
            assert (mask[drawn == 1] == line.class_id).all()
            assert line.points[0] != line.points[-1]                               # open
            lengths.append(len(line.points))
    assert min(lengths) >= 4 and np.mean(lengths) > 7


def test_the_same_seed_draws_the_same(images, tmp_path):
    draw_demo(tmp_path, num_images=30)
    again = read_folder(tmp_path, None, FILES)
    assert again.fingerprint() == images.fingerprint()
    draw_demo(tmp_path, num_images=30, seed=1)
    assert read_folder(tmp_path, None, FILES).points != images.points


def test_they_are_read_only_where_they_are_named(images):
    """So that runs of before stay what they are: this is the fingerprint of version 0.1.0."""
    plain = read_folder(images.root)
    assert not plain.boxes and not plain.points and not plain.scribbles and plain.names == images.names
    assert read_folder(images.root, "val").fingerprint()[:16] == "0fabd6dbe73b9aea" and plain.labels == images.labels
