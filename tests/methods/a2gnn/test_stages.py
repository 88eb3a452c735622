import dataclasses

import pytest

from tests.support.fake_run import image_set
from tfwsss.data.image_set import ImageSet
from tfwsss.data.sources import Splits
from tfwsss.data.weak_labels import Point
from tfwsss.errors import UserError
from tfwsss.methods.a2gnn.config import DEMO, Config
from tfwsss.methods.a2gnn.stages import stages
from tfwsss.runs.stage import Stage
from tfwsss.settings import reading

SPREAD = ["seeds", "affinity", "graph", "pseudo", "segmenter", "relabel"]


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    return image_set(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def clicked(images) -> ImageSet:
    return dataclasses.replace(images, points={name: (Point(1, 2.0, 3.0),) for name in images.names})


def made(images, others=None, **values) -> dict[str, Stage]:
    settings = reading.build(Config, {"method": "a2gnn", **values}, "test")
    return {stage.name: stage for stage in stages(settings, Splits(images, others or images, None))}


def test_the_stages_of_the_built_in_set(images):
    found = made(images, **DEMO)
    assert list(found) == ["classifier", "cam", "cam_masks", *SPREAD]
    assert {name: found[name].split for name in ("cam", "seeds", "graph", "pseudo")} == \
        dict.fromkeys(("cam", "seeds", "graph", "pseudo"), "pseudo")                     # side by side in the report


def test_without_class_maps_there_is_no_classifier(images, clicked):
    found = made(clicked, seeds={"confident": False})
    assert list(found) == SPREAD and found["graph"].needs == ("seeds", "affinity")
    with pytest.raises(UserError, match="5 of 5 images have only tags"):
        made(images, seeds={"confident": False})


@pytest.mark.parametrize(("given", "first"), [({"cam": "maps"}, ["cam"]),
                                              ({"cam": "maps", "classifier": "net"}, ["classifier", "cam"]),
                                              ({"classifier": "net"}, ["classifier", "cam"])])
def test_given_class_maps_need_no_classifier(images, given, first):
    """As those of SEAM; one that is given as well is taken, so that `cam_masks` can be asked of photographs."""
    assert list(made(images, given=given)) == [*first, "cam_masks", *SPREAD]


def test_other_class_maps_walk_where_they_are_given(images):
    """Seeds come from the classifier's all the same."""
    found = made(images, given={"walk_cam": "maps"})
    assert list(found) == ["classifier", "cam", "cam_masks", "walk_cam", *SPREAD]
    assert found["seeds"].needs == ("cam",) and found["graph"].needs == ("seeds", "affinity", "walk_cam")
    assert made(images)["graph"].needs == ("seeds", "affinity", "cam")


def test_masks_of_all_images_leave_nothing_to_find(images):
    masks = dict.fromkeys(images.names, images.masks["image 0"])
    with pytest.raises(UserError, match="all 5 images have masks .* --method retrain"):
        made(dataclasses.replace(images, full_masks=masks))
    some = dataclasses.replace(images, full_masks={name: masks[name] for name in images.names[1:]})
    assert "graph" in made(some)
    assert "graph" in made(dataclasses.replace(images, full_masks=masks), seeds={"supervision": "image"})


def test_labels_are_part_of_what_makes_a_result(images, clicked):
    one, other, tags = made(images), made(clicked), made(clicked, seeds={"supervision": "image"})
    for name in ("seeds", "graph", "pseudo"):
        assert one[name].settings != other[name].settings != tags[name].settings
