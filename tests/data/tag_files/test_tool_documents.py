"""Label Studio's and CVAT's documents as tags and labels of images."""

import json
import logging

import numpy as np
import pytest

from tests.data.tag_files.drawn import SIZE, folder, put, read, shown
from tests.support.shared import shared_file
from tfwsss.annotations.label_studio import label_studio_task
from tfwsss.data.weak_labels import Box, Point
from tfwsss.errors import UserError

ENTRY = {"from_name": "tag", "to_name": "image", "original_width": SIZE[1], "original_height": SIZE[0],
         "image_rotation": 0}


def entry(kind, *names, **value):
    return {"type": kind, **ENTRY, "value": {kind: list(names), **value}}


def task(name, *result, **data):
    return {"data": {"image": f"/data/upload/1/0a1b2c3d-{name}.png", **data}, "annotations": [{"result": list(result)}]}


def test_choices_of_label_studio_are_tags(tmp_path, caplog):
    """A task that nobody has annotated is left out; an annotation without choices says that nothing is shown."""
    untouched = {"data": {"image": "d.png"}, "annotations": []}
    put(folder(tmp_path), [task("a", entry("choices", "cat", "dog")), task("b", entry("choices", "dog")), task("c"),
                           untouched], "export.json")
    with caplog.at_level(logging.INFO, "tfwsss"):
        images = read(tmp_path)
    assert shown(images) == {"a": {"cat", "dog"}, "b": {"dog"}, "c": set()} and not images.faults
    assert "1 images are listed and not annotated yet" in caplog.text and "Label Studio's JSON" in caplog.text


def test_what_is_drawn_in_label_studio(tmp_path, caplog):
    square = [[0, 0], [40, 0], [40, 20], [0, 20]]
    put(folder(tmp_path), [
        task("a", entry("rectanglelabels", "cat", x=10, y=10, width=50, height=25)),
        task("b", entry("keypointlabels", "cat", x=55, y=5, width=1), entry("keypointlabels", "background", x=5, y=95)),
        task("c", entry("polygonlabels", "dog", points=square), entry("choices", "dog")),
        task("d", entry("ellipselabels", "dog", x=1, y=1, radiusX=1, radiusY=1), entry("choices", "cat"))], "x.json")
    with caplog.at_level(logging.WARNING, "tfwsss"):
        images = read(tmp_path)
    assert [images.supervision(name) for name in "abcd"] == ["box", "point", "mask", "image"]
    assert images.boxes == {"a": (Box(1, 1, 2, 6, 7),)} and shown(images)["b"] == {"cat"}
    assert images.points["b"] == (Point(1, 5.5, 1.0), Point(0, 0.5, 19.0))
    mask = np.zeros(SIZE, np.uint8)
    mask[:4, :4] = 2
    np.testing.assert_array_equal(images.read_full_mask("c"), mask)
    assert "1 ellipses are left out" in caplog.text


def test_brushes_written_by_label_studios_own_library(tmp_path):
    """Where background is painted too, they are scribbles."""
    library = pytest.importorskip("label_studio_converter.brush", reason="label-studio-converter is not installed")
    cat, ground = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    cat[3:9, 2:5], ground[12:14] = 255, 255
    brushes = [entry("brushlabels", name, format="rle", rle=library.mask2rle(pixels))
               for name, pixels in (("cat", cat), ("background", ground))]
    put(folder(tmp_path), [task("a", brushes[0]), task("b", *brushes)], "x.json")
    images = read(tmp_path)
    np.testing.assert_array_equal(images.read_full_mask("a"), cat // 255)
    expected = np.full(SIZE, 255)
    expected[cat > 0], expected[ground > 0] = 1, 0
    np.testing.assert_array_equal(images.read_scribble_mask("b"), expected)
    assert [images.supervision(name) for name in "ab"] == ["mask", "scribble"] and shown(images)["b"] == {"cat"}


def test_what_is_handed_to_label_studio_comes_back(tmp_path):
    mask = np.zeros(SIZE, np.uint8)
    mask[2:9, 1:6], mask[4:6, 3:5], mask[12:, 7:] = 1, 0, 2
    made = label_studio_task(mask, ("background", "cat", "dog"), "/data/local-files/?d=farm/a.png", 0.9)
    made["annotations"] = [{"result": made.pop("predictions")[0]["result"]}]            # a person has accepted it
    put(folder(tmp_path), [made], "tasks.json")
    np.testing.assert_array_equal(read(tmp_path).read_full_mask("a"), mask)


def test_predictions_are_no_labels(tmp_path):
    made = label_studio_task(np.ones(SIZE, np.uint8), ("background", "cat"), "a.png", 0.9)
    put(folder(tmp_path), [made], "tasks.json")
    with pytest.raises(UserError, match="has labels of none of 4 images; .* like 1 images that nobody has annotated"):
        read(tmp_path)


def test_the_newcomers_export(tmp_path):
    path = shared_file("cases/newcomer/labelstudio.json")
    names = [one["data"]["image"].partition("-")[2] for one in json.loads(path.read_text())]
    put(folder(tmp_path, *names), path.read_bytes(), "labelstudio.json")
    images = read(tmp_path)
    assert len(images.names) == 11 and set(images.classes[1:]) == {"car", "pedestrian", "fence", "bicyclist"}
    assert shown(images)["0001TP_008310"] == {"car", "pedestrian", "bicyclist"}


def cvat(*images):
    labels = "".join(f"<label><name>{name}</name></label>" for name in ("dog", "cat", "cow"))
    shapes = "".join(f'<image id="{place}" name="{name}.png" width="{SIZE[1]}" height="{SIZE[0]}">{inner}</image>'
                     for place, (name, inner) in enumerate(images))
    return f"<?xml version='1.0' encoding='utf-8'?>\n<annotations><version>1.1</version><meta><task><labels>{labels}" \
           f"</labels></task></meta>{shapes}</annotations>"


def test_cvats_images(tmp_path):
    line = '<polyline label="dog" points="1,1;5,1"/>'
    put(folder(tmp_path), cvat(
        ("a", '<tag label="cat"/>'), ("b", '<box label="cat" xtl="1" ytl="2" xbr="4" ybr="6"/>' + line),
        ("c", '<polygon label="dog" points="0,0;4,0;4,4;0,4"/>'), ("d", "")), "annotations.xml")
    images = read(tmp_path)
    assert shown(images) == {"a": {"cat"}, "b": {"cat", "dog"}, "c": {"dog"}, "d": set()}
    assert images.classes[1:] == ("dog", "cat") and images.boxes == {"b": (Box(2, 1, 2, 4, 6),)}
    assert images.scribbles["b"][0].points == ((1, 1), (5, 1))
    assert np.count_nonzero(images.read_full_mask("c") == 1) == 16


def test_a_file_of_cvats_own_library(tmp_path):
    datumaro = pytest.importorskip("datumaro", reason="datumaro is not installed")
    kinds = datumaro.components.annotation
    picture = datumaro.components.media.Image(data=np.zeros((*SIZE, 3)))
    item = datumaro.components.extractor.DatasetItem(id="a", media=picture, annotations=[
        kinds.Label(1), kinds.Bbox(1, 2, 3, 2, label=0), kinds.Points([5, 5], label=0)])
    data = datumaro.components.dataset.Dataset.from_iterable([item], categories=["cat", "dog"])
    data.export(str(tmp_path / "export"), "cvat", save_media=False)
    path, = (tmp_path / "export").rglob("*.xml")
    put(folder(tmp_path, "a.jpg"), path.read_bytes(), "annotations.xml")
    images = read(tmp_path)
    assert shown(images) == {"a": {"cat", "dog"}} and images.boxes == {"a": (Box(1, 1, 2, 4, 4),)}
    assert images.points == {"a": (Point(1, 5.0, 5.0),)}


@pytest.mark.parametrize(("name", "text", "words"), [
    ("x.xml", "<annotations><image>", "x.xml: is no XML"),
    ("x.xml", "<annotations><track/></annotations>", "is not of the form 'CVAT for images'"),
    ("x.xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><annotations/>", "is no XML of CVAT's images, and holds no tags"),
    ("x.json", '[{"data": {"image": "a.png"}}, 3]', "is not Label Studio's form"),
    ("x.json", '[{"data": {"image": "a.png"}, "annotations": 3}]', "all 1 images cannot be used")])
def test_bad_documents(tmp_path, name, text, words):
    put(folder(tmp_path), text, name)
    with pytest.raises(UserError, match=words):
        read(tmp_path, name)
