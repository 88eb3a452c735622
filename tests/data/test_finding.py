"""The photographs of a folder: each file is used, has a fault, or is listed."""

import io
import logging
import os

import numpy as np
import pytest
from PIL import Image

from tfwsss.data import heic
from tfwsss.data.finding import ENDINGS, Found, fault_of, find_images
from tfwsss.data.naming import index_images
from tfwsss.data.reading import FORMATS, read_rgb

KINDS = {".jpg": "JPEG", ".JPE": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".gif": "GIF",
         ".bmp": "BMP", ".avif": "AVIF", ".jp2": "JPEG2000", ".tga": "TGA", ".ppm": "PPM"}


def picture(kind="PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 6, 3), (0, 0, 255), np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def put(root, *files, contents=None):
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture() if contents is None else contents)


def all_told(found: Found) -> int:
    return len(found.images) + len(found.faults) + len(found.others)


def test_what_pillow_reads_is_found(tmp_path):
    for number, (ending, kind) in enumerate(KINDS.items()):
        put(tmp_path, f"p{number}{ending}", contents=picture(kind))
    found = find_images(tmp_path)
    assert set(found.images) == {f"p{number}" for number in range(len(KINDS))}
    assert not found.faults and not found.others
    for path in found.images.values():
        assert np.abs(read_rgb(path).astype(int) - (0, 0, 255)).max() <= 40, path
    assert {*ENDINGS, "HEIF"} == {*FORMATS}


def test_every_file_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(heic, "readable", lambda: False)
    put(tmp_path, "a.jpg", "deep/b", "deep/c.jpg_large", "notes", "x.txt", ".DS_Store", "p.HEIC", "r.NEF", "video.mp4")
    put(tmp_path, "notes", "x.txt", ".DS_Store", "p.HEIC", "r.NEF", "video.mp4", contents=b"anything")
    put(tmp_path, "masks/a.png", "splits/train.txt")
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    found = find_images(tmp_path)
    assert set(found.images) == {"a", "deep/b", "deep/c"}                       # by their contents where need be
    assert set(found.faults) == {"p.HEIC", "r.NEF", "gone.jpg", "pipe.jpg"}
    assert found.others == [".DS_Store (hidden)", "masks/ (by its name no photographs)", "notes",
                            "splits/ (by its name no photographs)", "video.mp4", "x.txt"]
    assert "pip install 'tfwsss[heic]'" in found.faults["p.HEIC"] and "(.nef)" in found.faults["r.NEF"]
    assert "mend the link" in found.faults["gone.jpg"] and "pipe or device" in found.faults["pipe.jpg"]


@pytest.mark.parametrize(("name", "words"), [
    (b"caf\xe9.jpg", "its name is not UTF-8"), (b"a\\b.jpg", "its name holds a backslash"),
    (b"two\nlines.jpg", "a line break"), (b"\x1b[2J.jpg", "sign that steers"), (b"x" * 251 + b".jpg", "more than 250"),
    (b"bad\xff/a.jpg", "not UTF-8"), ("cafe\u0301.jpg".encode(), "the way its letters are composed")])
def test_names_that_no_list_can_hold_are_faults(tmp_path, name, words):
    """None of them ends a run, and the message can be written anywhere."""
    put(tmp_path, "fine.jpg", "caf\u00e9.jpg")
    path = os.path.join(os.fsencode(tmp_path), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(picture())
    found = find_images(tmp_path)
    (file, fault), = found.faults.items()
    assert words in fault and len(found.images) == 2 and "fine" in found.images
    (file + fault).encode()


def test_a_folder_named_like_a_mask(tmp_path):
    put(tmp_path, "a.jpg", "a.png/b.jpg", "c.png/d.jpg")
    found = find_images(tmp_path)
    assert set(found.images) == {"a", "c.png/d"} and "named like the mask" in found.faults["a.png/b"]


def test_links_to_folders_are_followed_once(tmp_path):
    put(tmp_path, "photos/a.jpg", "elsewhere/b.jpg")
    (tmp_path / "photos" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "ring").symlink_to(tmp_path / "photos")
    found = find_images(tmp_path / "photos")
    assert set(found.images) == {"a", "more/b"} and found.others == ["more/ring/ (searched already)"]


@pytest.mark.parametrize("marker", ["made_by.json", "survey.json", "stage.json", "started.json"])
def test_what_we_have_written_is_not_searched(tmp_path, marker):
    put(tmp_path, "a.jpg", "found/masks/a.png", "found/overlays/a.png", "found/images/a.png")
    put(tmp_path, f"found/{marker}", contents=b"{}")
    found = find_images(tmp_path)
    assert set(found.images) == {"a"} and found.others == ["found/ (written by us)"]
    put(tmp_path, "run/images/a.png", "run/lock", "run/log.txt", contents=b"x")       # killed while it looked
    assert set(index_images(tmp_path)) == {"a"}
    # as version 0.1.0 let it be called
    put(tmp_path, marker, "overlays/a.png", "masks/a.png", "probabilities/a/1 cat.png", contents=b"{}")
    assert set(index_images(tmp_path)) == {"a"}


def test_folders_to_leave_out(tmp_path):
    put(tmp_path, "a.jpg", "out/b.jpg", "deep/out/c.jpg")
    assert set(index_images(tmp_path, without=[tmp_path / "out", tmp_path / "nowhere"])) == {"a", "deep/out/c"}


def test_the_list_of_what_was_passed_over(tmp_path, caplog):
    with caplog.at_level(logging.DEBUG, "tfwsss"):
        Found({}, {}, []).tell(tmp_path)
        Found({}, {}, ["labels.csv"]).tell(tmp_path, ["labels.csv"])
        assert caplog.text == ""
        Found({}, {}, [*(f"{place:02d}.xmp" for place in range(30)), "z.mp4"]).tell(tmp_path)
    warned = "".join(record.message for record in caplog.records if record.levelno == logging.WARNING)
    assert "31 files" in warned and "20.xmp" not in warned
    assert all(f"{place}.xmp" in caplog.text for place in range(20, 30))          # all of them, where a file keeps it
    assert "19.xmp, 10 more (.xmp), 1 more (.mp4)" in caplog.text or "1 more (.mp4), 10 more (.xmp)" in caplog.text


def test_a_fault_is_found_by_the_name_in_a_table():
    faults = {"p.HEIC": "x", "deep/q.NEF": "y"}
    found = [fault_of(name, faults) for name in ("p.HEIC", "p", "deep/q", "q")]
    assert found == ["p.HEIC", "p.HEIC", "deep/q.NEF", None]
    assert fault_of("sub\\q", {"sub/q.NEF": "x"}) == "sub/q.NEF"
    assert fault_of("a/b.jpg", {"a\\b.jpg": "x"}) == "a\\b.jpg"
    assert fault_of(os.fsdecode(b"\xe9.jpg"), {"\\xe9.jpg": "x"}) == "\\xe9.jpg"
    assert fault_of("two\nlines", {"two\\nlines.jpg": "x"}) == "two\\nlines.jpg"
