import numpy as np

from tests.support.graphs import problem
from tfwsss.training.graph_group import NO_BOX, group_signature, side_by_side
from tfwsss.training.graph_problem import prepare


def test_images_stand_side_by_side_each_filled_up():
    given = [problem((21, 26), 4, 5, "a", boxes=True), problem((32, 9), 4, 5, "b", seed=1)]
    ones = [prepare(one, 5, 4, 6, 3, 255, 0) for one in given]
    group = side_by_side(ones)
    assert {one.shape for one in ones} == {(8, 8, 512)}
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


def test_the_signature_fits():
    """Of a group without boxes too: it has a place for one."""
    group = side_by_side([prepare(problem((9, 9), 4, 5), 5, 4, 6, 3, 0, 0)])
    signature = group_signature(12, 6, 3, 5)
    assert set(group) == set(signature) and group["boxes"].shape == (1, 1, 4)
    for name, value in group.items():
        assert value.dtype == signature[name].dtype.as_numpy_dtype, name
        assert signature[name].shape.is_compatible_with(value.shape), name
