"""Parts of batches: together they are the batches, whatever reads them."""

import numpy as np
import pytest
import tensorflow as tf

from tests.batches.test_groups import images as grouped  # noqa: F401  a fixture
from tests.batches.test_groups import stream as group_stream
from tests.batches.test_streams import images, stream  # noqa: F401  a fixture
from tfwsss.batches.pairs import pair_batches
from tfwsss.batches.share import WHOLE, Share


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_parts_together_are_the_batches_in_their_order(count):
    parts = [Share(rank, count).places(24, 6).reshape(4, -1) for rank in range(count)]
    assert all(part.shape == (4, Share(0, count).size(6)) for part in parts)
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), np.arange(24).reshape(4, 6))


def test_one_part_takes_partial_batches_too():
    assert WHOLE.places(7, 4).tolist() == list(range(7)) and WHOLE.size(4) == 4


def joined(parts):
    """Returns the batches of which each process has read its part."""
    return [tf.nest.map_structure(lambda *arrays: np.concatenate(arrays), *batch) for batch in zip(*parts, strict=True)]


@pytest.mark.parametrize(("size", "count"), [(6, 2), (6, 3), (8, 2)])
def test_parts_of_a_stream_are_its_batches(images, size, count):  # noqa: F811
    """Also where images are repeated to one batch, and from a later epoch on."""
    settings = {"batch_size": size, "epochs": 3, "initial_epoch": 1, "scales": (0.5, 1.0)}
    whole = stream(images, **settings)
    parts = [stream(images, **settings, share=Share(rank, count)) for rank in range(count)]
    assert len(parts[0][0][0]["image"]) == size // count and len(whole) == 2
    tf.nest.map_structure(np.testing.assert_array_equal, joined(parts), whole)


def test_parts_of_groups_are_their_batches(grouped):  # noqa: F811
    settings = {"batch_size": 4, "epochs": 3, "initial_epoch": 1}
    whole = group_stream(grouped, **settings)
    parts = [group_stream(grouped, **settings, share=Share(rank, 2)) for rank in range(2)]
    assert parts[0][0][0]["image"].shape[:2] == (2, 2) and len(whole) == 2
    tf.nest.map_structure(np.testing.assert_array_equal, joined(parts), whole)


def test_parts_of_pairs_are_their_batches(images):  # noqa: F811
    def pairs(**share):
        data = pair_batches(images, batch_size=4, side=16, epochs=2, drop_remainder=True, **share)
        return [tf.nest.map_structure(lambda tensor: tensor.numpy(), batch) for batch in data]

    parts = [pairs(share=Share(rank, 2)) for rank in range(2)]
    tf.nest.map_structure(np.testing.assert_array_equal, joined(parts), pairs())
