"""What headers say before any pixel is decoded, also where files have very many parts."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.data.files import encoded, odd_images
from tfwsss.saved_model.headers import read_header

PIXELS = np.arange(5 * 8 * 3, dtype=np.uint8).reshape(5, 8, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_png(orientation):
    """The size is that of the stored pixels."""
    header = read_header(odd_images()[f"exif {orientation}"][1])
    assert int(header.orientation) == orientation and header.size.numpy().tolist() == [6, 9]


@pytest.mark.parametrize(("contents", "clear"), [
    (encoded(PIXELS), False), (encoded(PIXELS, transparency=(1, 2, 3)), True), (encoded(PIXELS, "JPEG"), False),
    (encoded(PIXELS[..., 0], transparency=7), True), (odd_images()["palette with a transparent colour"][1], False),
    (odd_images()["alpha"][1], False)])
def test_a_transparent_colour(contents, clear):
    """Only where it is one of grey or RGB: palettes bring their transparency along."""
    header = read_header(contents)
    assert bool(header.clear_colour) == clear and int(header.orientation) == 1


def test_sizes_of_both_kinds():
    for kind in ("PNG", "JPEG"):
        header = read_header(encoded(PIXELS, kind))
        assert header.size.numpy().tolist() == [5, 8] and header.size.dtype == tf.int64


def test_other_bytes_are_refused():
    with pytest.raises(tf.errors.InvalidArgumentError, match="expected the bytes of a JPEG or PNG file"):
        read_header(b"RIFF0000WEBP")


def tiff(*entries: tuple[int, int, int], order: str = ">") -> bytes:
    """A directory of entries: tag, type and value."""
    body = b"".join(struct.pack(order + "HHI", tag, kind, 1) + (struct.pack(order + "HH", value, 0) if kind == 3 else
                                                              struct.pack(order + "I", value))
                    for tag, kind, value in entries)
    start = b"MM\0*" if order == ">" else b"II*\0"
    return start + struct.pack(order + "IH", 8, len(entries)) + body + bytes(4)


def segment(kind: int, body: bytes) -> bytes:
    return bytes([0xFF, kind]) + struct.pack(">H", len(body) + 2) + body


def jpeg(before: bytes, exif: bytes) -> bytes:
    """A JPEG with bytes and an EXIF segment after its first two."""
    plain = encoded(PIXELS, "JPEG")
    return plain[:2] + before + segment(0xE1, b"Exif\0\0" + exif) + plain[2:]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(before: bytes, exif: bytes, after_pixels: bool = False) -> bytes:
    """A PNG with bytes and EXIF before its pixels, or after."""
    plain = encoded(PIXELS)
    place = plain.index(b"IEND") - 4 if after_pixels else 33
    return plain[:place] + before + chunk(b"eXIf", exif) + plain[place:]


SIX = tiff((0x0112, 3, 6))
COMMENT = segment(0xFE, b"ab")
FILLER = (0x0100, 4, 99)
EXIF_IN_A_COMMENT = segment(0xFE, segment(0xE1, b"Exif\0\0" + tiff((0x0112, 3, 3))))
ODD = {
    "bytes that fill up": jpeg(b"\xff" * 50_000, SIX), "an odd number of them": jpeg(b"\xff" * 1023, SIX),
    "junk": jpeg(COMMENT + b"junk" * 5000 + b"\xff\0\xff\0", SIX), "up to an edge": jpeg(COMMENT + b"x" * 1023, SIX),
    "EXIF in a comment": jpeg(EXIF_IN_A_COMMENT, SIX), "comments": jpeg(COMMENT * 1000, SIX),
    "long comments": jpeg(segment(0xFE, bytes(65_533)) * 40, SIX),
    "two directories": jpeg(segment(0xE1, b"Exif\0\0" + SIX), tiff((0x0112, 3, 3))),
    "entries": jpeg(b"", tiff(*[FILLER] * 5000, (0x0112, 3, 6), order="<")),
    "twice": jpeg(b"", tiff((0x0112, 3, 6), (0x0112, 3, 8))),
    "equal chunks": png(chunk(b"tEXt", b"a\0b") * 60_000, SIX), "after the pixels": png(b"", SIX, after_pixels=True),
    "different chunks": png(b"".join(chunk(b"tEXt", b"a\0" + bytes([97] * (k % 7))) for k in range(1900)), SIX),
    "equal chunks after the pixels": png(chunk(b"tEXt", b"a\0b") * 30_000, SIX, after_pixels=True),
    "entries of a png": png(b"", tiff(*[FILLER] * 65_534, (0x0112, 3, 6)))}


@pytest.mark.parametrize("kind", ODD)
def test_the_orientation_is_found_whatever_lies_before_it(kind):
    """As Pillow finds it. Files of 60,000 parts are passed in few steps."""
    wanted = Image.open(io.BytesIO(ODD[kind])).getexif().get(0x0112)
    assert wanted == 6 == int(traced()(ODD[kind])[1])


def traced():
    return tf.function(lambda contents: tuple(read_header(contents)), autograph=False,
                       input_signature=[tf.TensorSpec((), tf.string)])


@pytest.mark.parametrize("contents", [
    jpeg(segment(0xFE, b"") * 2001, SIX), jpeg(segment(0xFE, b"a") * 2001, SIX),
    png(b"".join(chunk(b"tEXt", b"a\0" + bytes([97] * (k % 7))) for k in range(2001)), SIX),
    jpeg(COMMENT + b"x" * 2**22, SIX)])
def test_files_of_very_many_parts_are_refused(contents):
    """Each costs a step, and no photograph has so many."""
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than.*2000.*segments or chunks"):
        traced()(contents)


def test_many_chunks_of_pixels_are_passed():
    """As encoders write large images: all of one length but the last."""
    pixels = np.random.default_rng(0).integers(0, 256, (1100, 1000, 3)).astype(np.uint8)
    plain = encoded(pixels)
    place, body = 33, b""
    while place < len(plain):
        length, name = struct.unpack(">I4s", plain[place:place + 8])
        body += plain[place + 8:place + 8 + length] if name == b"IDAT" else b""
        place += 12 + length
    small = b"".join(chunk(b"IDAT", body[at:at + 100]) for at in range(0, len(body), 100))
    contents = plain[:33] + small + chunk(b"eXIf", SIX) + chunk(b"IEND", b"")
    assert len(body) // 100 > 30_000 and int(traced()(contents)[1]) == 6
