import io
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.support.blobs import blobs, iou
from tfwsss.annotations.coco import read_coco
from tfwsss.annotations.drawings import to_mask
from tfwsss.annotations.label_studio_export import read_label_studio
from tfwsss.annotations.yolo import read_yolo
from tfwsss.palette import voc_palette
from tfwsss.reports.annotation_files import WRITERS, Item, Task

CLASSES = ("background", "cat", "traffic sign", "жук")
MASKS = {"a.b": blobs(0), "farm/c d": blobs(1, (60, 40)), "nothing": np.zeros((4, 5), np.uint8)}


@pytest.fixture
def written(tmp_path):
    """Returns folder and objects of a format."""
    def write(form: str, **further):
        items = (Item(name, f"{name}.jpg", mask, 0.5) for name, mask in MASKS.items())
        task = Task(tmp_path / form, CLASSES, voc_palette(), **further)
        return tmp_path / form, WRITERS[form](task, items)
    return write


def without_255(mask: np.ndarray) -> np.ndarray:
    return np.where(mask == 255, 0, mask)


@pytest.mark.parametrize(("form", "least"), [("coco", 1.0), ("coco-polygons", 0.99)])
def test_coco(written, form, least):
    folder, count = written(form)
    document = json.loads((folder / "annotations" / "instances_default.json").read_text(encoding="utf-8"))
    assert count == len(document["annotations"]) == len({entry["id"] for entry in document["annotations"]})
    found = read_coco("a", document).images
    assert [drawing.files[0] for drawing in found] == [f"{name}.jpg" for name in MASKS]
    for drawing, mask in zip(found, MASKS.values(), strict=True):
        back = to_mask("a", drawing, CLASSES, mask.shape)
        assert all(iou(back == class_id, mask == class_id) >= least for class_id in range(1, 4))


def test_label_studio(written):
    folder, count = written("label-studio")
    tasks = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    assert count == sum(len(task["predictions"][0]["result"]) for task in tasks) == 6
    assert [task["data"]["image"] for task in tasks] == [
        "/data/local-files/?d=a.b.jpg", "/data/local-files/?d=farm/c%20d.jpg", "/data/local-files/?d=nothing.jpg"]
    exported = [{"data": task["data"], "annotations": task["predictions"]} for task in tasks]
    for drawing, (name, mask) in zip(read_label_studio("a", exported).images, MASKS.items(), strict=True):
        assert f"{name}.jpg" in drawing.files
        np.testing.assert_array_equal(to_mask("a", drawing, CLASSES, mask.shape), without_255(mask))
    assert "жук" in (folder / "interface.xml").read_text(encoding="utf-8")
    assert json.loads((written("label-studio", prefix="")[0] / "tasks.json").read_text())[1]["data"]["image"] == \
        "farm/c d.jpg"


def test_cvat(written, tmp_path):
    folder, count = written("cvat")
    with zipfile.ZipFile(folder / "annotations.zip") as archive:
        assert archive.read("ImageSets/Segmentation/default.txt").decode().splitlines() == list(MASKS)
        table = archive.read("labelmap.txt").decode().splitlines()
        objects = 0
        for name, mask in MASKS.items():
            picture = Image.open(io.BytesIO(archive.read(f"SegmentationClass/{name}.png")))
            np.testing.assert_array_equal(np.array(picture), without_255(mask))
            colours = {tuple(colour) for colour in np.array(picture.convert("RGB")).reshape(-1, 3).tolist()}
            assert colours <= {tuple(map(int, line.split(":")[1].split(","))) for line in table[1:]}
            single = np.array(Image.open(io.BytesIO(archive.read(f"SegmentationObject/{name}.png"))))
            objects += len(np.unique(single.reshape(-1, 3), axis=0)) - 1
            np.testing.assert_array_equal(single.any(axis=-1), without_255(mask) > 0)
    assert count == objects


def test_the_reader_of_cvats_importer_takes_the_archive(written, tmp_path):
    datumaro = pytest.importorskip("datumaro", reason="datumaro is not installed")
    with zipfile.ZipFile(written("cvat")[0] / "annotations.zip") as archive:
        archive.extractall(tmp_path / "out")
    data = datumaro.components.dataset.Dataset.import_from(str(tmp_path / "out"), "voc")
    names = [label.name for label in data.categories()[datumaro.components.annotation.AnnotationType.label]]
    for item in data:
        back = np.zeros_like(MASKS[item.id])
        for annotation in item.annotations:
            back[annotation.image.astype(bool)] = CLASSES.index(names[annotation.label])
        np.testing.assert_array_equal(back, without_255(MASKS[item.id]))
    assert {item.id for item in data} == set(MASKS)


def test_yolo(written):
    folder, count = written("yolo")
    lines = 0
    for name, mask in MASKS.items():
        text = (folder / "labels" / f"{name}.txt").read_text()
        lines += len(text.splitlines())
        back = to_mask("a", read_yolo("a", text, CLASSES[1:]), CLASSES, mask.shape)
        np.testing.assert_array_equal(back, without_255(mask))
    assert count == lines and "traffic sign" in (folder / "data.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(("form", "place", "mode"), [("voc", "SegmentationClass", "P"), ("grey", "masks", "L")])
def test_masks(written, form, place, mode, keep):
    folder, count = written(form, keep=keep)
    assert count == written("coco")[1]
    for name, mask in MASKS.items():
        picture = Image.open(folder / place / f"{name}.png")
        assert picture.mode == mode
        np.testing.assert_array_equal(np.array(picture), mask if keep else without_255(mask))
    if form == "voc":
        assert (folder / "ImageSets" / "Segmentation" / "default.txt").read_text().splitlines() == list(MASKS)
        assert "255" not in (folder / "labelmap.txt").read_text(encoding="utf-8")
    else:
        assert (folder / "classes.txt").read_text(encoding="utf-8").splitlines() == list(CLASSES)
