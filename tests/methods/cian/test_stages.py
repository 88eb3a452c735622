import pytest

from tests.support.fake_run import image_set
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.methods import cian, retrain
from tfwsss.methods.cian.stages import Config
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


def test_masks_are_of_the_images_without_tags(tmp_path):
    images = image_set(tmp_path)
    training, val = images.subset(images.names[:3]), images.subset(images.names[3:])
    found = {stage.name: stage for stage in cian.stages(built(), Splits(training, training, val))}
    assert list(found)[4:] == ["segmenter", "pseudo", "masks", "segmenter_2", "pseudo_2", "masks_2"]
    for name, stage in found.items():
        own = val if name.startswith("masks") else training
        assert stage.settings["images"] == own.fingerprint(), name
        assert (stage.split == "val") == name.startswith("masks")


def test_a_run_has_a_network_at_least():
    with pytest.raises(UserError, match="'rounds' is 0: input should be greater than 0"):
        built(rounds=0)


def test_it_segments_as_every_retrained_network():
    assert cian.predict is retrain.predict and cian.served is retrain.served
