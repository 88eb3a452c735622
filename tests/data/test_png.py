"""PNG in the graph, against Pillow: every mode, palettes, few bits, transparency."""

import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.data.files import encoded, odd_images
from tests.data.test_reading import narrow_grey
from tfwsss.data import images as graph
from tfwsss.data.reading import read_ids
from tfwsss.palette import voc_palette


@pytest.mark.parametrize("kind", ["grey", "grey and alpha", "16 bits", "alpha", "palette", "bits", "png named jpg",
                                  "1x1", "palette with a transparent colour"])
def test_png_of_every_mode_is_shown_as_by_viewers(kind):
    _, contents, expected = odd_images()[kind]
    assert (graph.decode_image(contents).numpy() == expected).all()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_images_of_few_bits(bits):
    values = np.array([1, 0, 2**bits - 1]) * 255 // (2**bits - 1)
    assert (graph.decode_image(narrow_grey(bits)).numpy() == values[None, :, None]).all()


@pytest.mark.parametrize("bits", [8, 4, 1])
def test_indexed_masks_of_any_palette(bits):
    random = np.random.default_rng(bits)
    mask = random.integers(0, 2**bits, (11, 7)).astype(np.uint8)
    picture = Image.fromarray(mask)
    colours = random.permutation(256**2)[:2**bits]
    picture.putpalette(b"".join(struct.pack(">I", int(colour) * 200)[1:] for colour in colours))
    contents = encoded(picture, bits=bits, dpi=(72, 72))                     # a chunk before the palette
    assert (graph.decode_mask(contents).numpy() == mask).all()
    assert (graph.decode_mask(with_chunk(contents)).numpy() == mask).all()


def with_chunk(contents: bytes) -> bytes:
    """Puts a long text chunk between the header and the rest of a PNG."""
    data = b"Comment\0" + b"x" * 700
    chunk = struct.pack(">I", len(data)) + b"tEXt" + data + struct.pack(">I", zlib.crc32(b"tEXt" + data))
    return contents[:33] + chunk + contents[33:]


def test_grey_and_coloured_masks():
    mask = np.random.default_rng(0).integers(0, 256, (5, 6)).astype(np.uint8)
    assert (graph.decode_mask(encoded(mask)).numpy() == mask).all()
    coloured = encoded(voc_palette()[mask])
    assert (graph.decode_mask(coloured, voc_palette()).numpy() == mask).all()
    with pytest.raises(tf.errors.InvalidArgumentError, match="not in its palette"):
        graph.decode_mask(coloured)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_narrow_grey_masks_agree_with_pillow(tmp_path, bits):
    (tmp_path / "m.png").write_bytes(narrow_grey(bits))
    assert (graph.decode_mask(narrow_grey(bits)).numpy() == read_ids(tmp_path / "m.png")).all()


def test_equal_colours_mean_the_first_of_them():
    picture = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    picture.putpalette(bytes([0, 0, 0, 9, 9, 9, 0, 0, 0]))
    assert graph.decode_mask(encoded(picture)).numpy().tolist() == [[0, 1, 0]]
