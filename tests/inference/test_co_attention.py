"""Whole images beside their references; for the stage see `tests.steps.test_co_attention_maps`."""

import functools

import keras
import numpy as np
import pytest

from tests.support.whole_images import pictures, written
from tfwsss.backbones.small import small
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.co_attention import CoAttentionMaps, CoAttentionNetworks
from tfwsss.inference.decide.co_attention import merged_maps
from tfwsss.inference.masker import Look
from tfwsss.inference.see import Seer
from tfwsss.inference.views import squares
from tfwsss.models.mcis import MCIS, feature_network, pair_network, view_network

LABELS = [(0,), (0, 1), (1,), (0, 2), (1,)]
SQUARE = squares(32, batch_size=2, features=True)


@pytest.fixture(scope="module")
def model() -> MCIS:
    keras.utils.set_random_seed(0)
    model = MCIS(small(width=0.1), 4)
    for kernel in model.get_layer("co_attention").trainable_variables:
        kernel.assign(kernel * 4)                              # so that references differ
    return model


@pytest.fixture
def images(tmp_path):
    """The fourth class is shown by none."""
    return written(tmp_path, [pictures(1, (24, 33), seed)[0] for seed in range(5)], LABELS, classes=4)


def maps_of(model, images, references: int = 3, draw: int = 0) -> CoAttentionMaps:
    looks = (Look(view_network(model, False), SQUARE),)
    networks = CoAttentionNetworks(looks, Look(feature_network(model), SQUARE), pair_network(model))
    return CoAttentionMaps(networks, images, references, draw)


@functools.cache
def seer(model) -> Seer:
    return Seer(feature_network(model), SQUARE)


def features(model, images, name) -> np.ndarray:
    return seer(model)(images.read_image(name)[None])["features"].numpy()[0]


def seen(maps: CoAttentionMaps, images, name) -> dict:
    return {key: each[0] for key, each in maps.see(images.read_image(name)[None]).items()}


def test_references_show_the_class_and_depend_on_the_name(model, images):
    maps = maps_of(model, images)
    (cats, dogs), (again, _) = maps.drawn("image 1", (0, 1)), maps.drawn("image 1", (0, 3))
    assert len(cats) == len(dogs) == 3 and cats == again and maps.drawn("image 1", (3,)) == [()]
    assert set(cats) <= {"image 0", "image 1", "image 3"} and set(dogs) <= {"image 1", "image 2", "image 4"}
    names = [f"photograph {place}" for place in range(20)]
    assert len({maps.drawn(name, (0,))[0] for name in names}) > 5
    assert [maps.drawn(name, (0,)) for name in names] != [maps_of(model, images, draw=1).drawn(name, (0,))
                                                          for name in names]


def test_maps_of_one_image_are_those_of_its_own_references(model, images):
    """The image itself where there are none."""
    maps = maps_of(model, images)
    own, (cats,) = seen(maps, images, "image 0"), maps.drawn("image 0", (0,))
    others = np.stack([[features(model, images, name) for name in cats], [own["features"]] * 3])
    expected = np.asarray(merged_maps(pair_network(model), own, others, np.int32([0, 3])))
    found = maps.merged(own, "image 0", (0, 3))
    assert found.dtype == np.uint8 and np.abs(found.astype(int) - expected).max() <= 1
    apart = maps.apart(own, "image 0", (0, 3))
    assert list(apart) == ["1", "2", "3"] and apart["2"].shape == (2, 8, 8)


def test_all_images_of_a_set_by_their_own_labels(model, images):
    images.images["image 2"].write_bytes(b"torn")
    maps, single = maps_of(model, images), maps_of(model, images)
    found = dict(maps.scores(images, images.names))
    assert isinstance(found.pop("image 2"), ImageFault) and len(found) == 4
    for name, each in found.items():
        alone = single.merged(seen(maps, images, name), name, images.labels[name])
        assert tuple(each.classes) == images.labels[name] and each.size == (24, 33)
        assert np.abs(np.moveaxis(each.scores, 0, -1).astype(int) - alone).max() <= 1


def test_what_a_network_has_learnt_since_counts_after_forgetting(model, images):
    other = MCIS(small(width=0.1), 4)
    other.set_weights(model.get_weights())
    maps = maps_of(other, images)
    own = seen(maps, images, "image 0")
    first = maps.apart(own, "image 0", (0,))["1"]
    for variable in other.backbone.trainable_variables:
        variable.assign(variable * 0.5)
    np.testing.assert_array_equal(maps.apart(own, "image 0", (0,))["1"], first)
    maps.forget()
    assert np.abs(maps.apart(own, "image 0", (0,))["1"] - first).max() > 1e-3


def test_kept_references_are_of_every_class(model, images):
    """A class that no image shows has zeros."""
    kept = maps_of(model, images, references=2).kept()
    assert kept.shape == (4, 2, 8, 8, 10) and kept.dtype == np.float16
    assert (kept[3] == 0).all() and all(kept[label].any() for label in range(3))
    for name in images.names:
        images.images[name].write_bytes(b"torn")
    with pytest.raises(UserError, match="no reference image can be read"):
        maps_of(model, images).kept()
