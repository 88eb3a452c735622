import dataclasses

import pytest

from tests.support.fake_run import image_set
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.methods.mcis.config import DEMO, Config
from tfwsss.methods.mcis.stages import stages
from tfwsss.runs.stage import Stage
from tfwsss.settings import reading


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    return image_set(tmp_path_factory.mktemp("data"))


def made(images, others=None, **values) -> dict[str, Stage]:
    settings = reading.build(Config, {"method": "mcis", **values}, "test")
    return {stage.name: stage for stage in stages(settings, Splits(images, others or images, None))}


def test_the_stages_of_the_built_in_set(images):
    assert list(made(images, **DEMO)) == ["saliency", "mcis", "cam", "cam_masks", "maps", "pseudo", "segmenter",
                                          "relabel"]


@pytest.mark.parametrize(("background", "needs"), [("threshold", ("maps",)), ("crf", ("labels",)), (None, ("labels",))])
def test_what_tells_the_background_without_saliency(images, background, needs):
    found = made(images, labels={"background": background})
    assert found["pseudo"].needs == needs and found["maps"].needs == ("mcis",) and found["cam"].needs == ("mcis",)


def test_saliency_takes_the_place_of_the_crf(images, tmp_path):
    found = made(images, data={"saliency": str(tmp_path)})
    assert "labels" not in found and found["pseudo"].needs == ("maps",) and found["pseudo"].section == "labels"
    assert found["pseudo"].settings["saliency"] == str(tmp_path)
    with pytest.raises(UserError, match="data.saliency is not set"):
        made(images, labels={"background": "saliency"})


def test_references_are_images_trained_on(images):
    """Whatever images masks are made of."""
    one, other = (made(images, images.subset(images.names[:count])) for count in (2, 3))
    assert one["maps"].settings["training"] == other["maps"].settings["training"] == images.fingerprint()


def test_images_without_classes_are_in_no_pair(images):
    labels = {**images.labels, "image 2": ()}
    untagged = dataclasses.replace(images, labels=labels)
    found = made(untagged)
    kept = images.subset(name for name in images.names if name != "image 2")
    assert found["mcis"].settings["images"] == kept.fingerprint() == found["maps"].settings["training"]
    assert found["cam"].settings["images"] == untagged.fingerprint()
    with pytest.raises(UserError, match="none of 5 images shows a class; pairs need tags"):
        made(dataclasses.replace(images, labels=dict.fromkeys(images.names, ())))
