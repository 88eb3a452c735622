import pytest

from tests.support.fake_run import image_set
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.methods.cian.config import Config
from tfwsss.methods.cian.stages import stages
from tfwsss.runs.stage import Stage
from tfwsss.settings import reading


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    return image_set(tmp_path_factory.mktemp("data"))


def made(training, val=None, **values) -> dict[str, Stage]:
    settings = reading.build(Config, {"method": "cian", **values}, "test")
    return {stage.name: stage for stage in stages(settings, Splits(training, training, val))}


def test_masks_are_of_the_images_without_tags(images):
    training, val = images.subset(images.names[:3]), images.subset(images.names[3:])
    found = made(training, val)
    assert list(found)[4:] == ["segmenter", "pseudo", "masks", "segmenter_2", "pseudo_2", "masks_2"]
    for name, stage in found.items():
        own = val if name.startswith("masks") else training
        assert stage.settings["images"] == own.fingerprint(), name
        assert (stage.split == "val") == name.startswith("masks")


def test_given_seeds_need_no_class_maps(images):
    """The published ones come from saliency; nothing before them is made."""
    found = made(images, given={"seeds": "published"})
    assert list(found) == ["seeds", "segmenter", "pseudo", "segmenter_2", "pseudo_2"]
    assert {stage.split for stage in found.values() if stage.kind == "masks"} == {"training"}


@pytest.mark.parametrize("saliency", ["maps of mine", "make"])
def test_seeds_by_saliency_need_no_crf(images, saliency):
    """Those that are given need no saliency either."""
    stage = made(images, data={"saliency": saliency})["seeds"]
    assert set(stage.settings) - {"saliency"} == {"salient", "images"} and "cam" not in stage.needs
    assert "saliency" not in made(images, data={"saliency": saliency}, given={"seeds": "published"})


@pytest.mark.parametrize(("continued", "second"), [(True, ("pseudo", "segmenter")), (False, ("pseudo",))])
def test_a_later_round_learns_from_the_masks_of_the_one_before(images, continued, second):
    found = made(images, rounds=3, segmenter={"continued": continued})
    assert found["segmenter"].needs == ("seeds",) and found["segmenter_2"].needs == second
    assert found["segmenter_3"].needs == tuple(f"{name}_2" for name in second)
