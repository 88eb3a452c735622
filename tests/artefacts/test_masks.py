"""Masks on disk: indexed PNGs whose colours are the data set's."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.artefacts.test_files import NAMES
from tfwsss.artefacts.files import path_of
from tfwsss.artefacts.masks import mask_of, read_mask, write_mask
from tfwsss.data.reading import read_ids
from tfwsss.errors import ImageFault
from tfwsss.palette import voc_palette


@pytest.mark.parametrize("name", NAMES)
def test_mask_round_trip(tmp_path, name):
    mask = np.random.default_rng(0).integers(0, 256, (7, 5)).astype(np.uint8)
    write_mask(tmp_path, name, mask, voc_palette())
    assert (read_mask(tmp_path, name) == mask).all()
    with Image.open(path_of(tmp_path, "masks", name)) as image:
        assert image.mode == "P"
        assert len(image.getpalette()) == 768          # all colours, also of ids that do not occur
        assert (np.array(image.convert("RGB")) == voc_palette()[mask]).all()


def test_small_mask_keeps_its_palette(tmp_path):
    write_mask(tmp_path, "a", np.zeros((1, 1), np.uint8), voc_palette())
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P" and len(image.getpalette()) == 768


def test_grey_masks_of_others_are_read(tmp_path):
    Image.fromarray(np.array([[0, 3, 255]], np.uint8)).save(tmp_path / "a.png")
    assert read_mask(tmp_path, "a").tolist() == [[0, 3, 255]]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_greys_of_few_bits_hold_ids(tmp_path, bits):
    """As tools that shrink PNGs leave them; Pillow shows their greys scaled to 0-255."""
    mask = np.array([[0, 1, 2 ** bits - 1]], np.uint8)
    rows = np.packbits(np.unpackbits(mask[..., None], axis=-1)[..., 8 - bits:].reshape(1, -1), axis=-1)
    body = zlib.compress(b"\0" + rows.tobytes())
    header = struct.pack(">2I5B", 3, 1, bits, 0, 0, 0, 0)
    chunks = [struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
              for kind, data in ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))]
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    assert read_mask(tmp_path, "a").tolist() == mask.tolist()
    assert read_ids(tmp_path / "a.png").tolist() == mask.tolist()


def test_masks_of_bytes():
    """As of files: ids, also of few bits; what holds none is refused by the name that it is given."""
    ids = np.array([[0, 1], [1, 0]], np.uint8)
    narrow = Image.fromarray(ids).convert("P")
    narrow.putpalette([0, 0, 0, 128, 0, 0])
    for image, options in ((Image.fromarray(ids), {}), (narrow, {"bits": 1})):
        image.save(buffer := io.BytesIO(), "PNG", **options)
        assert (mask_of("it", buffer.getvalue()) == ids).all()
    Image.new("RGB", (2, 2)).save(colours := io.BytesIO(), "PNG")
    with pytest.raises(ImageFault, match="it: mode RGB; expected an indexed or grey PNG"):
        mask_of("it", colours.getvalue())
    Image.new("L", (2, 2)).save(other := io.BytesIO(), "GIF")
    for contents in (b"", b"text", other.getvalue(), buffer.getvalue()[:45]):
        with pytest.raises(ImageFault, match="it: cannot be read .*send the bytes of a PNG of class ids"):
            mask_of("it", contents)
