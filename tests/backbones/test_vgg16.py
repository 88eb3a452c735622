import numpy as np

from tfwsss.backbones.vgg16 import vgg16


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


def test_dropout_acts_in_training_only():
    model = vgg16(width=1 / 16, head_channels=64)
    image = np.random.default_rng(0).uniform(0, 255, (1, 33, 33, 3)).astype("float32")
    np.testing.assert_array_equal(model(image)["classifier"], model(image)["classifier"])
    assert np.any(model(image, training=True)["classifier"] != model(image)["classifier"])
    np.testing.assert_array_equal(model(image, training=True)["features"], model(image)["features"])
