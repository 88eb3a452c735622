import pytest

from tfwsss.errors import UserError
from tfwsss.methods.mcis.config import DEMO, Config
from tfwsss.ops.proxy_labels import MCIS_LIMITS
from tfwsss.settings import reading


def built(**values) -> Config:
    return reading.build(Config, {"method": "mcis", **values}, "test")


def test_the_defaults_are_the_released_ones():
    settings = built()
    own = settings.mcis
    assert (own.backbone.name, own.epochs, own.batch_size, own.side) == ("vgg16", 11, 5, 256)
    assert (own.optimizer, own.learning_rate, own.momentum, own.weight_decay) == ("sgd", 1e-3, 0.9, 5e-4)
    assert (own.head_factor, own.bias_factor, own.decay_epochs, own.contrastive_from_epoch) == (10, 2, (5, 10), 2)
    assert own.self_views and own.jitter == (0.3, 0.3, 0.3, 0.1)
    assert (settings.maps.references, settings.maps.side, settings.maps.self_views) == (3, 256, True)
    assert settings.labels.limits == MCIS_LIMITS and not settings.labels.corners_aligned
    assert settings.mcis.images_per_batch == 10


def test_plain_class_maps_are_seen_as_the_network_was_trained():
    assert built().cam.stretch and built().cam.canvas == built().mcis.side
    assert built(cam={"mirror": True}).cam.canvas == 256 and built(cam={"mirror": True}).cam.stretch


def test_the_built_in_set_has_settings_of_its_own():
    settings = built(**DEMO)
    assert settings.data.kind == "demo" and settings.mcis.backbone.name == "small"
    assert settings.mcis.side == settings.maps.side == settings.cam.canvas


@pytest.mark.parametrize(("values", "words"), [
    ({"mcis": {"contrastive_from_epoch": -1}}, "mcis.contrastive_from_epoch"),
    ({"mcis": {"crop": 97}}, "mcis.crop"), ({"mcis": {"decay_epochs": [0]}}, "mcis.decay_epochs"),
    ({"maps": {"references": 0, "self_views": False}}, "seen beside nothing"),
    ({"cam": {"canvas": None}}, "stretch needs a canvas"), ({"labels": {"background": "guess"}}, "labels.background")])
def test_settings_that_make_no_sense(values, words):
    with pytest.raises(UserError, match=words):
        built(**values)
