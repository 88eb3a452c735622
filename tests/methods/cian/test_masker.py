import pytest

from tfwsss import methods
from tfwsss.artefacts.models import write_model
from tfwsss.backbones.small import small
from tfwsss.errors import UserError
from tfwsss.methods.cian.config import Config
from tfwsss.methods.cian.masker import class_maps
from tfwsss.models.classifier import Classifier


def test_class_maps_are_those_of_the_runs_classifier_or_of_the_given_one(tmp_path):
    write_model(tmp_path / "classifier", Classifier(small(width=0.1), 3, 0.0))
    found = class_maps(Config(), tmp_path)
    assert set(found.network.output) == {"cam", "position_logits"} and found.logits == "position_logits"
    assert class_maps(Config(given={"classifier": tmp_path / "classifier"}), tmp_path / "none").colour == (127.0,) * 3


def test_where_seeds_were_given_there_are_none(tmp_path):
    with pytest.raises(UserError, match="classifier/model.keras: no such file"):
        class_maps(Config(), tmp_path)


def test_its_masks_are_those_of_its_network():
    assert methods.get("cian").masker is None
