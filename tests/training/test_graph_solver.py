"""Graph networks trained side by side against the dense form, one image and one epoch at a time."""

import numpy as np
import pytest

from tests.support.graphs import dense_solver, half_of, problem
from tests.support.oracles.dense_graph import DenseSolver
from tests.support.shared import shared_file
from tfwsss.models.graph_network import GraphWeights
from tfwsss.ops.place_dropout import place_dropout
from tfwsss.training.graph_problem import GraphProblem
from tfwsss.training.graph_settings import FOR_BOXES, GraphSettings
from tfwsss.training.graph_solver import GraphSolver

SMALL = {"width": 8, "epochs": (3, 4)}
TAGS = GraphSettings(**SMALL)
BOXES = FOR_BOXES.model_copy(update={**SMALL, "crf_weight": 0.1})
STRIDE, NUM_IDS = 4, 4


def weights_of(data):
    """First weights of the recorded program."""
    sharpness = np.concatenate([data[f"w0_attentionlayers.{place}.beta"] for place in range(3)])
    return GraphWeights(data["w0_embeddinglayer.weight"], sharpness, data["w0_outputlayer.weight"])


@pytest.fixture(scope="module")
def recorded_steps():
    return np.load(shared_file("fixtures/a2gnn/training_steps.npz"), allow_pickle=False)


@pytest.mark.parametrize(("kind", "changed"), [
    ("nocrf", {"epochs": (3, 0)}), ("crf", {"epochs": (0, 3)}),
    ("mp_nocrf", {"epochs": (3, 0), "boxes": True, "learning_rate": 0.035, "crf_weight": 0.01}),
    ("mp_crf", {"epochs": (0, 3), "boxes": True, "learning_rate": 0.035, "crf_weight": 0.01})])
def test_three_steps_as_recorded(recorded_steps, kind, changed):
    """Losses of the solver and of the dense form, weights of the latter, and that both classify alike after them."""
    data, settings = recorded_steps, GraphSettings(dropout=0.0, **changed)
    colours, weights, weight = data["image_small"][0].transpose(1, 2, 0), weights_of(data), settings.crf_weight
    weight = weight if settings.epochs[1] else 0.0
    boxes = data["boxes"] if settings.boxes else ()
    dense = DenseSolver(data["features"], data["adj"], data["window"], (4, 5), data["labels"][0], weights,
                        rate=settings.learning_rate, crf_weight=weight, colours=colours, boxes=boxes,
                        labels=data["classes"])
    totals = [dense.epoch()[0]["total"] for _ in range(3)]
    np.testing.assert_allclose(totals, data[f"{kind}_losses"], atol=1e-4)
    sharpness = np.concatenate([data[f"{kind}_w3_attentionlayers.{place}.beta"] for place in range(3)])
    expected = (data[f"{kind}_w3_embeddinglayer.weight_rows0_7"], sharpness, data[f"{kind}_w3_outputlayer.weight"])
    for found, theirs in zip(dense.weights, expected, strict=True):
        np.testing.assert_allclose(found[:len(theirs)], theirs, atol=1e-4)
    np.testing.assert_array_equal(dense.seeds, data[f"{kind}_labels_after"][0])

    solver = GraphSolver(settings, 21, 8)
    one = solver.prepare(GraphProblem("x", data["features"].reshape(4, 5, 64), half_of(data["adj"], 4, 5, 3)[0],
                                      data["labels"][0], colours, data["boxes"], data["classes"]))
    found = next(solver.solve_group([one._replace(weights=weights, features=data["features"].reshape(4, 5, 64))]))
    np.testing.assert_allclose(found.losses @ [1, 1, 1, weight], data[f"{kind}_losses"], atol=1e-4)
    np.testing.assert_allclose(found.probabilities, dense.probabilities((32, 40)), atol=1e-5)


def formula(rows, columns, of):
    return of(*np.ogrid[:rows, :columns]).astype("float32")


@pytest.mark.parametrize(("epochs", "totals"), [
    ((3, 0), (6.010250, 5.891804, 5.762651)), ((0, 3), (22.832731, 22.714062, 22.584541))])
def test_three_steps_by_formula(epochs, totals):
    """Numbers of the published description: 2 x 3 positions of 8 pixels, radius 1, 8 hidden channels."""
    c, y, x = np.ogrid[:2, :2, :3]
    embedded = np.sin(c + 0.8 * y + 0.5 * x)
    affinity = np.zeros((2, 3, 4), "float32")
    for down, across, k in np.ndindex(2, 3, 4):
        there = down + (k > 0), across + (1, -1, 0, 1)[k]
        if there[0] < 2 and 0 <= there[1] < 3:
            affinity[down, across, k] = np.exp(-np.abs(embedded[:, down, across] - embedded[:, *there]).mean())
    seeds = np.full((16, 24), 255)
    seeds[:4], seeds[8:14, 3:9], seeds[6:12, 14:20] = 0, 12, 15
    c, y, x = np.ogrid[:3, :2, :3]
    colours = (0.1 * np.sin(0.6 * c + 1.1 * y + 0.9 * x)).transpose(1, 2, 0)
    maps = formula(6, 6, lambda n, i: 1 + (7 * n + 3 * i) % 11).reshape(2, 3, 6)
    solver = GraphSolver(GraphSettings(width=8, dropout=0.0, epochs=epochs), 21, 8)
    one = solver.prepare(GraphProblem("x", maps, affinity, seeds, colours))
    one = one._replace(weights=GraphWeights(
        formula(6, 8, lambda a, b: 2 * np.sin(1 + a + 2 * b)), np.array([0.25, 0.5, 0.75], "float32"),
        formula(8, 21, lambda a, b: 0.5 * np.cos(1 + 2 * a + b))))
    losses = next(solver.solve_group([one])).losses
    np.testing.assert_allclose(losses[0], [2.9485, 3.0618, 0, 56.0749], atol=6e-5)
    np.testing.assert_allclose(losses @ [1, 1, 1, 0.3 if epochs[1] else 0], totals, atol=2e-5)


def compared(settings, given, dense=None, size=None):
    """Losses and probabilities of the solver, and those of the dense form with the same draws."""
    solver = GraphSolver(settings, NUM_IDS, STRIDE)
    one = solver.prepare(given)
    found = next(solver.solve_group([one]))
    dense = dense or dense_solver(settings, given, one, NUM_IDS, STRIDE)
    losses, seeds = [], dense.seeds.copy()
    for epoch in range(sum(settings.epochs)):
        kept = np.asarray(place_dropout(one.key[None], epoch, *one.grid, settings.width, settings.dropout))
        dense.crf_weight = settings.crf_weight * (epoch >= settings.epochs[0])
        parts, _ = dense.epoch(kept.reshape(-1, settings.width))
        losses.append([parts.get(part, 0.0) for part in ("background", "foreground", "points", "crf")])
        if not settings.consistency_in_place:
            dense.seeds = seeds.copy()
    losses, first = np.array(losses), settings.epochs[0]
    np.testing.assert_allclose(found.losses[:, :3], losses[:, :3], atol=1e-4)
    np.testing.assert_allclose(found.losses[first:, 3], losses[first:, 3], atol=1e-4)
    np.testing.assert_allclose(found.probabilities, dense.probabilities(given.seeds.shape), atol=1e-4)
    np.testing.assert_allclose(found.probabilities.sum(axis=-1), 1, atol=1e-5)
    return found, dense


@pytest.mark.parametrize("settings", [TAGS, BOXES], ids=["tags", "boxes"])
@pytest.mark.parametrize("size", [(24, 28), (21, 26), (3, 9)])
def test_an_image_as_the_dense_form_trains_it(settings, size):
    """With dropout, through both phases, for sizes that are no whole number of cells, with channels of zeros."""
    compared(settings, problem(size, STRIDE, NUM_IDS, boxes=settings.boxes))


def test_padding_counts_as_background_or_not():
    size = (22, 25)
    one = problem(size, STRIDE, NUM_IDS)
    for label, more in ((0, 24 * 28 - 22 * 25), (255, 0)):
        solver = GraphSolver(TAGS.model_copy(update={"pad_label": label}), NUM_IDS, STRIDE)
        assert np.count_nonzero(solver.prepare(one).ids >= 0) == np.count_nonzero(one.seeds != 255) + more
        compared(TAGS.model_copy(update={"pad_label": label}), one)


def test_a_box_beyond_the_image_takes_in_the_padding():
    """26 columns of pixels are padded to 28: the box of columns 9 to 26 reads one of padding, no more."""
    given = problem((21, 26), STRIDE, NUM_IDS)._replace(boxes=np.array([[9, 3, 26, 12]]), labels=np.array([2]))
    wider, cut = (given._replace(boxes=np.array([[9, 3, right, 12]])) for right in (99, 25))
    found, _ = compared(BOXES, given)
    beyond, inside = (compared(BOXES, other)[0] for other in (wider, cut))
    assert np.abs(found.losses[0, 2] - inside.losses[0, 2]) > 1e-4
    assert np.abs(found.losses[0, 2] - beyond.losses[0, 2]) > 1e-4


@pytest.mark.parametrize("in_place", [True, False])
def test_seeds_unlike_the_points_of_their_box_are_taken_away(in_place):
    settings = BOXES.model_copy(update={"consistency_threshold": 0.97, "consistency_in_place": in_place})
    given = problem((24, 28), STRIDE, NUM_IDS, boxes=True)
    found, dense = compared(settings, given)
    plain, _ = compared(BOXES, given)
    assert np.abs(found.probabilities - plain.probabilities).max() > 1e-4
    if in_place:
        lost = np.count_nonzero(dense.seeds == 255) - np.count_nonzero(given.seeds == 255)
        assert 0 < lost < np.count_nonzero((given.seeds > 0) & (given.seeds < 255))


def test_without_any_seed_both_costs_are_zero():
    given = problem((16, 20), STRIDE, NUM_IDS)
    given = given._replace(seeds=np.full_like(given.seeds, 255))
    found, _ = compared(TAGS, given)
    assert not found.losses[:, :3].any() and np.isfinite(found.probabilities).all()
    whole = given._replace(boxes=np.array([[0, 0, 19, 15]]), labels=np.array([3]))
    assert (compared(BOXES, whole)[0].losses[:, 2] > 0).all()


def test_an_image_without_boxes_has_no_cost_of_points():
    found, _ = compared(BOXES, problem((16, 20), STRIDE, NUM_IDS))
    assert not found.losses[:, 2].any()


SIZES = {"a": (24, 28), "b": (21, 26), "c": (29, 9), "d": (16, 40), "e": (3, 2), "f": (33, 20)}


@pytest.mark.parametrize("settings", [TAGS, BOXES], ids=["tags", "boxes"])
def test_neither_the_batch_nor_the_order_changes_an_image(settings):
    """Four of six images share a grid, two another; one is seen alone as well, and all in another order."""
    given = {name: problem(size, STRIDE, NUM_IDS, name=name, boxes=settings.boxes and name != "c", seed=place)
             for place, (name, size) in enumerate(SIZES.items())}
    solver = GraphSolver(settings, NUM_IDS, STRIDE)

    def solved(names, memory=None):
        own = solver if memory is None else GraphSolver(settings.model_copy(update={"memory": memory}), NUM_IDS, STRIDE)
        return {one.name: one for one in own.solve(own.prepare(given[name]) for name in names)}

    together, reverse, one_by_one = solved(given), solved(reversed(given)), solved(given, memory=1)
    assert set(together) == set(given) and list(one_by_one) == list(given)
    for name, size in SIZES.items():
        assert together[name].probabilities.shape == (*size, NUM_IDS)
        for other in (reverse[name], one_by_one[name], solved([name])[name]):
            np.testing.assert_allclose(other.probabilities, together[name].probabilities, atol=1e-5)
            np.testing.assert_allclose(other.losses, together[name].losses, rtol=1e-5, atol=1e-5)
    assert np.abs(together["a"].probabilities[:3, :2] - together["e"].probabilities).max() > 1e-3


def test_draws_follow_from_the_name_and_the_start():
    given = problem((16, 20), STRIDE, NUM_IDS)
    first, again, other = (GraphSolver(TAGS.model_copy(update={"draw": draw}), NUM_IDS, STRIDE).prepare(given)
                           for draw in (0, 0, 1))
    renamed = GraphSolver(TAGS, NUM_IDS, STRIDE).prepare(given._replace(name="another"))
    np.testing.assert_array_equal(first.weights.embedding, again.weights.embedding)
    for unlike in (other, renamed):
        assert (unlike.weights.output != first.weights.output).any() and (unlike.key != first.key).any()


def test_memory_is_that_of_groups():
    """An image of 375 x 500 pixels and 5632 channels: its features thrice, and what three layers keep."""
    solver = GraphSolver(GraphSettings(), 21, 8)
    one = solver.bytes_of((48, 64, 5632, 1, 24))
    assert 3 * 66 * 2**20 < one < 600 * 2**20
    assert solver.bytes_of((48, 64, 5632, 1, 40)) > one > solver.bytes_of((48, 64, 512, 1, 24))
