"""The layout of PASCAL VOC: lists, tags, masks, and what is missing from them."""

import os
from pathlib import Path

import pytest
from PIL import Image

from tests.support.tiny_voc import annotation, draw_tiny_voc
from tfwsss.data.voc import VOC_CLASSES, read_tags, read_voc
from tfwsss.data.weak.label_files import LabelFiles
from tfwsss.data.weak_labels import Box
from tfwsss.errors import UserError

CAT, DOG = VOC_CLASSES.index("cat") - 1, VOC_CLASSES.index("dog") - 1
BOX = (1, 1, 9, 9)
ANNOTATIONS = LabelFiles(boxes=Path("Annotations"))


@pytest.fixture
def root(tmp_path):
    return draw_tiny_voc(tmp_path / "VOCdevkit" / "VOC2012")


def test_lists_tags_and_masks(root):
    images = read_voc(root, "train")
    assert len(images.names) == len(images.masks) == 8 and images.num_classes == len(VOC_CLASSES) - 1
    for name in images.names:
        mask = images.read_mask(name)
        assert {label + 1 for label in images.labels[name]} == set(mask.ravel().tolist()) - {0, 255}
        assert images.read_image(name).shape[:2] == mask.shape
    assert len(read_voc(root, "trainval").names) == 12
    assert read_voc(root.parents[1], "train").names == images.names         # the folder that holds VOCdevkit


def test_objects_that_are_no_class_name_the_nearest(root):
    path = root / "Annotations" / "2026_000000.xml"
    path.write_text(annotation("2026_000000", [("cta", *BOX), ("dog", *BOX)]))
    fault = read_voc(root, "train").faults["2026_000000"]
    assert "object 'cta' is no class; did you mean 'cat'?; classes of your own stand in classes.txt" in fault
    path.write_text(f"<annotation><objects>{annotation('x', [('cat', *BOX)])}</objects></annotation>")
    assert "VOC's form" in read_voc(root, "train").faults["2026_000000"]


def rename(root, **names):
    for path in (root / "Annotations").iterdir():
        text = path.read_text()
        for old, new in names.items():
            text = text.replace(f"<name>{old}</name>", f"<name>{new}</name>")
        path.write_text(text)


def test_difficult_objects_count_where_asked(tmp_path):
    (tmp_path / "a.xml").write_text(annotation("a", [("cat", *BOX), ("dog", *BOX)], (1,)))
    assert read_tags(tmp_path / "a.xml") == (CAT,) and read_tags(tmp_path / "a.xml", difficult=True) == (CAT, DOG)


@pytest.mark.parametrize("difficult", [True, False])
def test_boxes_beside_tags(root, difficult):
    """Of the same objects as the tags, in the order and the numbers of the file; the folder's own path counts."""
    marked = [("dog", 3, 4, 20, 64), ("cat", 1, 1, 9, 9), ("dog", 30, 30, 40, 41)]
    (root / "Annotations" / "2026_000000.xml").write_text(annotation("2026_000000", marked, (0, 2)))
    images = read_voc(root.parents[1], "train", files=ANNOTATIONS._replace(difficult=difficult))
    assert set(images.boxes) == set(images.names)
    assert images.labels["2026_000000"] == ((CAT, DOG) if difficult else (CAT,))
    found = (Box(DOG + 1, 3, 4, 20, 64), Box(CAT + 1, 1, 1, 9, 9), Box(DOG + 1, 30, 30, 40, 41))
    assert images.boxes["2026_000000"] == (found if difficult else found[1:2])
    for name in images.names:
        assert {box.class_id - 1 for box in images.boxes[name]} == set(images.labels[name])


def test_boxes_that_cannot_be_used(root):
    """The tags of the same file are good: the image is used."""
    (root / "Annotations" / "2026_000000.xml").write_text(annotation("2026_000000", [("cat", 20, 1, 9, 9)]))
    images = read_voc(root, "train", files=ANNOTATIONS)
    assert "2026_000000" in images.names and "2026_000000" not in images.boxes and len(images.boxes) == 7
    assert "ends before it begins" in images.faults["2026_000000"]


def test_classes_of_ones_own_are_gathered(root, caplog):
    """From all annotations, whatever the list, where none is VOC's; told, with the way to choose."""
    rename(root, cat="lesion", dog="old scar", sheep="mole")
    (root / "ImageSets" / "Segmentation" / "two.txt").write_text("2026_000000\n2026_000003\n")      # no mole
    with caplog.at_level("INFO", "tfwsss"):
        images = read_voc(root, "two")
    assert images.classes == ("background", "lesion", "mole", "old scar")
    assert images.labels == {"2026_000000": (0,), "2026_000003": (0, 2)}
    assert "lesion 5, mole 5, old scar 5. Write classes.txt beside JPEGImages/" in caplog.text
    assert read_voc(root, "train").classes == images.classes
    rename(root, mole="Lesion")
    with pytest.raises(UserError, match="'Lesion' and 'lesion' would be two classes"):
        read_voc(root, "two")


@pytest.mark.parametrize("difficult", [True, False])
def test_classes_of_ones_own_are_the_same_for_every_list(root, difficult):
    """Also those that only an image without a file shows, or an object marked difficult."""
    rename(root, cat="lesion", dog="scar", sheep="mole")
    folder, lists = root / "Annotations", root / "ImageSets" / "Segmentation"
    for name, kind, marked in (("2026_000002", "wart", ()), ("2026_000008", "cyst", (1,))):
        (folder / f"{name}.xml").write_text(annotation(name, [("lesion", *BOX), (kind, *BOX)], marked))
    (root / "JPEGImages" / "2026_000002.jpg").unlink()
    assert "2026_000002" in (lists / "train.txt").read_text() and "2026_000008" in (lists / "val.txt").read_text()
    classes = {read_voc(root, split, files=LabelFiles(difficult=difficult)).classes for split in ("train", "val")}
    assert classes == {("background", *(["cyst"] if difficult else []), "lesion", "mole", "scar", "wart")}


def test_classes_of_ones_own_are_listed(root):
    rename(root, cat="lesion", dog="person")
    (root / "classes.txt").write_text("sheep\nlesion\nperson\n")
    images = read_voc(root, "train")
    assert images.classes == ("background", "sheep", "lesion", "person") and images.labels["2026_000000"] == (1,)
    (root / "classes.txt").unlink()
    images = read_voc(root, "train")                        # 'person' is VOC's: nothing is guessed
    assert images.classes == VOC_CLASSES and len(images.faults) in (3, 4)
    for fault in images.faults.values():
        assert "object 'lesion' is no class; " in fault and "stand in classes.txt beside JPEGImages/" in fault
    (root / "labelmap.txt").write_text("lesion:1,2,3::\nperson:3,2,1::\nsheep:7,7,7::\n")
    images = read_voc(root, "train")
    assert images.classes == ("background", "lesion", "person", "sheep") and images.palette[3].tolist() == [7, 7, 7]


def test_missing_files_are_listed(root):
    (root / "Annotations" / "2026_000001.xml").unlink()
    (root / "JPEGImages" / "2026_000002.jpg").unlink()
    (root / "SegmentationClass" / "2026_000003.png").unlink()
    images = read_voc(root, "train")
    assert len(images.names) == 6 and set(images.faults) == {"2026_000001", "2026_000002"}
    assert "2026_000001.xml" in images.faults["2026_000001"] and "no such file" in images.faults["2026_000002"].lower()
    assert "2026_000003" in images.names and "2026_000003" not in images.masks
    for name in images.names[:3]:
        (root / "Annotations" / f"{name}.xml").unlink()
    with pytest.raises(UserError, match="5 of 8 listed images cannot be used"):
        read_voc(root, "train")


def test_lists_of_released_code(root, tmp_path):
    augmented = root / "SegmentationClassAug"
    augmented.mkdir()
    os.rename(root / "SegmentationClass" / "2026_000000.png", augmented / "2026_000000.png")
    (tmp_path / "aug.txt").write_text("/JPEGImages/2026_000000.jpg /SegmentationClassAug/2026_000000.png\n"
                                      "/JPEGImages/2026_000001.jpg /SegmentationClassAug/2026_000001.png\n")
    images = read_voc(root, str(tmp_path / "aug.txt"))
    assert images.names == ("2026_000000", "2026_000001")
    assert [images.masks[name].parent.name for name in images.names] == ["SegmentationClassAug", "SegmentationClass"]
    (root / "ImageSets" / "Main" / "cat_train.txt").write_text("2026_000000  1\n2026_000001 -1\n")
    assert read_voc(root, "cat_train").names == images.names
    assert read_voc(root, "ImageSets/Main/cat_train.txt").names == images.names


def test_names_with_spaces(root):
    for folder, ending in (("JPEGImages", "jpg"), ("Annotations", "xml"), ("SegmentationClass", "png")):
        os.rename(root / folder / f"2026_000000.{ending}", root / folder / f"my cat.{ending}")
    (root / "ImageSets" / "Segmentation" / "own.txt").write_text("my cat\n2026_000001\n")
    assert read_voc(root, "own").names == ("my cat", "2026_000001")


def test_mistakes_are_told(root, tmp_path):
    with pytest.raises(UserError, match="no list 'tarin'.*did you mean 'train'.*all: train, trainval, val"):
        read_voc(root, "tarin")
    with pytest.raises(UserError, match="no such folder"):
        read_voc(tmp_path / "nowhere", "train")
    with pytest.raises(UserError, match="no JPEGImages/"):
        read_voc(root / "Annotations", "train")
    (root / "ImageSets" / "Main" / "none.txt").write_text("\n")
    with pytest.raises(UserError, match="names no image"):
        read_voc(root, "none")


def test_names_that_no_file_can_have_are_listed(root):
    """One of them is no end of the run."""
    with (root / "ImageSets" / "Segmentation" / "train.txt").open("a") as file:
        file.write("back\\slash\n../JPEGImages/2026_000001\n" + "x" * 300 + "\n")
    images = read_voc(root, "train")
    assert len(images.names) == 8 and len(images.faults) == 3
    assert "backslash" in images.faults["back\\slash"] and "shorten" in images.faults["x" * 300]
    assert "leads out" in images.faults["../JPEGImages/2026_000001"]


def test_photographs_of_any_kind_and_names_that_no_list_can_hold(root, caplog):
    """A list is read whatever bytes it holds; the files that it does not name are counted."""
    folder = root / "JPEGImages"
    first, second = sorted(path.stem for path in folder.iterdir())[:2]
    Image.open(folder / f"{first}.jpg").save(folder / f"{first}.WEBP")
    (folder / f"{first}.jpg").unlink()
    (folder / f"{second}.jpg").rename(folder / f"{second}.jfif")
    (root / "ImageSets" / "Main").mkdir(exist_ok=True)
    (root / "ImageSets" / "Main" / "own.txt").write_bytes(f"{first}\n{second}\ncaf".encode() + b"\xe9\n")
    with caplog.at_level("INFO", "tfwsss"):
        images = read_voc(root, "own")
    assert [images.images[name].suffix for name in images.names] == [".WEBP", ".jfif"]
    assert "its name is not UTF-8" in images.faults["caf\\xe9"]
    every = len(list(folder.iterdir()))
    assert f"{every - 2} of {every} files are not in the list" in caplog.text
