import keras
import numpy as np
import pytest
from keras import ops

from tfwsss.backbones.resnet38 import resnet38
from tfwsss.ops.colours import DEVIATION, MEAN

pytestmark = pytest.mark.large


def test_names_shapes_and_what_learns_are_the_release():
    model = resnet38()
    kernels = {w.path: tuple(w.shape) for w in model.weights if w.path.endswith("kernel")}
    assert len(kernels) == 43 and len(model.weights) == 43 + 4 * 37
    assert kernels["b5_conv_branch2b1/kernel"] == (3, 3, 512, 1024)
    assert kernels["b6_conv_branch1/kernel"] == (1, 1, 1024, 2048)
    assert kernels["b7_conv_branch2b2/kernel"] == (1, 1, 2048, 4096)
    assert model.count_params() == 105_152_832 - 20 * 4096 + 47_744
    learning = {w.path for w in model.trainable_weights}
    assert learning == {path for path in kernels if not path.startswith(("conv1a/", "b2_"))} and len(learning) == 35


@pytest.mark.parametrize("size", [(97, 121), (104, 128), (96, 33)])
def test_sides_are_those_of_the_release(size):
    maps = resnet38(width=1 / 64)(np.zeros((1, *size, 3), "float32"))
    for value in maps.values():
        assert tuple(value.shape[1:3]) == tuple((side + 7) // 8 for side in size)


def test_strides_pad_both_sides_alike_at_even_sizes():
    model = resnet38(width=1 / 64)
    ones = np.ones((1, 4, 4, 1), "float32")
    convolution = model.get_layer("b2_conv_branch2a")
    convolution.set_weights([np.ones_like(convolution.kernel)])
    found = convolution(model.get_layer("b2_conv_branch2a_pad")(ones))
    np.testing.assert_array_equal(np.asarray(found)[0, :, :, 0], [[4, 6], [6, 9]])


def test_images_are_normalised_by_imagenets_colours():
    layer = resnet38(width=1 / 64).get_layer("normalise")
    colours = 255 * np.array([[MEAN, np.add(MEAN, DEVIATION)]], "float32")
    np.testing.assert_allclose(layer(colours[None])[0, 0], [[0, 0, 0], [1, 1, 1]], atol=1e-6)


def test_whole_channels_are_dropped_in_training_and_statistics_stay():
    model = resnet38(width=1 / 16)
    before = [np.asarray(weight) for weight in model.non_trainable_weights]
    image = ops.convert_to_tensor(np.random.default_rng(0).uniform(0, 255, (4, 33, 33, 3)).astype("float32"))
    for block, share in (("b6", 0.3), ("b7", 0.5)):
        for branch in ("branch2b1", "branch2b2"):
            name = f"{block}_dropout_{branch}"
            both = keras.Model(model.input, [model.get_layer(name).input, model.get_layer(name).output])
            start, end = (np.asarray(ops.sum(x, (1, 2))) for x in both(image, training=True))
            assert abs(np.mean(end[start > 0] == 0) - share) < 0.15, name
            left = np.asarray(both(image, training=False)[1])
            np.testing.assert_array_equal(left, both(image, training=False)[0])
    for one, other in zip(before, model.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(one, other)
