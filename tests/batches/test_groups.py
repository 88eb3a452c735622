"""Groups: the released sampler's rule, the same for every start, members that share a class."""

import itertools
import logging

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.support.arrays import recorded
from tfwsss.artefacts.masks import write_mask
from tfwsss.batches.augment import Augmentation
from tfwsss.batches.groups import group_batches, group_steps, make_groups, with_partners
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.palette import voc_palette


def released_batches(groups, batch, group, devices):
    """The released order of a batch: device by device, all first members, all second members, ..."""
    per_device = batch // (devices * group)
    whole = len(groups) // (batch // group) * (batch // group)
    parts = np.array(groups[:whole]).reshape(-1, devices, per_device, group)
    return parts.transpose(0, 1, 3, 2).reshape(-1, batch)


@pytest.mark.parametrize("case", range(4))
def test_groups_as_recorded(case):
    data = recorded("cian_grouping")
    _, batch, group, devices, _, _ = data[f"cfg{case}"].tolist()
    tags = [np.flatnonzero(row).tolist() for row in data[f"tags{case}"]]
    order = data[f"order{case}"].tolist()
    groups = make_groups(tags, order, group, to_the_end=False)
    np.testing.assert_array_equal(released_batches(groups, batch, group, devices), data[f"batches{case}"])
    assert make_groups(tags, order, group)[:len(groups)] == groups


def test_worked_example():
    tags = ["a", "b", "a", "b", "ab", "c", "b", "a"]
    tags = [[ord(letter) for letter in tag] for tag in tags]
    for to_the_end in (False, True):
        assert make_groups(tags, range(8), 2, to_the_end) == [(0, 2), (1, 3), (4, 6)]


def slow(tags, order, group):
    """The specification's words: a stack whose bottom takes the rejected."""
    stack, rest, groups = [], list(order), []
    while True:
        try:
            members, rejected = [stack.pop() if stack else rest.pop(0)], []
            while len(members) < group:
                one = stack.pop() if stack else rest.pop(0)
                joins = all(set(tags[one]) & set(tags[member]) for member in members)
                (members if joins else rejected).append(one)
        except IndexError:
            return groups
        groups.append(tuple(members))
        stack = rejected[::-1] + stack


@pytest.mark.parametrize("group", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(6))
def test_any_size_follows_the_rule_and_going_on_leaves_nobody_with_a_partner(group, seed):
    random = np.random.default_rng(seed)
    tags = [set(random.integers(0, 5, random.integers(0, 3)).tolist()) for _ in range(40)]
    order = random.permutation(40).tolist()
    groups = make_groups(tags, order, group, to_the_end=False)
    assert groups == slow(tags, order, group)
    more = make_groups(tags, order, group)
    assert more[:len(groups)] == groups
    members = [number for one in more for number in one]
    assert len(set(members)) == len(members) and set(map(len, more)) <= {group}
    assert all(tags[one] & tags[other] for found in more for one, other in itertools.combinations(found, 2))
    if group == 2:
        assert not any(tags[one] & tags[other] for one, other in itertools.combinations(set(order) - set(members), 2))


def test_an_image_without_a_partner_does_not_end_the_epoch():
    tags = [[0], [1], [1], [2], [2]]
    assert make_groups(tags, range(5), to_the_end=False) == []
    assert make_groups(tags, range(5)) == [(1, 2), (3, 4)]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Eleven images, blue = 100 + number, classes number % 3; one more with a class of its own, one without."""
    root = tmp_path_factory.mktemp("groups")
    names = tuple(f"n {number}" for number in range(13))
    for number, name in enumerate(names):
        rows, columns = 20 + number, 33 - number
        y, x = np.mgrid[:rows, :columns]
        Image.fromarray(np.stack([y, x, np.full_like(x, 100 + number)], -1).astype(np.uint8)).save(root / f"{name}.png")
        write_mask(root / "masks", name, ((y + x) % 5).astype(np.uint8), voc_palette())
    labels = {name: (number % 3,) for number, name in enumerate(names[:11])} | {names[11]: (3,), names[12]: ()}
    return ImageSet(names, root, ("background", *"abcd"), voc_palette(), masks={}, labels=labels,
                    images={name: root / f"{name}.png" for name in names})


def stream(images, **changes):
    settings = {"batch_size": 2, "group": 2, "how": Augmentation(24, 26, (0.5, 1.0), pad_value=0.0), "seed": 5,
                "masks": images.root / "masks", **changes}
    return [tf.nest.map_structure(lambda tensor: tensor.numpy(), pair) for pair in group_batches(images, **settings)]


def numbers(batch):
    return batch[0]["image"][..., 2].max((2, 3)).astype(int) - 100


def test_keys_shapes_and_types(images):
    data = group_batches(images, batch_size=2, group=3, how=Augmentation(16, 24), masks=images.root / "masks", epochs=3)
    x, y = data.element_spec
    assert {key: (spec.shape.as_list(), spec.dtype.name) for key, spec in {**x, **y}.items()} == {
        "image": ([2, 3, 16, 24, 3], "float32"), "mask": ([2, 3, 16, 24], "int32"), "labels": ([2, 3, 4], "float32")}
    assert set(x) == {"image"} and data.cardinality() == len(list(data)) == 3


def test_members_share_a_class_and_no_image_comes_twice_an_epoch(images):
    batches = stream(images, epochs=6)
    assert len(batches) == 12                                  # five groups, in whole batches of two
    orders = set()
    for epoch in range(6):
        members = np.concatenate([numbers(batch) for batch in batches[2 * epoch:2 * epoch + 2]])
        assert len(np.unique(members)) == members.size and members.max() < 11
        assert (members[:, 0] % 3 == members[:, 1] % 3).all()
        orders.add(tuple(members.ravel()))
    assert len(orders) > 3
    for _, y in batches:
        assert (y["labels"][:, 0] == y["labels"][:, 1]).all() and (y["labels"].sum(-1) == 1).all()


def test_masks_stay_on_their_image_and_members_are_augmented_apart(images):
    flips = set()
    for x, y in stream(images, epochs=8, how=Augmentation(24, 26, pad_value=0.0)):
        real = x["image"][..., 2] >= 100
        row, column = (x["image"][..., channel].astype(int) for channel in (0, 1))
        assert (y["mask"] == (row + column) % 5)[real].all() and (y["mask"][~real] == 255).all()
        flips |= {tuple(pair[:, 0, 1] < pair[:, 0, 0]) for pair in column.reshape(-1, 2, *column.shape[2:])}
    assert len(flips) == 4


def test_a_resumed_run_sees_what_an_uninterrupted_one_does(images):
    whole = stream(images, epochs=4)
    for start in (1, 3):
        tf.nest.map_structure(np.testing.assert_array_equal, stream(images, epochs=4, initial_epoch=start),
                              whole[2 * start:])
    assert not stream(images, epochs=2, initial_epoch=2)
    other = stream(images, epochs=4, seed=6)
    assert any(not np.array_equal(one[0]["image"], two[0]["image"]) for one, two in zip(whole, other, strict=True))


def test_images_without_partners_are_told(images, caplog):
    with caplog.at_level(logging.WARNING, "tfwsss"):
        stream(images)
    assert "2 of 13 images share no class with another" in caplog.text
    assert with_partners(images).names == images.names[:11] and with_partners(images, 1).names == images.names
    assert with_partners(images.subset(images.names[:4])).names == ("n 0", "n 3")
    with pytest.raises(UserError, match="no two of 3 images share a class"):
        with_partners(images.subset(images.names[:3]))


def test_groups_of_one_take_every_image(images):
    batches = stream(images, group=1, batch_size=13)
    assert len(batches) == 1 and sorted(numbers(batches[0])[:, 0]) == list(range(13))


@pytest.mark.parametrize(("count", "batch_size", "steps"), [(11, 2, 2), (11, 5, 1), (11, 1, 5), (6, 8, 1)])
def test_all_epochs_have_the_steps_of_the_shortest(images, count, batch_size, steps):
    """Classes of 4, 4 and 3 images make five groups; one image finds no partner."""
    few = images.subset(images.names[:count])
    assert group_steps(few, batch_size, 2, 5, 3) == steps
    assert len(stream(few, batch_size=batch_size, epochs=3)) == 3 * steps


def test_few_groups_are_repeated_to_one_batch_and_none_are_refused(images):
    few = images.subset(images.names[:6])                      # three groups
    for batch in stream(few, batch_size=8, epochs=3):
        groups = list(map(tuple, numbers(batch)))
        assert len(groups) == 8 and set(groups) == set(groups[:3]) and len(set(groups)) == 3
    with pytest.raises(UserError, match="no 3 of 6 images share a class, two by two"):
        stream(few, group=3)
    with pytest.raises(UserError, match="masks of 11 images are missing"):
        stream(images, masks=images.root / "nowhere")
