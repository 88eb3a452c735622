"""The threshold that parts an image's colours best: against the definition, and on drawn objects."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2lab
from skimage.transform import resize

from tfwsss.refine.colour_threshold import parted_colours

THRESHOLDS = np.arange(1, 100) / 100


def slow(strength: np.ndarray, image: np.ndarray) -> np.ndarray:
    """From the definition: two means for every threshold, by scikit-image's colours and SciPy's Gaussians."""
    lab = rgb2lab(image)
    colours = np.stack([gaussian_filter(lab[..., k], 1.0, mode="mirror") for k in range(3)], axis=-1)
    mean, square = (gaussian_filter(lab[..., 0] ** power, 3.0, mode="mirror") for power in (1, 2))
    x = np.concatenate([colours, np.sqrt(np.maximum(square - mean**2, 0))[..., None]], axis=-1)
    variance = np.mean(np.sum((x - x.mean((0, 1))) ** 2, axis=-1))
    found = []
    for threshold in THRESHOLDS:
        inside = strength > threshold
        if inside.all() or not inside.any():
            found.append(0.0)
            continue
        share, gap = inside.mean(), x[inside].mean(0) - x[~inside].mean(0)
        found.append((share * (1 - share)) ** 0.75 * np.sum(gap**2) / variance)
    return np.array(found)


def disc(radius: float = 20.0, side: int = 96, noise: float = 12.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns a photograph of a bright disc before a dark ground, and the distance from its centre in radii."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side] - side / 2
    distance = np.hypot(rows, columns) / radius
    image = np.where((distance < 1)[..., None], (190, 140, 60), (70, 90, 80)) + rng.normal(0, noise, (side, side, 3))
    return np.clip(image, 0, 255).astype(np.uint8), distance


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_definition(seed):
    rng = np.random.default_rng(seed)
    image, distance = disc(rng.uniform(8, 30), noise=20, seed=seed)
    strength = np.clip(1 - distance / 3 + rng.normal(0, 0.05, distance.shape), 0, 0.99)
    strength = (np.floor(strength * 200) / 200 + 0.0025).astype(np.float32)        # midway between thresholds
    np.testing.assert_allclose(parted_colours(strength, image), slow(strength, image), rtol=5e-3, atol=1e-4)


@pytest.mark.parametrize("at", [0.1, 0.25, 0.5, 0.8])
@pytest.mark.parametrize("radius", [6.0, 12.0, 30.0])
def test_the_border_of_the_object_is_found(at, radius):
    """The map crosses the object's border at one strength, wherever that lies and however large the object is."""
    image, distance = disc(radius)
    strength = np.clip(at ** distance, 0, 1)                       # 1 in the middle, `at` on the border
    assert THRESHOLDS[parted_colours(strength, image).argmax()] == pytest.approx(at, abs=0.06)


def test_texture_parts_where_colours_are_alike():
    """A rough disc before a smooth ground of the same mean."""
    _, distance = disc(20.0)
    rough = np.random.default_rng(0).normal(0, 1, distance.shape) * np.where(distance < 1, 40, 2)
    image = np.clip(128 + rough[..., None], 0, 255).astype(np.uint8).repeat(3, -1)
    best = THRESHOLDS[parted_colours(np.clip(0.3 ** distance, 0, 1), image).argmax()]
    assert best == pytest.approx(0.3, abs=0.1)


def test_large_photographs_give_what_reduced_ones_give():
    image, distance = disc(60.0, side=480, noise=4.0)
    strength = np.clip(0.4 ** distance, 0, 1)
    small = resize(image, (160, 160), preserve_range=True, anti_aliasing=False, order=1).astype(np.uint8)
    reduced = resize(strength, (160, 160), order=1)
    whole, part = parted_colours(strength, image), parted_colours(reduced, small)
    assert whole.argmax() == pytest.approx(part.argmax(), abs=3) and whole.max() == pytest.approx(part.max(), rel=0.1)


def test_the_sides_need_not_be_named():
    """A dark object before a bright ground is parted as the reverse is, and colours weigh by their differences."""
    image, distance = disc()
    strength = np.clip(0.4 ** distance, 0, 1)
    assert parted_colours(strength, 255 - image).argmax() == pytest.approx(parted_colours(strength, image).argmax(),
                                                                          abs=3)


@pytest.mark.parametrize("image", [np.zeros((20, 30, 3), np.uint8), np.full((1, 1, 3), 99, np.uint8)])
def test_plain_images_say_nothing(image):
    strength = np.linspace(0, 1, image[..., 0].size).reshape(image.shape[:2])
    assert parted_colours(strength, image).shape == (99,) and not parted_colours(strength, image).any()


def test_maps_without_strength_say_nothing():
    image, distance = disc()
    assert not parted_colours(np.zeros_like(distance), image).any()
    assert not parted_colours(np.ones_like(distance), image).any()


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="differ in size"):
        parted_colours(np.zeros((4, 5)), np.zeros((5, 4, 3), np.uint8))
