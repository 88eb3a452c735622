from pathlib import Path
from typing import ClassVar

import pytest

from tfwsss.settings.sections import BackboneSettings, DataSettings, RunSettings, Settings, TensorBoardSettings


def test_settings_do_not_change():
    settings = RunSettings(method="m", devices=["GPU:0", "GPU:1"], data={"root": "photos"})
    assert settings.devices == ("GPU:0", "GPU:1") and str(settings.data.root) == "photos"
    with pytest.raises(ValueError, match="frozen"):
        settings.data.split = "train"


def test_settings_survive_json():
    """What a run's config.json holds builds the same settings."""
    settings = RunSettings(method="m", data={"root": "photos", "kind": "folder"}, given={"cam": "maps"}, devices=2)
    assert RunSettings.model_validate(settings.model_dump(mode="json")) == settings


def test_saliency_is_a_folder_or_to_be_made():
    assert DataSettings(saliency="make").saliency == "make"
    assert DataSettings(saliency="maps").saliency == Path("maps")
    assert DataSettings(saliency="/else/make").saliency == Path("/else/make")
    for data in (DataSettings(saliency="make"), DataSettings(saliency="maps"), DataSettings()):
        assert DataSettings.model_validate(data.model_dump(mode="json")) == data
    for folder in ("./make", Path("make")):
        with pytest.raises(ValueError, match="write its whole path"):
            DataSettings(saliency=folder)


def test_a_profile_begins_before_it_ends():
    with pytest.raises(ValueError, match="the first step comes after the last"):
        TensorBoardSettings(profile=[9, 3])


@pytest.mark.parametrize(("name", "stride"), [("vgg16", 8), ("resnet38", 8), ("small", 4), ("mobilenet_v2", 32),
                                              ("resnet101", 32)])
def test_some_networks_leave_no_choice_of_stride(name, stride):
    assert BackboneSettings(name=name, output_stride=32).stride == stride


class Inner(Settings):
    """A section to which a key came later."""

    ADDED: ClassVar[tuple[str, ...]] = ("late",)

    early: int = 1
    late: tuple[int, ...] = (1, 2)


class Outer(Inner):
    """A section around it, with a later key of its own."""

    ADDED: ClassVar[tuple[str, ...]] = ("later",)

    inner: Inner = Inner()
    later: Path | None = None


def test_facts_hold_added_keys_only_where_they_are_set():
    """So that runs made before there was the key stay what they are; also in sections inside, and of a base."""
    assert Outer().facts() == {"early": 1, "inner": {"early": 1}}
    changed = Outer(early=2, late=(3,), later=Path("x"), inner=Inner(late=(1,)))
    assert changed.facts() == changed.model_dump(mode="json") == {
        "early": 2, "late": [3], "later": "x", "inner": {"early": 1, "late": [1]}}
    assert Outer.model_validate({"late": [1, 2]}).facts() == Outer().facts()


def test_facts_without_added_keys_are_all_values():
    settings = RunSettings(method="none", devices=("CPU:0",), given={"a": Path("b")})
    assert settings.facts() == settings.model_dump(mode="json")


def test_weak_labels_are_paths():
    data = DataSettings(boxes="Annotations", difficult=False)
    assert data.boxes == Path("Annotations") and DataSettings().difficult is None
    assert DataSettings.model_validate(data.model_dump(mode="json")) == data
