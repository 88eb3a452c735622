"""What a run's stages were made from: what differs is told, and made again where that is asked for."""

import dataclasses
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.runs.test_runner import Chain
from tests.support.fake_run import SIZE, image_set
from tfwsss.artefacts import identity as module
from tfwsss.artefacts.files import path_of
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.runs import journal
from tfwsss.runs.origins import CHANGED, FILE, Origins, named_files
from tfwsss.runs.stage import Stage


@pytest.fixture
def splits(tmp_path) -> Splits:
    images = image_set(tmp_path / "data")
    others = image_set(tmp_path / "others", 6).subset(["image 5"])
    return Splits(images, images, dataclasses.replace(others, classes=images.classes))


def chain(splits: Splits) -> list[Stage]:
    """Regions, a network, its maps, masks by a threshold of all of them, seeds, labels; masks of others."""
    training, val = ({"images": images.fingerprint()} for images in (splits.training, splits.val))
    return [Stage("regions", "regions", (), training, dict), Stage("net", "model", ("regions",), training, dict),
            Stage("cam", "scores", ("net",), training, dict),
            Stage("cam_masks", "masks", ("cam",), training, dict, alone=False),
            Stage("salient", "masks", (), {**training, "saliency": "maps"}, dict),
            Stage("labels", "masks", (), training, dict, truth=True), Stage("masks", "masks", ("net",), val, dict)]


def finish(run: Path, stages: list[Stage], splits: Splits, without: str = "") -> None:
    """Leaves what finished stages leave."""
    for stage in stages:
        if stage.name != without:
            (run / stage.name).mkdir(parents=True, exist_ok=True)
            (run / stage.name / "stage.json").write_text("{}")
            images = splits.val if stage.name == "masks" else splits.training
            for name in images.names if stage.kind != "model" else ():
                path_of(run / stage.name, stage.kind, name).write_bytes(b"made")


def replace(path: Path, value: int = 7) -> None:
    """Another picture of the same name; its time of change is another too."""
    before = path.stat().st_mtime_ns
    Image.fromarray(np.full((*SIZE, 3), value, np.uint8)).save(path)
    os.utime(path, ns=(before + 10**9,) * 2)


def made(run: Path, stage: str) -> set[str]:
    return {path.stem for path in (run / stage).iterdir() if path.suffix in (".png", ".npz")}


@pytest.fixture
def run(tmp_path, splits) -> Path:
    run = tmp_path / "run"
    Origins(run, splits).keep()
    finish(run, chain(splits), splits)
    return run


def test_what_is_the_same_stays(run, splits):
    """Also where a file was written again with the same contents, or lies elsewhere."""
    path = splits.training.images["image 1"]
    os.utime(path, ns=(1, 1))
    moved = path.with_name("moved.png")
    path.rename(moved)
    images = dataclasses.replace(splits.training, images={**splits.training.images, "image 1": moved})
    origins = Origins(run, splits._replace(training=images, pseudo=images))
    assert origins.changed == {} and origins.settle(chain(splits), {}, ()) == ((), {}, ())


def test_a_replaced_photograph_is_named_and_stops(run, splits):
    replace(splits.training.images["image 1"])
    stages = chain(splits)
    with pytest.raises(UserError) as caught:
        Origins(run, splits).settle(stages, {}, ())
    assert str(caught.value) == (
        f"{run}: not made from the files of now: 'image 1' (photograph); add --redo changed to make again what was "
        "made of them (of regions, salient, labels these images only; net, cam, cam_masks, masks whole), or name "
        "another folder with --run")
    assert len(made(run, "regions")) == 5 and (run / "regions" / "stage.json").is_file()     # nothing was touched
    every = [stage.name for stage in stages]
    assert Origins(run, splits).settle(stages, {}, every) == ((), {}, ())                   # they are made again anyway


def test_what_is_asked_for_is_made_again_and_no_more(run, splits):
    replace(splits.training.images["image 1"])
    stages, origins = chain(splits), Origins(run, splits)
    stale = origins.settle(stages, {}, [CHANGED])
    assert stale.whole == ("net", "cam", "cam_masks", "masks")
    assert stale.partly == {name: ("image 1",) for name in ("regions", "salient", "labels")}
    for stage in stale.partly:
        assert made(run, stage) == {"image 0", "image 2", "image 3", "image 4"}
        assert not (run / stage / "stage.json").exists()
    assert made(run, "cam") == set(splits.training.names)                   # what is whole is the runner's to delete
    again = Origins(run, splits)
    assert set(again.changed) == {"image 1"}                                # a killed call is asked once more
    origins.keep()
    assert Origins(run, splits).changed == {}


@pytest.mark.parametrize(("given", "without", "whole", "partly"), [
    ({"net": Path("net"), "regions": Path("regions")}, "", ("cam_masks",), {"cam", "salient", "labels"}),
    ({}, "net", ("cam_masks",), {"regions", "cam", "salient", "labels"})])
def test_networks_that_were_not_trained_on_it_stay(tmp_path, splits, given, without, whole, partly):
    """A given one, or one that has not begun: what each image gives is made again for the one that differs."""
    run = tmp_path / "run"
    Origins(run, splits).keep()
    finish(run, chain(splits), splits, without)
    replace(splits.training.images["image 2"])
    stale = Origins(run, splits).settle(chain(splits), given, [CHANGED])
    assert stale.whole == whole and set(stale.partly) == partly and "masks" not in stale.scored
    assert all(names == ("image 2",) for names in stale.partly.values())


def test_what_a_call_does_not_make_is_stale_too(run, splits, tmp_path):
    """A stage for which a folder is given now, and one of other settings: a later call would take them as made."""
    stages, given = chain(splits), {"regions": tmp_path / "given"}
    for name in ("further", "val"):
        (run / name).mkdir()
        images = splits.val if name == "val" else splits.training
        record = {"kind": "masks", "settings": {"images": images.fingerprint()}}
        (run / name / "started.json").write_text(json.dumps(record))
    (run / "notes").mkdir()                                                 # no stage
    assert Origins(run, splits).unused(stages, given, ()) == []
    replace(splits.training.images["image 1"])
    origins = Origins(run, splits)
    assert origins.unused(stages, given, ()) == ["further", "regions"]
    assert origins.unused(stages, given, ["regions"]) == ["further"]
    assert origins.unused(stages, {"regions": run / "further" / "part"}, ()) == ["regions"]     # given ones stay
    assert origins.unused(stages, {"regions": run / "regions"}, ()) == ["further"]
    with pytest.raises(UserError, match=r"\(of labels these images only; further, regions whole\)"):
        origins.stale(stages, given, [stage.name for stage in stages if stage.name not in ("regions", "labels")])


def test_photographs_of_another_list_touch_its_stages_only(run, splits):
    replace(splits.val.images["image 5"])
    stale = Origins(run, splits).settle(chain(splits), {}, [CHANGED])
    assert stale == ((), {"masks": ("image 5",)}, ("masks",))


def test_true_masks_change_scores_and_what_learns_from_them(run, splits):
    mask = splits.training.masks["image 0"]
    replace(mask)
    with pytest.raises(UserError, match=r"'image 0' \(true mask\).*of labels these images only\)"):
        Origins(run, splits).settle(chain(splits), {}, ())
    stages = [stage for stage in chain(splits) if not stage.truth]
    stale = Origins(run, splits).settle(stages, {}, ())
    assert stale.whole == () and stale.partly == {} and "cam" in stale.scored and "masks" not in stale.scored


def test_saliency_maps_touch_what_reads_them(tmp_path, splits):
    maps = {name: splits.training.root / f"{name}.png" for name in splits.training.names}
    for path in maps.values():
        Image.new("L", SIZE[::-1]).save(path)
    images = dataclasses.replace(splits.training, saliency=maps)
    splits, run = splits._replace(training=images, pseudo=images), tmp_path / "run"
    Origins(run, splits).keep()
    finish(run, chain(splits), splits)
    replace(maps["image 3"])
    stale = Origins(run, splits).settle(chain(splits), {}, [CHANGED])
    assert stale == ((), {"salient": ("image 3",)}, ("salient",))


def test_runs_of_older_versions_stay_valid(run, splits):
    """Nothing was noted: what is there now counts; broken lines are no record."""
    (run / FILE).unlink()
    replace(splits.training.images["image 1"])
    origins = Origins(run, splits)
    assert origins.settle(chain(splits), {}, ()) == ((), {}, ())
    origins.keep()
    assert len(journal.read(run / FILE)) == 6
    (run / FILE).write_text('{"name": "image 1", "image": 3, "mask": {}}\n[[[[\n{"name": "image 2"}\n')
    assert Origins(run, splits).changed == {"image 2": frozenset({"mask"})}          # it had none


def test_files_are_read_once(run, splits, monkeypatch):
    """Size and time of change tell the rest: hashing costs nothing for what is as it was."""
    read = []
    digest = module.hashlib.file_digest
    monkeypatch.setattr(module.hashlib, "file_digest", lambda file, kind: read.append(file.name) or digest(file, kind))
    Origins(run, splits)
    assert read == []
    replace(splits.training.images["image 1"])
    Origins(run, splits)
    assert read == [str(splits.training.images["image 1"])]


def test_weights_files_that_settings_name(tmp_path):
    (tmp_path / "w.h5").write_bytes(b"one")
    settings = {"backbone.initial": str(tmp_path / "w.h5"), "other.initial": "imagenet", "third.initial": None}
    found = named_files(settings, {})
    assert list(found) == ["backbone.initial"] and found["backbone.initial"]["size"] == 3
    (tmp_path / "w.h5").write_bytes(b"two")
    assert named_files(settings, found)["backbone.initial"]["sha256"] != found["backbone.initial"]["sha256"] or \
        (tmp_path / "w.h5").stat().st_mtime_ns == found["backbone.initial"]["mtime_ns"]


def test_another_weights_file_of_the_same_name_stops_the_run(tmp_path):
    """The setting is named; a run of an older version, which did not note the file, stays finished."""
    (tmp_path / "w.h5").write_bytes(b"one")
    chain = Chain(tmp_path / "run", a={"backbone": {"initial": str(tmp_path / "w.h5")}})
    assert chain.run() == ["a", "b", "c", "d"] and chain.run() == []
    os.utime(tmp_path / "w.h5", ns=(1, 1))
    assert chain.run() == []                                                # the same contents
    (tmp_path / "w.h5").write_bytes(b"another")
    with pytest.raises(UserError, match=r"run/a was made with another a.backbone.initial than .*w.h5 is now: its "
                                        "contents differ; add --redo a to make it again"):
        chain.run()
    assert chain.run(redo=["a"]) == ["a", "b", "c", "d"] and chain.run() == []
    path = tmp_path / "run" / "a" / "stage.json"
    record = json.loads(path.read_text())
    del record["files"]
    path.write_text(json.dumps(record))
    (tmp_path / "w.h5").write_bytes(b"a third")
    assert chain.run() == []
