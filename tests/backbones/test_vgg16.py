import keras
import numpy as np
import pytest

from tests.support.arrays import channels_last, recorded
from tfwsss.backbones.vgg16 import MEAN, vgg16
from tfwsss.errors import UserError


def test_names_shapes_and_count_are_the_release():
    model = vgg16()
    convolutions = {w.path: tuple(w.shape) for w in model.weights if w.path.endswith("kernel")}
    assert list(convolutions)[0] == "conv1_1/kernel" and list(convolutions)[-2:] == ["fc6/kernel", "fc7/kernel"]
    assert len(convolutions) == 15 and convolutions["fc6/kernel"] == (3, 3, 512, 1024)
    head = 3 * 3 * 512 * 1024 + 1024 + 1024 * 1024 + 1024
    assert model.count_params() == 14_714_688 + head and head + 20 * 1024 + 20 == 5_789_716


def test_sides_are_those_of_the_release():
    model = vgg16(width=1 / 64, head_channels=2)
    for rows, columns in ((321, 97), (96, 104)):
        maps = model(np.zeros((1, rows, columns, 3), "float32"))
        expected = ((rows + 7) // 8, (columns + 7) // 8)
        assert tuple(maps["features"].shape[1:3]) == tuple(maps["classifier"].shape[1:3]) == expected


def test_pools_follow_the_release_at_even_sizes():
    model = vgg16(width=1 / 64, head_channels=2)
    falling, ones = 20 - np.arange(1, 17, dtype="float32").reshape(1, 4, 4, 1), np.ones((1, 4, 4, 1), "float32")
    maximum = model.get_layer("pool1")(model.get_layer("pool1_pad")(falling))
    np.testing.assert_array_equal(maximum[0, :, :, 0], [[19, 18], [15, 14]])
    average = model.get_layer("pool5a")(model.get_layer("pool5a_pad")(ones))
    np.testing.assert_allclose(average[0, :2, :2, 0], [[4 / 9, 6 / 9], [6 / 9, 1]], rtol=1e-6)


def test_average_pool_as_caffe_recorded_it():
    data, model = recorded("mcis_caffe_layers"), vgg16(width=1 / 64, head_channels=2)
    found = model.get_layer("pool5a")(model.get_layer("pool5a_pad")(channels_last(data["avepool_in"])))
    np.testing.assert_allclose(found, channels_last(data["avepool_k3s1p1"]), rtol=1e-6)


def test_dropout_acts_in_training_only():
    model = vgg16(width=1 / 16, head_channels=64)
    image = np.random.default_rng(0).uniform(0, 255, (1, 33, 33, 3)).astype("float32")
    np.testing.assert_array_equal(model(image)["classifier"], model(image)["classifier"])
    assert np.any(model(image, training=True)["classifier"] != model(image)["classifier"])
    np.testing.assert_array_equal(model(image, training=True)["features"], model(image)["features"])


def test_affinitynets_form_sees_blue_first_without_its_means():
    model = vgg16(width=1 / 64, head_channels=2, form="affinitynet")
    seen = keras.Model(model.input, model.get_layer("subtract_mean").output)(np.float32([[[[1, 2, 3]]]]))
    np.testing.assert_allclose(seen[0, 0, 0], np.subtract([3, 2, 1], MEAN), rtol=1e-6)


def test_affinitynets_form_has_no_further_pool_and_freezes_two_blocks():
    model = vgg16(width=1 / 64, head_channels=2, form="affinitynet", fc6_dilation=4)
    names = [layer.name for layer in model.layers]
    assert not [name for name in names if name.startswith("pool5")] and model.get_layer("fc6").dilation_rate == (4, 4)
    frozen = {weight.path for weight in model.weights} - {weight.path for weight in model.trainable_weights}
    assert frozen == {f"conv{layer}/{leaf}" for layer in ("1_1", "1_2", "2_1", "2_2") for leaf in ("kernel", "bias")}
    assert len(vgg16(width=1 / 64, head_channels=2).trainable_weights) == 30


def test_affinitynets_form_drops_whole_channels_of_fc6_only():
    model = vgg16(width=1 / 16, head_channels=64, form="affinitynet")
    assert [layer.name for layer in model.layers if "dropout" in layer.name] == ["fc6_dropout"]
    layer = model.get_layer("fc6_dropout")
    dropped = np.asarray(layer(np.ones((1, 3, 4, 64), "float32"), training=True))
    assert set(np.unique(dropped)) == {0, 2} and np.all(dropped == dropped[:, :1, :1])


def test_unknown_form_is_refused():
    with pytest.raises(UserError, match="form is 'psa'; expected one of icd, affinitynet, mcis, oaa"):
        vgg16(form="psa")


@pytest.mark.parametrize(("form", "seen"), [("mcis", ((128 / 255 - 0.485) / 0.229, (64 / 255 - 0.456) / 0.224,
                                                      -0.406 / 0.225)),
                                            ("oaa", (-104.007, 64 - 116.669, 128 - 122.679))])
def test_colours_of_mcis_and_oaa(form, seen):
    model = vgg16(width=1 / 64, form=form)
    found = keras.Model(model.input, model.get_layer("subtract_mean").output)(np.float32([[[[128, 64, 0]]]]))
    np.testing.assert_allclose(found[0, 0, 0], seen, rtol=1e-5)


@pytest.mark.parametrize(("form", "side", "positions"), [
    ("mcis", 97, 12), ("mcis", 72, 9), ("mcis", 192, 24), ("mcis", 8, 1), ("oaa", 97, 13), ("oaa", 224, 28),
    ("oaa", 299, 38), ("oaa", 72, 9), ("oaa", 1, 1)])
def test_mcis_rounds_sizes_down_and_oaa_up(form, side, positions):
    assert vgg16(width=1 / 64, form=form).compute_output_shape((1, side, 8, 3))["classifier"] == (1, positions, 1, 8)


def test_mcis_and_oaa_have_three_layers_of_their_own_and_learn_everything():
    model = vgg16(form="mcis")
    assert model.count_params() == 14_714_688 + 7_079_424 and model.name == "vgg16_mcis"
    assert len(model.trainable_weights) == len(model.weights) == 32
    for form, deviation in (("mcis", np.sqrt(2 / (9 * 256))), ("oaa", 0.01)):
        kernel = np.asarray(vgg16(width=0.5, form=form).get_layer("extra2").kernel)
        np.testing.assert_allclose(kernel.std(), deviation, rtol=0.01)
    assert not any("dropout" in layer.name for layer in model.layers)


@pytest.mark.parametrize("form", ["mcis", "oaa"])
def test_first_pool_takes_the_largest_of_four(form):
    pooled = vgg16(width=1 / 64, form=form).get_layer("pool1")(np.arange(9, dtype="float32").reshape(1, 3, 3, 1))
    assert pooled[0, :, :, 0].numpy().tolist() == ([[4]] if form == "mcis" else [[4, 5], [7, 8]])
