import numpy as np
import pytest

from tfwsss.artefacts.drawing import class_heat, draw_panel, fit_within, heat, overlay
from tfwsss.palette import voc_palette

CLASSES = ("background", "cat", "dog", "甲虫")


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)


def test_overlay_leaves_background_and_marks_borders(image):
    mask = np.zeros((30, 40), np.uint8)
    mask[5:15, 5:15], mask[20:25, 20:30] = 2, 255
    painted = overlay(image, mask, voc_palette())
    np.testing.assert_array_equal(painted[mask == 0], image[mask == 0])
    np.testing.assert_array_equal(painted[5, 5:15], np.tile(voc_palette()[2], (10, 1)))
    expected = np.rint(0.4 * image[10, 10] + 0.6 * voc_palette()[2])
    np.testing.assert_allclose(painted[10, 10], expected, atol=1)
    assert (painted[22, 25] != image[22, 25]).any()           # ignored pixels are seen
    with pytest.raises(ValueError, match="same rows and columns"):
        overlay(image, mask[:5], voc_palette())


def test_heat_is_dark_for_zero_and_bright_for_one(image):
    dark, bright = heat(image, np.zeros((3, 4))), heat(image, np.ones((3, 4)))
    assert dark.shape == image.shape and dark.mean() < bright.mean() - 60


def test_class_heat_shows_the_winners_colour(image):
    painted = class_heat(image, np.array([[1, 3]], np.uint8), np.ones((1, 2)), voc_palette()).astype(float)
    left, right = painted[:, 0].mean(0), painted[:, -1].mean(0)
    assert np.abs(left - voc_palette()[1]).max() < 40 and np.abs(right - voc_palette()[3]).max() < 40
    none = class_heat(image, np.zeros((1, 1), np.uint8), np.zeros((1, 1)), voc_palette())
    assert none.shape == image.shape and (np.ptp(none, axis=-1) == 0).all()       # grey


@pytest.mark.parametrize(("shape", "expected"), [((30, 40), (15, 20)), ((1, 500), (1, 20)), ((1, 1), (20, 20))])
def test_fit_within_keeps_the_shape(shape, expected):
    assert fit_within(np.zeros((*shape, 3), np.uint8), 20).shape[:2] == expected
    mask = np.random.default_rng(0).choice([0, 3, 255], shape).astype(np.uint8)
    assert set(np.unique(fit_within(mask, 20, smooth=False))) <= set(np.unique(mask))


def test_panel_has_a_tile_for_each_and_a_legend(image):
    mask = np.zeros((30, 40), np.uint8)
    mask[3:9, 3:9] = 2
    plain = draw_panel(image, {}, {}, voc_palette(), CLASSES, side=80)
    panel = draw_panel(image, {"CAM": np.eye(3)}, {"pseudo": mask, "truth": mask}, voc_palette(), CLASSES, side=80)
    assert panel.dtype == np.uint8 and panel.shape[1] == 4 * (80 + 8) + 8 and plain.shape[1] == 80 + 2 * 8
    legend = panel[plain.shape[0]:]
    assert (legend == voc_palette()[2]).all(-1).sum() > 100     # dog's square
    assert not (legend == voc_palette()[1]).all(-1).any()       # no cat anywhere


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1)])
def test_panel_of_strange_shapes(shape):
    image, mask = np.zeros((*shape, 3), np.uint8), np.full(shape, 255, np.uint8)
    assert draw_panel(image, {"CAM": np.ones((1, 1))}, {"mask": mask}, voc_palette(), CLASSES, side=60).shape[2] == 3
