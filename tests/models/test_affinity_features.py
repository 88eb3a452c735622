import keras
import numpy as np

from tests.support.arrays import channels_last
from tests.support.shared import shared_file
from tfwsss.backbones.small import small
from tfwsss.models.affinity_features import embedding, taps_of
from tfwsss.ops.affinity import feature_distance
from tfwsss.ops.offsets import half_window


def test_features_and_their_distances_as_a2gnn_recorded_them():
    data = np.load(shared_file("fixtures/a2gnn/affinity_head.npz"), allow_pickle=False)
    keys = ("conv4", "conv5", "conv6")
    image = keras.Input((None, None, 3))
    taps = [keras.layers.Conv2D(data[key].shape[1], 1, name=key)(image) for key in keys]
    features = embedding(keras.Model(image, taps), keys, (64, 128, 256), group_norm=False)
    network = keras.Model(taps, features)
    for name in ("f8_3", "f8_4", "f8_5", "f9"):
        network.get_layer(name).kernel.assign(data[f"{name}.weight"].transpose(2, 3, 1, 0))
    found = network([channels_last(data[key]) for key in keys])
    np.testing.assert_allclose(found, channels_last(data["f9_out"]), rtol=1e-5, atol=1e-5)
    for radius in (3, 4):
        half = half_window(radius)
        theirs = data[f"dist_r{radius}"].reshape(-1, 4, 5)[-len(half):].transpose(1, 2, 0)
        ours = np.asarray(feature_distance(found, half))[0]
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)           # outside the map too
        np.testing.assert_allclose(np.exp(-ours).sum(), data[f"aff_r{radius}"].reshape(-1, 4, 5)[-len(half):].sum(),
                                   rtol=1e-5)


def test_taps_are_those_named_or_those_known():
    backbone = small(width=0.1)
    assert taps_of(backbone) == ("relu4", "relu5", "relu6") and taps_of(backbone, ["relu6"]) == ("relu6",)
