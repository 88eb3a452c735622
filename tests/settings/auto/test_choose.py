"""What is chosen as a whole: measured settings where they are measured, users' words over all, clear refusals."""

import re

import pytest

from tests.support.choices import ANIMALS, chosen, nested
from tests.support.sources import ROOT
from tests.test_configs import header
from tfwsss import methods
from tfwsss.errors import UserError
from tfwsss.settings import reading
from tfwsss.settings.auto.choose import METHODS
from tfwsss.settings.auto.facts import Facts

BUILT_IN = Facts(320, 120, 128, 4)


def values_of(method: str, values: dict) -> dict:
    return reading.build(methods.get(method).config, {**values, "method": method}, "test").model_dump(mode="json")


@pytest.mark.parametrize("method", ["icd", "affinitynet", "seam", "a2gnn", "retrain"])
def test_of_the_animals_it_is_what_was_measured(method):
    """Nothing is lost against the settings by hand: they are the same, but for a comparison that is left out."""
    by_hand = reading.read_yaml(ROOT / "configs" / f"{method}_animals.yaml")
    data = by_hand.pop("data")
    by_hand.pop("cam_crf", None)
    if method == "a2gnn":
        by_hand["affinity"]["batch_size"] = 8             # 16 by hand, in as many epochs
    assert values_of(method, nested(chosen(ANIMALS, method, data=data)) | {"data": data}) == \
        values_of(method, {**by_hand, "data": data})


@pytest.mark.parametrize(("method", "differs"), [
    ("icd", {"segmenter.epochs": 19}), ("retrain", {"segmenter.epochs": 19})])
def test_of_the_built_in_set_it_is_its_own_settings_but_for_the_last_network(method, differs):
    own = methods.get(method).demo
    found = chosen(BUILT_IN, method, own)
    assert {key: found[key] for key in differs} == differs
    assert values_of(method, reading.merge(own, nested({key: value for key, value in found.items()
                                                        if key not in differs}))) == values_of(method, own)


EXAMPLES = ("icd_one_class", "icd_one_class_alone", "icd_few_images", "icd_12_megapixels")


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_hold_what_is_chosen_for_the_images_they_name(name):
    path = ROOT / "configs" / f"{name}.yaml"
    words = r"(\d+) images of (\d+) pixels, (\d+) class(?:es)?, (\d+) images of none"
    images, side, classes, negatives = map(int, re.search(words, header(path)["facts"]).groups())
    held = reading.read_yaml(path)
    data = {"kind": "folder", "root": "photos"}
    found = chosen(Facts(images, side, side, classes, negatives), data=data)
    assert values_of("icd", held) == values_of("icd", reading.merge({"data": data}, nested(found)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("facts", [ANIMALS, BUILT_IN, Facts(2, 500, 500, 1, 1), Facts(10_582, 500, 500, 20, gpus=4),
                                   Facts(60, 900, 1100, 3)], ids=["animals", "built-in", "two", "VOC", "unlike"])
def test_whatever_is_chosen_is_valid(method, facts):
    values_of(method, nested(chosen(facts, method)))
    values_of(method, reading.merge(methods.get(method).demo, nested(chosen(facts, method, methods.get(method).demo))))


def test_what_is_set_stays_and_the_rest_goes_by_it():
    found = chosen(ANIMALS, icd={"batch_size": 16, "backbone": {"initial": "own.h5"}}, masks={"crf": {"iterations": 0}})
    assert not {"icd.batch_size", "icd.backbone.initial", "masks.crf.iterations"} & found.keys()
    assert found["icd.epochs"] == 4                       # 380 steps of 93 an epoch
    assert found["segmenter.backbone.initial"] == "own.h5" and found["icd.backbone.name"] == "mobilenet_v2"
    assert found["masks.crf.position_deviation"] == 30.0
    with_null = chosen(ANIMALS, icd={"longer_side": None})
    assert "icd.longer_side" not in with_null and "segmenter.longer_side" in with_null
    published = chosen(ANIMALS, icd={"backbone": {"name": "vgg16"}})
    assert "icd.learning_rate" not in published and published["icd.crop"] == 225


@pytest.mark.parametrize(("method", "facts", "words"), [
    ("oaa", ANIMALS, "not for oaa; begin with configs/oaa_animals.yaml"),
    ("affinitynet", Facts(60, 4000, 4000, 3), "4,000 pixels long or more, and affinitynet sees photographs at their "
     "own size; make them 1,200 pixels long, or take --method icd"),
    ("seam", Facts(60, 320, 320, 1), "all 60 images show the only class")])
def test_what_cannot_be_chosen_is_refused_with_a_cure(method, facts, words):
    with pytest.raises(UserError, match=words):
        chosen(facts, method)
