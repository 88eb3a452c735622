import pytest

from tfwsss.errors import UserError
from tfwsss.methods.icd.config import DEMO, Config
from tfwsss.settings import reading
from tfwsss.steps.class_maps import MapSettings


def built(**values) -> Config:
    return reading.build(Config, {"method": "icd", **values}, "test")


def test_the_defaults_are_the_published_ones():
    settings = built()
    assert (settings.icd.backbone.name, settings.icd.epochs, settings.icd.batch_size, settings.icd.crop) == \
        ("vgg16", 20, 32, 321)
    assert (settings.icd.learning_rate, settings.icd.weight_decay, settings.icd.head_factor) == (1e-3, 5e-4, 10.0)
    assert settings.icd.scales == (0.5, 0.75, 1.0, 1.25, 1.5) and settings.icd.optimizer == "sgd"
    assert (settings.superpixels.scale, settings.superpixels.sigma, settings.superpixels.min_size) == (75, 0.8, 75)
    assert (settings.regions.max_regions, settings.regions.canvas, settings.scores.canvas) == (64, 513, 513)


def test_the_built_in_set_has_settings_of_its_own():
    settings = built(**DEMO)
    assert settings.data.kind == "demo" and settings.icd.backbone.name == "small"
    assert settings.cam.model_dump(include=set(MapSettings.model_fields)) == settings.scores.model_dump()
    assert settings.cam.affinity is None and settings.regions.max_regions == 0


@pytest.mark.parametrize(("values", "words"), [
    ({"icd": {"sign_updates_per_step": 3}}, "icd.sign_updates_per_step"), ({"icd": {"dropout": 1.0}}, "icd.dropout"),
    ({"icd": {"top_down_threshold": 1.0}}, "icd.top_down_threshold"), ({"cam": {"scales": []}}, "cam.scales"),
    ({"regions": {"max_regions": -1}}, "regions.max_regions"), ({"superpixels": {"kind": "quick"}}, "superpixels.kind"),
    ({"cam_masks": {"threshold": 1.5}}, "cam_masks.threshold")])
def test_settings_that_make_no_sense(values, words):
    with pytest.raises(UserError, match=words):
        built(**values)
