import pytest

from tfwsss.errors import UserError
from tfwsss.methods.retrain.config import DEMO, Config
from tfwsss.settings import reading


def built(**values) -> Config:
    return reading.build(Config, {"method": "retrain", **values}, "test")


def test_one_round_of_a_published_network_is_the_default():
    found = built()
    assert (found.rounds, found.segmenter.backbone.name, found.segmenter.head) == (1, "vgg16", "largefov")
    assert found.relabel.tagged and found.relabel.certain == 0.0 and not found.masks.tagged


def test_the_built_in_set_has_settings_of_its_own():
    assert built(**DEMO).segmenter.backbone.name == "small" and built(**DEMO).data.val_split == "val"


@pytest.mark.parametrize(("values", "words"), [
    ({"relabel": {"certain": -0.1}}, "relabel.certain"), ({"relabel": {"certain": 1.0}}, "relabel.certain"),
    ({"masks": {"window": 32}}, "masks.window"), ({"rounds": -1}, "rounds"),
    ({"masks": {"average": "mean"}}, "masks.average"), ({"segmenter": {"head": "wide"}}, "segmenter.head")])
def test_settings_that_make_no_sense(values, words):
    with pytest.raises(UserError, match=words):
        built(**values)
