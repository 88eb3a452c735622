import numpy as np
import tensorflow as tf

from tests.support.graphs import problem
from tfwsss.training.graph_group import NO_BOX, group_signature, laid_out, numbers_signature, side_by_side
from tfwsss.training.graph_problem import prepare
from tfwsss.training.graph_settings import Form, GraphSettings, numbers_of


def test_images_stand_side_by_side_each_filled_up():
    given = [problem((21, 26), 4, 5, "a", boxes=True), problem((32, 9), 4, 5, "b", seed=1)]
    ones = [prepare(one, 5, 4, 6, 3, 255, 0) for one in given]
    group = side_by_side(ones)
    assert [one.shape for one in ones] == [(8, 8, 512, 2), (8, 8, 512, 1)]
    for place, (one, (rows, columns)) in enumerate(zip(ones, ((6, 7), (8, 3)), strict=True)):
        for name in ("features", "affinity", "colours"):
            values, own = group[name][place], getattr(one, name)
            np.testing.assert_array_equal(values[:rows, :columns, :own.shape[-1]], own)
            assert np.count_nonzero(values) == np.count_nonzero(own)
        assert group["inside"][place, :rows, :columns].all() and group["inside"][place].sum() == rows * columns
        np.testing.assert_array_equal(group["embedding"][place, :11], one.weights.embedding)
        assert not group["embedding"][place, 11:].any()
        np.testing.assert_array_equal(group["output"][place], one.weights.output)
        np.testing.assert_array_equal(group["sharpness"][place], one.weights.sharpness)
        np.testing.assert_array_equal(group["pixels"][group["images"] == place], one.pixels)
        np.testing.assert_array_equal(group["ids"][group["images"] == place], one.ids)
        np.testing.assert_array_equal(group["keys"][place], one.key)
    np.testing.assert_array_equal(group["sizes"], [(6, 7), (8, 3)])
    np.testing.assert_array_equal(group["boxes"], [ones[0].boxes, [NO_BOX] * 2])
    np.testing.assert_array_equal(group["labels"], [[1, 4], [0, 0]])


def test_the_signature_fits_what_is_laid_out():
    """Of a group without boxes too: it has a place for one."""
    settings, one = GraphSettings(width=6, affinity_factor=2.0), prepare(problem((9, 9), 4, 5), 5, 4, 6, 3, 0, 0)
    group = {**laid_out([one], settings), **numbers_of(settings)}
    signature = {**group_signature(Form.of(settings, 5, 4, 12)), **numbers_signature()}
    assert group["boxes"].shape == (1, 1, 4) and float(np.max(group["graph"].scores)) == 2.0
    tf.nest.assert_same_structure(group, signature)
    for value, expected in zip(tf.nest.flatten(group), tf.nest.flatten(signature), strict=True):
        assert value.dtype == expected.dtype and expected.shape.is_compatible_with(value.shape), expected
    np.testing.assert_allclose(group["kernel"].count, [9])
