"""Bytes to pixels in the graph, beside what the package's own reader shows."""

import functools
import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.data.files import encoded, odd_images
from tfwsss.data.reading import read_rgb
from tfwsss.saved_model.decode import decode

SERVED = [kind for kind, (ending, _, _) in odd_images().items() if ending in (".png", ".jpg")]
RANDOM = np.random.default_rng(7)
PHOTO = np.asarray(Image.fromarray(RANDOM.integers(0, 256, (5, 8, 3)).astype(np.uint8)).resize((61, 43)))


@functools.cache
def compiled(max_pixels: int = 10_000):
    return tf.function(lambda contents: decode(contents, max_pixels), autograph=False,
                       input_signature=[tf.TensorSpec((), tf.string)])


@pytest.mark.parametrize("kind", SERVED)
def test_every_kind_is_shown_as_the_reader_shows_it(kind):
    _, contents, shown = odd_images()[kind]
    np.testing.assert_array_equal(compiled()(contents), shown)


def jpeg(orientation: int | None, big_endian: bool = True, before: bytes = b"", tag: int = 0x0112,
         kind: int = 3) -> bytes:
    """A JPEG with the tag written by hand."""
    plain = encoded(Image.fromarray(PHOTO), "JPEG", quality=95)
    if orientation is None:
        return plain
    order = ">" if big_endian else "<"
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *([orientation, 0] if kind == 3 else [orientation]))
    other = struct.pack(order + "HHII", 0x0100, 4, 1, 99)
    tiff = (b"MM\0*" if big_endian else b"II*\0") + struct.pack(order + "IH", 8, 2) + other + \
        struct.pack(order + "HHI", tag, kind, 1) + value + struct.pack(order + "I", 0)
    body = b"Exif\0\0" + tiff
    return plain[:2] + before + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + plain[2:]


COMMENT = b"\xff\xfe" + struct.pack(">H", 7) + b"hello" + b"\xff"


@pytest.mark.parametrize("contents", [
    *(jpeg(value) for value in range(10)), *(jpeg(value, big_endian=False) for value in (2, 5, 6, 8)),
    jpeg(None), jpeg(6, before=COMMENT), jpeg(6, tag=0x0113), jpeg(8, kind=4), jpeg(6, kind=7),
    encoded(Image.fromarray(PHOTO[..., 0]), "JPEG"), encoded(Image.fromarray(PHOTO), "JPEG", progressive=True),
    encoded(Image.fromarray(PHOTO), "JPEG", subsampling=2, quality=60)])
def test_jpegs(contents, tmp_path):
    """Every orientation, in both byte orders; tags that say nothing; other ways of coding."""
    (tmp_path / "a.jpg").write_bytes(contents)
    np.testing.assert_array_equal(compiled()(contents), read_rgb(tmp_path / "a.jpg"))


def test_the_hand_written_tag_is_a_tag():
    assert Image.open(io.BytesIO(jpeg(6, before=COMMENT))).getexif()[0x0112] == 6
    assert compiled()(jpeg(6)).shape == (61, 43, 3)


@pytest.mark.parametrize("cut", [10, 25, 40, 60, 90])
def test_exif_that_is_cut_off_is_no_exif(cut):
    """A directory that points beyond the file: the photograph is shown as it lies."""
    contents = bytearray(jpeg(6))
    contents[16:20] = struct.pack(">I", 2**31 + cut)
    np.testing.assert_array_equal(compiled()(bytes(contents)), compiled()(jpeg(None)))


def test_a_transparent_grey(tmp_path):
    contents = encoded(Image.fromarray(PHOTO[..., 0]), transparency=int(PHOTO[0, 0, 0]))
    (tmp_path / "a.png").write_bytes(contents)
    found = compiled()(contents).numpy()
    np.testing.assert_array_equal(found, read_rgb(tmp_path / "a.png"))
    assert (found[0, 0] == 255).all()


def test_cmyk_is_within_one_level(tmp_path):
    """TensorFlow rounds the four inks otherwise than Pillow."""
    inks = np.dstack([PHOTO, PHOTO[..., :1]])
    (tmp_path / "a.jpg").write_bytes(encoded(Image.fromarray(inks, "CMYK"), "JPEG"))
    found = compiled()((tmp_path / "a.jpg").read_bytes()).numpy().astype(int)
    assert np.abs(found - read_rgb(tmp_path / "a.jpg")).max() <= 1


@pytest.mark.parametrize(("contents", "words"), [
    (b"", "not an image"), (b"\xff", "not an image"), (b"GIF89a" + bytes(50), "not an image"),
    (b"<html>not found</html>", "not an image"), (b"\xff" * 500, "not an image"), (b"\xff\xd8", None),
    (b"\xff\xd8\xff", None), (jpeg(6)[:300], None), (b"\x89PNG\r\n\x1a\n", None),
    (encoded(Image.fromarray(PHOTO))[:200], None), (encoded(Image.fromarray(PHOTO))[:33], None)])
def test_what_is_no_image(contents, words):
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        compiled()(contents)


def test_large_images_are_refused_by_their_header():
    """Before any pixel is decoded: this one claims four thousand million."""
    png = bytearray(encoded(Image.fromarray(PHOTO)))
    png[16:24] = struct.pack(">II", 65536, 65536)
    for contents in (bytes(png), encoded(Image.fromarray(np.zeros((101, 100), np.uint8)), "JPEG")):
        with pytest.raises(tf.errors.InvalidArgumentError, match="more than the limit of"):
            compiled()(contents)
    assert compiled()(encoded(Image.fromarray(np.zeros((100, 100), np.uint8)), "JPEG")).shape == (100, 100, 3)


def test_long_images_are_refused_by_their_header_however_few_their_pixels():
    """Just up to the limit they are decoded."""
    for kind in ("PNG", "JPEG"):
        long, longest = (encoded(Image.fromarray(np.zeros((1, side), np.uint8)), kind) for side in (40_000, 32_768))
        with pytest.raises(tf.errors.InvalidArgumentError, match="a side of more than.*32768"):
            compiled(10_000_000)(long)
        assert compiled(10_000_000)(longest).shape == (1, 32_768, 3)


@pytest.mark.parametrize("seed", range(3))
def test_mutated_files_give_an_image_or_an_error(seed):
    """No bytes end otherwise, whatever is wrong with them."""
    random, outcomes = np.random.default_rng(seed), set()
    for whole in (jpeg(6), odd_images()["exif 6"][1], odd_images()["palette"][1]):
        for _ in range(40):
            contents = bytearray(whole)
            for place in random.integers(0, min(len(contents), 120), 3):
                contents[place] = random.integers(256)
            try:
                outcomes.add(compiled()(bytes(contents)).shape.rank)
            except tf.errors.InvalidArgumentError:
                outcomes.add("refused")
    assert outcomes == {3, "refused"}
