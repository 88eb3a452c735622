import keras
import numpy as np
import pytest
import tensorflow as tf

from tfwsss.layers.tap_conv import Conv2D

RANDOM = np.random.default_rng(0)


def beside_keras(shape, filters, kernel, dilation, **settings):
    """Results and gradients of x, kernel and bias, of this layer and of Keras' own with the same weights."""
    ours = Conv2D(filters, kernel, dilation, **settings)
    theirs = keras.layers.Conv2D(filters, kernel, padding="same", dilation_rate=dilation, **settings)
    x, slope = (tf.constant(RANDOM.normal(size=(*shape[:3], size)).astype("float32")) for size in (shape[3], filters))
    for layer in (theirs, ours):
        layer.build(shape)
    ours.set_weights([RANDOM.normal(size=weight.shape) for weight in ours.get_weights()])
    theirs.set_weights(ours.get_weights())
    answers = []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        answers.append([y, *tape.gradient(y, [x, *layer.trainable_variables], slope)])
    return answers


@pytest.mark.parametrize(("kernel", "dilation"), [(3, 1), (3, 3), (3, 12), (1, 1), ((3, 5), (2, 1)), (5, (1, 4))])
@pytest.mark.parametrize("channels", [6, 40])                 # maps are shifted, results are shifted
def test_values_and_gradients_are_those_of_the_plain_convolution(kernel, dilation, channels):
    for ours, theirs in zip(*beside_keras((2, 7, 9, channels), 4, kernel, dilation), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5)


def test_bias_and_activation_come_after_the_shifts():
    for ours, theirs in zip(*beside_keras((1, 6, 5, 3), 2, 3, 2, activation="relu"), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("filters", [2, 8])
def test_maps_of_unknown_size_are_convolved_alike(filters):
    layer = Conv2D(filters, 3, 2)
    image = RANDOM.normal(size=(1, 8, 11, 20)).astype("float32")
    anywhere = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, 20))])
    assert anywhere.get_concrete_function().output_shapes[-1] == filters          # loops over windows need to know it
    np.testing.assert_allclose(anywhere(image), layer(image), atol=1e-6)


def test_a_file_of_weights_of_the_plain_convolution_is_read(tmp_path):
    def network(kind, **settings):
        image = keras.Input((None, None, 3))
        return keras.Model(image, keras.layers.Conv2D(2, 1)(kind(4, 3, dilation_rate=2, **settings)(image)))

    plain, ours = network(keras.layers.Conv2D, padding="same"), network(Conv2D)
    plain.save_weights(tmp_path / "plain.weights.h5")
    ours.load_weights(tmp_path / "plain.weights.h5")
    image = RANDOM.normal(size=(1, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(ours(image), plain(image), atol=1e-5)


def test_a_saved_layer_is_the_same_again():
    layer = Conv2D(2, (3, 1), (4, 1), use_bias=False, name="score")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is Conv2D and again.get_config() == layer.get_config()
