"""Corrections as tools export them: YOLO's folders, and zips of CVAT, COCO, Label Studio and YOLO."""

import io
import json
import logging
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.data.tag_files.drawn import SIZE, coco, folder, put, read
from tests.data.tag_files.test_tool_documents import cvat, entry, task
from tfwsss.annotate import main
from tfwsss.annotations.cvat import labelmap
from tfwsss.annotations.yolo import yolo_lines, yolo_table
from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.data.corrections import read_corrections
from tfwsss.errors import UserError
from tfwsss.palette import voc_palette
from tfwsss.steps.corrections import keep_corrections

CLASSES = ("background", "cat", "dog")
TABLE = "name,classes\na,cat\nb,dog\nc,cat dog\nd,\n"
NAMES = yolo_table(CLASSES)
HALF = "0 0 0 0.5 0 0.5 1 0 1\n"               # class 0 in the left half
BOX = "1 0.5 0.5 0.4 0.2\n"


@pytest.fixture
def images(tmp_path):
    return read(folder(tmp_path / "photos", labels=TABLE))


@pytest.fixture
def masks(images):
    """Masks of a, b and c of two classes, with holes and undecided pixels; d shows nothing."""
    made = {}
    for place, name in enumerate(images.names):
        made[name] = np.zeros(SIZE, np.uint8)
        if name != "d":
            made[name][2:9, 1:6 + place], made[name][12:, 4:], made[name][14, 6] = 1, 2, 0
            made[name][0, :3] = 255
    return made


def half(value=1):
    mask = np.zeros(SIZE, np.uint8)
    mask[:, :5] = value
    return mask


def pack(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in entries.items():
            archive.writestr(name, text if isinstance(text, str | bytes) else json.dumps(text))
    return path


def png(ids, palette=None):
    image = Image.fromarray(ids)
    if palette is not None:
        image.putpalette(np.ascontiguousarray(palette, np.uint8).tobytes())
    image.save(stream := io.BytesIO(), "PNG")
    return stream.getvalue()


def kept(images, path, tmp_path):
    """Returns the masks that corrections come to."""
    keep_corrections(read_corrections(path, images, tmp_path / "cache"), images, tmp_path / "kept")
    return {name: read_mask(tmp_path / "kept" / "masks", name)
            for name in images.names if (tmp_path / "kept" / "masks" / f"{name}.png").is_file()}


def differences(found, expected):
    return {name: int((found[name] != mask).sum()) for name, mask in expected.items()}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", ["yolo", "cvat", "coco", "voc", "grey"])
def test_what_annotate_hands_on_comes_back(images, masks, tmp_path, capsys, form, packed):
    """Without any loss; undecided pixels have become background. A person zips what the tool does not."""
    for name, mask in masks.items():
        write_mask(tmp_path / "masks", name, mask, voc_palette())
    put(tmp_path, "\n".join(CLASSES), "classes.txt")
    options = [] if form == "grey" else ["--undecided", "background"] if form == "voc" else []
    assert main([str(tmp_path / "masks"), "--to", form, "--out", str(tmp_path / "out"), "--classes",
                 str(tmp_path / "classes.txt"), "--images", str(tmp_path / "photos" / "images"), *options]) == 0
    capsys.readouterr()
    path = tmp_path / "out" / "annotations.zip" if form == "cvat" else tmp_path / "out"
    if packed != (form == "cvat"):
        files = {file.relative_to(path).as_posix(): file.read_bytes() for file in path.rglob("*") if file.is_file()} \
            if path.is_dir() else {}
        if path.is_dir():
            path = pack(tmp_path / "mine.zip", {f"out/{name}": data for name, data in files.items()})
        else:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(tmp_path / "by hand")
            path = tmp_path / "by hand"
    expected = {name: np.where(mask == 255, 0, mask) for name, mask in masks.items()}
    assert differences(kept(images, path, tmp_path), expected) == dict.fromkeys("abcd", 0)


@pytest.mark.parametrize("names", [
    ("labels/{}.txt", "data.yaml"), ("labels/train/{}.txt", "data.yaml"),       # Ultralytics, as CVAT lays it out
    ("obj_train_data/{}.txt", "obj.names"), ("labels/0a1b2c3d-{}.txt", "classes.txt"),      # YOLO 1.1; Label Studio
    ("train/labels/{}.txt", "data.yaml"), ("{}.txt", "classes.txt")])
@pytest.mark.parametrize("packed", [False, True])
def test_layouts_of_yolo(images, tmp_path, names, packed):
    """Classes in the order of the export, not in that of the data set; an empty text says that nothing is left."""
    texts, table = names
    told = "names: [dog, cat]" if table == "data.yaml" else "dog\ncat\n"
    files = {texts.format("a"): HALF, texts.format("b"): "", table: told}
    if "0a1b2c3d" in texts:
        files["notes.json"] = {"categories": [{"id": 0, "name": "dog"}], "info": {"year": 2026}}
    if packed:
        path = pack(tmp_path / "x.zip", files | {"images/train/a.png": "no picture", "train.txt": "images/train/a.png"})
    else:
        path = [put(tmp_path / "mine", *reversed(pair)) for pair in files.items()] and tmp_path / "mine"
    found = kept(images, path, tmp_path)
    assert set(found) == {"a", "b"} and not found["b"].any()
    np.testing.assert_array_equal(found["a"], half(2))


def test_boxes_of_yolo_correct_nothing(images, tmp_path, caplog):
    path = pack(tmp_path / "x.zip", {"labels/a.txt": BOX, "labels/b.txt": HALF, "data.yaml": NAMES})
    with caplog.at_level(logging.WARNING, "tfwsss"):
        found = read_corrections(path, images, tmp_path)
    assert set(found.drawings) == {"b"} and not found.tags and "1 boxes of " in caplog.text


def test_masks_of_cvat_in_its_colours(images, tmp_path):
    """The table tells them, in an order of its own; photographs in the archive are left where they are."""
    palette = np.zeros((256, 3), np.uint8)
    palette[1:3] = (9, 8, 7), (250, 0, 1)
    path = pack(tmp_path / "x.zip", {
        "labelmap.txt": labelmap(("background", "dog", "cat"), palette), "JPEGImages/a.png": b"photograph",
        "SegmentationClass/a.png": png(half(1), palette), "SegmentationClass/b.png": png(palette[half(2)]),
        "SegmentationObject/a.png": png(half(1), palette), "ImageSets/Segmentation/default.txt": "a\nb\n"})
    found = kept(images, path, tmp_path)
    np.testing.assert_array_equal(found["a"], half(2))
    np.testing.assert_array_equal(found["b"], half(1))


def test_documents_in_archives(images, tmp_path):
    """COCO of CVAT and of Label Studio, CVAT's XML, Label Studio's JSON: with or without photographs."""
    whole = {"segmentation": [[0, 0, 5, 0, 5, 20, 0, 20]]}
    drawn = entry("polygonlabels", "dog", points=[[0, 0], [50, 0], [50, 100], [0, 100]])
    for files, names in (({"annotations/instances_default.json": coco([(0, 2, whole)], "ab")}, "ab"),
                         ({"result.json": coco([(0, 2, whole)], "ab"), "images/a.png": b"x"}, "ab"),
                         ({"annotations.xml": cvat(("a", '<polygon label="dog" points="0,0;5,0;5,20;0,20"/>'))}, "a"),
                         ({"project.json": [task("a", drawn)], "a.jpg": b"photograph"}, "a")):
        found = kept(images, pack(tmp_path / "x.zip", files), tmp_path)
        assert set(found) == set(names)
        np.testing.assert_array_equal(found["a"], half(2))
        (tmp_path / "kept" / "masks" / "b.png").unlink(missing_ok=True)


def test_run_lengths_of_cocos_own_library(images, tmp_path):
    theirs = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed; pip install 'tfwsss[test]'")
    runs = theirs.encode(np.asfortranarray(half()))
    document = coco([(0, 2, {"segmentation": {**runs, "counts": runs["counts"].decode()}})], "a")
    found = kept(images, pack(tmp_path / "x.zip", {"annotations/instances_default.json": document}), tmp_path)
    np.testing.assert_array_equal(found["a"], half(2))


def test_a_table_in_an_archive(images, tmp_path):
    path = pack(tmp_path / "x.zip", {"x/tags.csv": "image,class\na,dog\n"})
    assert read_corrections(path, images, tmp_path).tags == {"a": (1,)}


@pytest.mark.parametrize(("files", "words"), [
    ({"labels/a.txt": "7 0 0 1 0 1 1", "data.yaml": NAMES}, "1 corrections cannot.*class 7 is none"),
    ({"labels/a.txt": "0 0 0 9 0 9 9", "data.yaml": NAMES}, "9 is no fraction of the image's size"),
    ({"labels/a.txt": HALF, "data.yaml": "names: ["}, "data.yaml is not valid YAML"),
    ({"labels/train/a.txt": HALF, "labels/val/a.txt": HALF, "data.yaml": NAMES}, "the image 'a' twice"),
    ({"labels/x.txt": HALF, "data.yaml": NAMES}, "x.zip corrects none of 4 images"),
    ({"annotations/instances_default.json": "{"}, "instances_default.json: is no JSON"),
    ({"annotations/a.json": coco([], "a"), "annotations/b.json": coco([], "b")}, "both .*a.json and .*b.json may hold"),
    ({"project.json": [task("a", entry("brushlabels", "cat", format="rle", rle=[1]))]}, "a brush of another size"),
    ({"annotations.xml": "<annotations><track/></annotations>"}, "is not of the form 'CVAT for images'"),
    ({"task-1-annotation-2-by-1-tag-cat-0.png": png(half(255))}, "called by the numbers of tasks.*; export as JSON"),
    ({"a.jpg": b"photograph"}, "x.zip corrects none of 4 images")])
def test_bad_archives(images, tmp_path, files, words):
    with pytest.raises(UserError, match=words):
        read_corrections(pack(tmp_path / "x.zip", files), images, tmp_path)


@pytest.mark.parametrize(("files", "words"), [
    ({"SegmentationClass/a.png": png(half(3))}, "a.png"),
    ({"SegmentationClass/a.png": png(half(1)[:5])}, "a.png.*10x5"),
    ({"SegmentationClass/a.png": b"torn"}, "a.png"),
    ({"labelmap.txt": "cat:1,2,3::", "SegmentationClass/a.png": png(half(1))}, "has no colour for the class 'dog'")])
def test_bad_masks_of_cvat(images, tmp_path, files, words):
    with pytest.raises(UserError, match=words):
        kept(images, pack(tmp_path / "x.zip", files), tmp_path)


def test_outlines_keep_holes_and_touching_parts(images, tmp_path):
    """By the lines alone, without data.yaml: the numbers are those of the data set."""
    mask = np.zeros(SIZE, np.uint8)
    mask[1:12, 1:9], mask[4:8, 3:6], mask[5, 4], mask[12:15, 9] = 1, 0, 2, 1
    for name in "ab":
        put(tmp_path / "mine", "\n".join(yolo_lines(mask)), f"labels/{name}.txt")
    np.testing.assert_array_equal(kept(images, tmp_path / "mine", tmp_path)["b"], mask)
