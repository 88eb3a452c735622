from typing import Annotated

import pytest

from tfwsss.settings import ADDED, BackboneSettings, RunSettings, Settings, TensorBoardSettings


def test_settings_do_not_change():
    settings = RunSettings(method="m", devices=["GPU:0", "GPU:1"], data={"root": "photos"})
    assert settings.devices == ("GPU:0", "GPU:1") and str(settings.data.root) == "photos"
    with pytest.raises(ValueError, match="frozen"):
        settings.data.split = "train"


def test_settings_survive_json():
    """What a run's config.json holds builds the same settings."""
    settings = RunSettings(method="m", data={"root": "photos", "kind": "folder"}, given={"cam": "maps"}, devices=2)
    assert RunSettings.model_validate(settings.model_dump(mode="json")) == settings


def test_a_profile_begins_before_it_ends():
    with pytest.raises(ValueError, match="the first step comes after the last"):
        TensorBoardSettings(profile=[9, 3])


class Inner(Settings):
    old: int = 1
    new: Annotated[int, ADDED] = 2


class Outer(Inner):
    inner: Inner = Inner()
    later: Annotated[Inner, ADDED] = Inner()


def test_facts_are_all_settings_but_those_added_later_and_left_at_their_default():
    assert Outer().facts() == {"old": 1, "inner": {"old": 1}}
    assert Outer(new=3, inner={"new": 4}).facts() == {"old": 1, "new": 3, "inner": {"old": 1, "new": 4}}
    assert Outer(later={"old": 5}).facts() == {"old": 1, "inner": {"old": 1}, "later": {"old": 5}}
    assert BackboneSettings().facts() == BackboneSettings().model_dump(mode="json")


@pytest.mark.parametrize(("name", "stride"), [("vgg16", 8), ("resnet38", 8), ("small", 4), ("mobilenet_v2", 32),
                                              ("resnet101", 32)])
def test_some_networks_leave_no_choice_of_stride(name, stride):
    assert BackboneSettings(name=name, output_stride=32).stride == stride
