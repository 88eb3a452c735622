"""Canvases, superpixels, CRFs, rounds, and what the machine decides."""

import pytest

from tests.support.choices import ANIMALS, chosen
from tfwsss.settings.auto.facts import Facts

LARGE = Facts(60, 4000, 4000, 5)
GIB = 2**30


@pytest.mark.parametrize(("side", "canvas", "batch"), [(128, 129, 16), (320, 321, 8), (300, 305, 8), (384, 385, 4)])
def test_canvases_hold_the_largest(side, canvas, batch):
    found = chosen(Facts(500, side, side, 3))
    assert (found["cam.canvas"], found["cam.batch_size"], found["scores.canvas"]) == (canvas, batch, canvas)


@pytest.mark.parametrize(("method", "side", "expected"), [
    ("icd", 320, {"pseudo": 30.0, "masks.crf": 30.0}), ("icd", 4000, {"pseudo": 375.0, "masks.crf": 375.0}),
    ("affinitynet", 320, {"pseudo": 50.0, "labels.crf": 50.0, "masks.crf": 30.0}),
    ("a2gnn", 320, {"pseudo": 50.0, "seeds.crf": 50.0})])
def test_deviations_are_a_share_of_the_photograph(method, side, expected):
    found = chosen(Facts(500, side, side, 3), method)
    assert {key: found[f"{key}.position_deviation"] for key in expected} == expected


def test_twelve_megapixels_are_a_case_of_their_own():
    """Superpixels, smoothing and networks see eight times the published side; nothing shows whole photographs."""
    found = chosen(LARGE)
    assert [found[f"superpixels.{key}"] for key in ("scale", "min_size", "sigma")] == [4800.0, 4800, 6.4]
    assert found["pseudo.gaussian_deviation"] == 24.0 and found["tensorboard.panels"] == 0
    assert found["masks.scales"] == [0.096, 0.072, 0.12] and found["relabel.scales"] == [0.096]
    own = {"superpixels.scale", "pseudo.gaussian_deviation", "tensorboard.panels", "workers"}
    assert own <= found.keys() and not own & chosen(ANIMALS).keys()


@pytest.mark.parametrize(("memory", "cores", "workers"), [(GIB, 4, 1), (8 * GIB, 4, 3), (64 * GIB, 4, 4)])
def test_large_superpixels_go_by_the_memory(memory, cores, workers):
    """150 bytes a pixel of a square: 2.2 GiB."""
    assert chosen(LARGE._replace(memory=memory, cores=cores))["workers"] == workers


@pytest.mark.parametrize(("memory", "iterations"), [(5 * GIB, 0), (7 * GIB, 5)])
def test_the_crf_of_large_photographs_goes_by_the_memory(memory, iterations):
    """400 bytes a pixel of a square: 6.0 GiB."""
    found = chosen(LARGE._replace(memory=memory))
    assert found["pseudo.iterations"] == found["masks.crf.iterations"] == iterations
    assert "pseudo.iterations" not in chosen(ANIMALS)


def test_one_class_without_others_goes_by_what_stands_out():
    assert chosen(Facts(50, 320, 320, 1))["data.saliency"] == "make"
    assert "data.saliency" not in chosen(Facts(50, 320, 320, 1, 1)) | chosen(Facts(50, 320, 320, 2))
    assert "data.saliency" not in chosen(Facts(50, 320, 320, 1), data={"saliency": None})


def test_few_images_train_no_second_network():
    assert chosen(Facts(19, 320, 320, 2))["rounds"] == 0 and "rounds" not in chosen(Facts(20, 320, 320, 2))


def test_all_graphics_cards_are_taken():
    assert chosen(ANIMALS._replace(gpus=4))["devices"] == 4
    assert "devices" not in chosen(ANIMALS._replace(gpus=1))


def test_walks_are_shorter_in_small_photographs():
    assert chosen(ANIMALS, "affinitynet")["walk.steps"] == 64
    assert "walk.steps" not in chosen(Facts(500, 500, 500, 3), "affinitynet") | chosen(ANIMALS, "seam")
