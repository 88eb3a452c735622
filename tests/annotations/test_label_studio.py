import json
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.support.blobs import blobs
from tfwsss.annotations.drawings import to_mask
from tfwsss.annotations.label_studio import label_studio_task, labelling_interface
from tfwsss.annotations.label_studio_export import read_label_studio
from tfwsss.palette import voc_palette

CLASSES = ("background", "cat", 'a "quoted" <b> & c', "жук")


def exported(task: dict) -> dict:
    """What the tool gives back once a person has accepted a prediction."""
    return {"id": 1, "data": task["data"], "annotations": [{"result": task["predictions"][0]["result"]}]}


def test_round_trip():
    mask = blobs(3)
    task = json.loads(json.dumps(label_studio_task(mask, CLASSES, "/data/local-files/?d=a%20b.jpg", 0.5)))
    found, = read_label_studio("a.json", [exported(task)]).images
    assert found.size == mask.shape and "a b.jpg" in found.files
    back = to_mask("a", found, CLASSES, mask.shape)
    np.testing.assert_array_equal(back, np.where(mask == 255, 0, mask))


def test_the_tool_itself_reads_the_same_masks():
    theirs = pytest.importorskip("label_studio_converter.brush", reason="label-studio-converter is not installed")
    mask = blobs(4, (40, 50))
    for entry in label_studio_task(mask, CLASSES, "a.jpg")["predictions"][0]["result"]:
        flat = {**entry["value"], **{key: entry[key] for key in ("type", "original_width", "original_height")}}
        layer, = theirs.decode_from_annotation("tag", [flat]).values()
        class_id = CLASSES.index(entry["value"]["brushlabels"][0])
        np.testing.assert_array_equal(layer > 0, mask == class_id)


def test_scores_figures_and_ids():
    task = label_studio_task(blobs(), CLASSES, "a.jpg", 0.25, {"agreement": 0.5})
    prediction, = task["predictions"]
    assert prediction["score"] == 0.25 and task["data"] == {"image": "a.jpg", "agreement": 0.5}
    ids = [entry["id"] for entry in prediction["result"]]
    assert len(set(ids)) == len(ids) == 3
    assert "score" not in label_studio_task(blobs(), CLASSES, "a.jpg")["predictions"][0]


def test_an_image_that_shows_nothing_has_a_prediction_without_regions():
    task = label_studio_task(np.full((3, 4), 255, np.uint8), CLASSES, "a.jpg")
    assert task["predictions"][0]["result"] == []


def test_the_interface_names_every_class_and_fits_the_tasks():
    root = ElementTree.fromstring(labelling_interface(CLASSES, voc_palette()))
    assert [label.get("value") for label in root.iter("Label")] == list(CLASSES[1:])
    assert next(root.iter("Label")).get("background") == "#800000"
    entry = label_studio_task(blobs(), CLASSES, "a.jpg")["predictions"][0]["result"][0]
    brush, image = root.find("BrushLabels"), root.find("Image")
    assert (brush.get("name"), brush.get("toName")) == (entry["from_name"], entry["to_name"])
    assert image.get("name") == entry["to_name"] and image.get("value") == "$image"
