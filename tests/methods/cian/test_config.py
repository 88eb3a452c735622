import pytest

from tfwsss.errors import UserError
from tfwsss.methods.cian.config import CIANSettings, Config
from tfwsss.settings import reading


def built(**values) -> Config:
    return reading.build(Config, {"method": "cian", **values}, "test")


def test_published_settings_are_the_default():
    """Two rounds of ResNet-101; three scales, their maximum and mirror images; five steps of CRF, ten for labels."""
    found = built()
    own = found.segmenter
    assert (found.rounds, own.backbone.name, own.backbone.output_stride) == (2, "resnet101", 8)
    assert (own.epochs, own.batch_size, own.group, own.crop, own.filters) == (20, 8, 2, 321, 1024)
    assert (own.learning_rate, own.momentum, own.weight_decay, own.head_factor) == (5e-4, 0.9, 5e-4, 10.0)
    assert (own.merge, own.merge_self, own.similarity, own.label_shrink) == ("max", True, "dot", "stride")
    for seen, iterations in ((found.relabel, 10), (found.masks, 5)):
        assert seen.scales == (1.0, 0.75, 1.25) and seen.mirror and seen.average == "logits_and_maximum"
        assert (seen.crf.iterations, seen.crf.position_deviation, seen.crf.colour_deviation) == (iterations, 80.0, 13.0)
        assert not seen.tagged


def test_a_run_has_a_network_at_least():
    with pytest.raises(UserError, match="'rounds' is 0: input should be greater than 0"):
        built(rounds=0)


def test_a_step_sees_all_members_of_its_groups():
    assert CIANSettings(batch_size=3, group=4).images_per_batch == 12


def test_what_was_trained_before_the_switch_of_the_pool_is_still_finished():
    """A setting added later, at its default, is none of the facts that a finished stage is compared by."""
    assert "downsample" not in CIANSettings().facts() and CIANSettings().downsample is True
    assert CIANSettings(downsample=False).facts() == {**CIANSettings().facts(), "downsample": False}


def test_seeds_made_before_there_was_saliency_are_still_finished():
    found = built().seeds
    assert set(found.facts()) == {"low", "high", "crf"} and found.salient == 32
    assert built(seeds={"salient": 9}).seeds.facts()["salient"] == 9
