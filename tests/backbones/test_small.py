import numpy as np
import pytest

from tfwsss.backbones.small import small


@pytest.mark.parametrize("size", [(96, 128), (97, 33), (5, 4)])
def test_stride_four_at_any_size(size):
    maps = small(width=0.1)(np.zeros((1, *size, 3), "float32"))
    assert tuple(maps["features"].shape[1:3]) == tuple(-(-side // 4) for side in size)


def test_normalisation_spans_replicas_and_learns():
    model = small(width=0.1)
    norms = [layer for layer in model.layers if layer.name.startswith("bn")]
    assert len(norms) == 6 and all(norm.synchronized and norm.trainable for norm in norms)
