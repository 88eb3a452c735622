import pytest

from tfwsss.errors import UserError
from tfwsss.inference.views import Canvas, OwnSize
from tfwsss.methods.seam.config import DEMO, Config
from tfwsss.settings import reading
from tfwsss.steps.cam_masks import ThresholdSettings
from tfwsss.steps.confident_labels import KeptMaps

COLOUR = (1.0, 2.0, 3.0)


def built(**values) -> Config:
    return reading.build(Config, {"method": "seam", **values}, "test")


def test_the_defaults_are_the_released_ones():
    settings = built()
    for fit in (settings.seam, settings.affinity):
        assert (fit.backbone.name, fit.epochs, fit.batch_size, fit.crop) == ("resnet38", 8, 8, 448)
        assert (fit.optimizer, fit.learning_rate, fit.momentum, fit.weight_decay) == ("sgd", 0.01, 5e-4, 5e-4)
        assert (fit.schedule, fit.head_factor, fit.bias_factor) == ("step", 10.0, 2.0)
        assert (fit.jitter, fit.mirror, fit.scatter, fit.scales) == ((0.3, 0.3, 0.3, 0.1), True, True, (1.0,))
    own = settings.seam
    assert (own.longer_side, own.dropout, own.widths) == ((448, 768), 0.5, (64, 128, 192))
    assert (own.copy_scale, own.hardest, own.minimum_pooling, own.plain) == (0.3, 0.2, True, False)
    assert (settings.affinity.longer_side, settings.affinity.widths, settings.affinity.radius) == (None,
                                                                                                  (64, 128, 256), 5)
    assert (settings.labels.low, settings.labels.high) == (4.0, 24.0)
    assert (settings.walk.alpha, settings.walk.sharpness, settings.walk.steps) == (6.0, 8.0, 64)
    crf = settings.labels.crf
    assert (crf.iterations, crf.gaussian_deviation, crf.gaussian_weight) == (10, 3.0, 3.0)
    assert (crf.position_deviation, crf.colour_deviation, crf.bilateral_weight) == (80.0, 13.0, 10.0)
    assert settings.pseudo.iterations == 0


def test_one_setting_leaves_the_others_as_released():
    settings = built(seam={"epochs": 3, "backbone": {"initial": "file.h5"}}, affinity={"backbone": {"width": 0.5}},
                     walk={"sharpness": 4.0}, labels={"low": 2.0}, pseudo={"certainty": 0.4}, maps={"batch_size": 2})
    assert settings.seam.backbone.name == settings.affinity.backbone.name == "resnet38"
    assert built(affinity={"epochs": 3}).affinity.backbone.name == "resnet38"
    assert (settings.affinity.learning_rate, settings.walk.alpha) == (0.01, 6.0)
    assert (settings.labels.high, settings.pseudo.iterations, settings.maps.scales) == (24.0, 0, (0.5, 1.0, 1.5, 2.0))


@pytest.mark.parametrize("section", ["cam", "maps"])
def test_images_are_seen_at_their_own_sizes_unless_there_is_a_canvas(section):
    """As released: four scales, mirrored, and maps that first grow to the scaled image."""
    assert getattr(built(), section).view(COLOUR) == OwnSize((0.5, 1.0, 1.5, 2.0), True, corners=True)
    own = built(**{section: {"canvas": 99, "scales": [1.0], "mirror": False}})
    assert getattr(own, section).view(COLOUR) == Canvas(99, colour=COLOUR)


def test_which_maps_are_spread():
    """Refined ones, which are stretched already; or the plain ones, as AffinityNet's."""
    assert built().kept_maps == KeptMaps(ThresholdSettings(), None, "maps", "map_masks")
    assert built(map_masks={"threshold": 0.3}).kept_maps.thresholds.threshold == 0.3
    assert built(seam={"plain": True}).kept_maps == KeptMaps(ThresholdSettings(), 8, "cam", "cam_masks")


def test_the_built_in_set_has_settings_of_its_own():
    settings = built(**DEMO)
    assert settings.data.kind == "demo" and settings.seam.crop % 4 == 1 and settings.affinity.crop % 4 == 0
    for fit in (settings.seam, settings.affinity):
        assert (fit.backbone.name, fit.backbone.initial, fit.optimizer, fit.jitter) == ("small", None, "adam", ())


@pytest.mark.parametrize(("values", "words"), [
    ({"seam": {"copy_scale": 1.0}}, "seam.copy_scale"), ({"seam": {"copy_scale": 0.0}}, "seam.copy_scale"),
    ({"seam": {"hardest": 0.0}}, "seam.hardest"), ({"seam": {"widths": [8, 8]}}, "seam.widths"),
    ({"seam": {"minimum": True}}, "seam.minimum"), ({"maps": {"scales": []}}, "maps.scales"),
    ({"cam": {"stretch": True}}, "stretch needs a canvas"), ({"walk": {"alpha": 0.0}}, "walk.alpha")])
def test_settings_that_make_no_sense(values, words):
    with pytest.raises(UserError, match=words):
        built(**values)
