import csv
import json

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_run import CLASSES, fake_run, loads, write_pseudo
from tfwsss.artefacts.masks import write_mask
from tfwsss.errors import UserError
from tfwsss.palette import voc_palette
from tfwsss.reports.annotate import DOUBTFUL, annotate


@pytest.fixture
def masks(tmp_path):
    _, images = fake_run(tmp_path)
    (tmp_path / "classes.txt").write_text("\n".join(CLASSES), encoding="utf-8")
    return write_pseudo(tmp_path / "masks", images)


def test_broken_masks_do_not_end_the_export(masks, tmp_path):
    """They are told at the end; the others are written."""
    (masks / "image 0.png").write_bytes(b"no png")
    write_mask(masks, "image 1", np.full((24, 32), 9, np.uint8), voc_palette())
    write_mask(masks, "image 2", np.zeros((5, 5), np.uint8), voc_palette())
    (tmp_path / "data" / "images" / "image 3.png").write_bytes(b"torn")
    told = annotate(masks, "grey", tmp_path / "out", photographs=tmp_path / "data" / "images")
    assert told["images"] == 1 and set(told["faults"]) == {f"image {place}" for place in range(4)}
    assert "holds id 9; ids are 0 to 3 and 255" in told["faults"]["image 1"]
    assert "32 x 24 pixels, its mask 5 x 5" in told["faults"]["image 2"]
    assert "the photograph cannot be opened" in told["faults"]["image 3"]
    assert [path.name for path in (tmp_path / "out" / "masks").iterdir()] == ["image 4.png"]


def test_a_mask_of_the_other_way_up_is_refused_and_one_of_a_turned_photograph_is_not(masks, tmp_path):
    """Photographs count as they are shown: after the turn that their EXIF note asks for."""
    turned = Image.Exif()
    turned[274] = 6
    (tmp_path / "photographs").mkdir()
    for name, more in (("image 0", {"exif": turned}), ("image 1", {})):
        write_mask(masks, name, np.ones((32, 24), np.uint8), voc_palette())
        Image.new("RGB", (32, 24)).save(tmp_path / "photographs" / f"{name}.jpg", **more)
    told = annotate(masks, "grey", tmp_path / "out", photographs=tmp_path / "photographs")
    assert set(told["faults"]) == {"image 1"} and "32 x 24 pixels, its mask 24 x 32" in told["faults"]["image 1"]


def test_two_masks_of_one_photograph(masks, tmp_path):
    write_mask(masks, "image 0.jpg", np.ones((24, 32), np.uint8), voc_palette())
    told = annotate(masks, "coco", tmp_path / "out")
    assert told["images"] == 5 and list(told["faults"]) == ["image 0.jpg"]
    assert "this mask and 'image 0' are both of image 0.jpg" in told["faults"]["image 0.jpg"]


def test_undecided_pixels(masks, tmp_path):
    """Each mask has one row of 24 undecided: only VOC's keep it, unless told otherwise."""
    cases = ("voc", None, True), ("voc", False, False), ("grey", None, False), ("grey", True, True)
    for form, void, expected in cases:
        told = annotate(masks, form, tmp_path / f"{form} {void}", void=void)
        found = np.array(Image.open(next((tmp_path / f"{form} {void}").rglob("image 0.png"))))
        assert (255 in found) == expected == told["void"] and told["undecided"] == pytest.approx(1 / 24)
    with pytest.raises(UserError, match="--undecided void: coco has no value"):
        annotate(masks, "coco", tmp_path / "out", void=True)


def test_the_most_doubtful_of_a_run_worst_first(tmp_path, monkeypatch):
    run, images = fake_run(tmp_path)
    loads(monkeypatch, images)
    with pytest.raises(UserError, match="nothing tells how doubtful"):
        annotate(run, "coco", tmp_path / "out", doubtful=2)
    figures = {"image 0": 0.75, "image 1": None, "image 2": 0.25, "image 3": 0.5}
    lines = [json.dumps({"name": name, "confidence": 0.9, "coverage": 0.5, "agreement": value})
             for name, value in figures.items()]
    (run / "pseudo" / "review.jsonl").write_text("\n".join(lines), encoding="utf-8")
    told = annotate(run, "label-studio", tmp_path / "out", doubtful=2, copy=True)
    tasks = json.loads((tmp_path / "out" / "tasks.json").read_text(encoding="utf-8"))
    assert told["images"] == 2 == len(tasks)
    assert [task["data"]["agreement"] for task in tasks] == [0.25, 0.5] and tasks[0]["predictions"][0]["score"] == 0.9
    assert tasks[0]["data"]["image"] == "/data/local-files/?d=images/image%202.png"
    assert {path.name for path in (tmp_path / "out" / "images").iterdir()} == {"image 2.png", "image 3.png"}
    with (tmp_path / "out" / DOUBTFUL).open(encoding="utf-8") as file:
        assert [(row["image"], row["agreement"]) for row in csv.DictReader(file)] == [
            ("image 2.png", "0.25"), ("image 3.png", "0.5")]


def test_names_and_small_objects(masks, tmp_path):
    (tmp_path / "list.txt").write_text("image 3\nimage 1\n", encoding="utf-8")
    write_mask(masks, "image 1", np.eye(24, 32, dtype=np.uint8), voc_palette())
    annotate(masks, "coco", tmp_path / "out", names=tmp_path / "list.txt", least=25)
    document = json.loads((tmp_path / "out" / "annotations" / "instances_default.json").read_text())
    assert [image["file_name"] for image in document["images"]] == ["image 3.jpg", "image 1.jpg"]
    assert {entry["image_id"] for entry in document["annotations"]} == {1}
    (tmp_path / "list.txt").write_text("image 7", encoding="utf-8")
    with pytest.raises(UserError, match="'image 7' has no mask"):
        annotate(masks, "coco", tmp_path / "other", names=tmp_path / "list.txt")


def test_copies_need_photographs(masks, tmp_path):
    told = annotate(masks, "yolo", tmp_path / "out", copy=True)
    assert told["images"] == 0 and len(told["faults"]) == 5 and not (tmp_path / "out").exists()
    assert "add --images FOLDER" in told["faults"]["image 0"]


def test_a_folder_that_is_there_already_is_left_alone(masks, tmp_path):
    (tmp_path / "out").mkdir()
    annotate(masks, "grey", tmp_path / "out")
    before = sorted((tmp_path / "out").rglob("*"))
    with pytest.raises(UserError, match="is there already, and is not empty"):
        annotate(masks, "coco", tmp_path / "out")
    assert sorted((tmp_path / "out").rglob("*")) == before


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_nothing_half_written_stays(masks, tmp_path, monkeypatch, error):
    def fails(*_):
        raise error

    monkeypatch.setattr("tfwsss.reports.annotation_files.coco_objects", fails)
    with pytest.raises((KeyboardInterrupt, UserError)):
        annotate(masks, "coco", tmp_path / "out")
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".*"))


def test_nothing_is_written_among_the_photographs(masks, tmp_path):
    """Else masks would be found as photographs one day."""
    for out in ("out", "deep/out"):
        with pytest.raises(UserError, match="lies among the photographs; name a folder elsewhere"):
            annotate(masks, "grey", tmp_path / "data" / "images" / out, photographs=tmp_path / "data" / "images")
    annotate(masks, "grey", tmp_path / "data" / "out", photographs=tmp_path / "data" / "images")
