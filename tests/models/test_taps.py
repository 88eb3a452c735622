import keras
import numpy as np
import pytest

from tfwsss.backbones.facts import facts_of
from tfwsss.backbones.small import small
from tfwsss.errors import UserError
from tfwsss.models.taps import mixing, narrowing, own_taps, tapped


def test_taps_that_are_known_are_those_of_the_facts():
    assert own_taps(small(width=0.1), "Reader") == facts_of("small").taps
    mine = small(width=0.1, name="mine")
    with pytest.raises(UserError, match="Reader: no taps are known for backbone 'mine'"):
        own_taps(mine, "Reader")


def test_taps_are_the_outputs_of_those_layers():
    backbone = small(width=0.1)
    named = ("relu5", "relu4")
    assert all(tensor is backbone.get_layer(name).output
               for name, tensor in zip(named, tapped(backbone, named, "Reader"), strict=True))
    assert [tap.shape[-1] for tap in tapped(backbone, own_taps(backbone, "Reader"), "Reader")] == [6, 10, 10]
    with pytest.raises(UserError, match="Reader: backbone 'small' has no layer 'relu9'"):
        tapped(backbone, ("relu9",), "Reader")
    with pytest.raises(UserError, match="Reader: taps relu1, relu4 .* expected one size"):
        tapped(backbone, ("relu1", "relu4"), "Reader")


@pytest.mark.parametrize(("layer", "deviation"), [
    (narrowing(256, "f8_3"), np.sqrt(2 / 512)), (mixing(256), 4 * np.sqrt(2 / (512 + 256)))])
def test_new_convolutions_start_as_released(layer, deviation):
    """He's normal rule; Glorot's uniform one, 4 times as wide."""
    keras.utils.set_random_seed(0)
    layer.build((None, None, None, 512))
    kernel = np.asarray(layer.kernel)
    assert kernel.shape == (1, 1, 512, 256) and layer.bias is None
    np.testing.assert_allclose(kernel.std(), deviation, rtol=0.02)
    bounded = np.abs(kernel).max() <= np.sqrt(3) * deviation
    assert bounded == (layer.name == "f9")
