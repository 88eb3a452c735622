"""Image files of every kind and every kind of damage."""

import ast
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from tests.data.files import odd_images
from tests.support.sources import for_each, python_files, relative, tree
from tfwsss.data.reading import FORMATS, opened, read_ids, read_rgb
from tfwsss.errors import ImageFault
from tfwsss.palette import voc_palette


@pytest.mark.parametrize("kind", sorted(odd_images()))
def test_unusual_images_are_read_as_viewers_show_them(tmp_path, kind):
    ending, contents, expected = odd_images()[kind]
    (tmp_path / f"x{ending}").write_bytes(contents)
    found = read_rgb(tmp_path / f"x{ending}")
    assert found.dtype == np.uint8 and found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= (40 if kind == "cmyk" else 0)


def header_of(rows: int, columns: int) -> bytes:
    """Returns a PNG that declares a size and holds nothing."""
    head = b"IHDR" + struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
            + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))


@pytest.mark.parametrize(("contents", "words"), [
    (b"", "empty file"), (b"<!DOCTYPE html><html>404</html>", "web page"), (b"hello", "not an image"),
    (header_of(60_000, 60_000), "more than 50,000,000"), (header_of(8_000, 8_000), "8000x8000 pixels"),
    (header_of(40_000, 1), "1x40000 pixels, a side of more than 32,768; cut it in pieces"),
    (header_of(100, 100), "broken or cut off"), (b"\xff\xd8\xff\xe0", "not an image"), (b"GIF89a", "broken|not an")])
def test_damaged_files_are_faults(tmp_path, contents, words):
    (tmp_path / "x.jpg").write_bytes(contents)
    with pytest.raises(ImageFault, match=words) as caught:
        read_rgb(tmp_path / "x.jpg")
    assert "x.jpg" in str(caught.value)
    with pytest.raises(ImageFault):
        read_ids(tmp_path / "x.jpg")


POSTSCRIPT = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 20 20
%%EndComments
0 0 20 20 rectfill
showpage
%%EOF
"""


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.eps"])
def test_no_other_program_is_started_by_a_file(tmp_path, monkeypatch, name):
    """Pillow would hand PostScript to Ghostscript, whatever the file is named."""
    started = tmp_path / "started"
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {started}\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", None)
    (tmp_path / name).write_bytes(POSTSCRIPT)
    for read in (read_rgb, read_ids):
        with pytest.raises(ImageFault, match="not an image of a known format"):
            read(tmp_path / name)
    assert not started.exists()


@pytest.mark.parametrize("kind", FORMATS)
def test_every_listed_format_is_read(tmp_path, kind):
    Image.init()
    if kind not in Image.SAVE:
        pytest.skip("this Pillow does not write it")
    Image.fromarray(np.full((16, 16, 3), 200, np.uint8)).save(tmp_path / "x", kind)
    pixels = read_rgb(tmp_path / "x")
    assert pixels.shape == (16, 16, 3) and np.abs(pixels.astype(int) - 200).max() <= 4


def test_truncated_files_are_faults(tmp_path):
    for ending in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"):
        buffer = io.BytesIO()
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)).save(buffer, ending)
        (tmp_path / "x").write_bytes(buffer.getvalue()[:len(buffer.getvalue()) // 2])
        with pytest.raises(ImageFault):
            read_rgb(tmp_path / "x")


def test_folders_and_missing_files(tmp_path):
    with pytest.raises(ImageFault, match="no such file"):
        read_rgb(tmp_path / "x.jpg")
    with pytest.raises(ImageFault, match="cannot be opened"):
        read_rgb(tmp_path)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("ending", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_mutated_files_never_crash(tmp_path, ending):
    random = np.random.default_rng(5)
    buffer = io.BytesIO()
    Image.fromarray(random.integers(0, 256, (12, 9, 3)).astype(np.uint8)).save(buffer, ending)
    read = 0
    for _ in range(60):
        contents = bytearray(buffer.getvalue())
        for place in random.integers(0, min(len(contents), 80), 4):
            contents[place] = random.integers(256)
        (tmp_path / "x").write_bytes(bytes(contents))
        try:
            read += read_rgb(tmp_path / "x", max_pixels=10_000).ndim == 3
        except ImageFault as fault:
            assert "\n" not in str(fault)
    assert read < 60


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_bytes_never_crash(tmp_path):
    random = np.random.default_rng(6)
    for start in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"RIFF"):
        (tmp_path / "x").write_bytes(start + random.bytes(200))
        for read in (read_rgb, read_ids):
            with pytest.raises(ImageFault):
                read(tmp_path / "x")


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_narrow_grey_masks_hold_ids(tmp_path, bits):
    (tmp_path / "m.png").write_bytes(narrow_grey(bits))
    assert read_ids(tmp_path / "m.png").tolist() == [[1, 0, 2**bits - 1]]


def narrow_grey(bits: int) -> bytes:
    """Returns a grey PNG of one row 1, 0, largest, with few bits a pixel."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = 0
    for value in (1, 0, 2**bits - 1):
        row = row << bits | value
    packed = (row << (16 - 3 * bits)).to_bytes(2, "big")[:-(-3 * bits // 8)]
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 1, bits, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(b"\0" + packed)) + chunk(b"IEND", b""))


def test_masks_with_strange_colours_or_depths(tmp_path):
    Image.fromarray(np.full((2, 2, 3), (1, 2, 3), np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(ImageFault, match=r"\[1, 2, 3\] is not in the palette"):
        read_ids(tmp_path / "m.png", voc_palette())
    with pytest.raises(ImageFault, match="mode RGB"):
        read_ids(tmp_path / "m.png")
    Image.fromarray(np.zeros((2, 2), np.uint16)).save(tmp_path / "m.png")
    with pytest.raises(ImageFault, match="mode I;16"):
        read_ids(tmp_path / "m.png", voc_palette())


def test_faults_inside_the_block_are_translated(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "x.png")
    with pytest.raises(ImageFault, match="broken"), opened(tmp_path / "x.png"):
        raise zlib.error("inside")


@for_each(python_files("tfwsss"))
def test_every_picture_is_opened_by_a_list_of_formats(path):
    """Without one, a file named .jpg may be given to another program, such as Ghostscript."""
    calls = [node for node in ast.walk(tree(path)) if isinstance(node, ast.Call)
             and ast.unparse(node.func).endswith("Image.open")]
    free = [node.lineno for node in calls if "formats" not in [keyword.arg for keyword in node.keywords]]
    assert not free, f"{relative(path)}: Image.open without formats, lines {free}"
