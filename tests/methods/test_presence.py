"""How likely the one class of a run must be: chosen on its training tags, kept beside the run, and used."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.untrained import untrained_run
from tests.support.whole_images import pictures, written
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.found import Found
from tfwsss.methods.opened import PRESENCE, load_run
from tfwsss.methods.presence import asked, choose_presence
from tfwsss.palette import voc_palette


def image_set(folder: Path, labels: dict[str, tuple], classes: tuple = ("background", "bad")) -> ImageSet:
    return ImageSet(tuple(labels), folder, classes, voc_palette(),
                    {name: folder / name for name in labels}, labels, {})


class Asked:
    """A masker that knows how likely each image is to be bad."""

    def __init__(self, likely: dict[str, float]):
        self.likely, self.calls = likely, 0

    def masks(self, images, names, tagged, certainty):
        assert not tagged and certainty
        self.calls += 1
        for name in names:
            if name not in self.likely:
                yield name, ImageFault(f"{name}: cannot be read")
            else:
                yield name, Found(None, None, 0.0, None, np.array([self.likely[name]], np.float32))


def run_of(folder: Path, **makers):
    def failing():
        raise UserError("not made yet")

    made = {stage: (lambda one=one: one) if one else failing for stage, one in makers.items()}
    return SimpleNamespace(folder=folder, makers=lambda: made)


@pytest.fixture
def labels() -> dict[str, tuple]:
    return {"a": (0,), "b": (), "c": (0,), "d": (), "e": ()}


def test_chosen_on_images_with_the_tag_and_without(tmp_path, labels):
    """Midway between the least of the bad and the most of the good; what cannot be read does not count."""
    masks, pseudo = Asked({"a": 0.9, "b": 0.2, "c": 0.7, "d": 0.3}), Asked({"a": 0.6, "b": 0.5, "c": 0.6, "d": 0.1})
    run = run_of(tmp_path, masks=masks, pseudo=pseudo, cam_masks=None)
    choose_presence(run, image_set(tmp_path, labels))
    record = json.loads((tmp_path / PRESENCE).read_text("utf-8"))
    assert record["least"] == pytest.approx({"masks": 0.5, "pseudo": 0.55}) and record["images"] == 5


def test_kept_until_a_stage_changes(tmp_path, labels):
    masker = Asked({"a": 0.9, "b": 0.2})
    for print_, calls in (("1", 1), ("1", 1), ("2", 2)):
        (tmp_path / "icd").mkdir(exist_ok=True)
        (tmp_path / "icd" / "stage.json").write_text(json.dumps({"fingerprint": print_}), "utf-8")
        choose_presence(run_of(tmp_path, pseudo=masker), image_set(tmp_path, labels))
        assert masker.calls == calls


@pytest.mark.parametrize(("labels", "classes"), [
    ({"a": (0,), "b": (0,)}, ("background", "bad")), ({"a": (), "b": ()}, ("background", "bad")),
    ({"a": (0,), "b": (1,), "c": ()}, ("background", "cat", "dog"))])
def test_off_without_negatives_and_with_several_classes(tmp_path, labels, classes):
    images = image_set(tmp_path, labels, classes)
    assert not asked(images)
    (tmp_path / PRESENCE).write_text(json.dumps({"least": {"pseudo": 0.9}}), "utf-8")     # of other photographs
    choose_presence(run_of(tmp_path, pseudo=Asked({})), images)
    assert not (tmp_path / PRESENCE).exists()


def test_a_run_uses_what_it_has_chosen(tmp_path):
    run = load_run(untrained_run(tmp_path / "run", "retrain"))
    assert run.masker()[1].least == 0.0
    (run.folder / PRESENCE).write_text(json.dumps({"least": {"masks": 0.25}}), "utf-8")
    assert run.masker()[1].least == 0.25 and run.masker(least=0.0)[1].least == 0.0
    (run.folder / PRESENCE).write_text("[]", "utf-8")
    with pytest.raises(UserError, match="no record of how likely a class must be; delete it and train again"):
        run.masker()
    images = written(tmp_path, [pictures(1, (48, 64), 0)[0]], [(0,)])
    (_, found), = run.masker(least=1.0)[1].masks(images, images.names, tagged=False)
    assert not found.mask.any()
