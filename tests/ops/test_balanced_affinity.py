import numpy as np
import pytest

from tests.support import clip as recorded
from tfwsss.ops.balanced_affinity import balanced_affinity, balanced_attention


@pytest.mark.parametrize("case", recorded.MAPS)
def test_affinity_is_that_of_pytorch(case):
    data = recorded.arrays(case)
    np.testing.assert_allclose(balanced_attention(data["W"]), data["D"], atol=1e-4 * data["D"].max())
    found = np.array(balanced_affinity(data["W"]))
    np.testing.assert_allclose(found, data["R"], atol=1e-4 * data["R"].max())


def test_it_is_symmetric_whatever_the_attention():
    attention = np.random.default_rng(0).uniform(0.01, 1, (6, 6)).astype("float32")
    found = np.array(balanced_affinity(attention))
    np.testing.assert_allclose(found, found.T, atol=1e-6)
    np.testing.assert_allclose(balanced_affinity(5 * attention), found, atol=1e-6)
    np.testing.assert_allclose(np.array(balanced_affinity(attention, 200)).sum(0), 1, atol=1e-4)
