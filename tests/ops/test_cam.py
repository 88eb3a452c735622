import numpy as np
import pytest
from keras import ops

from tfwsss.ops.cam import background_score, merge_views, normalise_by_class
from tfwsss.ops.resize import resize


def random_maps(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def test_normalise_against_a_loop():
    maps = random_maps(2, 3, 4, 5)
    maps[0, ..., 1] = -1
    maps[1, ..., 2] *= 1e-7
    found = ops.convert_to_numpy(normalise_by_class(maps))
    for i, c in np.ndindex(2, 5):
        one = np.maximum(maps[i, ..., c], 0)
        np.testing.assert_allclose(found[i, ..., c], one / max(one.max(), 1e-5), rtol=1e-6)
    assert found[0, ..., 1].max() == 0 and found[1, ..., 2].max() < 0.1 and found.max() == 1


def test_normalise_ignores_scale_and_repeats():
    maps = random_maps(1, 4, 4, 3)
    once = ops.convert_to_numpy(normalise_by_class(maps))
    np.testing.assert_allclose(normalise_by_class(maps * [3, 10, 0.5]), once, rtol=1e-5)
    np.testing.assert_allclose(normalise_by_class(once), once, rtol=1e-6)


def test_merge_averages_scales_and_undoes_flips():
    one, other = random_maps(1, 4, 6, 2), random_maps(1, 8, 9, 2, seed=1)
    expected = (ops.convert_to_numpy(resize(one, 5, 7)) + ops.convert_to_numpy(resize(other[:, :, ::-1], 5, 7))) / 2
    np.testing.assert_allclose(merge_views([one, other], [False, True], 5, 7), expected, atol=1e-6)
    np.testing.assert_allclose(merge_views([other, one], [True, False], 5, 7), expected, atol=1e-6)


def test_view_and_its_mirror_image_give_the_view():
    one = random_maps(2, 4, 6, 2)
    np.testing.assert_allclose(merge_views([one, one[:, :, ::-1]], [False, True], 4, 6), one, atol=1e-6)


@pytest.mark.parametrize("views, flags", [([], []), ([np.zeros((1, 1, 1, 1))], [True, False])])
def test_merge_refuses_missing_flags(views, flags):
    with pytest.raises(ValueError, match="flag"):
        merge_views(views, flags, 2, 2)


def test_background_against_the_equation():
    maps = np.random.default_rng(2).random((1, 3, 3, 4)).astype("float32")
    np.testing.assert_allclose(background_score(maps, 4.0)[..., 0], (1 - maps.max(-1)) ** 4, rtol=1e-5)
