import functools

import keras
import numpy as np
import pytest

from tests.support.fake_run import image_set, kept_maps
from tests.support.oracles.background import normalise, with_background
from tests.support.oracles.seeds import resize_maps
from tests.support.oracles.upsample import upsample
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.models import write_model
from tfwsss.artefacts.scores import Scores, read_scores
from tfwsss.backbones.small import small
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.inference.decide.walk import decide_by_walk
from tfwsss.inference.kept import KeptRule
from tfwsss.layers.path_affinity import PathAffinity
from tfwsss.models.affinity import AffinityNet, affinities
from tfwsss.ops.offsets import half_disc
from tfwsss.ops.random_walk import random_walk
from tfwsss.refine.background import background_power
from tfwsss.runs.stage import Context
from tfwsss.steps.cam_masks import ThresholdSettings
from tfwsss.steps.confident_labels import KeptMaps
from tfwsss.steps.random_walk import WalkSettings, build_walker, load_walker, walk_stage

MAPS = KeptMaps(ThresholdSettings(), views=4)


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    return image_set(tmp_path_factory.mktemp("data"))      # five of 24x32 pixels, one or two of three classes each


@pytest.fixture(scope="module")
def model() -> AffinityNet:
    keras.utils.set_random_seed(0)
    return AffinityNet(small(width=0.2), widths=(8, 8, 8), radius=3, border="full")


@pytest.fixture
def inputs(images, model, tmp_path):
    """What the stages before leave: class maps, the masks' threshold, the network."""
    write_model(tmp_path / "affinity", model)
    return {**kept_maps(tmp_path, images), "affinity": tmp_path / "affinity"}


def walked(walker, image, cam: Scores, alpha: float, views: int = 1) -> np.ndarray:
    """The walk's labels of one image's kept class maps."""
    rule = functools.partial(decide_by_walk, walker, alpha, views)
    return KeptRule(rule, ("cam",), image=True)({"cam": cam}, image)


def walk(images, **settings):
    return walk_stage("walk", images, WalkSettings(**settings), MAPS)


def cam_of(inputs, name: str) -> Scores:
    return read_scores(inputs["cam"], name)


def planes_of(cam: Scores, alpha: float) -> np.ndarray:
    return with_background(normalise(upsample(cam.scores, cam.size, cam.covers)), alpha)


def nothing(size=(24, 32)) -> Scores:
    return Scores(np.zeros(0, np.int32), np.zeros((0, 6, 8), np.float16), size)


def test_an_image_without_classes_is_background(images, model):
    image = images.read_image("image 0")
    np.testing.assert_array_equal(walked(build_walker(model, WalkSettings()), image, nothing(), 16.0),
                                  np.zeros((24, 32)))


def padded(image, rows: int, columns: int, colour=127.0) -> np.ndarray:
    return np.stack([np.pad(image[..., place].astype(np.float32), ((0, rows - image.shape[0]),
                                                                   (0, columns - image.shape[1])),
                            constant_values=colour) for place in range(3)], axis=-1)


@pytest.mark.parametrize("size", [(24, 32), (21, 30), (4, 5), (1, 1)])
@pytest.mark.parametrize(("sharpness", "steps"), [(8.0, 256), (2.0, 3)])
def test_the_walk_of_one_image(model, size, sharpness, steps):
    """Step by step: cells of 4 pixels, filled up with grey, with planes of 0."""
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (*size, 3)).astype(np.uint8)
    cam = Scores(np.array([0, 4], np.int32), random.normal(size=(2, 5, 6)).astype(np.float16), size, (37, 37))
    walker = build_walker(model, WalkSettings(sharpness=sharpness, steps=steps))
    assert (walker.stride, walker.colour) == (4, (127.0, 127.0, 127.0))
    found = walked(walker, image, cam, 2.0)
    rows, columns = (-(-side // 4) for side in size)
    planes = np.pad(planes_of(cam, 2.0), ((0, 0), (0, 4 * rows - size[0]), (0, 4 * columns - size[1])))
    grid = planes.reshape(3, rows, 4, columns, 4).mean(axis=(2, 4))
    affinity = affinities(model)(padded(image, 4 * rows, 4 * columns)[None])["affinity"]
    spread = random_walk(np.moveaxis(grid, 0, -1)[None], affinity, half_disc(3), sharpness, steps)[0]
    large = resize_maps(np.moveaxis(np.asarray(spread), -1, 0), (4 * rows, 4 * columns))[:, :size[0], :size[1]]
    assert found.shape == size and found.dtype == np.uint8 and set(np.unique(found)) <= {0, 1, 5}
    two = np.sort(large, axis=0)[-2:]
    clear = two[1] - two[0] > 1e-5                                  # elsewhere rounding decides
    np.testing.assert_array_equal(found[clear], np.array([0, 1, 5])[large.argmax(axis=0)][clear])
    assert clear.mean() > 0.95


def test_the_walk_along_paths(images, inputs, model):
    """Along the weakest links of the same network's embedding; it differs from the walk along trained pairs."""
    name = "image 1"
    image, cam = images.read_image(name), cam_of(inputs, name)
    found = walked(build_walker(model, WalkSettings(paths=True)), image, cam, 2.0)
    grid = planes_of(cam, 2.0).reshape(-1, 6, 4, 8, 4).mean(axis=(2, 4))
    affinity = PathAffinity(3)(model({"image": image[None].astype("float32")})["embedding"])
    spread = random_walk(np.moveaxis(grid, 0, -1)[None], affinity, half_disc(3))[0]
    large = resize_maps(np.moveaxis(np.asarray(spread), -1, 0), (24, 32))
    two = np.sort(large, axis=0)[-2:]
    clear = two[1] - two[0] > 1e-5                                  # elsewhere rounding decides
    np.testing.assert_array_equal(found[clear], np.array([0, *(cam.classes + 1)])[large.argmax(axis=0)][clear])
    assert clear.mean() > 0.95
    planes = {"image": image[None].astype("float32"), "planes": np.moveaxis(grid, 0, -1)[None]}
    one, other = (build_walker(model, WalkSettings(paths=paths)).network.predict_on_batch(planes)
                  for paths in (True, False))
    assert np.abs(one - other).max() > 1e-3


def test_no_steps_leave_the_class_maps(images, inputs, model):
    """What remains is their reduction to the grid."""
    cam = cam_of(inputs, "image 1")
    found = walked(build_walker(model, WalkSettings(steps=0)), images.read_image("image 1"), cam, 2.0)
    plain = np.array([0, *(cam.classes + 1)])[planes_of(cam, 2.0).argmax(axis=0)]
    assert np.mean(found == plain) > 0.9 and set(np.unique(found)) == set(np.unique(plain))


@pytest.mark.parametrize(("alpha", "expected"), [(3.0, 3.0), (None, background_power(0.25))])
def test_a_stage_of_walks(images, inputs, tmp_path, alpha, expected):
    """An image whose class maps are torn is a fault; the network is that of the stage before."""
    (inputs["cam"] / "image 3.npz").write_bytes(b"torn")
    stage = walk(images, alpha=alpha, steps=9)
    assert (stage.name, stage.kind, stage.needs) == ("walk", "masks", ("cam", "cam_masks", "affinity"))
    assert set(stage.work(Context(), inputs, tmp_path / "walk")) == {"image 3"}
    walker = load_walker(inputs["affinity"], WalkSettings(steps=9))
    for name in ("image 0", "image 1", "image 2", "image 4"):
        mask = walked(walker, images.read_image(name), cam_of(inputs, name), expected, views=4)
        np.testing.assert_array_equal(read_mask(tmp_path / "walk", name), mask)


def test_another_network_is_refused(images, inputs, model, tmp_path):
    write_model(inputs["affinity"], affinities(model))
    with pytest.raises(UserError, match="holds a Functional; expected the AffinityNet"):
        walk(images, alpha=3.0).work(Context(), inputs, tmp_path / "walk")
