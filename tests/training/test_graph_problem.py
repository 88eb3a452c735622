import numpy as np
import pytest

from tests.support.graphs import problem
from tests.support.shared import shared_file
from tfwsss.errors import ImageFault
from tfwsss.models.graph_network import initial_weights
from tfwsss.training.graph_problem import clipped_boxes, prepare


def prepared(given, pad_label=255, stride=4):
    return prepare(given, 5, stride, 6, 3, pad_label, 7)


def test_channels_of_zeros_go_with_their_weights_which_are_drawn_all_the_same():
    given = problem((21, 26), 4, 5)
    one = prepared(given)
    used = [channel for channel in range(13) if channel not in (2, 7)]
    np.testing.assert_allclose(one.features, (given.features / given.features.sum(axis=-1, keepdims=True))[..., used],
                               rtol=1e-6)
    random = np.random.default_rng([7, ord("x")])
    whole = initial_weights(random, 13, 6, 5)
    np.testing.assert_array_equal(one.weights.embedding, whole.embedding[used])
    np.testing.assert_array_equal(one.weights.output, whole.output)
    np.testing.assert_array_equal(one.key, random.integers(-2**31, 2**31, 2))
    assert one.size == (21, 26) and one.grid == (6, 7) and one.shape == (8, 8, 512, 1)


def test_features_are_divided_by_their_sums_as_recorded():
    data = np.load(shared_file("fixtures/a2gnn/network_forward.npz"), allow_pickle=False)
    given = problem((16, 20), 4, 5)._replace(features=data["features_raw"].reshape(4, 5, 64))
    used = data["features_raw"].any(axis=0)
    np.testing.assert_allclose(prepared(given).features, data["features"].reshape(4, 5, 64)[..., used], rtol=1e-5)


def test_a_position_of_zeros_stays_zero():
    given = problem((8, 8), 4, 5)
    given.features[1, 0] = 0
    assert not prepared(given).features[1, 0].any() and np.isfinite(prepared(given).features).all()


@pytest.mark.parametrize("pad_label", [0, 255])
def test_pixels_with_a_label_stand_in_their_order_and_padding_counts_where_it_has_one(pad_label):
    given = problem((5, 6), 4, 5)
    one = prepared(given, pad_label)
    padded = np.full((8, 8), pad_label)
    padded[:5, :6] = given.seeds
    count = np.count_nonzero(padded != 255)
    np.testing.assert_array_equal(one.pixels[:count], np.argwhere(padded != 255))
    np.testing.assert_array_equal(one.ids[:count], padded[padded != 255])
    assert len(one.pixels) == len(one.ids) == 64 and (one.ids[count:] == -1).all()


@pytest.mark.parametrize(("count", "room"), [(0, 1), (1, 1), (2, 2), (3, 4), (5, 8)])
def test_room_for_boxes_is_a_power_of_two(count, room):
    given = problem((21, 26), 4, 5)._replace(boxes=np.tile([0, 0, 9, 9], (count, 1)), labels=np.ones(count, int))
    assert prepared(given).shape[3] == room


def test_boxes_are_cut_off_to_whole_pixels_and_clipped():
    given = [[1.9, 0, 9, 3], [7, 0, 9, 3], [-3, -2.5, 0.4, 0], [4, 2, 3, 2]]
    boxes, labels = clipped_boxes(given, [2, 5, 1, 3], (3, 6))
    np.testing.assert_array_equal(boxes, [[1, 0, 5, 2], [0, 0, 0, 0]])
    np.testing.assert_array_equal(labels, [2, 1])
    boxes, labels = clipped_boxes(np.zeros((0, 4)), [], (3, 6))
    assert boxes.shape == (0, 4) and labels.shape == (0,)


def test_boxes_of_a_problem_are_clipped_to_the_padded_image():
    given = problem((21, 26), 4, 5)._replace(boxes=np.array([[3, 2, 26, 40]]), labels=np.array([1]))
    np.testing.assert_array_equal(prepared(given).boxes, [[3, 2, 26, 23]])


BAD = {
    "expected 6 x 7 positions of 4 pixels": lambda one: one._replace(seeds=np.zeros((25, 26), int)),
    "affinities of": lambda one: one._replace(affinity=one.affinity[1:]),
    "colours of": lambda one: one._replace(colours=one.colours[:, 1:]),
    "seeds of the ids": lambda one: one._replace(seeds=np.full_like(one.seeds, 5)),
    "boxes without 0": lambda one: one._replace(boxes=np.zeros((1, 4)), labels=np.zeros(1, int)),
    "1 boxes and 0 ids": lambda one: one._replace(boxes=np.zeros((1, 4))),
    "features below 0": lambda one: one._replace(features=one.features - 1),
    "that are no numbers": lambda one: one._replace(features=np.full_like(one.features, np.nan)),
}


@pytest.mark.parametrize("message", BAD)
def test_what_does_not_fit_is_refused(message):
    given = problem((21, 26), 4, 5)
    if message.startswith("expected 6"):
        given, message = BAD[message](given), "expected 7 x 7 positions of 4 pixels"
    else:
        given = BAD[message](given)
    with pytest.raises(ImageFault, match=message):
        prepared(given)
