"""A user's own folder: layouts, names, and each mistake with its message."""

import logging

import numpy as np
import pytest
from PIL import Image

from tests.support.shared import shared_file
from tfwsss.data import heic
from tfwsss.data.folder import check_classes, read_folder, with_saliency
from tfwsss.errors import UserError


def draw(root, *files, size=(4, 3)):
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((*size, 3), np.uint8)).save(path, "PNG")


def write(root, **texts):
    for name, text in texts.items():
        path = root / f"{name.replace('__', '/')}.{'csv' if name == 'labels' else 'txt'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return root


@pytest.mark.parametrize("place", ["images/", "JPEGImages/", ""])
def test_layouts(tmp_path, place):
    draw(tmp_path, f"{place}a.jpg", f"{place}b 1.PNG", f"{place}farm/зебра.jpeg", f"{place}farm/c.WebP", "masks/a.png",
         "masks/farm/зебра.png", f"{place}.hidden/d.jpg", f"{place}e.txt")
    write(tmp_path, labels="name,classes\nfarm/зебра,dog\nb 1,cat dog\na.jpg,cat\nfarm/c.WebP,\n")
    images = read_folder(tmp_path)
    assert images.names == ("farm/зебра", "b 1", "a", "farm/c")           # the order of the table
    assert images.classes == ("background", "cat", "dog")
    assert images.labels == {"farm/зебра": (1,), "b 1": (0, 1), "a": (0,), "farm/c": ()}
    assert set(images.masks) == {"a", "farm/зебра"} and not images.faults
    assert images.images["b 1"].name == "b 1.PNG"
    check_classes(images)


def test_colliding_stems_keep_their_endings(tmp_path):
    draw(tmp_path, "images/a.jpg", "images/a.png", "images/b.jpg", "masks/a.jpg.png", "masks/b.png")
    write(tmp_path, labels="name,classes\na.jpg,cat\na.png,dog\nb.jpg,dog\n")
    images = read_folder(tmp_path)
    assert images.labels == {"a.jpg": (0,), "a.png": (1,), "b": (1,)}
    assert images.images["a.png"].name == "a.png" and set(images.masks) == {"a.jpg", "b"}
    write(tmp_path, labels="name,classes\na,cat\n")
    with pytest.raises(UserError, match="'a' fits a.jpg and a.png"):
        read_folder(tmp_path)


def test_decomposed_file_names_match(tmp_path):
    draw(tmp_path, "images/cafe\u0301.jpg")
    write(tmp_path, labels="name,classes\ncaf\u00e9,cat\n")
    assert read_folder(tmp_path).names == ("caf\u00e9",)


@pytest.mark.parametrize("place", ["splits__train", "ImageSets__Segmentation__train", "train"])
def test_splits(tmp_path, place):
    draw(tmp_path, "images/a.jpg", "images/b c.jpg", "images/d.jpg")
    write(tmp_path, labels="name,classes\na,cat\nb c,dog\nd,dog\n", **{place: "d\n\nb c.jpg\r\n/images/d.jpg\n"})
    assert read_folder(tmp_path, "train").names == ("d", "b c")
    assert len(read_folder(tmp_path).names) == 3
    with pytest.raises(UserError, match="no list trian.txt.*did you mean 'train'"):
        read_folder(tmp_path, "trian")


def test_a_folder_of_images_is_a_list(tmp_path):
    draw(tmp_path, "images/train/a.jpg", "images/val/b.jpg", "images/val/deep/c.jpg")
    write(tmp_path, labels="name,classes\ntrain/a,cat\nval/b,dog\nval/deep/c,\n")
    assert read_folder(tmp_path, "val").names == ("val/b", "val/deep/c")
    write(tmp_path, splits__val="train/a\n")
    assert read_folder(tmp_path, "val").names == ("train/a",)


def test_class_names_with_spaces(tmp_path):
    draw(tmp_path, "images/a.jpg", "images/b.jpg")
    write(tmp_path, labels="name,classes\na,polar bear\nb,cat;polar bear\n", classes="polar bear\ncat\nзебра\n")
    images = read_folder(tmp_path)
    assert images.classes == ("background", "polar bear", "cat", "зебра")
    assert images.labels == {"a": (0,), "b": (0, 1)}
    with pytest.raises(UserError, match="none of 2 images shows 'зебра'; label some, or strike"):
        check_classes(images)


def test_missing_rows_and_images_are_listed(tmp_path, caplog):
    draw(tmp_path, *(f"images/{name}.jpg" for name in "abcde"))
    write(tmp_path, labels="name,classes\na,cat\nb,cat\nc,cat\nd,cat\nx,cat\n")
    with caplog.at_level(logging.WARNING, "tfwsss"):
        images = read_folder(tmp_path)
    assert images.names == ("a", "b", "c", "d") and set(images.faults) == {"e", "x"}
    assert "no row in labels.csv" in images.faults["e"] and "no image is named 'x'" in images.faults["x"]
    assert "2 of 6" in caplog.text


def test_names_that_fit_nothing_stop(tmp_path):
    draw(tmp_path, "images/IMG_1.jpg", "images/IMG_2.jpg")
    write(tmp_path, labels="name,classes\n1,cat\n2,cat\n")
    with pytest.raises(UserError, match="named like 'IMG_1'"):
        read_folder(tmp_path)


@pytest.mark.parametrize(("second", "words"), [("a,dog cat", "lines 2 and 4 label 'a' differently"),
                                               ("a.jpg,cat", None)])
def test_duplicate_rows(tmp_path, second, words):
    draw(tmp_path, "images/a.jpg", "images/b.jpg")
    write(tmp_path, labels=f"name,classes\na,cat\nb,dog\n{second}\n")
    if words is None:
        assert read_folder(tmp_path).names == ("a", "b")
    else:
        with pytest.raises(UserError, match=words):
            read_folder(tmp_path)


def test_missing_parts_are_told(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no images"):
        read_folder(tmp_path)
    draw(tmp_path, "images/a.jpg")
    with pytest.raises(UserError, match="labels.csv: no such file; write a header name,classes.*such as a,"):
        read_folder(tmp_path)
    write(tmp_path, labels="name,classes\na,cat\n", classes="cow\nhorse\n")
    with pytest.raises(UserError, match="'cat' is no class; there are cow, horse"):
        read_folder(tmp_path)
    write(tmp_path, labels="name,classes\na,\n", classes="cow\n", splits__val="\n")
    with pytest.raises(UserError, match="val.txt: names no image"):
        read_folder(tmp_path, "val")
    (tmp_path / "classes.txt").unlink()
    with pytest.raises(UserError, match="no class beside"):
        read_folder(tmp_path)


def test_saliency(tmp_path):
    draw(tmp_path, "images/a.jpg", "images/b.jpg", "maps/a.png", "maps/x.png")
    images = read_folder(write(tmp_path, labels="name,classes\na,cat\nb,cat\n"))
    assert with_saliency(images, tmp_path / "maps").saliency == {"a": tmp_path / "maps" / "a.png"}
    with pytest.raises(UserError, match="no saliency map for any of 2 images.*a.png"):
        with_saliency(images, tmp_path / "nowhere")


def test_files_that_cannot_be_read_are_listed(tmp_path, monkeypatch, caplog):
    """Whether the table names them or not, with ending or without; and what is no photograph, and lies elsewhere."""
    monkeypatch.setattr(heic, "readable", lambda: False)
    draw(tmp_path, *(f"images/{name}.jpg" for name in "abcde"), "images/p.HEIC", "images/q.heic", "images/r.heic",
         "images/video.mov.txt", "f.jpg")
    for name in ("p.HEIC", "q.heic", "r.heic"):
        (tmp_path / "images" / name).write_bytes(b"made up")
    write(tmp_path, labels="name,classes\na,cat\nb,cat\nc,cat\nd,cat\ne,cat\np.HEIC,cat\nq,cat\n")
    with caplog.at_level(logging.WARNING, "tfwsss"):
        images = read_folder(tmp_path)
    assert images.names == tuple("abcde") and set(images.faults) == {"p.HEIC", "q", "r.heic"}
    assert all("pip install 'tfwsss[heic]'" in fault for fault in images.faults.values())
    assert "1 files or folders are no photographs and left out: video.mov.txt" in caplog.text
    assert "1 images lie outside of images/ and are left out: f" in caplog.text


def test_a_folder_of_nothing_but_unreadable_photographs_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(heic, "readable", lambda: False)
    (tmp_path / "a.heic").write_bytes(b"made up")
    with pytest.raises(UserError, match=r"no images; .*a.heic: is a HEIC photograph; pip install"):
        read_folder(write(tmp_path, labels="name,classes\na,cat\n"))


def test_a_name_that_no_list_can_hold_is_a_fault(tmp_path):
    draw(tmp_path, "images/a.jpg", "images/b.jpg", "images/c\\d.jpg", "images/two\nlines.jpg")
    images = read_folder(write(tmp_path, labels="name,classes\na,cat\nb,cat\nc\\d,cat\n"))
    assert images.names == ("a", "b") and set(images.faults) == {"c/d", r"two\nlines.jpg"}
    assert "its name holds a backslash" in images.faults["c/d"]


def test_real_photographs():
    root = shared_file("data/voc12_animals_320")
    images = read_folder(root, "train_mini")
    assert len(images.names) == len(images.masks) == 300 and images.classes[1] == "cat" and images.num_classes == 6
    check_classes(images)
    mask = images.read_mask(images.names[0])
    assert mask.shape == images.read_image(images.names[0]).shape[:2]
    assert set(np.unique(mask)) - {0, 255} == {label + 1 for label in images.labels[images.names[0]]}


def test_a_row_of_another_encoding_or_of_two_lines_is_a_fault(tmp_path):
    draw(tmp_path, "images/a.jpg", "images/b.jpg", "images/c.jpg", "images/two\nlines.jpg")
    write(tmp_path, labels="")
    (tmp_path / "labels.csv").write_bytes(b'name,classes\na,cat\nb,cat\nc,dog\n"two\nlines.jpg",dog\n' +
                                          b"caf\xe9,dog\n")
    images = read_folder(tmp_path)
    assert images.names == ("a", "b", "c") and set(images.faults) == {r"two\nlines.jpg", r"caf\xe9"}
    assert "its name holds a line break" in images.faults[r"two\nlines.jpg"]
    assert r"the name 'caf\\xe9' is not UTF-8; save the table" in images.faults[r"caf\xe9"]


def test_images_that_a_list_leaves_out_are_counted(tmp_path, caplog):
    draw(tmp_path, "images/a.jpg", "images/b.jpg", "images/c.jpg")
    write(tmp_path, labels="name,classes\na,cat\nb,dog\nc,dog\n")
    (tmp_path / "train.txt").write_text("a\nb\n")
    with caplog.at_level("INFO", "tfwsss"):
        assert read_folder(tmp_path, "train").names == ("a", "b")
    assert "1 of 3 images are not in the list 'train'" in caplog.text
