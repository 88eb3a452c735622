"""Data sets as nobody would make them: names, pictures, tables, lists, masks and annotations, changed by chance."""

import io
import os
import random
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.tiny_voc import annotation
from tfwsss.palette import voc_palette

CLASSES = ("cat", "dog", "traffic sign")
STEMS = ("a", "b 1", "жук", "café", "cafe\u0301", "猫/子", "deep/er/c", "x" * 60, "no ending", ".hidden", "a.b", "-",
         ",;", "'q'", '"q"', " lead", "notes", "masks/a", "a.png/in", "images/a", "back\\slash", "two\nlines",
         "\x1b[2J")
ENDINGS = (".jpg", ".png", ".JPEG", ".jfif", ".tif", ".webp", ".avif", ".HEIC", ".NEF", ".txt", ".bmp", ".gif", "")
SIGNS = (b",", b";", b"\t", b"\n", b'"', b"'", b"|", b"/", b"+", b"[", b"]", b"\\", b" ", b"\0", b"\xff", b"\xe9",
         "é".encode(), b"\xef\xbb\xbf", b"a", b"1", b":", b"<", b">", b"&", b"=", b"", b"0,", b"-9e99")
TABLES = ("name,classes", "name;classes", "filename\tlabels", "name,classes,note", "name", "name,cat,dog", "", "a,cat")
BETWEEN = (" ", ", ", ",", ";", "|", "/", " and ", "', '")


def picture(draw: random.Random, kind: str = "PNG") -> bytes:
    """Returns a small picture of noise."""
    pixels = np.frombuffer(draw.randbytes(8 * 9 * 3), np.uint8).reshape(8, 9, 3)
    Image.fromarray(pixels).save(buffer := io.BytesIO(), kind)
    return buffer.getvalue()


def mask(draw: random.Random) -> bytes:
    """Returns a mask: ids, 0 and 255, VOC's colours, or of another size."""
    values = draw.choice(([0, 1, 2], [0, 255], [0], [7], [1]))
    ids = np.array(draw.choices(values, k=72), np.uint8).reshape(draw.choice(((8, 9), (8, 9), (9, 8))))
    shown = Image.fromarray(draw.choice((ids, voc_palette()[ids])))
    if shown.mode == "L" and draw.random() < 0.5:
        shown.putpalette(voc_palette().tobytes())
    shown.save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


def contents(draw: random.Random) -> bytes:
    """Returns what a file named like a photograph may hold."""
    kind = draw.choice(("PNG", "PNG", "PNG", "JPEG", "JPEG", "TIFF", "WEBP", "broken", "odd", "mask"))
    if kind == "odd":
        return draw.choice((b"", b"<html>", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\0\0\0\x18ftypheic" + bytes(30), b"a" * 99,
                            b"\xff\xd8\xff", picture(draw)[:8] + b"\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff"))
    if kind == "mask":
        return mask(draw)
    return changed(draw, picture(draw), 3) if kind == "broken" else picture(draw, kind)


def changed(draw: random.Random, data: bytes, most: int) -> bytes:
    """Returns the data with up to so many places replaced, doubled or cut."""
    for _ in range(draw.randrange(most + 1)):
        start = draw.randrange(len(data) + 1)
        data = data[:start] + draw.choice(SIGNS) * draw.randrange(3) + data[start + draw.choice((0, 0, 1, 3, 40)):]
    return data


def put(root: Path, name: bytes, data: bytes) -> None:
    """Writes a file below a folder, unless its name is none or something stands in its place."""
    path = os.path.join(os.fsencode(root), name.replace(b"\0", b""))
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    except OSError:
        return


def names(draw: random.Random) -> list[bytes]:
    """Returns plain names of files, and some odd ones; none leads out of its folder."""
    plain = [f"p{number}{draw.choice(ENDINGS[:7])}".encode() for number in range(draw.randrange(8))]
    odd = [(draw.choice(STEMS) + draw.choice(ENDINGS)).encode() for _ in range(draw.randrange(8))]
    found = plain + [changed(draw, name, 1) if draw.random() < 0.3 else name for name in odd]
    return [name for name in dict.fromkeys(found) if name.strip(b"/.") and b".." not in name
            and not name.startswith(b"/")]


def tags(draw: random.Random) -> str:
    """Returns class names as one cell."""
    chosen = draw.sample(CLASSES, draw.randrange(len(CLASSES) + 1))
    cell = draw.choice(BETWEEN).join(chosen)
    return draw.choice((cell, cell, f'"{cell}"', f"[{cell}]", cell.title()))


def table(draw: random.Random, files: list[bytes]) -> bytes:
    """Returns a table of tags of most of the files."""
    header = draw.choice(TABLES[:2] * 12 + TABLES)
    mark = next((sign for sign in ";\t" if sign in header), ",")
    plain = draw.random() < 0.8
    rows = [header.encode()]
    for name in files:
        cell = draw.choice((*CLASSES[:2], "")) if plain else tags(draw)
        shown = b'"' + name.replace(b'"', b'""') + b'"'
        if not set(name) & set(b',;"\t\n') or draw.random() < 0.05:
            shown = draw.choice((name, os.path.splitext(name)[0], shown))
        rows += [shown + mark.encode() + cell.encode()] if draw.random() < 0.9 else []
    return changed(draw, b"\n".join(rows), draw.choice((0, 0, 0, 0, 1, 4)))


def odd_folder(root: Path, seed: int) -> tuple[Path, list[str]]:
    """Makes a data set; returns the folder of its photographs, and its settings as `--set` takes them."""
    draw = random.Random(seed)
    voc = draw.random() < 0.35
    home = root / ("JPEGImages" if voc else draw.choice(("images", "images", "", "JPEGImages")))
    home.mkdir(parents=True, exist_ok=True)
    if not voc and draw.random() < 0.2:
        return home, [f"data.root={_calm(draw, root, home)}", "data.kind=folder"]
    files, sets = names(draw), []
    for name in files:
        put(home, name, contents(draw) if draw.random() < 0.25 else picture(draw))
        if draw.random() < 0.4:
            put(root / draw.choice(("masks", "SegmentationClass")), os.path.splitext(name)[0] + b".png", mask(draw))
        if voc or draw.random() < 0.3:
            boxes = [(draw.choice((*CLASSES[:2] * 9, *CLASSES, "Cat", "")), 1, 1, draw.randrange(1, 12), 5)]
            text = annotation("a", boxes * draw.randrange(3)).encode()
            text = text.replace(b"annotation>", b"annotations>") if draw.random() < 0.03 else text
            text = changed(draw, text, 3) if draw.random() < 0.1 else text
            put(root / "Annotations", os.path.splitext(name)[0] + b".xml", text)
    put(root, b"labels.csv", table(draw, files))
    lines = b"\n".join(os.path.splitext(name)[0] for name in files if draw.random() < 0.8)
    _beside(draw, root, lines, voc)
    if draw.random() < 0.15:
        (home / "ring").symlink_to(home)
        (home / "gone.jpg").symlink_to(home / "nowhere")
    if voc or (root / "train.txt").exists():
        sets += ["data.split=train"]
    if draw.random() < 0.2 and (root / "Annotations").is_dir():
        sets += ["data.boxes=Annotations"]
    return home, [f"data.root={root}", f"data.kind={'voc' if voc else 'folder'}", *sets]


def _calm(draw: random.Random, root: Path, home: Path) -> Path:
    """Makes a folder in which nothing is wrong but, now and then, one sign of its table."""
    rows = [b"name,classes"]
    for place in range(draw.randrange(4, 9)):
        put(home, f"p{place}.jpg".encode(), picture(draw, "JPEG"))
        rows += [f"p{place},{CLASSES[place % 2]}".encode()]
    put(root, b"labels.csv", changed(draw, b"\n".join(rows), draw.choice((0, 0, 1))))
    return root


def _beside(draw: random.Random, root: Path, lines: bytes, voc: bool) -> None:
    """Writes lists, classes and colours."""
    if voc:
        put(root, b"ImageSets/Segmentation/train.txt", changed(draw, lines, draw.choice((0, 0, 2))))
    elif draw.random() < 0.2:
        put(root, b"train.txt", changed(draw, lines, draw.choice((0, 2))))
    if draw.random() < 0.4:
        put(root, b"classes.txt", changed(draw, b"background\ncat\ndog\ntraffic sign\n", draw.choice((0, 0, 2))))
    if draw.random() < 0.2:
        table_of_colours = b"background:0,0,0::\ncat:1,2,3::\ndog:3,2,1::\ntraffic sign:9,9,9::\n"
        put(root, b"labelmap.txt", changed(draw, table_of_colours, draw.choice((0, 0, 0, 3))))
