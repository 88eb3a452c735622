"""Crop, batch and epochs by number and size of the images."""

import math

import pytest

from tests.support.choices import ANIMALS, chosen
from tfwsss.settings.auto.facts import Facts
from tfwsss.settings.auto.fits import FITS


@pytest.mark.parametrize(("side", "crop"), [(128, 97), (320, 225), (384, 273), (1000, 273)])
def test_crops_are_seven_tenths_of_what_is_seen(side, crop):
    """Corners on positions 16 pixels apart: 16 n + 1."""
    assert chosen(Facts(500, side, side, 3))["icd.crop"] == crop


@pytest.mark.parametrize("images", [2, 5, 20, 63, 64, 100, 320, 999, 1000, 1500, 10_582, 200_000])
@pytest.mark.parametrize("section", ["icd", "segmenter"])
def test_epochs_follow_from_steps(images, section):
    found = chosen(ANIMALS._replace(images=images))
    batch, epochs = found[f"{section}.batch_size"], found[f"{section}.epochs"]
    wanted, of_epoch = FITS[section].steps * math.exp(math.log(images) / 5), max(1, images // batch)
    assert epochs >= FITS[section].least
    assert abs(epochs * of_epoch - wanted) <= of_epoch / 2 + 1 or epochs == FITS[section].least
    assert epochs * of_epoch > 50                          # fewer hardly teach anything


@pytest.mark.parametrize(("images", "gpus", "batch"), [
    (2, 0, 4), (7, 0, 4), (8, 0, 8), (63, 0, 8), (64, 0, 16), (999, 0, 16), (1000, 0, 32), (1000, 3, 33), (2, 8, 8)])
def test_batches_grow_with_the_images_and_fill_all_devices(images, gpus, batch):
    assert chosen(ANIMALS._replace(images=images, gpus=gpus))["icd.batch_size"] == batch


def test_large_photographs_are_reduced_in_training():
    found = chosen(Facts(60, 4000, 4000, 5))
    assert found["icd.longer_side"] == [288, 480] and "icd.scales" not in found and found["icd.crop"] == 273
    assert chosen(ANIMALS)["icd.longer_side"] is None and chosen(ANIMALS)["icd.scales"] == [0.75, 1.0, 1.25]
    assert "affinity.longer_side" not in chosen(Facts(60, 800, 800, 5), "affinitynet")     # used as large as they are


def test_long_trainings_warm_up_longer():
    assert "icd.warm_up_epochs" not in chosen(ANIMALS)
    found = chosen(Facts(2, 320, 320, 1, 1))
    assert found["icd.warm_up_epochs"] == round(found["icd.epochs"] / 8, 1) == 12.6


def test_copies_of_seam_lie_on_positions():
    """Their side, rounded down, is 16 n + 1, about half of the crop."""
    for side in (160, 320, 384):
        found = chosen(Facts(500, side, side, 3), "seam")
        copy = int(found["seam.crop"] * found["seam.copy_scale"])
        assert copy % 16 == 1 and abs(copy - found["seam.crop"] / 2) <= 9
