"""Marginals over the cells of a crop, against the released program's rule."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.oracles.affinity_labels import affinity_labels
from tfwsss.batches.augment import DRAWS, Augmentation, augment
from tfwsss.batches.sure_cells import decode_marginals, sure_cells

LOW = [(0.7, 0.3, 0.0), (0.4, 0.5, 0.1), (0.1, 0.2, 0.7), (0.2, 0.8, 0.0), (0.0, 0.0, 0.0)]
HIGH = [(0.6, 0.4, 0.0), (0.3, 0.6, 0.1), (0.05, 0.2, 0.75), (0.9, 0.1, 0.0), (0.0, 0.0, 0.0)]


def drawn(planes: int, rows: int, columns: int, seed: int = 0) -> np.ndarray:
    """Marginals `(2, plane, row, column)` of patches, so that cells have clear labels and unclear ones."""
    random = np.random.default_rng(seed)
    small = random.random((2, planes, -(-rows // 6), -(-columns // 6))) ** 3
    found = small.repeat(6, 2).repeat(6, 3)[:, :, :rows, :columns] + 0.05 * random.random((2, planes, rows, columns))
    return (found / found.sum(axis=1, keepdims=True)).astype(np.float32)


def stacked(marginals: np.ndarray):
    return tf.constant(np.moveaxis(marginals.reshape(-1, *marginals.shape[2:]), 0, -1))


def test_the_worked_example():
    """Five cells, two classes: of p = 0 1 2 1 0 and q = 0 1 2 0 0 come 0, 1, 2, 0, unknown."""
    planes = tf.constant([[[*low, *high] for low, high in zip(LOW, HIGH, strict=True)]])
    assert sure_cells(planes, [1.0, 1.0], 1).numpy().tolist() == [[0, 1, 2, 0, 255]]
    wide = np.repeat(np.repeat(planes, 8, axis=0), 8, axis=1)
    assert sure_cells(tf.constant(wide), [1.0, 1.0], 8).numpy().tolist() == [[0, 1, 2, 0, 255]]
    assert sure_cells(planes, [0.0, 1.0, 0.0, 1.0], 1).numpy().tolist() == [[0, 2, 4, 0, 255]]      # other classes


@pytest.mark.parametrize("classes", [(), (1,), (0, 2)])
@pytest.mark.parametrize("size", [(48, 56), (41, 33), (8, 8), (5, 3), (1, 1)])
def test_cells_are_those_of_the_released_rule(classes, size):
    """Means over 8 x 8 pixels, cells half outside filled up with 0, then the labels."""
    marginals, tags = drawn(1 + len(classes), *size), np.isin(range(3), classes).astype(np.float32)
    expected = affinity_labels(*marginals, classes, block=8)
    np.testing.assert_array_equal(sure_cells(stacked(marginals), tags, 8), expected)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("corner", [(0.0, 0.0), (0.3, 0.8), (0.999, 0.999), (0.55, 0.05)])
@pytest.mark.parametrize("crop", [48, 64, 112])
def test_cells_begin_where_the_crop_does(mirrored, corner, crop):
    """Not where the image does: for any offset, mirrored, and with borders outside of the image."""
    rows, columns, classes = 70, 93, (0, 2)
    marginals = drawn(3, rows, columns)
    draws = np.full(DRAWS, 0.25, np.float32)
    draws[1], draws[2:4], draws[4:6] = (0.0 if mirrored else 0.9), corner, corner
    how = Augmentation(crop, crop, mirror=True, scatter=True, pad_value=0.0)
    y, x = np.mgrid[:rows, :columns]
    places = np.stack([y + 1, x + 1, 0 * x], axis=-1).astype(np.uint8)              # 0: outside
    found = augment({"image": tf.constant(places), "marginals": stacked(marginals)}, tf.constant(draws), how)
    row, column, _ = np.moveaxis(found["image"].numpy().astype(int), -1, 0)
    whole = np.pad(marginals, ((0, 0), (0, 0), (1, 0), (1, 0)))[:, :, row, column]
    whole[:, :, row == 0] = 0
    labels = sure_cells(found["marginals"], [1.0, 0.0, 1.0], 8).numpy()
    np.testing.assert_array_equal(labels, affinity_labels(*whole, classes, block=8))
    assert labels.shape == (crop // 8, crop // 8) and len(np.unique(labels)) >= 3
    assert ((row == 0).any() and (labels == 255).any()) or crop <= 64


def test_means_of_marginals_are_not_the_majority_of_labels():
    """Three sure pixels of one class and one torn between both backgrounds: the cell's means decide."""
    low = np.array([[0.45, 0.45, 0.45, 1.0]]), np.array([[0.55, 0.55, 0.55, 0.0]])
    high = np.array([[0.4, 0.4, 0.4, 0.9]]), np.array([[0.6, 0.6, 0.6, 0.1]])
    marginals = np.array([low, high], np.float32).reshape(2, 2, 2, 2)
    assert affinity_labels(*marginals, [0], block=1).tolist() == [[1, 1], [1, 0]]
    assert sure_cells(stacked(marginals), [1.0], 2).numpy().tolist() == [[0]]


def test_unknown_sizes_and_classes_give_the_same():
    """As in a stream: compiled once for images of any number of classes."""
    graph = tf.function(lambda planes, tags: sure_cells(planes, tags, 8), input_signature=[
        tf.TensorSpec((48, 40, None)), tf.TensorSpec((3,))])
    for classes in ((), (1,), (0, 1, 2)):
        marginals, tags = drawn(1 + len(classes), 48, 40), np.isin(range(3), classes).astype(np.float32)
        np.testing.assert_array_equal(graph(stacked(marginals), tags), affinity_labels(*marginals, classes, block=8))
    assert graph.get_concrete_function().structured_outputs.shape == (6, 5)


@pytest.mark.parametrize("contents", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused(contents):
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_marginals(contents, [4, 4])


def test_marginals_of_another_image_are_refused():
    picture = tf.io.encode_png(tf.zeros((14, 5, 1), tf.uint16))
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_marginals(picture, [4, 5])


@pytest.mark.parametrize(("shape", "size", "message"), [
    ((8, 6), [4, 5], "not as wide"), ((8, 3), [4, 6], "not as wide"), ((14, 5), [4, 5], "no planes"),
    ((8, 5), [3, 5], "no planes")])
def test_planes_of_another_size_are_refused_in_a_graph(shape, size, message):
    """Also where the number of values would do: 8 rows of 3 are 4 of 6."""
    decode = tf.function(decode_marginals, input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([2], tf.int32)])
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        decode(tf.io.encode_png(tf.zeros((*shape, 1), tf.uint16)), tf.constant(size))
    assert decode(tf.io.encode_png(tf.zeros((8, 5, 1), tf.uint16)), tf.constant([4, 5])).shape == (4, 5, 2)


@pytest.mark.parametrize(("classes", "tags"), [(1, [1.0, 1.0]), (2, [0.0, 1.0]), (0, [1.0, 0.0]), (2, [0.0, 0.0])])
def test_marginals_of_other_classes_are_refused(classes, tags):
    graph = tf.function(lambda planes, tags: sure_cells(planes, tags, 8), input_signature=[
        tf.TensorSpec((None, None, None)), tf.TensorSpec((2,))])
    with pytest.raises(tf.errors.InvalidArgumentError, match="not of the classes of their image"):
        graph(stacked(drawn(1 + classes, 8, 16)), tf.constant(tags))
