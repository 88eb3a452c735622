import pytest

from tfwsss.errors import UserError
from tfwsss.methods.oaa.config import DEMO, Config
from tfwsss.settings import reading


def built(**values) -> Config:
    return reading.build(Config, {"method": "oaa", **values}, "test")


def test_the_defaults_are_those_of_the_program_for_caffe():
    settings = built()
    for each in (settings.oaa, settings.oaa_plus):
        assert (each.backbone.name, each.batch_size, each.learning_rate, each.momentum) == ("vgg16", 5, 1e-3, 0.9)
        assert (each.weight_decay, each.bias_factor, each.head_factor, each.decay_all) == (2e-4, 2.0, 1.0, False)
        assert (each.mirror, each.jitter, each.nesterov, each.rate_outside) == (True, (), False, False)
        assert abs(each.epochs * 10_582 / 5 - 30_000) < 10_582 / 5 and each.decay_epochs == (9,)    # of 20 000 steps
    assert settings.oaa.frame == (224, False, None, "opencv") and settings.plus
    assert (settings.labels.limits.conflict, settings.labels.limits.strong) == (0.9, 0.8)


@pytest.mark.parametrize(("values", "form", "rule", "accept", "resizing"), [
    ({}, "oaa", "max", "rank", "opencv"), ({"program": "torch"}, "mcis", "plain_max", "top", "cubic"),
    ({"program": "torch", "accept": "probable"}, "mcis", "plain_max", "probable", "cubic"),
    ({"rule": "harmonic"}, "oaa", "harmonic", "rank", "opencv")])
def test_one_switch_says_whose_rules_hold(values, form, rule, accept, resizing):
    found = built(oaa=values).oaa
    assert (found.form, found.joined_by, found.accepted_by, found.frame.rule) == (form, rule, accept, resizing)


@pytest.mark.parametrize(("backbone", "stride"), [
    ({"name": "vgg16"}, None), ({"name": "mobilenet_v2"}, 16), ({"name": "mobilenet_v2", "output_stride": 8}, 8),
    ({"name": "small"}, 4)])
def test_positions_lie_on_the_corners_but_of_vgg16(backbone, stride):
    """Its pools of 2x2 leave each position in the middle of its cell; the rule for labels follows, or is told."""
    settings = built(oaa={"backbone": backbone}, plus=False)
    assert settings.oaa.frame.stride == stride and settings.label_rule.corners_aligned == (stride is not None)
    told = built(oaa={"backbone": backbone}, labels={"corners_aligned": stride is None}, plus=False)
    assert told.label_rule.corners_aligned == (stride is None)


def test_networks_are_shown_images_at_the_size_of_the_training():
    settings = built(oaa={"backbone": {"name": "small"}, "side": 97, "square": True}, plus=False,
                     cam={"scales": [1.0, 0.5], "mirror": True, "batch_size": 7})
    assert settings.cam.resized(settings.oaa) == (97, True, 4, "opencv", (1.0, 0.5), True, 7, False)


def test_the_built_in_set_has_settings_of_its_own():
    settings = built(**DEMO)
    assert settings.data.kind == "demo" and settings.oaa.square and settings.oaa.backbone.name == "small"


@pytest.mark.parametrize(("values", "words"), [
    ({"oaa": {"program": "keras"}}, "oaa.program"), ({"oaa": {"rule": "sum"}}, "oaa.rule"),
    ({"oaa": {"accept": "all"}}, "oaa.accept"), ({"oaa": {"drop": 1.5}}, "oaa.drop"),
    ({"oaa": {"decay_epochs": [0]}}, "oaa.decay_epochs"), ({"cam": {"scales": []}}, "cam.scales"),
    ({"oaa": {"crop": 3}}, "crop"), ({"labels": {"threshold": 2}}, "labels.threshold"),
    ({"oaa": {"backbone": {"name": "small"}}}, "oaa_plus.backbone: its maps must have the positions of oaa.backbone"),
    ({"oaa_plus": {"backbone": {"name": "mobilenet_v2", "output_stride": 8}}}, "name networks of one output stride")])
def test_settings_that_make_no_sense(values, words):
    with pytest.raises(UserError, match=words):
        built(**values)
