"""The compiled mean field: its quick ways give what its plain ways give, and it is traced once."""

import numpy as np
import pytest
import tensorflow as tf

from tfwsss.ops.mean_field import Settings, compiled, compiled_for_one, gaussian_lattice, mean_field


def problem(rows=17, columns=23, classes=5, images=1):
    rng = np.random.default_rng(rows * columns)
    shape = (images, rows, columns)
    return (rng.normal(0, 2, (*shape, classes)).astype("float32"),
            np.repeat(rng.integers(0, 256, (*shape, 1)), 3, axis=-1).astype("float32"))


def test_the_quick_softmax_and_the_aligned_classes_change_nothing():
    unary, image = problem()
    plain = compiled(Settings(), few=False, aligned=False)(unary, image)
    assert np.abs(plain - tf.nn.softmax(-unary)).max() > 0.1
    for few, aligned in ((True, False), (False, True), (True, True)):
        # logits near 16 are rounded to 1e-6 in each of ten iterations
        np.testing.assert_allclose(compiled(Settings(), few, aligned)(unary, image), plain, rtol=0, atol=1e-5)


def test_one_image_is_a_batch_of_one():
    unary, image = problem()
    np.testing.assert_allclose(compiled_for_one(Settings(), True)(unary[0], image[0]),
                               compiled(Settings(), True, False)(unary, image)[0], atol=1e-6)


def test_all_sizes_share_one_trace():
    work, single = compiled(Settings(iterations=2), True, True), compiled_for_one(Settings(iterations=2), True)
    for rows, columns, classes, images in ((3, 4, 2, 1), (5, 2, 3, 2), (1, 1, 21, 3)):
        unary, image = problem(rows, columns, classes, images)
        assert work(unary, image).shape == unary.shape
        assert single(unary[0], image[0]).shape == unary.shape[1:]
    assert work.experimental_get_tracing_count() == single.experimental_get_tracing_count() == 1


def test_great_weights_take_the_safe_softmax():
    unary, image = problem()
    heavy = Settings(gaussian_weight=900.0, bilateral_weight=5000.0)
    marginals = compiled(heavy, few=True, aligned=False)(unary, image).numpy()
    np.testing.assert_allclose(marginals.sum(axis=-1), 1, atol=1e-5)


def test_messages_stay_far_below_the_overflow_of_the_quick_softmax():
    """With one class the message is the row sum of the normalised kernels: measured at most 1.4 of the weights."""
    from tfwsss.ops.lattice_filter import smooth, symmetric_filter
    from tfwsss.ops.mean_field import _bilateral_lattice

    rng = np.random.default_rng(0)
    away = rng.normal(size=(60, 80, 3))
    star = 128 + 20 * away / np.linalg.norm(away, axis=-1, keepdims=True)  # one colour amid a sphere of others
    star[rng.random((60, 80)) < 0.05] = 128
    for image in (star, rng.integers(0, 256, (60, 80, 3)), np.full((60, 80, 3), 128)):
        image = tf.constant(image, tf.float32)
        lattices = [gaussian_lattice(tf.shape(image), Settings()), _bilateral_lattice(image, Settings())]
        row_sums = smooth(symmetric_filter(lattices, [0.5, 0.5]), tf.ones([4800, 1])).numpy()
        assert 1 < row_sums.max() < 1.6                       # exp overflows at 88; the weights' sum is at most 30


@pytest.mark.parametrize("weights", [(0.0, 10.0), (3.0, 0.0), (0.0, 0.0)])
def test_a_kernel_without_weight_is_left_out(weights):
    unary, image = problem()
    settings = Settings(gaussian_weight=weights[0], bilateral_weight=weights[1])
    found = mean_field(unary[0], image[0], gaussian_lattice(image.shape[1:], settings), settings).numpy()
    if weights == (0.0, 0.0):
        np.testing.assert_allclose(found, tf.nn.softmax(-unary[0]), atol=1e-6)
    if not weights[1]:                                        # without the bilateral kernel the image is not looked at
        other = mean_field(unary[0], 255 - image[0], gaussian_lattice(image.shape[1:], settings), settings).numpy()
        np.testing.assert_array_equal(found, other)
    np.testing.assert_allclose(found.sum(axis=-1), 1, atol=1e-5)
