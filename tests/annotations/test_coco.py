import json

import numpy as np
import pytest

from tests.support.blobs import blobs, iou
from tfwsss.annotations.coco import coco_categories, coco_image, coco_objects, read_coco
from tfwsss.annotations.drawings import to_mask
from tfwsss.annotations.runs import encode_runs, to_text
from tfwsss.errors import UserError

CLASSES = ("background", "cat", "дом", "traffic sign")
LIST = {"images": [{"id": 5, "file_name": "a.jpg", "width": 4, "height": 3}], "annotations": [],
        "categories": [{"id": 7, "name": "cat"}]}


def document(masks, polygons=False) -> dict:
    annotations = []
    for place, mask in enumerate(masks, 1):
        annotations += coco_objects(mask, place, len(annotations) + 1, polygons)
    images = [coco_image(place, f"farm/{place}.jpg", mask.shape) for place, mask in enumerate(masks, 1)]
    whole = {"images": images, "annotations": annotations, "categories": coco_categories(CLASSES)}
    return json.loads(json.dumps(whole))


def with_annotation(**entry) -> dict:
    return LIST | {"annotations": [{"image_id": 5, "category_id": 7, **entry}]}


@pytest.mark.parametrize(("polygons", "least"), [(False, 1.0), (True, 0.99)])
def test_round_trip(polygons, least):
    """Holes are kept, and what is undecided is no object: 255 comes back as 0."""
    masks = [blobs(0), blobs(1, (50, 70)), np.zeros((3, 4), np.uint8)]
    found = read_coco("a.json", document(masks, polygons))
    assert found.classes == CLASSES[1:] and not found.faults and len(found.images) == 3
    for place, (drawing, mask) in enumerate(zip(found.images, masks, strict=True), 1):
        assert drawing.files == (f"farm/{place}.jpg", f"{place}.jpg") and drawing.size == mask.shape
        back = to_mask("a", drawing, CLASSES, mask.shape)
        assert 255 not in back
        assert all(iou(back == class_id, mask == class_id) >= least for class_id in range(1, 4))


@pytest.mark.parametrize("places", [((0, 0),), ((2, 3),), ((0, 3),), ((2, 0),), ((1, 1), (2, 1)),
                                    ((0, 0), (1, 1), (2, 2)), tuple(np.ndindex(3, 4))], ids=str)
def test_runs_at_the_edges_of_an_image(places):
    """Runs go on over the columns that a part does not touch."""
    mask = np.zeros((3, 4), np.uint8)
    mask[tuple(np.transpose(places))] = 2
    found, = coco_objects(mask, 1, 1)
    assert found["segmentation"] == {"size": [3, 4], "counts": to_text(encode_runs(mask == 2).counts)}


@pytest.mark.parametrize(("polygons", "least"), [(False, 1.0), (True, 0.99)])
def test_the_tool_itself_reads_the_same_masks(tmp_path, polygons, least):
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed; pip install 'tfwsss[test]'")
    mask = blobs(2)
    (tmp_path / "a.json").write_text(json.dumps(document([mask], polygons)), encoding="utf-8")
    theirs = coco.COCO(tmp_path / "a.json")
    assert {category["id"]: category["name"] for category in theirs.loadCats(theirs.getCatIds())} == \
        dict(enumerate(CLASSES[1:], 1))
    for class_id in range(1, 4):
        found = theirs.loadAnns(theirs.getAnnIds(imgIds=[1], catIds=[class_id]))
        parts = [theirs.annToMask(annotation).astype(bool) for annotation in found]
        assert iou(np.any(parts, axis=0), mask == class_id) >= least
        for annotation, part in zip(found, parts, strict=True):
            rows, columns = np.nonzero(part)
            left, top, width, height = annotation["bbox"]
            assert abs(annotation["area"] - part.sum()) <= 0.01 * annotation["area"]
            if not polygons:
                assert (left, top, left + width - 1, top + height - 1) == (
                    columns.min(), rows.min(), columns.max(), rows.max())


def test_boxes_polygons_run_lists_and_tags():
    entries = [{"bbox": [1, 0, 2, 3]}, {"segmentation": [[0, 0, 2, 0, 2, 1], [1, 1, 3, 1, 3, 3]]}, {},
               {"segmentation": {"size": [3, 4], "counts": [11, 1]}, "iscrowd": 1}]
    found, = read_coco("a.json", LIST | {"annotations": [
        {"image_id": 5, "category_id": 7, **entry} for entry in entries]}).images
    assert [label.kind for label in found.labels] == ["box", "polygon", "polygon", "tag", "mask"]
    assert found.labels[0].points == ((1, 0), (3, 3)) and found.tags == ("cat",) and found.size == (3, 4)
    assert to_mask("a", found, ("background", "cat"), (3, 4))[2, 3] == 1


def test_fractions_are_no_pixels():
    """They would all be the corner pixel; an object of that pixel alone is one."""
    with pytest.raises(UserError, match="c.json: no coordinate is beyond 0.9, as if .* fractions .*COCO's are pixels"):
        read_coco("c.json", with_annotation(bbox=[0.25, 0.5, 0.5, 0.4]))
    assert read_coco("c.json", with_annotation(bbox=[0, 0, 1, 1])).images[0].labels[0].points == ((0, 0), (1, 1))


def test_an_image_without_annotations_shows_nothing():
    drawing, = read_coco("a.json", LIST).images
    assert drawing.labels == () and drawing.files == ("a.jpg",)


@pytest.mark.parametrize("broken", [
    {"bbox": [1, 2, 3]}, {"bbox": [1, 2, 3, "x"]}, {"bbox": 7}, {"segmentation": [[0, 0, 1, 1]]},
    {"segmentation": [[0, 0, 1, 1, 2]]}, {"segmentation": [7]}, {"segmentation": {"size": [3, 4]}},
    {"segmentation": {"size": [3, 4], "counts": [11]}}, {"segmentation": {"size": [3, 4], "counts": "~~"}},
    {"segmentation": {"size": [3, 4], "counts": 5}}, {"segmentation": {"size": 3, "counts": [12]}},
    {"segmentation": {"size": [10**6, 10**6], "counts": [10**12]}}, {"category_id": 8}, {"category_id": [7]},
    {"segmentation": [[0, 0, 1e9, 0, 0, 1]]}])
def test_a_broken_annotation_is_a_fault_of_its_image(broken):
    mixed = with_annotation(**broken)
    mixed["images"] = [*mixed["images"], {"id": 6, "file_name": "b.jpg"}]
    found = read_coco("c.json", mixed)
    assert [drawing.files for drawing in found.images] == [("b.jpg",)]
    assert list(found.faults) == ["a.jpg"] and found.faults["a.jpg"].startswith("c.json, a.jpg: ")
    assert "\n" not in found.faults["a.jpg"]


@pytest.mark.parametrize("image", [9, None, [5], {"a": 1}])
def test_an_annotation_of_no_image(image):
    found = read_coco("c.json", with_annotation(image_id=image))
    assert "is of image" in found.faults["annotation 0"] and len(found.images) == 1


@pytest.mark.parametrize("document", [[], {}, {"images": []}, {"images": 1, "annotations": [], "categories": []},
                                      LIST | {"images": [{"id": 1}]}, LIST | {"images": [{"id": [], "file_name": "a"}]},
                                      LIST | {"categories": [3]},
                                      LIST | {"images": [{"id": 5, "file_name": "a"}, {"id": 5, "file_name": "b"}]},
                                      LIST | {"categories": [{"id": 7, "name": "cat"}, {"id": 7, "name": "dog"}]}])
def test_what_is_not_cocos(document):
    with pytest.raises(UserError, match=r"c\.json: "):
        read_coco("c.json", document)
