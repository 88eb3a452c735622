import pytest

from tfwsss.settings.sections import BackboneSettings, RunSettings, TensorBoardSettings


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


@pytest.mark.parametrize(("name", "stride"), [("vgg16", 8), ("resnet38", 8), ("small", 4), ("mobilenet_v2", 32),
                                              ("resnet101", 32)])
def test_some_networks_leave_no_choice_of_stride(name, stride):
    assert BackboneSettings(name=name, output_stride=32).stride == stride
