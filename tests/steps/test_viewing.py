import keras
import numpy as np
import pytest
from tfwsss.steps.viewing import SegmentSettings, Viewer, look, prepare, softmax, window_starts

from tfwsss.data.images import scale_image
from tfwsss.methods import viewing
from tfwsss.ops.resize import resize

STRIDE, IDS = 4, 3
KERNEL = np.random.default_rng(0).normal(size=(1, 1, 3, IDS)).astype(np.float32) / 80
IMAGE = np.random.default_rng(1).integers(0, 256, (22, 35, 3)).astype(np.uint8)
COLOUR = (10.0, 20.0, 30.0)


def viewer() -> Viewer:
    """A network that sees one pixel of each stride: what it says of a piece it says of the whole."""
    image = keras.Input((None, None, 3))
    layer = keras.layers.Conv2D(IDS, 1, STRIDE, use_bias=False)
    network = keras.Model(image, {"logits": layer(image)})
    layer.set_weights([KERNEL])
    return Viewer(network, STRIDE, COLOUR)


def canvas_of(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """An image at the upper left of a canvas of that many grid steps."""
    canvas = np.empty((rows * STRIDE + 1, columns * STRIDE + 1, 3), np.float32)
    canvas[:] = COLOUR
    canvas[:image.shape[0], :image.shape[1]] = image
    return canvas


def logits_of(canvas: np.ndarray) -> np.ndarray:
    return canvas[::STRIDE, ::STRIDE] @ KERNEL[0, 0]


def test_one_scale_is_the_networks_own_grid():
    """22 x 35 pixels need 6 x 9 steps of four; the rest of the canvas has the network's zero colour."""
    view = look(viewer(), IMAGE, SegmentSettings())
    assert view.size == (22, 35) and view.covers == (25, 37) and view.probabilities.shape == (IDS, 7, 10)
    np.testing.assert_allclose(np.moveaxis(view.probabilities, 0, -1), softmax(logits_of(canvas_of(IMAGE, 6, 9))),
                               atol=1e-6)


def test_a_network_on_replicas_gives_the_same(strategy):
    """The panels of a training show images inside of the strategy."""
    settings = SegmentSettings(window=33, batch_size=2)
    with strategy.scope():
        shared = viewer()
        found = look(shared, IMAGE, settings)
    assert shared.network.distribute_strategy.num_replicas_in_sync == 2
    np.testing.assert_allclose(found.probabilities, look(viewer(), IMAGE, settings).probabilities, atol=1e-6)


@pytest.mark.parametrize("average", ["probabilities", "logits", "logits_and_maximum"])
@pytest.mark.parametrize("mirror", [False, True])
def test_scales_and_mirror_images_are_averaged(average, mirror):
    """Against the equation, one pass after another; 6 x 9 steps become 3 x 4 at one half and 9 x 14 at 1.5."""
    grids = {False: [], True: []}
    for mirrored in grids:
        for rows, columns in ((6, 9), (3, 4), (9, 14)):
            size = (round(22 * rows / 6), round(35 * columns / 9))
            scaled = IMAGE if rows == 6 else np.asarray(scale_image(IMAGE, size))
            logits = logits_of(canvas_of(scaled, rows, columns)[:, ::-1 if mirrored else 1])
            logits = logits[:, ::-1] if mirrored else logits
            logits = softmax(logits) if average == "probabilities" else logits
            grids[mirrored].append(np.asarray(resize(logits[None], 7, 10, align_corners=True))[0])
        if average == "logits_and_maximum":
            grids[mirrored].append(np.max(grids[mirrored], axis=0))
    expected = np.mean([np.mean(grids[way], axis=0) for way in ((False, True) if mirror else (False,))], axis=0)
    expected = expected if average == "probabilities" else softmax(expected)
    view = look(viewer(), IMAGE, SegmentSettings(scales=(1.0, 0.5, 1.5), mirror=mirror, average=average))
    np.testing.assert_allclose(np.moveaxis(view.probabilities, 0, -1), expected, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_windows_fit_together(batch_size):
    """What sees single pixels sees the same through windows, however many at a time."""
    image = np.random.default_rng(2).integers(0, 256, (130, 61, 3)).astype(np.uint8)
    whole, pieces = (look(viewer(), image, SegmentSettings(window=window, batch_size=batch_size))
                     for window in (513, 33))
    np.testing.assert_allclose(whole.probabilities, pieces.probabilities, atol=1e-6)
    assert whole.covers == pieces.covers


def test_no_piece_is_larger_than_the_window(monkeypatch):
    seen, eye = [], viewer()
    predict = eye.network.predict_on_batch
    monkeypatch.setattr(eye.network, "predict_on_batch", lambda batch: seen.append(batch.shape) or predict(batch))
    look(eye, np.zeros((100, 300, 3), np.uint8), SegmentSettings(window=65, batch_size=2, scales=(1.0, 2.0)))
    assert max(max(shape[1:3]) for shape in seen) == 65 and max(shape[0] for shape in seen) == 2


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2)])
def test_tiny_images(size):
    view = look(viewer(), np.full((*size, 3), 99, np.uint8), SegmentSettings(scales=(0.25, 1.0), mirror=True))
    assert view.size == size and np.isfinite(view.probabilities).all()
    np.testing.assert_allclose(view.probabilities.sum(axis=0), 1, atol=1e-6)


@pytest.mark.parametrize(("length", "window"), [(100, 60), (60, 60), (10, 60), (61, 60), (1000, 7), (9, 1)])
def test_windows_cover_a_side_and_overlap(length, window):
    starts = window_starts(length, window)
    assert starts[0] == 0 and starts[-1] + min(window, length) == length and starts == sorted(set(starts))
    assert all(later - earlier <= max(1, window - -(-window // 3)) for earlier, later in zip(starts, starts[1:],
                                                                                          strict=False))


def test_a_network_is_prepared_by_its_backbone():
    network = viewer().network
    assert prepare(network, "vgg16") == Viewer(network, STRIDE, viewing.mean_colour("vgg16"))
