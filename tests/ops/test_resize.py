import resource

import numpy as np
import pytest
from keras import ops

from tests.support.arrays import channels_last, recorded
from tests.support.oracles.seeds import resize_maps
from tests.support.oracles.upsample import upsample
from tfwsss.ops.planes import interpolation_matrix
from tfwsss.ops.resize import BAND, exact_positions, part_means, resize, resize_part, strongest_part


def slow(x, rows, columns, align_corners):
    """Bilinear interpolation, one number at a time."""
    source = x.shape[1:3]
    out = np.zeros((x.shape[0], rows, columns, x.shape[3]))
    for target in np.ndindex(rows, columns):
        taps = []
        for i, n, m in zip(target, source, (rows, columns), strict=True):
            at = i * (n - 1) / max(m - 1, 1) if align_corners else min(max((i + 0.5) * n / m - 0.5, 0), n - 1)
            low = int(at)
            taps.append(((low, 1 - at + low), (min(low + 1, n - 1), at - low)))
        for row, a in taps[0]:
            for column, b in taps[1]:
                out[:, target[0], target[1]] += a * b * x[:, row, column]
    return out


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("size", [(9, 13), (3, 2), (4, 5), (1, 1), (1, 8)])
def test_against_a_loop(align_corners, size):
    x = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype("float32")
    np.testing.assert_allclose(resize(x, *size, align_corners=align_corners), slow(x, *size, align_corners), atol=1e-6)


def test_as_recorded():
    data = recorded("icd_bilinear")
    for key in ("up", "down"):
        expected = channels_last(data[key])
        np.testing.assert_allclose(resize(channels_last(data["x"]), *expected.shape[1:3], align_corners=True),
                                   expected, atol=1e-6)


def test_caffes_interp_as_recorded():
    data = recorded("mcis_caffe_layers")
    expected = channels_last(data["interp_x8"])
    assert expected.shape[1:3] == (17, 25)                     # side + 7 (side - 1)
    found = resize(channels_last(data["interp_in"]), 17, 25, align_corners=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(resize(np.float32([[[[0], [8]]]]), 1, 9, align_corners=True)[0, 0, :, 0], range(9))


def test_by_hand():
    x = np.arange(6, dtype="float32").reshape(1, 2, 3, 1)
    expected = [[0, .5, 1, 1.5, 2], [1.5, 2, 2.5, 3, 3.5], [3, 3.5, 4, 4.5, 5]]
    np.testing.assert_array_equal(resize(x, 3, 5, align_corners=True)[0, :, :, 0], expected)


@pytest.mark.parametrize("size", [(41, 9), (5, 60), (1, 1)])
def test_as_tensorflow_with_unknown_sizes(size):
    import tensorflow as tf

    x = np.random.default_rng(1).random((2, 17, 23, 3), "float32")
    graph = tf.function(lambda x, size: resize(x, size[0], size[1]), input_signature=[
        tf.TensorSpec((None, None, None, 3)), tf.TensorSpec((2,), tf.int32)])
    np.testing.assert_allclose(graph(x, size), tf.image.resize(x, size), atol=2e-6)


def grown(work) -> float:
    """MiB by which the process's largest memory grew; the limit of tests below is far above what sums need."""
    before = largest_memory()
    work()
    return largest_memory() - before


def largest_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


LONG = 60_000


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("axis", [0, 1])
def test_memory_of_a_long_strip_grows_with_its_pixels(align_corners, axis):
    """A matrix from 1 to the other side would have 10^9 numbers; these have 10^6 at most."""
    source, target = ([LONG // 4, 1], [LONG, 1])
    if axis:
        source, target = source[::-1], target[::-1]
    x = np.linspace(0, 1, LONG // 4, dtype="float32").reshape(*source, 1)

    def work():
        for made in (resize(x[None], *target, align_corners)[0], resize_part(x, target, (LONG, LONG), align_corners),
                     strongest_part(x, target, (LONG, LONG), align_corners)[1][..., None]):
            assert tuple(made.shape) == (*target, 1)
            middle = np.asarray(made).ravel()[::2500]
            np.testing.assert_allclose(middle, np.linspace(0, 1, LONG)[::2500], atol=1e-4)
        np.testing.assert_allclose(part_means(x, target, (LONG, LONG), align_corners), [0.5], atol=1e-3)

    assert grown(work) < 300


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(("source", "target"), [(65_535, 65_535), (50_000, 60_001), (65_535, 49_153)])
def test_positions_of_long_sides_are_exact(source, target, align_corners):
    """Their products are beyond 2^31."""
    lower, upper, part, whole = (np.asarray(found, np.int64) for found in
                                 exact_positions(source, target, align_corners))
    index = np.arange(target, dtype=object)
    top, bottom = (index * (source - 1), target - 1) if align_corners else \
        (np.clip((2 * index + 1) * source - target, 0, (source - 1) * 2 * target), 2 * target)
    assert (lower == top // bottom).all() and (part == top % bottom).all() and whole == bottom
    assert (upper == np.minimum(lower + 1, source - 1)).all()


def test_gradients_are_those_of_the_matrices():
    import tensorflow as tf

    random = np.random.default_rng(5)
    x, weights = tf.constant(random.normal(size=(2, 5, 7, 3)).astype("f")), random.normal(size=(2, 9, 6, 3)).astype("f")
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(resize(x, 9, 6, align_corners=True) * weights)
    down, across = (np.asarray(interpolation_matrix(*sizes, True)) for sizes in ((5, 9), (7, 6)))
    np.testing.assert_allclose(tape.gradient(total, x), np.einsum("ty,sx,btsc->byxc", down, across, weights), atol=1e-5)


def test_whole_steps_read_whole_pixels():
    matrix = ops.convert_to_numpy(interpolation_matrix(513, 65, True))
    np.testing.assert_array_equal(matrix, np.eye(513)[::8])


def test_same_size_is_the_identity_and_dtypes_hold():
    x = np.random.default_rng(2).random((1, 6, 7, 2), "float32")
    np.testing.assert_array_equal(resize(x, 6, 7, align_corners=False), x)
    assert ops.dtype(resize(ops.cast(x, "float16"), 3, 3)) == "float16"
    assert ops.dtype(resize(np.ones((1, 2, 2, 1), "uint8"), 3, 3)) == "float32"


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(("size", "covers"), [((9, 13), (13, 13)), ((3, 2), (33, 9)), ((17, 33), (33, 33)),
                                              ((1, 1), (1, 1)), ((1, 8), (5, 9))])
def test_a_part_is_a_crop_of_the_whole(align_corners, size, covers):
    x = np.random.default_rng(1).normal(size=(4, 5, 3)).astype("float32")
    wanted = slow(x[None], *covers, align_corners)[0, :size[0], :size[1]]
    np.testing.assert_allclose(resize_part(x, size, covers, align_corners), wanted, atol=1e-6)
    np.testing.assert_allclose(part_means(x, size, covers, align_corners), wanted.mean((0, 1)), atol=1e-6)


@pytest.mark.parametrize(("size", "covers"), [((17, 23), (33, 33)), ((33, 33), (33, 33)), ((1, 40), (1, 40)),
                                              ((1, 1), (2, 3))])
def test_a_part_is_what_arrays_are_resized_to(size, covers):
    """By both rules on arrays: corners on corners, and OpenCV's."""
    x = np.random.default_rng(2).normal(size=(5, 6, 2)).astype("float32")
    planes = np.moveaxis(x, -1, 0)
    for align_corners, wanted in ((True, upsample(planes, size, covers)),
                                  (False, resize_maps(planes, covers)[:, :size[0], :size[1]])):
        np.testing.assert_allclose(resize_part(x, size, covers, align_corners), np.moveaxis(wanted, 0, -1), atol=2e-6)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(("size", "covers"), [((BAND, 9), (BAND + 1, 9)), ((2 * BAND + 1, 5), (257, 17)),
                                              ((BAND - 1, 3), (65, 65)), ((1, 1), (1, 1)), ((1, 300), (1, 513)),
                                              ((150, 1), (257, 1))])
def test_the_strongest_channel_is_that_of_the_enlarged_part(size, covers, align_corners):
    """In maps of few different values, so that many are equal, and no sum is rounded; bands of rows fit together."""
    x = np.random.default_rng(3).integers(0, 3, (5, 3, 4)).astype(np.float32)
    whole = np.asarray(resize_part(x, size, covers, align_corners))
    ids, values = (np.asarray(found) for found in strongest_part(x, size, covers, align_corners))
    assert ids.shape == values.shape == size and ids.dtype == np.int32
    largest = np.sort(whole, axis=-1)
    clear = (largest[..., -1] - largest[..., -2] > 1e-5) | (largest[..., -1] == largest[..., -2])
    np.testing.assert_array_equal(ids[clear], whole.argmax(-1)[clear])
    np.testing.assert_allclose(values, whole.max(-1), rtol=0, atol=1e-6)


def test_of_equal_channels_the_first_is_the_strongest():
    x = np.repeat(np.random.default_rng(4).normal(size=(5, 6, 1)), 3, axis=-1).astype(np.float32)
    assert not np.any(strongest_part(x, (130, 41), (161, 41), align_corners=True)[0])
    ids, _ = strongest_part(x * [0.5, 1.0, 1.0] + [0.0, 9.0, 9.0], (130, 41), (161, 41))
    assert np.all(np.asarray(ids) == 1)


def test_the_strongest_channel_for_unknown_sizes():
    import tensorflow as tf

    traced = tf.function(lambda x, size, covers: strongest_part(x, (size[0], size[1]), (covers[0], covers[1]), True),
                         input_signature=[tf.TensorSpec((None, None, None)), *[tf.TensorSpec((2,), tf.int32)] * 2])
    for count, size in ((1, (70, 3)), (4, (3, 70)), (2, (1, 1))):
        x = np.random.default_rng(count).normal(size=(4, 5, count)).astype(np.float32)
        np.testing.assert_array_equal(traced(x, size, (97, 97))[0], upsample(np.moveaxis(x, -1, 0), size, (97, 97))
                                      .argmax(0))
    assert traced.experimental_get_tracing_count() == 1


def test_grid_positions_keep_their_values():
    x = np.random.default_rng(1).normal(size=(5, 6, 1)).astype(np.float32)
    np.testing.assert_allclose(resize_part(x, (33, 41), (33, 41), True)[::8, ::8], x, atol=1e-6)
