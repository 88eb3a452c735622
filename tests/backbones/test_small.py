import numpy as np
import pytest

from tfwsss.backbones.small import small
from tfwsss.layers.batch_normalization import BatchNormalization


@pytest.mark.parametrize("size", [(96, 128), (97, 33), (5, 4)])
def test_stride_four_at_any_size(size):
    maps = small(width=0.1)(np.zeros((1, *size, 3), "float32"))
    assert tuple(maps["features"].shape[1:3]) == tuple(-(-side // 4) for side in size)


def test_normalisation_spans_replicas_and_learns():
    model = small(width=0.1)
    norms = [layer for layer in model.layers if layer.name.startswith("bn")]
    assert len(norms) == 6 and all(isinstance(norm, BatchNormalization) and norm.trainable for norm in norms)


@pytest.mark.parametrize(("key", "sees"), [("features", 19), ("classifier", 43)])
def test_a_position_sees_so_many_pixels(key, sees):
    model, image = small(width=0.5), np.random.default_rng(0).uniform(0, 255, (1, 97, 97, 3)).astype("float32")
    before, reached = model(image)[key].numpy(), []
    for column in range(97):
        changed = image.copy()
        changed[:, :, column] = 255 - changed[:, :, column]
        reached += [column] if np.any(model(changed)[key].numpy()[0, :, 12] != before[0, :, 12]) else []
    assert reached[-1] - reached[0] + 1 == sees
