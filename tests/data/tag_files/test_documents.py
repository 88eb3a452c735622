"""Documents of annotation tools as tags and labels of images: each form, files of the tool's own library, bad ones."""

import json
import logging

import numpy as np
import pytest

from tests.data.tag_files.drawn import SIZE, coco, folder, put, read, shown
from tests.support.shared import shared_file
from tfwsss.annotations.coco import coco_categories, coco_image, coco_objects
from tfwsss.annotations.drawings import Drawing, Drawings, Drawn
from tfwsss.data.tag_files.documents import is_coco, is_cvat, is_label_studio, read_document, read_parsed, tags_of
from tfwsss.data.weak.label_files import LabelFiles
from tfwsss.data.weak_labels import Box
from tfwsss.errors import UserError

SQUARE = [[0, 0, 4, 0, 4, 4, 0, 4]]


def test_categories_of_coco_are_tags(tmp_path):
    """An image without annotations shows no class; classes are in the order of the categories, those that occur."""
    put(folder(tmp_path), coco([(0, 2), (0, 2), (1, 1), (1, 2)], "abc", ("dog", "cat", "cow")), "coco.json")
    images = read(tmp_path)
    assert shown(images) == {"a": {"cat"}, "b": {"dog", "cat"}, "c": set()} and images.classes[1:] == ("dog", "cat")
    assert not images.boxes and not images.full_masks and not images.faults


def test_boxes_and_masks_of_coco_are_labels(tmp_path):
    box, mask = {"bbox": [1, 2, 3, 4]}, {"bbox": [0, 0, 4, 4], "segmentation": SQUARE}
    put(folder(tmp_path), coco([(0, 1, box), (1, 2, mask), (1, 1), (2, 2, mask), (2, 1, box)]), "annotations/x.json")
    images = read(tmp_path)
    assert shown(images) == {"a": {"cat"}, "b": {"cat", "dog"}, "c": {"cat", "dog"}, "d": set()}
    assert images.boxes["a"] == (Box(1, 1, 2, 4, 6),) and [images.supervision(name) for name in "abcd"] == [
        "box", "mask", "mask", "image"]
    expected = np.full(SIZE, 255, np.uint8)                             # of b: where the cat is nobody tells
    expected[:4, :4] = 2
    np.testing.assert_array_equal(images.read_full_mask("b"), expected)
    expected[expected == 255] = 0
    expected[4:6, 1:4] = 255                                            # of c: in the box that no mask explains
    expected[2:6, 1:4] = np.where(expected[2:6, 1:4] == 2, 2, 255)
    np.testing.assert_array_equal(images.read_full_mask("c"), expected)


def test_labels_of_another_file_take_the_place_of_drawn_ones(tmp_path):
    put(folder(tmp_path), coco([(0, 1, {"bbox": [1, 2, 3, 4]}), (1, 2, {"segmentation": SQUARE})]), "coco.json")
    boxes = put(tmp_path, {"b": [{"name": "dog", "box": [0, 0, 1, 1]}]}, "boxes.json")
    images = read(tmp_path, files=LabelFiles(boxes=boxes))
    assert list(images.boxes) == ["b"] and list(images.full_masks) == ["b"] and shown(images)["a"] == {"cat"}


def test_a_mask_is_painted_once_and_changes_what_the_set_is(tmp_path):
    path = put(folder(tmp_path), coco([(0, 1, {"segmentation": SQUARE}), (1, 2)]), "coco.json")
    first, again = read(tmp_path), read(tmp_path)
    assert first.fingerprint() == again.fingerprint() and first.full_masks == again.full_masks
    put(tmp_path, path.read_text().replace("4, 4, 0", "5, 4, 0"), "coco.json")
    assert read(tmp_path).fingerprint() != first.fingerprint()


def test_run_lengths_of_cocos_own_library(tmp_path):
    library = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed; pip install 'tfwsss[test]'")
    pixels = np.zeros(SIZE, np.uint8, order="F")
    pixels[3:9, 2:5] = 1
    code = library.encode(pixels)
    runs = {"size": code["size"], "counts": code["counts"].decode()}
    drawn = {"segmentation": runs, "bbox": library.toBbox(code).tolist()}
    put(folder(tmp_path), coco([(0, 2, drawn), (1, 1)]), "c.json")
    images = read(tmp_path)
    np.testing.assert_array_equal(images.read_full_mask("a"), 2 * pixels)
    assert images.boxes["a"] == (Box(2, 2, 3, 5, 9),)


@pytest.mark.parametrize("polygons", [False, True])
def test_what_is_handed_to_coco_comes_back(tmp_path, polygons):
    mask = np.zeros(SIZE, np.uint8)
    mask[2:9, 1:6], mask[4:6, 3:5], mask[12:, 7:] = 1, 0, 2
    classes = ("background", "cat", "dog")
    put(folder(tmp_path), {"images": [coco_image(1, "a.png", SIZE)], "categories": coco_categories(classes),
                           "annotations": list(coco_objects(mask, 1, 1, polygons))}, "coco.json")
    images = read(tmp_path)
    np.testing.assert_array_equal(images.read_full_mask("a"), mask)
    assert images.classes == classes and images.names == ("a",)


def test_images_that_the_document_has_not_are_left_out_and_told(tmp_path, caplog):
    """So are those of the document that are not there: both may be parts of something larger."""
    put(folder(tmp_path), coco([(0, 1), (1, 2), (2, 1)], "abxyz"), "coco.json")
    with caplog.at_level(logging.INFO, "tfwsss"):
        images = read(tmp_path)
    assert images.names == ("a", "b") and not images.faults and "tags: COCO's JSON, " in caplog.text
    assert "2 of 4 images have no labels" in caplog.text and "3 of 5 images that it labels are not there" in caplog.text


def test_the_newcomers_document(tmp_path):
    path = shared_file("cases/newcomer/coco.json")
    names = [image["file_name"] for image in json.loads(path.read_text())["images"]]
    put(folder(tmp_path, *names), path.read_bytes(), "coco.json")
    images = read(tmp_path)
    assert len(images.names) == 11 and images.classes[1:] == ("car", "pedestrian", "fence", "bicyclist")
    assert shown(images)["0001TP_008310"] == {"car", "pedestrian", "bicyclist"}


@pytest.mark.parametrize(("document", "words"), [
    ("{", "is no JSON"), ({"images": [], "annotations": []}, "is not COCO's form"),
    (coco([], "xyz"), "has labels of none of 4 images; they are named like 'a', those of the file like 'x.png'"),
    (coco([(0, 1), (1, 2)], categories=("Cat", "cat")), "'Cat' and 'cat' would be two classes"),
    (coco([(0, 1)], "aa"), "'a.png' and 'a.png' both mean the image 'a', and their labels differ"),
    (coco([(0, 1)], categories=("a\nb", "\x07")), "is empty or holds signs that steer"),
    (coco([(place, 9) for place in range(4)]), "all 4 images cannot be used. The first: .*category 9 is not listed"),
    ({"a": [1]}, "holds no tags in a form that is read"), ([1], "holds no tags")])
def test_bad_documents(tmp_path, document, words):
    put(folder(tmp_path), document)
    with pytest.raises(UserError, match=words):
        read(tmp_path, "tags.json")


def test_an_image_may_be_listed_twice_with_the_same_tags(tmp_path):
    put(folder(tmp_path), coco([(0, 1), (1, 1), (2, 2)], "aab"))
    assert shown(read(tmp_path)) == {"a": {"cat"}, "b": {"dog"}}


def test_an_annotation_of_an_image_that_is_not_listed_is_told(tmp_path, caplog):
    """Its image seems to show nothing: so nobody may overlook it."""
    folder(tmp_path)
    put(tmp_path, coco([(0, 1), ("1", 2), (2, 1), (3, 2)]))
    assert shown(read(tmp_path)) == {"a": {"cat"}, "b": set(), "c": {"cat"}, "d": {"dog"}}
    assert "cannot be used are of none of the 4 images, such as: " in caplog.text
    assert "annotation 1 is of image '1', which is not listed" in caplog.text


def test_what_was_drawn_on_larger_photographs_is_a_fault(tmp_path):
    """Polygons as well as boxes: none of them lands on pixels that nobody meant."""
    folder(tmp_path)
    document = coco([(0, 1, {"segmentation": [[0, 0, 8, 0, 8, 30, 0, 30]]}), (1, 1, {"bbox": [0, 0, 8, 30]}),
                     (2, 2, {"bbox": [0, 0, 4, 15]}), (3, 2, {"segmentation": [[0, 0, 4, 0, 4, 15]]})])
    for entry in document["images"][:2]:
        entry |= {"height": 2 * SIZE[0], "width": 2 * SIZE[1]}
    put(tmp_path, document)
    found = read(tmp_path)
    assert list(found.full_masks) == ["d"] and list(found.boxes) == ["c"] and list(found.faults) == ["a", "b"]
    assert all("made for an image of 20x40 pixels, but the image has 10x20" in text for text in found.faults.values())


def test_a_tag_that_is_no_class_names_the_nearest(tmp_path):
    put(folder(tmp_path, classes="cat\ndgo\n"), coco([(0, 1), (1, 2)]))
    with pytest.raises(UserError, match="tags.json: 'b.png': 'dog' is no class; did you mean 'dgo'"):
        read(tmp_path)


def test_a_broken_annotation_is_a_fault_of_its_image(tmp_path):
    broken = {"segmentation": {"size": [99, 99], "counts": [9801]}}
    put(folder(tmp_path), coco([(0, 1, {"segmentation": [[1, 2]]}), (1, 1, broken), (2, 2), (3, 1)]))
    images = read(tmp_path)
    assert images.names == ("b", "c", "d") and not images.full_masks
    assert "a polygon of 2 numbers" in images.faults["a"]
    assert "a mask of 99 x 99 pixels" in images.faults["b"] and "used without" in images.faults["b"]


def test_what_a_document_is():
    assert is_coco(coco()) and not is_coco([]) and not is_coco({"a": []})
    assert is_label_studio([{"data": {}}]) and not is_label_studio([]) and not is_label_studio([{"data": 1}])
    assert is_cvat(b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x -->\n<annotations>') and not is_cvat(b"<annotation>")
    assert read_parsed("a.json", {"a": []}) is None


def test_names_of_classes(tmp_path):
    labels = Drawn("tag", " traffic  sign"), Drawn("box", "Background", ((0, 0), (1, 1)))
    found = tags_of(tmp_path, "x", Drawings((Drawing(("a.png", "a"), labels),), ("traffic sign", "__background__"), {}))
    assert found.rows[0].tags == ("traffic sign",) and found.rows[0].forms == ("a",)
    assert found.classes == ("traffic sign",) and found.drawings["a.png"].labels[1].name == "background"


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_document(tmp_path / "x.json")
