"""Decoding and geometry in the graph, against Pillow, OpenCV and the original loader's recorded results."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.data.files import encoded
from tfwsss.data import images as graph
from tfwsss.palette import IGNORE

RECORDED = Path(__file__).parents[1] / "recorded" / "icd_loader.npz"


def photograph(rows=37, columns=51):
    random = np.random.default_rng(0)
    return cv2.resize(random.integers(0, 256, (9, 12, 3)).astype(np.uint8), (columns, rows))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 30},
                                     {"quality": 100, "optimize": True}, {"restart_marker_blocks": 2}])
@pytest.mark.parametrize("grey", [False, True])
def test_jpeg_equals_pillow_exactly(options, grey):
    picture = Image.fromarray(photograph()).convert("L" if grey else "RGB")
    contents = encoded(picture, "JPEG", **options)
    expected = np.array(Image.open(io.BytesIO(contents)).convert("RGB"))
    assert (graph.decode_image(contents).numpy() == expected).all()


def test_decoding_inside_a_graph_takes_both_kinds():
    decode = tf.function(graph.decode_image, input_signature=[tf.TensorSpec([], tf.string)])
    pixels, photo = photograph(), encoded(photograph(), "JPEG")
    assert decode.get_concrete_function().structured_outputs.shape.as_list() == [None, None, 3]
    assert (decode(encoded(pixels)).numpy() == pixels).all()
    assert (decode(photo).numpy() == np.array(Image.open(io.BytesIO(photo)))).all()


@pytest.mark.parametrize("contents", [b"", b"text", b"\xff\xd8 no JPEG", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_what_is_no_image_is_refused(contents):
    with pytest.raises(tf.errors.InvalidArgumentError):
        graph.decode_image(contents)


def test_scaled_image_is_within_one_of_opencv():
    pixels = np.random.default_rng(1).integers(0, 256, (23, 31, 3)).astype(np.uint8)
    for factor in (0.5, 0.75, 1.25, 1.5):
        size = graph.scaled_size([23, 31], factor)
        assert size.numpy().tolist() == [int(23 * factor + 0.5), int(31 * factor + 0.5)]
        expected = cv2.resize(pixels, (int(size[1]), int(size[0])), interpolation=cv2.INTER_LINEAR)
        assert np.abs(graph.scale_image(pixels, size).numpy().astype(int) - expected).max() <= 1
    assert (graph.scale_image(pixels, [23, 31]).numpy() == pixels).all()


def test_scaled_ids_equal_opencv():
    for rows in range(1, 120, 7):
        ids = np.arange(rows * 5, dtype=np.float32).reshape(rows, 5)
        for factor in (0.5, 0.75, 1.25, 1.5, 0.31):
            size = np.maximum(graph.scaled_size([rows, 5], factor).numpy(), 1)
            expected = cv2.resize(ids, (int(size[1]), int(size[0])), interpolation=cv2.INTER_NEAREST)
            assert (graph.scale_ids(tf.constant(ids), size).numpy() == expected).all(), (rows, factor)


def test_padding():
    image = tf.fill([2, 3, 3], 9.0)
    padded = graph.pad(image, 4, 5, tf.constant([1.0, 2, 3])).numpy()
    assert (padded[:2, :3] == 9).all() and (padded[2:] == [1, 2, 3]).all() and (padded[:, 3:] == [1, 2, 3]).all()
    assert graph.pad(image, 1, 5, 0).shape == (2, 5, 3)
    regions = tf.constant([[4, 0]])
    assert graph.pad(regions, 2, 2, graph.next_id(regions)).numpy().tolist() == [[4, 0], [5, 5]]
    assert graph.pad(tf.constant([[7]], tf.uint8), 1, 2, IGNORE).numpy().tolist() == [[7, 255]]


@pytest.mark.parametrize("count", [(), (2,)])
@pytest.mark.parametrize("size", [(4, 5), (2, 3), (2, 6)])
def test_filling_up(count, size):
    """Below and on the right, of one image and of a batch, in the image's type."""
    image = np.full((*count, 2, 3, 3), 9, np.uint8)
    filled = graph.fill(tf.constant(image), *size, (1.0, 2.0, 3.0)).numpy()
    assert filled.shape == (*count, *size, 3) and filled.dtype == np.uint8
    assert (filled[..., :2, :3, :] == 9).all()
    assert (filled[..., 2:, :, :] == [1, 2, 3]).all() and (filled[..., :, 3:, :] == [1, 2, 3]).all()


def test_crop_positions_are_all_equally_likely():
    draws = np.random.default_rng(0).random((4000, 2)).astype(np.float32)
    counts = np.zeros((3, 5))
    for row, column in (graph.crop_offsets(tf.constant([12, 14]), 10, 10, draw).numpy() for draw in draws):
        counts[row, column] += 1
    assert np.abs(counts / 4000 * 15 - 1).max() < 0.3
    assert graph.crop_offsets(tf.constant([12, 14]), 10, 10, np.float32([0.99999997, 0])).numpy().tolist() == [2, 0]
    assert graph.crop(tf.reshape(tf.range(12), (3, 4)), [1, 2], 2, 2).numpy().tolist() == [[6, 7], [10, 11]]


@pytest.mark.parametrize("case", range(5))
def test_original_loader(case):
    """Its NumPy draws, in its order: crop row, crop column, permutation of region ids."""
    recorded = np.load(RECORDED, allow_pickle=False)
    factor, mirrored, random_crop, side, seed = (float(value) for value in recorded[f"cfg{case}"])
    side = int(side)
    image = tf.constant(recorded["image_bgr"])
    regions = graph.decode_regions(encoded(np.ascontiguousarray(recorded["superpixel_bgr"][..., ::-1])))
    if factor != 1:
        size = graph.scaled_size(tf.shape(regions), factor)
        image, regions = graph.scale_image(image, size), graph.scale_ids(regions, size)
    image, regions = (graph.mirror(x, tf.constant(mirrored == 1)) for x in (image, regions))
    image, regions = graph.pad(image, side, side, 127), graph.pad(regions, side, side, graph.next_id(regions))
    random = np.random.RandomState(int(seed))
    rows, columns = regions.shape
    offsets = [random.randint(0, rows - side + 1), random.randint(0, columns - side + 1)] if random_crop else \
        [(rows - side) // 2, (columns - side) // 2]
    image, regions = (graph.crop(x, offsets, side, side).numpy() for x in (image, regions))
    assert np.abs(image.astype(int) - recorded[f"img{case}"]).max() <= (factor != 1)
    ids, dense = np.unique(regions, return_inverse=True)
    order = random.permutation(len(ids))
    assert (order[dense.reshape(regions.shape)] == recorded[f"sp{case}"]).all()
