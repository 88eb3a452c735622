"""The whole rule on drawings of which everybody sees what stands out."""

import numpy as np
import pytest

from tfwsss.errors import UserError
from tfwsss.refine.manifold_ranking import manifold_ranking
from tfwsss.refine.region_graph import region_graph
from tfwsss.refine.robust_background import robust_background
from tfwsss.refine.saliency import saliency, salient_regions, shrunk


def ground(shape=(60, 80), colour=(50, 70, 60)) -> np.ndarray:
    """A plain ground with a little noise."""
    noise = np.random.default_rng(0).integers(-5, 6, (*shape, 3))
    return (np.array(colour) + noise).astype(np.uint8)


def with_square(rows: slice, columns: slice, colour=(220, 180, 40)) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ground with an object, and where that is."""
    image, inside = ground(), np.zeros((60, 80), bool)
    inside[rows, columns] = True
    image[inside] = np.array(colour) - image[inside] % 7
    return image, inside


def test_a_bright_square_on_plain_ground_is_found():
    image, inside = with_square(slice(20, 40), slice(30, 50))
    found = saliency(image)
    assert found.dtype == np.uint8 and found.shape == (60, 80)
    assert ((found >= 128) == inside).mean() > 0.99 and found[inside].mean() > 240 and found[~inside].mean() < 15


@pytest.mark.parametrize("rows", [slice(0, 22), slice(38, 60)], ids=["top", "bottom"])
def test_an_object_that_the_border_cuts_is_found(rows):
    image, inside = with_square(rows, slice(28, 52))
    found = saliency(image)
    assert ((found >= 128) == inside).mean() > 0.98


def test_a_grey_image():
    image, inside = with_square(slice(20, 40), slice(30, 50), (200, 200, 200))
    grey = image[..., :1].repeat(3, -1)
    assert (((saliency(grey)) >= 128) == inside).mean() > 0.99


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (1, 90), (90, 1)])
@pytest.mark.parametrize("plain", [True, False])
def test_images_of_a_few_pixels(shape, plain):
    image = np.full((*shape, 3), 9, np.uint8)
    if not plain:
        image.reshape(-1, 3)[image.size // 6] = 250
    found = saliency(image)
    assert found.shape == shape and found.dtype == np.uint8
    assert not plain or not found.any()


def test_where_nothing_stands_out_nothing_is_salient():
    assert not saliency(np.full((40, 50, 3), 120, np.uint8)).any()


def test_the_same_every_time():
    image, _ = with_square(slice(5, 25), slice(10, 40))
    first, _, again = saliency(image), saliency(image[::-1]), saliency(image)
    np.testing.assert_array_equal(first, again)


def test_regions_are_ranked_by_both_rules_and_their_place():
    image, _ = with_square(slice(20, 40), slice(30, 50))
    graph = region_graph(image, np.kron(np.arange(48).reshape(6, 8), np.ones((10, 10), int)))
    both = (manifold_ranking(graph) + robust_background(graph))
    for place, (y, x) in enumerate(graph.places):
        both[place] *= np.exp(-((y - 0.5)**2 + (x - 0.5)**2) / (2 * 0.3**2))
    np.testing.assert_allclose(salient_regions(graph), (both - both.min()) / (both.max() - both.min()), atol=1e-12)


def test_the_cut_is_mixed_in():
    """Without: one value a superpixel. Alone: nothing between salient and not."""
    image, _ = with_square(slice(20, 40), slice(30, 50))
    without, mixed, alone = (saliency(image, cut=cut).astype(int) for cut in (0.0, 0.25, 1.0))
    assert set(np.unique(alone)) == {0, 255} and len(np.unique(without)) > 3
    assert abs(mixed - (0.75 * without + 0.25 * alone)).max() <= 1


def test_large_images_are_shrunk_and_their_maps_enlarged():
    image, inside = with_square(slice(20, 40), slice(30, 50))
    large = image.repeat(4, 0).repeat(4, 1)
    found = saliency(large, longer_side=80)
    assert found.shape == (240, 320)
    assert ((found >= 128) == inside.repeat(4, 0).repeat(4, 1)).mean() > 0.98
    assert shrunk(image, 80) is image and shrunk(image[:1], 8).shape == (1, 8, 3)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_other_arrays_are_refused(shape):
    with pytest.raises(UserError, match="need an image"):
        saliency(np.zeros(shape, np.uint8))
