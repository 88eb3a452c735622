import pytest

from tests.support.fake_run import image_set
from tfwsss.data.sources import Splits
from tfwsss.steps.affinity import AffinitySettings
from tfwsss.steps.affinity_walk import affinity_walk_stages
from tfwsss.steps.cam_masks import ThresholdSettings
from tfwsss.steps.confident_labels import KeptMaps, LabelSettings
from tfwsss.steps.random_walk import WalkSettings

MAPS = KeptMaps(ThresholdSettings(), None, "maps", "map_masks")


@pytest.mark.parametrize(("given", "expected"), [
    ((), {"marginals": ("maps", "map_masks"), "labels": ("marginals",), "affinity": ("marginals",),
          "walk": ("maps", "map_masks", "affinity")}),
    (("labels", "cam"), {"labels": ("marginals",), "affinity": ("labels",),
                         "walk": ("maps", "map_masks", "affinity")})])
def test_the_stages_read_the_maps_that_are_named(tmp_path, given, expected):
    """Those that are learnt from belong to the training images, the walk to those whose masks are wanted."""
    images = image_set(tmp_path)
    training, pseudo = images.subset(images.names[:3]), images.subset(images.names[2:])
    found = affinity_walk_stages(Splits(training, pseudo, None), MAPS, LabelSettings(), AffinitySettings(),
                                 WalkSettings(), given)
    assert {stage.name: stage.needs for stage in found} == expected
    for stage in found:
        own = pseudo if stage.name == "walk" else training
        assert stage.settings["images"] == own.fingerprint()
