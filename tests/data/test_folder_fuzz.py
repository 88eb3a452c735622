"""Folders as nobody would make them: read, or refused in one line, and no file of them unaccounted for."""

import os
import random
from pathlib import Path

import pytest

from tests.data.test_finding import picture
from tests.support.tiny_voc import annotation
from tfwsss.artefacts.files import readable_name
from tfwsss.data.finding import find_images
from tfwsss.data.folder import read_folder
from tfwsss.data.image_set import ImageSet
from tfwsss.data.voc import read_voc
from tfwsss.errors import UserError

FOLDERS = 60
NAMES = (b"a.jpg", b"a.png", b"b 1.JPEG", "жук.png".encode(), b"caf\xc3\xa9.jpg", b"cafe\xcc\x81.jpg", b"caf\xe9.jpg",
         b"back\\slash.png", b"two\nlines.jpg", b"deep/a.jpg", b"deep/er/c", b".hidden.jpg", b"notes.txt", b"p.HEIC",
         b"r.NEF",
         b"masks/a.png", b"a.png.png", b"x" * 240 + b".jpg", b"no ending", b"labels.csv.bak", b"d.tiff", b"e.avif",
         b",;.jpg",
         b'"q".png', b"-.png", b" lead.jpg", b"\xff\xfe/a.jpg", b"a.jpg/inside.png")
CONTENTS = (picture(), picture("JPEG"), picture()[:40], b"", b"<html>", b"\xff\xd8\xff", picture("TIFF"),
            bytes(range(256)))
TABLES = ("name,classes\na,cat\nb 1,dog\n", "name;classes\na;cat, dog\nжук;cat\n", 'name,classes\n"a,cat\n', "",
    "name\na\n",
          "name,classes\na,\"['cat', 'dog']\"\ncaf\u00e9,dog\n", "name,cat,dog\na,1,0\nb 1,0,1\n",
          "\ufeffname\tclasses\na\tcat|dog\n")
MARKS = ',;\t\n"\'|/+[]\\ \0\u00e9\ufeffab1'


def mutated(draw: random.Random, text: str) -> str:
    for _ in range(draw.randrange(4)):
        place = draw.randrange(len(text) + 1)
        text = text[:place] + draw.choice(MARKS) * draw.randrange(3) + text[place + draw.randrange(3):]
    return text


def put(root: Path, name: bytes, contents: bytes) -> None:
    path = os.path.join(os.fsencode(root), name)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(contents)
    except OSError:                             # a file stands where a folder should, or the other way
        return


def a_folder(root: Path, seed: int) -> tuple[Path, Path]:
    """Makes a folder; returns it and where its images lie."""
    draw = random.Random(seed)
    home = root / draw.choice(("", "images"))
    for name in draw.sample(NAMES, draw.randrange(len(NAMES))):
        put(home, name, draw.choice(CONTENTS))
    put(root, b"labels.csv", mutated(draw, draw.choice(TABLES)).encode("utf-8", "replace"))
    if draw.random() < 0.3:
        put(root, b"classes.txt", mutated(draw, "background\ncat\ndog\n").encode("utf-8", "replace"))
    if draw.random() < 0.2:
        put(root, b"labelmap.txt", mutated(draw, "background:0,0,0::\ncat:1,2,3::\ndog:3,2,1::\n").encode())
    if draw.random() < 0.2:
        put(root, b"train.txt", mutated(draw, "a\nb 1\n").encode("utf-8", "replace"))
    if draw.random() < 0.2 and home.is_dir():
        (home / "ring").symlink_to(home)
        (home / "gone.jpg").symlink_to(home / "nowhere")
    home.mkdir(exist_ok=True, parents=True)
    return root, home


@pytest.mark.parametrize("seed", range(FOLDERS))
def test_folders(tmp_path, seed):
    root, home = a_folder(tmp_path, seed)
    found = find_images(home)
    told = {*found.faults, *(other.split(" (")[0] for other in found.others)}
    used = {os.fspath(path.relative_to(home)) for path in found.images.values()}
    for folder, below, files in os.walk(os.fspath(home)):
        for name in (*files, *below):
            place = os.path.relpath(os.path.join(folder, name), home)
            parts = place.split("/")
            starts = {readable_name("/".join(parts[:count])) for count in range(1, len(parts) + 1)}
            starts |= {f"{start}/" for start in starts}
            assert place in used or starts & told or os.path.isdir(os.path.join(home, place)), place
    try:
        images = read_folder(root, "train" if (root / "train.txt").exists() else None)
    except UserError as error:
        str(error).encode()
        return
    assert isinstance(images, ImageSet) and not set(images.names) & set(images.faults)
    "".join([*images.faults, *images.faults.values()]).encode()


@pytest.mark.parametrize("seed", range(FOLDERS))
def test_voc(tmp_path, seed):
    draw = random.Random(seed)
    for name in draw.sample(NAMES, draw.randrange(1, len(NAMES))):
        put(tmp_path / "JPEGImages", name, draw.choice(CONTENTS))
        text = mutated(draw, annotation("a", [(draw.choice(("cat", "lesion", "Lesion", "")), 1, 1, 2, 2)]))
        put(tmp_path / "Annotations", os.path.splitext(name)[0] + b".xml", text.encode("utf-8", "replace"))
    (tmp_path / "JPEGImages").mkdir(exist_ok=True)
    names = "\n".join(mutated(draw, os.path.splitext(name)[0].decode("utf-8", "replace")) for name in NAMES)
    put(tmp_path / "ImageSets" / "Segmentation", b"train.txt", names.encode("utf-8", "replace"))
    try:
        images = read_voc(tmp_path, "train")
    except UserError as error:
        str(error).encode()
        return
    assert images.names and not set(images.names) & set(images.faults)
