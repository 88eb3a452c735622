import pytest

from tests.support.fake_run import image_set
from tfwsss.data.sources import Splits
from tfwsss.methods.clip_es.config import DEMO, Config
from tfwsss.methods.clip_es.stages import stages
from tfwsss.settings import reading


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))


def made(images, **values):
    settings = reading.build(Config, {"method": "clip_es", **values}, "test")
    return {stage.name: stage for stage in stages(settings, Splits(images, images.subset(images.names[:3]), None))}


def test_nothing_is_trained_before_the_pseudo_labels(images):
    found = made(images, **DEMO)
    assert list(found) == ["clip", "maps", "labels", "pseudo", "segmenter", "relabel"]
    assert "epochs" not in found["clip"].settings
    assert found["clip"].settings["classes"] == list(images.classes[1:])


def test_masks_are_of_the_images_named_for_them(images):
    found = made(images)
    assert {found[name].settings["images"] for name in ("maps", "labels", "pseudo")} == \
        {images.subset(images.names[:3]).fingerprint()}
