import numpy as np
import pytest

from tests.support.whole_images import interpolated
from tfwsss.layers.resize_like import ResizeLike


@pytest.mark.parametrize("corners", [True, False])
@pytest.mark.parametrize("size", [(9, 4), (2, 3), (5, 6), (1, 1)])
def test_maps_take_the_size_of_others(size, corners):
    """One row and column after another, as a slow form has it; channels stay."""
    maps = np.random.default_rng(0).normal(size=(2, 5, 6, 3)).astype("float32")
    found = ResizeLike(corners)(maps, np.zeros((2, *size, 7), "float32"))
    np.testing.assert_allclose(found, np.stack([interpolated(each, *size, corners=corners) for each in maps]),
                               atol=1e-5)
