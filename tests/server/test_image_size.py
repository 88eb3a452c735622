"""Sizes that headers state, beside what Pillow reads; files whose headers are made to be long."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from tfwsss.server.image_size import MAX_SEGMENTS, stated_size
from tfwsss.server.refusal import Refusal


def encoded(kind: str, rows: int, columns: int, mode: str = "RGB", **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((rows, columns, 3), np.uint8)).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("size", [(1, 1), (3, 300), (257, 2), (20, 33)])
@pytest.mark.parametrize(("kind", "options"), [
    ("PNG", {}), ("PNG", {"mode": "P"}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("JPEG", {"mode": "CMYK"}),
    ("JPEG", {"exif": b"Exif\0\0" + bytes(60_000)}), ("GIF", {}), ("BMP", {}), ("WEBP", {}),
    ("WEBP", {"lossless": True}), ("WEBP", {"mode": "RGBA", "exif": b"Exif\0\0II*\0"})])
def test_sizes(kind, options, size):
    contents = encoded(kind, *size, **options)
    assert stated_size(contents) == size == Image.open(io.BytesIO(contents)).size[::-1]


def test_bmp_of_other_headers():
    upside_down = bytearray(encoded("BMP", 20, 33))
    upside_down[22:26] = struct.pack("<i", -20)
    assert stated_size(bytes(upside_down)) == (20, 33)
    assert stated_size(b"BM" + bytes(12) + struct.pack("<IHH", 12, 33, 20)) == (20, 33)


@pytest.mark.parametrize("before", [b"\xff" * 1_000_000, b"junk" * 1_000_000, b"\xff\xfe\0\2" * (MAX_SEGMENTS // 2),
                                    b"\xff\xfe\0\2\xff\0\xff\xff"])
def test_jpegs_that_are_filled_up(before):
    contents = encoded("JPEG", 20, 33)
    assert stated_size(contents[:2] + before + contents[2:]) == (20, 33)


def test_a_jpeg_of_very_many_segments_is_refused():
    contents = encoded("JPEG", 20, 33)
    with pytest.raises(Refusal, match="more than 2,000 segments: save it again"):
        stated_size(contents[:2] + b"\xff\xfe\0\2" * MAX_SEGMENTS + contents[2:])


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_cut_files_have_no_size_and_nothing_raises(kind):
    contents = encoded(kind, 20, 33)
    found = {stated_size(contents[:length]) for length in range(len(contents))}
    assert found <= {(0, 0), (20, 33), (20, 1), (1, 33), (1, 1)} and (0, 0) in found      # WebP's fields add 1


@pytest.mark.parametrize("contents", [b"", b"text", b"\xff\xd8", b"\xff\xd8\xff\xda", b"\xff\xd8\xff\xd9",
                                      b"RIFF" + bytes(60)])
def test_what_states_no_size(contents):
    assert stated_size(contents) == (0, 0)
