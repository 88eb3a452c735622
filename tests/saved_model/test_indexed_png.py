"""The PNG that the graph writes, read by Pillow, by its chunks and by our own reader."""

import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfwsss.artefacts.masks import read_mask
from tfwsss.palette import voc_palette
from tfwsss.saved_model.indexed_png import encode_indexed

RANDOM = np.random.default_rng(1)


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (7, 3), (375, 500), (513, 2)])
def test_ids_and_colours_come_back(size, tmp_path):
    ids = RANDOM.choice(np.array([0, 1, 2, 20, 128, 255], np.uint8), size)
    contents = encode_indexed(tf.constant(ids), voc_palette()).numpy()
    picture = Image.open(io.BytesIO(contents))
    picture.verify()                                               # all checksums
    picture = Image.open(io.BytesIO(contents))
    assert picture.mode == "P" and picture.getpalette() == voc_palette().ravel().tolist()
    np.testing.assert_array_equal(np.array(picture), ids)
    np.testing.assert_array_equal(np.array(picture.convert("RGB")), voc_palette()[ids])
    (tmp_path / "a.png").write_bytes(contents)
    np.testing.assert_array_equal(read_mask(tmp_path, "a"), ids)


def test_chunks_are_in_order_and_whole():
    contents = encode_indexed(tf.constant(RANDOM.integers(0, 9, (40, 30)), tf.uint8), voc_palette()).numpy()
    at, names = 8, []
    while at < len(contents):
        length, = struct.unpack(">I", contents[at:at + 4])
        body, crc = contents[at + 4:at + 8 + length], contents[at + 8 + length:at + 12 + length]
        assert struct.unpack(">I", crc)[0] == zlib.crc32(body)
        names.append(body[:4])
        at += 12 + length
    assert names[:2] == [b"IHDR", b"PLTE"] and names[-1] == b"IEND" and set(names[2:-1]) == {b"IDAT"}
