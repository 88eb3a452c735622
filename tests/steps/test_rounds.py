import dataclasses
import shutil

import numpy as np
import pytest

from tests.support.fake_run import image_set, write_pseudo
from tests.support.oracles.upsample import upsample
from tfwsss.artefacts.files import finished, path_of
from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.backbones.small import small
from tfwsss.data.sources import Splits
from tfwsss.errors import ImageFault, UserError
from tfwsss.inference.see import Seer
from tfwsss.inference.views import Windows
from tfwsss.models.segmenter import Segmenter
from tfwsss.runs import journal
from tfwsss.runs.journal import REVIEW
from tfwsss.runs.stage import Context
from tfwsss.settings.reading import merge
from tfwsss.steps import rounds as module
from tfwsss.steps.rounds import SegmenterRounds, last_masker, network_of, segmenter_rounds
from tfwsss.steps.segment import SegmentSettings, load_segmentation_network, segmentation_masker


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))          # five of 24x32 pixels; the last has no mask


@pytest.fixture(scope="module")
def run(images, tmp_path_factory):
    """A network that knows nothing but is not all grey, and pseudo labels of all images but the first."""
    run = tmp_path_factory.mktemp("run")
    model = Segmenter(small(width=0.25), num_ids=4, width=8)
    for variable in model.trainable_variables:
        if "score" in variable.path:
            variable.assign(variable * 30.0)
    (run / "segmenter").mkdir()
    model.save(run / "segmenter" / "model.keras")
    write_pseudo(run / "pseudo", images)
    path_of(run / "pseudo", "masks", "image 0").unlink()
    return run


def built(**values) -> SegmenterRounds:
    return SegmenterRounds(**merge({"method": "none"}, values))


def made(images, val=None, **values) -> dict:
    return {stage.name: stage for stage in segmenter_rounds(built(**values), Splits(images, images, val))}


ROUND = "segmenter relabel masks"


@pytest.mark.parametrize(("rounds", "names"), [
    (0, "corrections corrected"), (1, f"corrections corrected {ROUND}"),
    (2, f"corrections corrected {ROUND} corrected_2 segmenter_2 relabel_2 masks_2")])
def test_corrections_come_before_each_network(images, rounds, names):
    """Into the labels of the method first, then into those of the network before."""
    stages = made(images, images, rounds=rounds, given={"corrections": "mine.json"})
    assert list(stages) == names.split()
    assert stages["corrected"].needs == ("pseudo", "corrections")
    if rounds:
        assert stages["segmenter"].needs == ("corrected",) and stages["relabel"].needs == ("segmenter", "corrected")
    if rounds > 1:
        assert stages["corrected_2"].needs == ("relabel", "corrections")
        assert stages["segmenter_2"].needs[0] == "corrected_2"


@pytest.mark.parametrize(("rounds", "names"), [
    (0, ""), (1, ROUND), (2, f"{ROUND} segmenter_2 relabel_2 masks_2"),
    (3, f"{ROUND} segmenter_2 relabel_2 masks_2 segmenter_3 relabel_3 masks_3")])
def test_rounds(images, rounds, names):
    """Each stage of each round belongs to its section, and is judged by the images that it is made of."""
    found = made(images, images.subset(images.names[:2]), rounds=rounds)
    assert list(found) == names.split()
    assert [stage.section for stage in found.values()] == ROUND.split() * rounds
    splits = {name: stage.split for name, stage in found.items() if stage.kind == "masks"}
    assert splits == {name: "val" if name.startswith("masks") else "pseudo" for name in splits}
    for name, stage in found.items():
        whole = images.subset(images.names[:2]) if name.startswith("masks") else images
        assert stage.settings["images"] == whole.fingerprint()


@pytest.mark.parametrize(("continued", "second"), [(False, ("relabel",)), (True, ("relabel", "segmenter"))])
def test_a_round_learns_from_the_masks_of_the_one_before(images, continued, second):
    """And begins with its weights where asked."""
    found = made(images, images, rounds=2, segmenter={"continued": continued})
    assert {name: stage.needs for name, stage in found.items()} == {
        "segmenter": ("pseudo",), "relabel": ("segmenter", "pseudo"), "masks": ("segmenter",),
        "segmenter_2": second, "relabel_2": ("segmenter_2", "relabel"), "masks_2": ("segmenter_2",)}


def sight(run, images, name):
    """Returns what the network says of an image with its tags: mask, and the probability of the likeliest class."""
    network = load_segmentation_network(run / "segmenter")
    seer = Seer(network.network, Windows(513, colour=network.colour))
    image = images.read_image(name)
    ids = [0, *(label + 1 for label in images.labels[name])]
    planes = np.moveaxis(seer(image[None])["probabilities"][0].numpy(), -1, 0)[ids]
    size = image.shape[:2]
    whole = upsample(planes / planes.sum(axis=0), size, seer.covered(size))
    return np.array(ids, np.uint8)[whole.argmax(axis=0)], whole.max(axis=0)


def relabel(run, images, output, **settings):
    """Runs the stage of a run that ends with one round."""
    output.mkdir(exist_ok=True)
    stage = made(images, relabel=settings)["relabel"]
    return stage.work(Context(), {"segmenter": run / "segmenter", "pseudo": run / "pseudo"}, output)


def test_masks_and_journal(run, images, tmp_path):
    """Tags strike classes. The journal compares the mask with the labels that the network learned from."""
    assert relabel(run, images, tmp_path / "out") == {}
    records = journal.read(tmp_path / "out" / REVIEW)
    assert set(records) == set(images.names)
    for name, record in records.items():
        mask, sure = sight(run, images, name)
        found = read_mask(tmp_path / "out", name)
        assert np.mean(found != mask) < 0.005                      # where two ids are as likely rounding decides
        assert set(np.unique(found)) <= {0, *(label + 1 for label in images.labels[name])}
        assert record["confidence"] == pytest.approx(sure.mean(), rel=1e-4)
        if name == "image 0":
            assert (record["coverage"], record["agreement"]) == (0.0, None)
            continue
        labels = read_mask(run / "pseudo", name)
        assert record["coverage"] == pytest.approx(23 / 24)                          # one row is open
        assert record["agreement"] == pytest.approx(np.mean((found == labels)[labels != 255]))
    assert len({record["agreement"] for record in records.values()}) > 2


def test_unsure_pixels_are_left_open(run, images, tmp_path):
    """The labels of the next round have a hole there; the journal counts the whole mask."""
    relabel(run, images, tmp_path / "all")
    sure = [sight(run, images, name)[1] for name in images.names]
    certain = float(np.median(np.concatenate(sure)))
    relabel(run, images, tmp_path / "out", certain=certain)
    assert journal.read(tmp_path / "out" / REVIEW) == journal.read(tmp_path / "all" / REVIEW)
    for name, certainty in zip(images.names, sure, strict=True):
        found, whole = read_mask(tmp_path / "out", name), read_mask(tmp_path / "all", name)
        clear = np.abs(certainty - certain) > 1e-5
        np.testing.assert_array_equal(found[clear], np.where(certainty < certain, 255, whole)[clear])
    opened = [np.mean(read_mask(tmp_path / "out", name) == 255) for name in images.names]
    assert 0.3 < np.mean(opened) < 0.7


def test_a_broken_image_is_told_and_not_reviewed(images, run, tmp_path):
    (tmp_path / "torn.png").write_bytes(b"no image")
    torn = dataclasses.replace(images, images={**images.images, "image 1": tmp_path / "torn.png"})
    assert list(relabel(run, torn, tmp_path / "out")) == ["image 1"]
    assert set(journal.read(tmp_path / "out" / REVIEW)) == set(images.names) - {"image 1"}


def test_a_damaged_label_is_told_and_the_others_are_labelled(images, run, tmp_path):
    """Torn, or of another size than its image; one that is missing is no fault."""
    pseudo = tmp_path / "given"
    shutil.copytree(run / "pseudo", pseudo)
    path_of(pseudo, "masks", "image 1").write_bytes(b"torn")
    write_mask(pseudo, "image 3", np.zeros((24, 31), np.uint8), images.palette)
    stage = made(images)["relabel"]
    (tmp_path / "out").mkdir()
    faults = stage.work(Context(), {"segmenter": run / "segmenter", "pseudo": pseudo}, tmp_path / "out")
    assert set(faults) == {"image 1", "image 3"} and "image 1.png: cannot be read" in faults["image 1"]
    assert "image 3.png: a mask of (24, 31); expected (24, 32), as its image" in faults["image 3"]
    rest = {"image 0", "image 2", "image 4"}
    assert set(journal.read(tmp_path / "out" / REVIEW)) == rest == finished(tmp_path / "out", "masks", images.names)


def test_the_journal_survives_a_kill(run, images, tmp_path, monkeypatch):
    """Killed between a journal's line and its mask, in the middle of the line: the rest is made, each image once."""
    relabel(run, images, tmp_path / "whole")
    order = [line["name"] for line in journal.read(tmp_path / "whole" / REVIEW).values()]
    write = module.journal.append

    def killed(path, record):
        write(path, record)
        if record["name"] == order[2]:
            path.write_bytes(path.read_bytes()[:-30])
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module.journal, "append", killed)
        with pytest.raises(KeyboardInterrupt):
            relabel(run, images, tmp_path / "out")
    made_before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")}
    assert {path.stem for path in made_before} == set(order[:2])
    assert relabel(run, images, tmp_path / "out") == {}
    assert {path: path.stat().st_mtime_ns for path in made_before} == made_before
    found, whole = (journal.read(tmp_path / name / REVIEW) for name in ("out", "whole"))
    assert set(found) == set(whole)
    for name, record in found.items():              # other images lie in its batch: the last digits are free
        assert record["confidence"] == pytest.approx(whole[name]["confidence"], abs=1e-5)
        assert record["coverage"] == whole[name]["coverage"]
    assert len((tmp_path / "out" / REVIEW).read_bytes().splitlines()) == len(images.names) + 1       # and the cut one


def test_which_network_a_run_ends_with(run, tmp_path):
    """That of the last round, or the one given for it; none where it has not been made."""
    assert network_of(built(), run) == run / "segmenter"
    assert network_of(built(rounds=0), run) is None and network_of(built(rounds=2), run) is None
    assert network_of(built(), tmp_path) is None
    assert network_of(built(rounds=2, given={"segmenter_2": run / "segmenter"}), tmp_path) == run / "segmenter"
    assert network_of(built(rounds=2, given={"segmenter": run / "segmenter"}), tmp_path) is None
    shutil.copytree(run / "segmenter", tmp_path / "segmenter_2")
    assert network_of(built(rounds=2), tmp_path) == tmp_path / "segmenter_2"


@pytest.mark.parametrize("tagged", [False, True])
def test_masks_of_a_finished_run(run, images, tagged):
    """By the settings of `masks`; tags are believed only where they are given."""
    settings = built(masks={"scales": [1.0, 0.5], "mirror": True, "tagged": not tagged}, relabel={"certain": 0.9})
    found = {name: one.mask for name, one in last_masker(settings, run).masks(images, images.names, tagged)}
    assert set(found) == set(images.names)
    how = SegmentSettings(scales=(1.0, 0.5), mirror=True)
    masker = segmentation_masker(load_segmentation_network(run / "segmenter"), how)
    for name, one in masker.masks(images, images.names, tagged):
        np.testing.assert_array_equal(found[name], one.mask)
    assert tagged or any(set(np.unique(mask)) - {0, *(label + 1 for label in images.labels[name])}
                         for name, mask in found.items())


def test_masks_without_a_network_or_an_image(run, images, tmp_path):
    with pytest.raises(UserError, match="segmenter_2/model.keras: no such file"):
        last_masker(built(rounds=2), run)
    (tmp_path / "torn.png").write_bytes(b"no image")
    torn = dataclasses.replace(images.subset(["image 1"]), images={"image 1": tmp_path / "torn.png"})
    (_, found), = last_masker(built(), run).masks(torn, torn.names, tagged=False)
    assert isinstance(found, ImageFault) and "torn.png" in str(found)
