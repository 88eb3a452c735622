import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tests.support.fake_run import image_set
from tests.support.plain_maps import halves, plain_maps
from tests.support.untrained import untrained_run
from tfwsss.artefacts.masks import read_mask
from tfwsss.artefacts.scores import read_scores
from tfwsss.data.sources import Splits
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.see import Seer
from tfwsss.inference.views import Resized
from tfwsss.methods.oaa import masker as module
from tfwsss.methods.oaa.config import Config, LookSettings
from tfwsss.methods.oaa.stages import stages
from tfwsss.methods.opened import load_run
from tfwsss.ops.attention_bytes import attention_bytes
from tfwsss.runs.stage import Context
from tfwsss.settings import reading
from tfwsss.steps.class_maps import ClassMapNetwork
from tfwsss.training.attention_memory import AttentionMemory

pytestmark = pytest.mark.usefixtures("eagerly")      # in graphs: tests/inference/test_masker.py, tests/test_journeys*


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Five pictures, the left half bright, the right half dark."""
    base = tmp_path_factory.mktemp("data")
    return halves(image_set(base), base / "halves")


def built(**values) -> Config:
    network = {"backbone": {"name": "small", "initial": None}}
    return reading.build(Config, reading.merge({
        "method": "oaa", "oaa": {**network, "side": 33, "square": True}, "oaa_plus": network,
        "labels": {"share": 0.0}, "pseudo": {"iterations": 0}}, values), "test")


def load_plain(monkeypatch, likely: list[float]) -> list:
    """Lets the left half be object of every class by the maps "cam", and classes as likely as these logits say."""
    asked = []

    def load(config, look, folder):
        asked.append(Path(folder))
        network = plain_maps(cam=[(-1.0, 1.0)] * 3, position_logits=[(logit, logit) for logit in likely])
        return ClassMapNetwork(network, view=look.resized(config.oaa))

    monkeypatch.setattr(module, "load_maps", load)
    return asked


def masks(config, images, tagged) -> dict[str, np.ndarray]:
    found = {name: each.mask for name, each in module.masker(config, Path("run")).masks(images, images.names, tagged)}
    assert set(found) == set(images.names)
    return found


@pytest.mark.parametrize("plus", [True, False])
@pytest.mark.parametrize(("likely", "expected"), [([-1.0, 2.0, -3.0], {2}), ([-2.0, -3.0, -1.0], {3})])
def test_without_tags_the_first_network_says_which_classes_count(images, monkeypatch, plus, likely, expected):
    asked = load_plain(monkeypatch, likely)
    for mask in masks(built(plus=plus), images, tagged=False).values():
        assert mask.shape == (24, 32) and set(np.unique(mask)) - {0, 255} == expected
        assert np.isin(mask[:, :13], list(expected)).all() and (mask[:, 20:] == 0).all()
    assert set(asked) == ({Path("run/oaa"), Path("run/oaa_plus")} if plus else {Path("run/oaa")})


def test_tags_are_believed(images, monkeypatch):
    """Two classes whose maps are the same claim the same pixels, which then belong to nobody."""
    load_plain(monkeypatch, [-5.0, -5.0, -5.0])
    for name, mask in masks(built(), images, tagged=True).items():
        tagged = [label + 1 for label in images.labels[name]]
        assert (mask[:, :13] == (tagged[0] if len(tagged) == 1 else 255)).all() and (mask[:, 20:] == 0).all()


def test_given_networks_are_used(monkeypatch):
    asked = load_plain(monkeypatch, [1.0, 1.0, 1.0])
    given = {"oaa": "released", "oaa_plus": "integral"}
    module.masker(built(given=given), Path("run"))
    module.class_maps(built(given=given), Path("run"))
    assert asked == [Path("released"), Path("integral"), Path("released")]


def test_how_images_are_shown(monkeypatch):
    load_plain(monkeypatch, [1.0, 1.0, 1.0])
    config = built(maps={"scales": [1.0, 2.0], "mirror": True}, cam={"scales": [0.5]}, pseudo={"iterations": 7})
    made = module.masker(config, Path("run"))
    assert made.view == Resized(33, True, 4, "opencv", (1.0, 2.0), True, 4)
    assert [look.view.scales for look in made.further] == [(1.0,)] and made.crf.parameters["iterations"] == 7
    assert module.class_maps(config, Path("run")).view.scales == (0.5,)
    alone = module.masker(built(plus=False, maps={"mirror": True}, labels={"background": "threshold"}), Path("run"))
    assert alone.view.mirror and not alone.further and not alone.crf.on


def test_a_file_that_is_no_network_of_ours(tmp_path):
    with pytest.raises(UserError, match="model.keras: no such file; let python -m tfwsss.train finish its stage"):
        module.load_maps(built(), LookSettings(), tmp_path)


@pytest.fixture
def run(tmp_path):
    """A run of untrained networks with a memory of two of the images, and its data."""
    images = image_set(tmp_path / "data")
    folder = untrained_run(tmp_path / "run", "oaa", labels={"threshold": 0.4})
    memory = AttentionMemory()
    for name in images.names[:2]:
        scores = np.random.default_rng(len(name)).normal(size=(13, 13, 3)).astype(np.float32)
        memory.visit(name, scores, np.ones(3), images.labels[name])
    memory.save(folder / "oaa" / AttentionMemory.FILE)
    return folder, images, memory


def work(run, images, *names) -> dict:
    """Runs stages of a run; returns their faults."""
    found = {stage.name: stage for stage in stages(load_run(run).config, Splits(images, images, None))}
    return {name: found[name].work(Context(), {need: run / need for need in found[name].needs}, run / name)
            for name in names}


def test_what_was_gathered_is_kept_and_the_rest_is_the_trained_networks(run):
    folder, images, memory = run
    assert work(folder, images, "accumulated") == {"accumulated": {}}
    loaded = module.load_maps(load_run(folder).config, LookSettings(), folder / "oaa")
    seen = dict(Seer(loaded.network, loaded.view).scores(images, images.names))
    for name in images.names:
        kept = read_scores(folder / "accumulated", name)
        assert kept.classes.tolist() == list(images.labels[name]) and tuple(kept.size) == (24, 32) == kept.covers
        for plane, label, own in zip(kept.scores, kept.classes, seen[name]["cam"].scores, strict=True):
            gathered = memory.get(name, label)
            expected = np.asarray(attention_bytes(own[..., None].astype(np.float32)))[..., 0] if gathered is None else \
                np.floor((gathered - gathered.min()) / (np.ptp(gathered) + 255e-8) * 255.0)
            np.testing.assert_array_equal(plane, expected)


def test_broken_images_and_memories_are_told(run):
    folder, images, _ = run
    images.images["image 0"].write_bytes(b"torn")              # gathered: only its size is asked for
    images.images["image 3"].write_bytes(b"torn")
    (faults,) = work(folder, images, "accumulated").values()
    assert set(faults) == {"image 0", "image 3"}
    (folder / "oaa" / AttentionMemory.FILE).unlink()
    for file in (folder / "accumulated").glob("*.npz"):
        file.unlink()
    with pytest.raises(ImageFault, match="attention.npz: no such file"):
        work(folder, images, "accumulated")


def test_masks_of_the_stages_and_of_the_masker_are_the_same(run):
    folder, images, _ = run
    assert not any(work(folder, images, "maps", "labels", "pseudo").values())
    made = module.masker(load_run(folder).config, folder)
    ids = set()
    for name, found in made.masks(images, images.names, tagged=True):
        np.testing.assert_array_equal(found.mask, read_mask(folder / "pseudo", name))
        ids |= set(np.unique(found.mask))
    assert len(ids - {255}) > 1


def test_an_image_without_a_class_is_background_or_open(run):
    folder, images, _ = run
    none = dataclasses.replace(images, labels=dict.fromkeys(images.names, ()))
    assert work(folder, none, "accumulated", "maps", "labels") == {"accumulated": {}, "maps": {}, "labels": {}}
    assert all(np.isin(read_mask(folder / "labels", name), (0, 255)).all() for name in none.names)

