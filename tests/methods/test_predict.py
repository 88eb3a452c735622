import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_run import image_set
from tests.support.untrained import CLASSES, untrained_run
from tfwsss.artefacts.masks import read_mask
from tfwsss.data import heic
from tfwsss.data.image_set import ImageSet
from tfwsss.errors import UserError
from tfwsss.methods.opened import load_run
from tfwsss.methods.predict import predict
from tfwsss.predict import main

pytestmark = pytest.mark.usefixtures("kept_maskers")


@pytest.fixture(scope="module")
def images(tmp_path_factory) -> ImageSet:
    return image_set(tmp_path_factory.mktemp("photographs"), 2)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of ICD that ends with a segmentation network."""
    base = tmp_path_factory.mktemp("runs")
    run = untrained_run(base / "icd", "icd", rounds=1, masks={"window": 65}, pseudo={"iterations": 0})
    shutil.copytree(untrained_run(base / "retrain", "retrain", seed=1) / "segmenter", run / "segmenter")
    return run


def expected(stage, run, images, tags) -> dict[str, np.ndarray]:
    labels = tuple(range(3)) if tags is None else tuple(CLASSES.index(tag) - 1 for tag in tags)
    known = ImageSet(images.names, images.root, CLASSES, images.palette, images.images,
                     dict.fromkeys(images.names, labels), {})
    name, masker = load_run(run).masker(stage)
    assert name == stage
    return {name: found.mask for name, found in masker.masks(known, images.names, tags is not None)}


def equal(found: dict, other: dict) -> bool:
    return all(np.array_equal(found[name], other[name]) for name in other)


@pytest.mark.parametrize("tags", [None, ["dog"]])
def test_a_segmentation_network_is_used_where_there_is_one(run, images, tmp_path, tags):
    """Else the method's own way from class maps to masks; the masks are not the same."""
    shutil.copytree(run, tmp_path / "without", ignore=shutil.ignore_patterns("segmenter"))
    own, last = expected("pseudo", run, images, tags), expected("masks", run, images, tags)
    assert not equal(own, last)
    for folder, masks in ((run, last), (tmp_path / "without", own)):
        out = tmp_path / f"out of {folder.name}"
        assert predict(images.root / "images", folder, out, tags) == (2, {})
        assert equal({name: read_mask(out / "masks", name) for name in images.names}, masks)


def test_a_run_that_was_to_end_with_pseudo_labels(run, images, tmp_path):
    """A network that lies there, but that the settings do not name, is not used."""
    shutil.copytree(run, tmp_path / "run")
    record = json.loads((run / "config.json").read_text())
    record["config"]["rounds"] = 0
    (tmp_path / "run" / "config.json").write_text(json.dumps(record))
    photograph = images.images["image 1"]
    assert predict(photograph, tmp_path / "run", tmp_path / "out", ["cat"]) == (1, {})
    own = expected("pseudo", tmp_path / "run", images.subset(["image 1"]), ["cat"])
    np.testing.assert_array_equal(read_mask(tmp_path / "out" / "masks", "image 1"), own["image 1"])
    assert Image.open(tmp_path / "out" / "overlays" / "image 1.png").size == (32, 24)


def test_the_masks_of_a_stage(run, images, tmp_path):
    """Each of the run's ways can be asked for; another one makes the masks anew."""
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "cam_masks").mkdir()
    (tmp_path / "run" / "cam_masks" / "threshold.json").write_text('{"threshold": 0.4}')
    found = {}
    for stage in ("masks", "pseudo", "cam_masks"):
        assert predict(images.root / "images", tmp_path / "run", tmp_path / "out", ["dog"], stage) == (2, {})
        found[stage] = {name: read_mask(tmp_path / "out" / "masks", name) for name in images.names}
    assert equal(found["masks"], expected("masks", run, images, ["dog"]))
    assert equal(found["pseudo"], expected("pseudo", run, images, ["dog"]))
    assert not equal(found["cam_masks"], found["pseudo"]) and not equal(found["cam_masks"], found["masks"])


def test_a_stage_that_the_run_has_not(run, images, tmp_path):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("segmenter"))
    with pytest.raises(UserError, match="--stage masks: .*run makes no such masks; it has pseudo and cam_masks"):
        predict(images.root / "images", tmp_path / "run", tmp_path / "out", None, "masks")
    last = untrained_run(tmp_path / "retrain", "retrain")
    with pytest.raises(UserError, match="--stage pseudo: .* it has masks$"):
        predict(images.root / "images", last, tmp_path / "out", None, "pseudo")
    shutil.rmtree(last / "segmenter")
    with pytest.raises(UserError, match="it has none yet"):
        predict(images.root / "images", last, tmp_path / "out", None, "pseudo")


def test_another_question_is_answered_anew(run, images, tmp_path):
    """Masks of an interrupted call stay; those of other tags do not. Each photograph comes once, whatever its size."""
    photographs = tmp_path / "photographs"
    shutil.copytree(images.root / "images", photographs)
    Image.open(photographs / "image 1.png").resize((40, 50)).save(photographs / "larger.png")
    (photographs / "torn.png").write_bytes(b"no image")
    out = tmp_path / "out"
    done, faults = predict(photographs, run, out, ["dog"])
    assert (done, set(faults)) == (3, {"torn"})
    made = {path.name: path.stat().st_mtime_ns for path in (out / "masks").iterdir()}
    (out / "masks" / "larger.png").unlink()
    assert predict(photographs, run, out, ["dog"])[0] == 3
    now = {path.name: path.stat().st_mtime_ns for path in (out / "masks").iterdir()}
    assert {name for name in now if now[name] != made[name]} == {"larger.png"}
    assert predict(photographs, run, out, ["cat"])[0] == 3
    assert all(set(np.unique(read_mask(out / "masks", name))) <= {0, 1, 255} for name in ("image 0", "larger"))
    assert json.loads((out / "made_by.json").read_text())["tags"] == ["cat"]


def test_masks_are_never_taken_for_photographs(run, images, tmp_path):
    """Neither those of this call nor of an earlier one into the folder; and photographs are never written over."""
    photos = Path(shutil.copytree(images.root / "images", tmp_path / "photos"))
    for out in (photos / "found", photos / "found", photos / "again"):
        assert predict(photos, run, out) == (2, {})
        assert {path.stem for path in (out / "masks").rglob("*.png")} == set(images.names)
    for source, out in ((photos, photos), (photos / "image 0.png", photos), (photos, photos / "." / "x" / "..")):
        with pytest.raises(UserError, match="is where the photographs lie; name another folder"):
            predict(source, run, out)
    inside = Path(shutil.copytree(images.root / "images", tmp_path / "base" / "images" / "deep"))
    with pytest.raises(UserError, match="is where the photographs lie"):
        predict(inside, run, tmp_path / "base")                    # converted copies would lie in their place
    assert not (photos / "masks").exists() and not (tmp_path / "base" / "masks").exists()
    shutil.copy(photos / "found" / "masks" / "image 0.png", photos / "stray.png")
    done, faults = predict(photos, run, photos / "found")
    assert done == 2 and "is a mask, an indexed PNG in the colours of class ids" in faults["stray"]


def test_a_pattern_and_a_list_make_the_same_masks(run, images, tmp_path, capsys):
    """A line that names nothing is a fault, and the others get their masks."""
    photos = Path(shutil.copytree(images.root / "images", tmp_path / "photos"))
    (photos / "x.txt").write_text("image 1\ngone\n")
    assert predict(str(photos), run, tmp_path / "all") == (2, {})
    assert predict(f"{photos}/*1.png", run, tmp_path / "few") == (1, {})
    assert main([f"{photos}/x.txt", "--run", str(run), "--out", str(tmp_path / "listed")]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out)["images"] == 1 and "fault: x.txt, 2: " in told.err and "'gone' is no file" in told.err
    assert main(["", "--run", str(run), "--out", str(tmp_path / "none")]) == 2
    assert "no photographs are named, the text is empty" in capsys.readouterr().err
    for out in ("few", "listed"):
        assert [path.name for path in (tmp_path / out / "masks").iterdir()] == ["image 1.png"]
        np.testing.assert_array_equal(read_mask(tmp_path / out / "masks", "image 1"),
                                      read_mask(tmp_path / "all" / "masks", "image 1"))
    for source in (f"{photos}/*", photos / "x.txt"):
        with pytest.raises(UserError, match="is where the photographs lie; name another folder"):
            predict(source, run, photos)


def test_what_is_no_photograph_is_listed(run, images, tmp_path, monkeypatch):
    monkeypatch.setattr(heic, "readable", lambda: False)
    photos = Path(shutil.copytree(images.root / "images", tmp_path / "photos"))
    (photos / "p.HEIC").write_bytes(b"made up")
    (photos / "back\\slash.png").write_bytes((photos / "image 0.png").read_bytes())
    (photos / "image 1.png").rename(photos / "image 1.unknown")
    done, faults = predict(photos, run, tmp_path / "out")
    assert done == 2 and set(faults) == {"p.HEIC", "back\\slash.png"}
    (tmp_path / "alone").mkdir()
    (photos / "p.HEIC").rename(tmp_path / "alone" / "p.HEIC")
    with pytest.raises(UserError, match="no image in it; .*p.HEIC: is a HEIC photograph"):
        predict(tmp_path / "alone", run, tmp_path / "out")
    with pytest.raises(UserError, match="its name holds a backslash"):
        predict(photos / "back\\slash.png", run, tmp_path / "out")
