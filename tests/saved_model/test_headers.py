"""What headers say before any pixel is decoded."""

import numpy as np
import pytest
import tensorflow as tf

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
