"""The dense CRF against the sum over all pairs, by its properties, and where Keras is absent."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support.without_keras import answers_without_keras
from tfwsss.errors import UserError
from tfwsss.layers.dense_crf import DenseCRF, dense_crf, unary_from_labels
from tfwsss.ops.mean_field import Settings

# float32 rounds logits near 16 to 1e-6 in each of ten iterations
ROUNDING = 1e-5


def energies(blocks, shape, block=8):
    """-log probability `(row, column, class)` that is constant in blocks."""
    return np.kron(blocks, np.ones((block, block, 1), "float32"))[:shape[0], :shape[1]] / np.float32(4)


def problem(rows=14, columns=19, classes=4, seed=0):
    """Coarse scores and a smooth image with grain."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:rows, :columns]
    image = 120 + 60 * np.sin(np.stack([row / 4, column / 5, (row + column) / 7], axis=-1) + rng.uniform(0, 6, 3))
    blocks = rng.integers(0, 12, (-(-rows // 8), -(-columns // 8), classes))
    return energies(blocks, (rows, columns)), (image + rng.normal(0, 4, image.shape)).astype("uint8")


def softmax(logits):
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def layer(unary, image, *present, **parameters):
    return DenseCRF(**parameters)(unary[None], image[None], *present)[0].numpy()


def all_pairs(unary, kernels, iterations):
    """The equation as it is written, float64: `kernels` are (weight, points in standard deviations)."""
    matrix = 0
    for weight, points in kernels:
        kernel = np.exp(-((points[:, None] - points) ** 2).sum(axis=-1) / 2)
        scale = 1 / np.sqrt(kernel.sum(axis=1))
        matrix = matrix + weight * scale[:, None] * kernel * scale
    cost = unary.reshape(-1, unary.shape[-1]).astype("float64")
    marginals = softmax(-cost)
    for _ in range(iterations):
        marginals = softmax(matrix @ marginals - cost)
    return marginals.reshape(unary.shape)


MILD = {"iterations": 4, "gaussian_deviation": 2.0, "gaussian_weight": 1.5, "position_deviation": 8.0,
        "colour_deviation": 40.0, "bilateral_weight": 2.0}


@pytest.mark.parametrize("iterations", [1, 4])
@pytest.mark.parametrize("constant", [False, True])
def test_it_is_near_the_sum_over_all_pairs(constant, iterations):
    """Filters lie within 3 % of Gaussians (tests/ops), so logits within 3 % of the weights' 3.5, marginals a quarter.

    What an iteration is off by, the next passes on times 3.5 / 4. Parameters are mild, so that lattice points are
    touched and no pixel tips from one class to another.
    """
    unary, image = problem()
    image = np.full_like(image, 77) if constant else image
    places = np.moveaxis(np.mgrid[:14, :19], 0, -1).reshape(-1, 2).astype("float64")
    # where all colours are the same the second kernel is one of position alone
    both = places / 8 if constant else np.concatenate([places / 8, image.reshape(-1, 3) / 40], axis=1)
    expected = all_pairs(unary, [(1.5, places / 2), (2.0, both)], iterations)
    bound = 0.03 * sum((3.5 / 4) ** k for k in range(1, iterations + 1))
    assert np.abs(expected - softmax(-unary)).max() > 3 * bound
    found = dense_crf(unary, image, **{**MILD, "iterations": iterations})
    assert np.abs(found - expected).max() < bound


def test_marginals_sum_to_one_and_follow_a_permutation_of_the_classes():
    unary, image = problem(classes=6)
    order = np.array([3, 0, 5, 1, 4, 2])
    marginals = dense_crf(unary, image)
    assert marginals.dtype == np.float32 and marginals.min() >= 0
    np.testing.assert_allclose(marginals.sum(axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose(dense_crf(unary[..., order], image), marginals[..., order], atol=ROUNDING)


def test_a_constant_for_each_pixel_changes_nothing():
    unary, image = problem()
    shift = np.random.default_rng(1).integers(-30, 30, (*unary.shape[:2], 1)).astype("float32")
    np.testing.assert_allclose(dense_crf(unary + shift, image), dense_crf(unary, image), atol=ROUNDING)


@pytest.mark.parametrize("parameters", [{}, {"gaussian_weight": 0}, {"bilateral_weight": 0}, {"iterations": 0}])
def test_one_pixel_hears_only_itself(parameters):
    unary = np.array([[[0.2, 1.5, 0.9]]], "float32")
    settings = Settings(**parameters)
    expected = softmax(-unary)
    for _ in range(settings.iterations):
        expected = softmax((settings.gaussian_weight + settings.bilateral_weight) * expected - unary)
    for work in (dense_crf, layer):
        np.testing.assert_allclose(work(unary, np.array([[[9, 200, 30]]]), **parameters), expected, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1, 1), (1, 9, 3), (9, 1, 3), (2, 2, 40), (3, 301, 2), (129, 70, 5)])
def test_any_size_and_count_of_classes(size):
    unary, image = problem(*size)
    marginals = dense_crf(unary, image)
    assert marginals.shape == unary.shape
    np.testing.assert_allclose(marginals.sum(axis=-1), 1, atol=2e-6)
    np.testing.assert_allclose(layer(unary, image), marginals, atol=ROUNDING)


def test_the_smallest_deviations_leave_every_pixel_alone():
    """Where pydensecrf aborts the process."""
    unary, image = problem()
    expected = softmax(-unary)
    for _ in range(10):
        expected = softmax(13 * expected - unary)
    found = dense_crf(unary, image, gaussian_deviation=0.01, position_deviation=0.01, colour_deviation=0.01)
    np.testing.assert_allclose(found, expected, atol=ROUNDING)


def test_a_batch_is_its_images_one_by_one():
    pairs = [problem(seed=seed) for seed in range(3)]
    unary, image = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
    marginals = dense_crf(unary, image)
    for k, pair in enumerate(pairs):
        np.testing.assert_allclose(marginals[k], dense_crf(*pair), atol=ROUNDING)


def test_absent_classes_are_left_out():
    unary, image = problem(classes=5)
    present = np.array([[True, False, True, True, False], [True, True, True, True, True], [False] * 4 + [True]])
    both = DenseCRF()(np.stack([unary] * 3), np.stack([image] * 3), present).numpy()
    for marginals, kept in zip(both, present, strict=True):
        np.testing.assert_allclose(marginals[..., kept], dense_crf(unary[..., kept], image), atol=ROUNDING)
        assert not marginals[..., ~kept].any()
        np.testing.assert_allclose(dense_crf(unary, image, kept), marginals, atol=ROUNDING)
    assert np.abs(both[0] - both[1])[..., present[0]].max() > 0.01       # leaving them out is not the same as keeping


def test_infinite_cost_rules_a_class_out():
    unary, image = problem()
    unary[:5, :, 2] = np.inf
    marginals = dense_crf(unary, image)
    assert np.isfinite(marginals).all() and not marginals[:5, :, 2].any()
    np.testing.assert_allclose(marginals.sum(axis=-1), 1, atol=1e-6)


@pytest.mark.parametrize(("name", "value"), [
    ("gaussian_deviation", 0.001), ("position_deviation", 0), ("colour_deviation", -5), ("colour_deviation", np.nan),
    ("position_deviation", np.inf), ("gaussian_weight", -1), ("bilateral_weight", np.inf), ("iterations", 2.5),
    ("iterations", -1), ("iterations", True), ("colour_deviation", "13"), ("sxy", 3)])
def test_a_bad_parameter_is_named(name, value):
    with pytest.raises(UserError, match=name):
        dense_crf(*problem(), **{name: value})
    if name != "sxy":
        with pytest.raises(UserError, match=name):
            DenseCRF(**{name: value})


UNARY, IMAGE = problem()
BROKEN = UNARY.copy()
BROKEN[3, 4, 1] = np.nan


@pytest.mark.parametrize(("unary", "image", "options", "message"), [
    (BROKEN, IMAGE, {}, "unary holds NaN"), (UNARY, np.where(IMAGE > 128, np.nan, IMAGE), {}, "image holds NaN"),
    (UNARY, IMAGE[:-1], {}, r"\(14, 19, 4\) and image \(13, 19, 3\)"), (UNARY, IMAGE[..., :1], {}, "do not fit"),
    (UNARY[0], IMAGE[0], {}, "do not fit"), (UNARY[:0], IMAGE[:0], {}, "do not fit"),
    (UNARY, IMAGE, {"present": [True] * 3}, r"present has shape \(3,\)"),
    (UNARY, IMAGE, {"present": [False] * 4}, "0 classes"), (UNARY, IMAGE, {"implementation": "cuda"}, "'cuda'")])
def test_bad_arrays_are_described(unary, image, options, message):
    with pytest.raises(UserError, match=message):
        dense_crf(unary, image, **options)


BATCH, IMAGES = np.stack([UNARY] * 2), np.stack([IMAGE] * 2)


@pytest.mark.parametrize(("unary", "image", "present", "message"), [
    (BROKEN[None], IMAGE[None], None, "unary holds NaN"), (UNARY[None], IMAGE[None] / 0.0, None, "image holds NaN"),
    (BATCH, IMAGES[:1], None, r"\(2, 14, 19, 4\) and image \(1, 14, 19, 3\) do not fit"),
    (UNARY, IMAGE, None, "do not fit"),
    (BATCH, IMAGES[:, :-1], None, "do not fit"), (BATCH, IMAGES[..., :1], None, "do not fit"),
    (BATCH[:, :0], IMAGES[:, :0], None, "do not fit"), (BATCH[..., :0], IMAGES, None, "do not fit"),
    (BATCH, IMAGES, np.ones((2, 3), bool), r"present has shape \(2, 3\)"),
    (BATCH, IMAGES, np.ones(4, bool), "present has"),
    (BATCH, IMAGES, np.array([[1, 1, 1, 1], [0, 0, 0, 0]], bool), "an image has no class that is present")])
def test_the_layer_describes_bad_arrays_too(unary, image, present, message):
    """By itself, and in a graph that learns of them when it runs."""
    with np.errstate(invalid="ignore", divide="ignore"), pytest.raises(UserError, match=message):
        DenseCRF()(unary, image, present)
    if "do not fit" in message or "has shape" in message or "present has" in message:
        return
    graph = tf.function(lambda *arrays: DenseCRF()(*arrays), autograph=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        graph(*(tf.constant(array) for array in (unary, image, present) if array is not None))


def test_config_holds_every_parameter_and_a_version():
    config = DenseCRF(**MILD, name="crf").get_config()
    assert {key: config[key] for key in MILD} == MILD and config["version"] >= 1
    again = DenseCRF.from_config(config)
    unary, image = problem()
    np.testing.assert_array_equal(again(unary[None], image[None])[0], layer(unary, image, **MILD))


def test_labels_become_probabilities():
    mask = np.array([[0, 2, 255]])
    found = np.exp(-unary_from_labels(mask, 4, certainty=0.7))
    np.testing.assert_allclose(found[0], [np.array([0.7, 0.075, 0.075, 0.075]) / 0.925,
                                          np.array([0.075, 0.075, 0.7, 0.075]) / 0.925, [0.25] * 4], rtol=1e-6)
    with pytest.raises(UserError, match="label 2; expected 0 to 1, or 255"):
        unary_from_labels(mask, 2)


class Sharpener(tf.Module):
    def __init__(self):
        super().__init__()
        self.layer = DenseCRF()

    @tf.function(input_signature=[tf.TensorSpec([None] * 4), tf.TensorSpec([None, None, None, 3], tf.uint8),
                                  tf.TensorSpec([None, None], tf.bool)])
    def sharpen(self, unary, image, present):
        return tf.stack([self.layer(unary, image), self.layer(unary, image, present)])


def test_a_saved_layer_runs_without_keras(tmp_path):
    sharpener, calls, expected = Sharpener(), [], []
    for rows, columns, classes in ((14, 19, 4), (1, 1, 2), (33, 8, 21)):
        unary, image = (np.stack(arrays) for arrays in zip(problem(rows, columns, classes), problem(
            rows, columns, classes, seed=1), strict=True))
        present = np.arange(2 * classes).reshape(2, classes) % 3 < 2
        calls.append((unary, image, present))
        expected.append([dense_crf(unary, image), [dense_crf(*one) for one in zip(*calls[-1], strict=True)]])
    for found, (whole, restricted) in zip(answers_without_keras(sharpener, "sharpen", calls, tmp_path), expected,
                                          strict=True):
        np.testing.assert_allclose(found, [whole, restricted], atol=ROUNDING)
