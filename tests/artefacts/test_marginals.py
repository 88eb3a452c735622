"""Marginals of two CRFs on disk: grey PNGs of 16 bits, plane below plane, that decode inside a graph."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.artefacts.test_files import NAMES
from tfwsss.artefacts.files import path_of
from tfwsss.artefacts.marginals import STEPS, read_marginals, write_marginals
from tfwsss.batches.sure_cells import decode_marginals
from tfwsss.errors import ImageFault


def drawn(planes: int, rows: int = 7, columns: int = 5, seed: int = 0) -> np.ndarray:
    found = np.random.default_rng(seed).random((2, planes, rows, columns)).astype(np.float32)
    return found / found.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("planes", [1, 2, 5])
def test_round_trip(tmp_path, name, planes):
    """To 1e-5, which is a 655th of what the smallest change of a label needs; 0 and 1 stay what they are."""
    marginals = drawn(planes)
    marginals[0, :, 0, 0], marginals[0, 0, 0, 0] = 0, 1
    write_marginals(tmp_path, name, marginals)
    found = read_marginals(tmp_path, name, planes)
    assert found.dtype == np.float32 and found.shape == marginals.shape
    np.testing.assert_allclose(found, marginals, rtol=0, atol=1e-5)
    assert found[0, 0, 0, 0] == 1 and (found[0, 1:, 0, 0] == 0).all()
    with Image.open(path_of(tmp_path, "marginals", name)) as image:
        assert image.mode.startswith("I") and image.size == (5, 2 * planes * 7)


@pytest.mark.parametrize("planes", [1, 3])
def test_the_graph_reads_the_same(tmp_path, planes):
    """Channels last, those under strong background first."""
    marginals = drawn(planes)
    write_marginals(tmp_path, "a", marginals)
    decode = tf.function(decode_marginals, input_signature=[tf.TensorSpec([], tf.string), tf.TensorSpec([2], tf.int32)])
    found = decode((tmp_path / "a.png").read_bytes(), [7, 5]).numpy()
    expected = np.moveaxis(read_marginals(tmp_path, "a", planes).reshape(2 * planes, 7, 5), 0, -1)
    np.testing.assert_array_equal(np.rint(found * STEPS), np.rint(expected * STEPS))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_sums_that_rounding_lifts_above_one_are_one(tmp_path):
    write_marginals(tmp_path, "a", np.full((2, 1, 1, 1), 1 + 9e-6))
    assert (read_marginals(tmp_path, "a", 1) == 1).all()


@pytest.mark.parametrize("bad", [drawn(2)[0], np.full((2, 1, 2, 2), -0.01), np.full((2, 1, 2, 2), 1.01),
                                 np.full((2, 1, 2, 2), np.nan), np.ones((3, 1, 2, 2))])
def test_what_are_no_marginals_is_not_written(tmp_path, bad):
    with pytest.raises(ValueError, match="marginals are"):
        write_marginals(tmp_path, "a", bad)
    assert not list(tmp_path.iterdir())


def test_marginals_of_other_classes_are_a_fault(tmp_path):
    """Seven rows of two planes are no whole number of three planes."""
    write_marginals(tmp_path, "a", drawn(2))
    with pytest.raises(ImageFault, match="a.png: 28 rows are not 2 x 3 planes; run the stage that writes it again"):
        read_marginals(tmp_path, "a", 3)
