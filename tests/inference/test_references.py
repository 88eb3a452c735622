import keras
import numpy as np
import pytest

from tests.support.whole_images import pictures, written
from tfwsss.inference.references import ReferenceFeatures, in_half, reference_set, stacked
from tfwsss.inference.see import Seer
from tfwsss.inference.views import squares

SIZES = [(24, 33), (24, 33), (40, 17), (24, 33)]
EACH = 8 * 8 * 3 * 4      # bytes of the features of an image


@pytest.fixture
def images(tmp_path):
    return written(tmp_path, [pictures(1, size, seed)[0] for seed, size in enumerate(SIZES)])


def plain() -> keras.Model:
    """Means of 4x4 pixels."""
    image = keras.Input((None, None, 3))
    return keras.Model(image, {"features": keras.layers.AveragePooling2D(4)(image)})


class Counted(Seer):
    """Notes how many images it is shown at a time."""

    def __init__(self):
        super().__init__(plain(), squares(32, batch_size=2, features=True))
        self.shown = []

    def __call__(self, images):
        self.shown.append(len(images))
        return super().__call__(images)


def test_features_are_reckoned_once(images):
    """In batches of one size; each as it is by itself."""
    seer = Counted()
    store = ReferenceFeatures(images, seer)
    found = store.of(["image 3", "image 0", "image 1", "image 2", "image 0"])
    assert sorted(seer.shown) == [1, 1, 2] and set(found) == set(images.names)
    for name, features in found.items():
        (alone,) = Seer(plain(), seer.view)(images.read_image(name)[None]).values()
        np.testing.assert_allclose(features, alone[0], rtol=1e-6)
    again = store.of(reversed(images.names))
    assert sum(seer.shown) == 4 and all(again[name] is found[name] for name in images.names)
    store.forget()
    store.of(["image 2"])
    assert sum(seer.shown) == 5


def test_memory_is_bounded_and_the_least_recently_used_go_first(images):
    seer = Counted()
    store = ReferenceFeatures(images, seer, memory=2 * EACH)
    assert set(store.of(images.names)) == set(images.names)               # all that is asked for is given
    store.of(["image 2"])
    store.of(["image 3"])
    assert sum(seer.shown) == 4
    store.of(["image 2"])                                                   # now 3 is older
    store.of(["image 0"])
    assert sum(seer.shown) == 5
    store.of(["image 2", "image 0"])
    assert sum(seer.shown) == 5
    store.of(["image 3"])
    assert sum(seer.shown) == 6


def test_what_others_have_reckoned_is_kept_where_it_belongs(images):
    seer = Counted()
    store = ReferenceFeatures(images, seer)
    store.keep("image 1", np.ones((8, 8, 3), np.float32))
    store.keep("a photograph", np.ones((8, 8, 3), np.float32))
    assert (store.of(["image 1"])["image 1"] == 1).all() and seer.shown == []


def test_images_that_cannot_be_read_are_left_out(images):
    images.images["image 1"].write_bytes(b"torn")
    assert set(ReferenceFeatures(images, Counted()).of(images.names)) == {"image 0", "image 2", "image 3"}


def test_others_of_the_class_stand_for_those_that_cannot_be_read():
    found = {name: np.full((1, 2, 1), value) for name, value in (("a", 1.0), ("b", 2.0))}
    own = np.full((1, 2, 1), 9.0)
    rows = stacked(found, [("b", "torn", "a"), ("torn", "torn", "torn"), ()], 3, own)
    assert rows.shape == (3, 3, 1, 2, 1) and rows[..., 0, 0, 0].tolist() == [[2, 1, 2], [9, 9, 9], [9, 9, 9]]
    assert stacked(found, [], 3, own).shape == (0, 3, 1, 2, 1)


def test_a_set_is_a_network_in_half_precision():
    features = np.random.default_rng(0).normal(size=(4, 3, 2, 5, 6)) * 1e3
    features[0, 0, 0, 0] = 1e9
    network = reference_set(features)
    found = keras.ops.convert_to_numpy(network(np.array([3, 0, 3], np.int32)))
    assert found.dtype == np.float16 and np.isfinite(found).all()
    np.testing.assert_array_equal(found, in_half(features)[[3, 0, 3]])
    np.testing.assert_allclose(found[0], features[3], rtol=1e-3)
    assert network(np.zeros(0, np.int32)).shape == (0, 3, 2, 5, 6)
