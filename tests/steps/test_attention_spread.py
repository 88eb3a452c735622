import keras
import numpy as np
import pytest

from tests.support.whole_images import network
from tfwsss.backbones.build import build_backbone
from tfwsss.backbones.vit import attention_means
from tfwsss.errors import UserError
from tfwsss.inference.see import stride_of
from tfwsss.layers.attention_spread import AttentionSpread
from tfwsss.steps.attention_spread import BEFORE, TransformerSettings, spread_network

WIDTH = 1 / 64


@pytest.fixture
def settings(tmp_path):
    keras.utils.set_random_seed(0)
    build_backbone("dinov2_small", width=WIDTH).save_weights(tmp_path / "vit.weights.h5")
    return TransformerSettings(initial=tmp_path / "vit.weights.h5", width=WIDTH, blocks=3)


def test_one_of_the_maps_is_spread_by_the_last_blocks(settings):
    plain = network()
    made, image = spread_network(plain, "cam", settings), np.random.default_rng(0).uniform(0, 255, (2, 33, 49, 3))
    image = image.astype("float32")
    found, expected = made(image), plain(image)
    np.testing.assert_array_equal(found[BEFORE], expected["cam"])
    np.testing.assert_array_equal(found["scores"], expected["scores"])
    assert found["cam"].shape == expected["cam"].shape and stride_of(made) == stride_of(plain)
    own = build_backbone("dinov2_small", settings.initial, width=WIDTH)
    means = np.array(keras.Model(own.input, attention_means(own))(image))[-3:, :, 1:, 1:]
    assert means.shape == (3, 2, 12, 12)                                      # 3 x 4 patches of 14 pixels
    spread = AttentionSpread(stride_of(plain), 14)(expected["cam"], means.mean(0), np.zeros((2, 3, 4, 1)))
    np.testing.assert_allclose(found["cam"], spread, atol=1e-5)


def test_more_blocks_than_there_are_are_all(settings):
    image = np.random.default_rng(0).uniform(0, 255, (1, 29, 29, 3)).astype("float32")
    all_of_them, more = (spread_network(network(), "cam", settings.model_copy(update={"blocks": blocks}))(image)["cam"]
                         for blocks in (12, 99))
    np.testing.assert_array_equal(all_of_them, more)


def test_weights_that_are_not_there(tmp_path):
    with pytest.raises(UserError, match="no.weights.h5: no such weight"):
        spread_network(network(), "cam", TransformerSettings(initial=tmp_path / "no.weights.h5", width=WIDTH))
