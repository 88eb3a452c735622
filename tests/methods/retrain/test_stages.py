import dataclasses

import numpy as np
import pytest

from tests.support.fake_run import image_set
from tfwsss.artefacts.masks import read_mask
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.methods.retrain.config import Config
from tfwsss.methods.retrain.stages import stages
from tfwsss.runs.stage import Context, Stage
from tfwsss.settings import reading


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))          # five of 24x32 pixels; the last has no mask


def made(images, val=None, **values) -> dict[str, Stage]:
    settings = reading.build(Config, {"method": "retrain", **values}, "test")
    return {stage.name: stage for stage in stages(settings, Splits(images, images, val))}


def test_labels_then_rounds(images):
    found = made(images, images, rounds=2, segmenter={"continued": True})
    assert {name: stage.needs for name, stage in found.items()} == {
        "labels": (), "segmenter": ("labels",), "relabel": ("segmenter", "labels"), "masks": ("segmenter",),
        "segmenter_2": ("relabel", "segmenter"), "relabel_2": ("segmenter_2", "relabel"), "masks_2": ("segmenter_2",)}
    assert {stage.split for stage in found.values() if stage.kind == "masks"} == {"training", "val"}


def test_labels_are_the_true_masks(images, tmp_path):
    """An image without one is told of and left out."""
    stage = made(images)["labels"]
    assert list(stage.work(Context(workers=1), {}, tmp_path)) == ["image 4"]
    for name in images.names[:-1]:
        np.testing.assert_array_equal(read_mask(tmp_path, name), images.read_mask(name))


def test_images_without_masks_need_labels(images):
    bare = dataclasses.replace(images, masks={})
    with pytest.raises(UserError, match="these images have none; add --set given.labels=FOLDER, such as the pseudo"):
        made(bare)
    assert list(made(bare, given={"labels": "masks of mine"})) == ["labels", "segmenter", "relabel"]
