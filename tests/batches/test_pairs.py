"""Pairs: the released sampler's rule, views from the original pixels, the same for every start."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.support.pillow import pillow
from tfwsss.batches.pairs import (
    draw_references,
    make_partner,
    members_by_class,
    other_views,
    pair_batches,
    square,
    with_classes,
)
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.palette import voc_palette

LABELS = {"a": (0,), "b": (0, 1), "c": (1,), "d": (2,), "e": (0, 1)}


def image_set(folder=Path("none"), labels=LABELS) -> ImageSet:
    return ImageSet(tuple(labels), folder, ("background", "cat", "dog", "cow"), voc_palette(),
                    images={name: folder / f"{name}.png" for name in labels}, labels=labels, masks={})


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for place, name in enumerate(LABELS):
        Image.fromarray(random.integers(0, 256, (20 + 7 * place, 31, 3)).astype(np.uint8)).save(folder / f"{name}.png")
    return image_set(folder)


def test_classes_of_an_image_and_images_of_a_class_are_alike_likely():
    partner, names = make_partner(image_set()), list(LABELS)
    steps = (np.arange(12) + 0.5) / 12
    found = [names[int(partner(1, tf.constant((one, other), tf.float32)))] for one in steps for other in steps]
    assert {name: found.count(name) for name in set(found)} == {"a": 24, "b": 48, "e": 48, "c": 24}
    assert found[:72].count("c") == found[72:].count("a") == 0                   # class 0 first
    assert [names[int(partner(index, (0.99, 0.9999999)))] for index in range(5)] == ["e", "e", "e", "d", "e"]
    assert [names[int(partner(index, (0.0, 0.0)))] for index in range(5)] == ["a", "a", "b", "d", "a"]


def test_images_without_a_class_have_no_partner():
    images = image_set(labels={**LABELS, "f": ()})
    assert with_classes(images).names == tuple(LABELS)
    with pytest.raises(UserError, match="some images show no class"):
        pair_batches(images, batch_size=1)
    with pytest.raises(UserError, match="none of 1 images shows a class"):
        with_classes(images.subset(["f"]))


def original(images, name):
    return np.array(Image.open(images.images[name]))


def test_views_are_pillows_of_the_original_pixels(photographs):
    image = original(photographs, "c")
    views = other_views(image, 18)
    np.testing.assert_array_equal(views["mirrored"], pillow(image, (18, 18))[:, ::-1])
    np.testing.assert_array_equal(views["smaller"], pillow(image, (13, 13)))
    np.testing.assert_array_equal(views["larger"], pillow(image, (36, 36)))
    np.testing.assert_array_equal(square(image, 18), pillow(image, (18, 18)))


def listed(dataset):
    return [(tf.nest.map_structure(np.asarray, x), y["labels"].numpy()) for x, y in dataset]


def test_a_batch_holds_pairs_of_one_class_with_the_views_of_the_first(photographs):
    batches = listed(pair_batches(photographs, batch_size=2, side=16, colours=(), epochs=3, seed=5))
    assert [len(labels) for _, labels in batches] == [2, 2, 1] * 3               # the last is kept
    squares = {name: pillow(original(photographs, name), (16, 16)) for name in LABELS}
    firsts, pairs = [], []
    for x, labels in batches:
        assert set(x) == {"image", "mirrored", "smaller", "larger"} and x["larger"].shape[1:] == (32, 32, 3)
        for place, tags in enumerate(labels):
            pair = [next(name for name in LABELS if np.array_equal(squares[name], image))
                    for image in x["image"][place]]
            assert [np.flatnonzero(row).tolist() for row in tags] == [list(LABELS[name]) for name in pair]
            assert set(LABELS[pair[0]]) & set(LABELS[pair[1]])
            views = other_views(original(photographs, pair[0]), 16)
            for view, image in views.items():
                np.testing.assert_array_equal(x[view][place], image)
            firsts.append(pair[0])
            pairs.append(tuple(pair))
    assert [sorted(firsts[start:start + 5]) for start in (0, 5, 10)] == [sorted(LABELS)] * 3
    assert firsts[:5] != firsts[5:10] and len(set(pairs)) > 5


def test_a_run_resumed_sees_what_an_uninterrupted_one_would_have_seen(photographs):
    settings = {"batch_size": 2, "side": 16, "seed": 3, "epochs": 3, "self_views": False}
    whole = listed(pair_batches(photographs, **settings))
    later = listed(pair_batches(photographs, initial_epoch=1, **settings))
    assert len(whole) == 9 and len(later) == 6
    for (x, labels), (same, again) in zip(whole[3:], later, strict=True):
        np.testing.assert_array_equal(x["image"], same["image"])
        np.testing.assert_array_equal(labels, again)


def test_only_the_pair_changes_its_colours_each_image_by_its_own_draws(photographs):
    plain, coloured = (listed(pair_batches(photographs.subset(["d"]), batch_size=1, side=16, colours=colours, epochs=1))
                       for colours in ((), (0.3, 0.3, 0.3, 0.1)))
    (x, _), (y, _) = plain[0], coloured[0]
    for view in ("mirrored", "smaller", "larger"):
        np.testing.assert_array_equal(x[view], y[view])
    first, second = y["image"][0]                              # both are the only image of its class
    assert np.any(first != x["image"][0, 0]) and np.any(second != x["image"][0, 1]) and np.any(first != second)
    assert np.array_equal(y["image"], np.round(y["image"])) and y["image"].min() >= 0 and y["image"].max() <= 255


def test_references_depend_on_the_name_alone_and_are_spread_evenly():
    members = members_by_class(image_set())
    assert members == (("a", "b", "e"), ("b", "c", "e"), ("d",))
    assert draw_references(members[0], "x", 0, 3) == draw_references(members[0], "x", 0, 3)
    assert draw_references(members[2], "x", 2, 3) == ("d",) * 3 and draw_references((), "x", 1, 3) == ()
    drawn = [draw_references(members[0], f"image {number}", 0, 3) for number in range(300)]
    counts = [sum(names.count(one) for names in drawn) for one in members[0]]
    assert sum(counts) == 900 and max(counts) - min(counts) < 100
    assert draw_references(members[0], "x", 0, 30, seed=1) != draw_references(members[0], "x", 0, 30, seed=2)
