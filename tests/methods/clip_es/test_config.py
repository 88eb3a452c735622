import pytest

from tfwsss.errors import UserError
from tfwsss.methods.clip_es.config import DEMO, Config
from tfwsss.settings import reading


def built(**values) -> Config:
    return reading.build(Config, {"method": "clip_es", **values}, "test")


def test_the_defaults_are_the_released_ones():
    settings = built()
    assert settings.clip.templates == ("a clean origami {}.",) and len(settings.clip.backgrounds) == 25
    assert settings.clip.backbone.name == "clip_b16" and settings.clip.words == {}
    assert (settings.maps.blocks, settings.maps.share, settings.maps.rounds) == (8, 0.4, 3)
    crf = settings.pseudo.crf
    assert (crf.iterations, crf.gaussian_deviation, crf.gaussian_weight) == (10, 1.0, 3.0)
    assert (crf.position_deviation, crf.colour_deviation, crf.bilateral_weight) == (67.0, 3.0, 4.0)
    assert settings.pseudo.certain == 0.95 and settings.labels.power == 1.0


def test_single_settings_keep_the_others():
    settings = built(clip={"backbone": {"initial": "x.weights.h5"}}, pseudo={"crf": {"iterations": 3}})
    assert settings.clip.backbone.name == "clip_b16" and settings.pseudo.crf.position_deviation == 67.0


def test_the_built_in_set_has_settings_of_its_own():
    settings = built(**DEMO)
    assert settings.data.kind == "demo" and settings.clip.backbone.initial is None


@pytest.mark.parametrize(("values", "words"), [
    ({"clip": {"backbone": {"name": "vgg16"}}}, "clip.backbone.name"), ({"maps": {"share": 1.0}}, "maps.share"),
    ({"pseudo": {"certain": 1.0}}, "pseudo.certain"), ({"clip": {"backgrounds": []}}, "clip.backgrounds"),
    ({"clip": {"templates": ["x"]}}, "places for words")])
def test_what_cannot_be(values, words):
    with pytest.raises(UserError, match=words):
        built(**values)
