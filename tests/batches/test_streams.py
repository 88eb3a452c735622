"""Batches: the same for every start, every image once an epoch, maps that stay on their image."""

import logging

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.support.oracles.affinity_labels import affinity_labels
from tfwsss.artefacts.marginals import read_marginals, write_marginals
from tfwsss.artefacts.masks import write_mask
from tfwsss.artefacts.regions import write_regions
from tfwsss.batches.augment import Augmentation
from tfwsss.batches.streams import steps_per_epoch, training_batches
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.palette import voc_palette

PAD = (7.0, 8.0, 9.0)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Seven images whose pixels tell their place and number: red = row, green = column, blue = 100 + number."""
    root = tmp_path_factory.mktemp("places")
    names = tuple(f"n {number}" for number in range(7))
    for number, name in enumerate(names):
        rows, columns = 20 + 4 * number, 40 - 3 * number
        y, x = np.mgrid[:rows, :columns]
        pixels = np.stack([y, x, np.full_like(x, 100 + number)], axis=-1).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"{name}.png")
        write_regions(root / "regions", name, y * 100 + x)
        write_mask(root / "masks", name, ((y + x) % 5).astype(np.uint8), voc_palette())
    return ImageSet(names, root, ("background", *"abcd"), voc_palette(), masks={},
                    images={name: root / f"{name}.png" for name in names},
                    labels={name: (number % 4,) for number, name in enumerate(names)})


def settings(images, crop=(24, 26), scales=(1.0,), mirror=True, **changes):
    how = Augmentation(*crop, scales, mirror=mirror, pad_value=PAD)
    return {"batch_size": 2, "how": how, "seed": 5, "regions": images.root / "regions",
            "masks": images.root / "masks", **changes}


def stream(images, **changes):
    return [tf.nest.map_structure(lambda tensor: tensor.numpy(), pair)
            for pair in training_batches(images, **settings(images, **changes))]


def numbers(batch):
    """Returns the numbers of the images in a batch, read from their largest blue value."""
    return [int(blue[blue >= 100].max()) - 100 for blue in batch[0]["image"][..., 2]]


def test_keys_shapes_and_types(images):
    x, y = training_batches(images, **settings(images)).element_spec
    assert {key: (spec.shape.as_list(), spec.dtype.name) for key, spec in x.items()} == {
        "image": ([2, 24, 26, 3], "float32"), "labels": ([2, 4], "float32"), "regions": ([2, 24, 26], "int32")}
    assert {key: (spec.shape.as_list(), spec.dtype.name) for key, spec in y.items()} == {
        "labels": ([2, 4], "float32"), "mask": ([2, 24, 26], "int32")}
    x, y = training_batches(images, batch_size=3, how=Augmentation(16, 16), drop_remainder=False).element_spec
    assert x["image"].shape.as_list() == [None, 16, 16, 3] and set(x) == {"image", "labels"} and set(y) == {"labels"}


def test_a_resumed_run_sees_what_an_uninterrupted_one_does(images):
    scales = (0.5, 1.0, 1.5)
    whole = stream(images, epochs=4, scales=scales)
    assert len(whole) == 4 * steps_per_epoch(images, 2) == 12
    for start in (1, 3):
        rest = stream(images, epochs=4, initial_epoch=start, scales=scales)
        tf.nest.map_structure(np.testing.assert_array_equal, rest, whole[3 * start:])
    other = stream(images, epochs=1, scales=scales, seed=6)
    assert any(not np.array_equal(a[0]["image"], b[0]["image"]) for a, b in zip(whole, other, strict=False))
    assert not stream(images, epochs=2, initial_epoch=2)


def test_every_image_once_an_epoch_in_a_new_order(images):
    batches = stream(images, epochs=6, batch_size=3, drop_remainder=False)
    epochs = [sum((numbers(batch) for batch in batches[3 * epoch:3 * epoch + 3]), []) for epoch in range(6)]
    assert all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len(set(map(tuple, epochs))) > 3
    assert {len(batch[0]["image"]) for batch in batches} == {1, 3}
    for batch in batches:
        assert batch[0]["labels"].argmax(1).tolist() == [number % 4 for number in numbers(batch)]
        assert (batch[0]["labels"] == batch[1]["labels"]).all()


def test_partial_batches_are_dropped(images):
    batches = stream(images, epochs=2, batch_size=3)
    assert len(batches) == 4 and all(len(batch[0]["image"]) == 3 for batch in batches)
    epochs = [sum(map(numbers, batches[part]), []) for part in (slice(2), slice(2, 4))]
    assert all(len(set(epoch)) == 6 for epoch in epochs)


def test_few_images_are_repeated_to_one_batch(images, caplog):
    with caplog.at_level(logging.WARNING, "tfwsss"):
        batches = stream(images.subset(images.names[:3]), epochs=2, batch_size=8)
    assert "3 images are fewer than one batch of 8" in caplog.text
    assert len(batches) == 2 and steps_per_epoch(images.subset(images.names[:3]), 8) == 1
    assert all(sorted(set(numbers(batch))) == [0, 1, 2] and len(numbers(batch)) == 8 for batch in batches)


def test_maps_stay_on_their_image(images):
    mirrored = padded = 0
    for x, y in stream(images, epochs=3):
        real = x["image"][..., 2] >= 100
        row, column = (x["image"][..., channel].astype(int) for channel in (0, 1))
        assert (x["regions"] == row * 100 + column)[real].all()
        assert (y["mask"] == (row + column) % 5)[real].all()
        assert (x["image"][~real] == PAD).all() and (y["mask"][~real] == 255).all()
        for number, ids, inside in zip(numbers((x, y)), x["regions"], real, strict=True):
            rows, columns = 20 + 4 * number, 40 - 3 * number
            assert (ids[~inside] == (rows - 1) * 100 + columns).all()          # one more than the largest id
            padded += (~inside).any()
        steps = np.diff(column, axis=2)[real[:, :, 1:] & real[:, :, :-1]]
        mirrored += (steps == -1).any()
    assert mirrored and padded


def test_mirror_and_scales(images):
    upright = stream(images, epochs=3, mirror=False)
    assert all((np.diff(x["regions"], axis=2)[(x["image"][..., 2] >= 100)[:, :, 1:]] == 1).all() for x, _ in upright)
    sizes = {int((x["image"][0, :, 0, 2] >= 100).sum()) for x, _ in
             stream(images.subset(images.names[:1]), epochs=40, batch_size=1, scales=(0.5, 1.0, 1.1), crop=(40, 40))}
    assert sizes == {10, 20, 22}


def test_scaled_maps_come_from_their_neighbourhood(images):
    for x, y in stream(images, epochs=2, scales=(0.75, 1.5)):
        real = x["image"][..., 2] >= 100
        row, column = x["image"][..., 0], x["image"][..., 1]
        assert np.abs(x["regions"] // 100 - row)[real].max() <= 1.01
        assert np.abs(x["regions"] % 100 - column)[real].max() <= 1.01
        assert set(np.unique(y["mask"])) <= {0, 1, 2, 3, 4, 255}


def test_half_are_mirrored_and_all_scales_are_drawn(images):
    one = images.subset(images.names[:1])
    flips = [int(x["regions"][0, 0, 1] < x["regions"][0, 0, 0]) for x, _ in
             stream(one, epochs=300, batch_size=1, crop=(8, 8))]
    assert 110 < sum(flips) < 190


def test_missing_and_wrong_maps_are_told(images, tmp_path):
    with pytest.raises(UserError, match="regions of 7 images are missing, such as 'n 0'"):
        training_batches(images, **settings(images, regions=tmp_path))
    write_regions(tmp_path, "n 0", np.zeros((3, 3), np.int32))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"n 0\.png.*has size.*3 3.*but its image.*20 40"):
        stream(images.subset(["n 0"]), batch_size=1, regions=tmp_path)
    for changes in ({"batch_size": 0}, {"scales": ()}, {"scales": (0.0,)}):
        with pytest.raises(UserError, match="positive"):
            training_batches(images, **settings(images, **changes))
    with pytest.raises(UserError, match="no usable image"):
        training_batches(images.subset([]), **settings(images))


@pytest.fixture(scope="module")
def marginals(images, tmp_path_factory):
    """Two sets of an image's background and class, in columns, so that cells differ."""
    folder = tmp_path_factory.mktemp("marginals")
    for number, name in enumerate(images.names):
        random = np.random.default_rng(number)
        planes = random.random((2, 2, 1, 40 - 3 * number)).repeat(20 + 4 * number, axis=2)
        write_marginals(folder, name, planes / planes.sum(axis=1, keepdims=True))
    return folder


def test_marginals_become_labels_of_the_crops_cells(images, marginals):
    """After the crop, as the released program has it; outside of the image nothing is known."""
    data = training_batches(images, **settings(images, regions=None, masks=None, marginals=marginals, cell=4, epochs=3))
    assert {key: spec.shape.as_list() for key, spec in data.element_spec[1].items()} == {
        "labels": [2, 4], "mask": [2, 6, 7]}
    assert set(data.element_spec[0]) == {"image", "labels"}
    for x, y in data.as_numpy_iterator():
        for image, mask, number in zip(x["image"], y["mask"], numbers((x, y)), strict=True):
            inside = image[..., 2] >= 100
            row, column = (np.where(inside, image[..., channel], 0).astype(int) for channel in (0, 1))
            planes = read_marginals(marginals, f"n {number}", 2)[:, :, row, column] * inside
            np.testing.assert_array_equal(mask, affinity_labels(*planes, [number % 4], block=4))


def test_missing_and_wrong_marginals_are_told(images, marginals, tmp_path):
    own = {"regions": None, "masks": None, "batch_size": 1}
    with pytest.raises(UserError, match="marginals of 7 images are missing, such as 'n 0'"):
        training_batches(images, **settings(images, **own, marginals=tmp_path))
    write_marginals(tmp_path, "n 0", np.ones((2, 2, 3, 3)) / 2)
    with pytest.raises(tf.errors.InvalidArgumentError):
        stream(images.subset(["n 0"]), **own, marginals=tmp_path)
