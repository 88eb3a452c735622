"""What is looked for before a run starts."""

import dataclasses

import pytest

from tests.support.fake_run import image_set
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.runs import preflight
from tfwsss.runs.stage import Stage


def trained(stage: str, epochs: int = 10, batch_size: int = 2, section: str = "", **backbone) -> Stage:
    settings = {"epochs": epochs, "batch_size": batch_size,
                "backbone": {"name": "small", "initial": None, **backbone}}
    return Stage(stage, "model", (), settings, dict, section=section)


def nothing(name):
    return {}


def test_names_that_no_stage_has():
    stages = [trained("regions"), trained("icd")]
    preflight.check_names(["icd", "regions"], stages)
    with pytest.raises(UserError, match="unknown stage 'region'; did you mean 'regions'"):
        preflight.check_names(["icd", "region"], stages)
    with pytest.raises(UserError, match="unknown stage 'x'; this method has: regions, icd"):
        preflight.check_names(["x"], stages)


def test_what_is_still_to_be_made(tmp_path):
    stages = [Stage(name, "masks", (), {}, dict) for name in "abcd"]
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "stage.json").write_text("{}")
    (tmp_path / "c").mkdir()

    def names(**options):
        return "".join(stage.name for stage in preflight.pending(stages, tmp_path, {"a": tmp_path}, **options))

    assert names(until=None) == "cd" and names(until="c") == "c" and names(until="none such") == "cd"
    assert names(until=None, again={"b"}) == "bcd"


def test_every_missing_file_is_named_with_its_key(tmp_path):
    (tmp_path / "here.weights.h5").write_bytes(b"")
    stages = [trained("icd", initial=str(tmp_path / "here.weights.h5")), trained("a", initial="gone.h5"),
              trained("segmenter_2", section="segmenter", initial="lost.keras"),
              trained("segmenter", initial="lost.keras"), trained("b")]
    with pytest.raises(UserError) as caught:
        preflight.check_weights(stages, nothing)
    listed, _, cure = str(caught.value).partition(". Name ")
    assert listed == ("initial weights are missing: a.backbone.initial=gone.h5: no such file; "
                      "segmenter.backbone.initial=lost.keras: no such file")
    assert "--set KEY=FILE" in cure
    preflight.check_weights([stages[0], stages[-1]], nothing)


def test_weights_of_a_transformer_are_looked_for_where_maps_are_spread(tmp_path):
    """Class maps come after hours of training; unspread ones need no transformer."""
    settings = {"affinity": "vit", "transformer": {"name": "dinov2_small", "initial": str(tmp_path / "gone.h5")}}
    with pytest.raises(UserError, match=r"missing: cam\.transformer\.initial=.*gone\.h5: no such file"):
        preflight.check_weights([Stage("cam", "scores", (), settings, dict)], nothing)
    preflight.check_weights([Stage("cam", "scores", (), settings | {"affinity": None}, dict)], nothing)
    (tmp_path / "gone.h5").touch()
    preflight.check_weights([Stage("cam", "scores", (), settings, dict)], nothing)


def test_imagenet_weights_are_fetched_once_a_network():
    asked = []
    preflight.check_weights([trained("a", name="vgg16", initial="imagenet"),
                             trained("b", name="vgg16", initial="imagenet"),
                             trained("c", name="mobilenet_v2", initial="imagenet")], asked.append)
    assert asked == ["vgg16", "mobilenet_v2"]


def test_imagenet_weights_that_cannot_be_had():
    def offline(name):
        raise UserError("no network")

    with pytest.raises(UserError, match=r"a\.backbone\.initial=imagenet: no network"):
        preflight.check_weights([trained("a", name="vgg16", initial="imagenet")], offline)
    with pytest.raises(UserError, match="Keras has no weights of resnet38, only of"):
        preflight.check_weights([trained("a", name="resnet38", initial="imagenet")], nothing)


def test_classes_that_tags_cannot_teach(tmp_path):
    images = image_set(tmp_path, count=6)
    labels = dict.fromkeys(images.names, (0,)) | {"image 1": (0, 1)}
    all_cats, few = preflight.doubtful_classes(dataclasses.replace(images, labels=labels))
    assert all_cats.startswith("all 6 training images show 'cat'") and "only 1 of 6" in few and "alert" in few


def test_trainings_that_are_too_short():
    assert preflight.few_steps([trained("a", epochs=10, batch_size=2), Stage("b", "masks", (), {}, dict)], 10) == []
    line, = preflight.few_steps([trained("a", epochs=10, batch_size=4, section="s")], 13)      # 10 times 4 steps
    assert line.startswith("a trains for 40 steps (13 images, batches of 4, 10 epochs)")
    assert "--set s.epochs=50 or" in line


def test_what_no_longer_trains_is_not_doubted(tmp_path):
    images = image_set(tmp_path, count=6)
    images = dataclasses.replace(images, labels=dict.fromkeys(images.names, (0,)))
    assert preflight.doubts([Stage("b", "masks", (), {}, dict)], Splits(images, images)) == []
    assert len(preflight.doubts([trained("a", epochs=1)], Splits(images, images))) == 2
