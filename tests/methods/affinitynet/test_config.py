import pytest

from tfwsss.errors import UserError
from tfwsss.methods.affinitynet.config import DEMO, Config
from tfwsss.settings import reading


def built(**values) -> Config:
    return reading.build(Config, {"method": "affinitynet", **values}, "test")


def test_the_defaults_are_the_published_ones():
    settings = built()
    for fit, epochs, batch_size in ((settings.classifier, 15, 16), (settings.affinity, 8, 8)):
        assert (fit.backbone.name, fit.epochs, fit.batch_size, fit.crop) == ("vgg16", epochs, batch_size, 448)
        assert (fit.optimizer, fit.learning_rate, fit.momentum, fit.weight_decay) == ("sgd", 0.1, 5e-4, 5e-4)
        assert (fit.schedule, fit.head_factor, fit.bias_factor) == ("step", 10.0, 2.0)
        assert (fit.jitter, fit.mirror, fit.scatter, fit.scales) == ((0.3, 0.3, 0.3, 0.1), True, True, (1.0,))
    assert (settings.classifier.longer_side, settings.affinity.longer_side) == ((256, 512), None)
    assert (settings.affinity.widths, settings.affinity.radius) == ((64, 128, 256), 5)
    assert settings.affinity.border == "released" and settings.classifier.dropout == 0.5
    assert settings.cam.scales == (1.0, 0.5, 1.5, 2.0) and settings.cam.mirror
    assert (settings.labels.low, settings.labels.high) == (4.0, 32.0)
    assert (settings.walk.alpha, settings.walk.sharpness, settings.walk.steps) == (16.0, 8.0, 256)
    assert not settings.walk.paths
    crf = settings.labels.crf
    assert (crf.iterations, crf.gaussian_deviation, crf.gaussian_weight) == (10, 3.0, 3.0)
    assert (crf.position_deviation, crf.colour_deviation, crf.bilateral_weight) == (80.0, 13.0, 10.0)


def test_the_built_in_set_has_settings_of_its_own():
    settings = built(**DEMO)
    assert settings.data.kind == "demo" and settings.labels.low == 4.0 and settings.walk.steps == 256
    for fit in (settings.classifier, settings.affinity):
        assert (fit.backbone.name, fit.backbone.initial, fit.optimizer, fit.jitter) == ("small", None, "adam", ())
    assert settings.affinity.crop % 4 == 0


@pytest.mark.parametrize(("values", "words"), [
    ({"labels": {"low": 0.0}}, "labels.low"), ({"labels": {"high": -1.0}}, "labels.high"),
    ({"walk": {"alpha": 0.0}}, "walk.alpha"), ({"walk": {"steps": -1}}, "walk.steps"),
    ({"walk": {"sharpness": 0}}, "walk.sharpness"), ({"affinity": {"radius": 1}}, "affinity.radius"),
    ({"affinity": {"border": "half"}}, "affinity.border"), ({"affinity": {"widths": [8, 8]}}, "affinity.widths"),
    ({"classifier": {"dropout": 1.0}}, "classifier.dropout"),
    ({"classifier": {"schedule": "month"}}, "classifier.schedule")])
def test_settings_that_make_no_sense(values, words):
    with pytest.raises(UserError, match=words):
        built(**values)
