import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.tiny_run import SETTINGS, draw_tiny_folder
from tests.support.untrained import untrained_run
from tfwsss.errors import UserError
from tfwsss.inference.views import Canvas, Windows
from tfwsss.methods.icd.config import Config
from tfwsss.methods.opened import demo_folder, load_run
from tfwsss.settings import reading


@pytest.fixture
def run(tmp_path) -> Path:
    """A run folder that has only begun."""
    return written(tmp_path, draw_tiny_folder(tmp_path / "data"))


def written(base: Path, root: Path | None, **data) -> Path:
    kind = {"kind": "folder", "root": str(root)} if root else {}
    settings = reading.build(Config, {**SETTINGS, "method": "icd", "data": {**kind, **data}}, "test")
    folder = base / "run"
    folder.mkdir()
    record = {"method": "icd", "config": settings.model_dump(mode="json"), "classes": []}
    (folder / "config.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_a_run_is_opened_again(run, tmp_path):
    found = load_run(run)
    assert found.folder == run and isinstance(found.config, Config) and found.config.icd.epochs == 2
    images = found.images()
    assert len(images.names) == 12 and images.root == tmp_path / "data" and len(images.masks) == 12


def test_images_are_those_that_masks_are_made_of(tmp_path):
    run = written(tmp_path, draw_tiny_folder(tmp_path / "data"), split="train", pseudo_split="val")
    assert len(load_run(run).images().names) == 4


def test_images_are_those_that_the_run_could_use(run, tmp_path):
    """A broken image is left out, one of an unusual kind is read from the run's copy."""
    clear = Image.fromarray(np.full((64, 64, 4), (9, 8, 7, 255), np.uint8))
    clear.save(tmp_path / "data" / "images" / "2026_000002.jpg", "PNG")
    (tmp_path / "data" / "images" / "2026_000001.jpg").write_bytes(b"")
    large = written(tmp_path / "data", tmp_path / "data", max_pixels=64 * 64 - 1)
    images = load_run(run).images()
    assert "2026_000001" not in images.names and images.images["2026_000002"].is_relative_to(run)
    assert (images.read_image("2026_000002") == (9, 8, 7)).all()
    with pytest.raises(UserError, match="none of 12 images can be used"):
        load_run(large).images()


def test_data_that_are_no_longer_there(run, tmp_path):
    shutil.rmtree(tmp_path / "data")
    found = load_run(run)                                  # the settings can still be read
    with pytest.raises(UserError, match="data.root: .*data is no folder; give the folder that holds the images"):
        found.images()


@pytest.mark.parametrize("contents", [None, b"{", b"[1]", b"{}", b'{"config": {}}', b'{"config": null}', b"\xff"])
def test_folders_that_are_no_run(tmp_path, contents):
    if contents is not None:
        (tmp_path / "config.json").write_bytes(contents)
    with pytest.raises(UserError, match=f"{tmp_path.name} is no run folder: it has no readable config.json; name the "
                                        "folder that python -m tfwsss.train printed"):
        load_run(tmp_path)


@pytest.mark.parametrize(("change", "words"), [
    ({"method": "icdd"}, "unknown method 'icdd'; did you mean 'icd'"),
    ({"sed": 1}, "config.json: unknown key 'sed'; did you mean 'seed'"),
    ({"seed": "x"}, "config.json: 'seed' is 'x': input should be a valid integer")])
def test_runs_of_another_version(run, change, words):
    record = json.loads((run / "config.json").read_text())
    record["config"] |= change
    (run / "config.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match=words):
        load_run(run)


def test_the_built_in_set_lies_beside_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert demo_folder(Path("runs/one")) == demo_folder(Path("runs/two")) == tmp_path / "runs"


def test_how_a_run_makes_masks(tmp_path):
    """Its network first, then its own rule, then plain class maps; each sees images as its settings say."""
    run = untrained_run(tmp_path / "run", "icd", rounds=1, masks={"window": 65, "scales": [0.5]},
                        cam_masks={"threshold": 0.3}, cam={"canvas": 33})
    assert load_run(run).masker()[0] == "pseudo"                           # there is no network yet
    shutil.copytree(untrained_run(tmp_path / "other", "retrain") / "segmenter", run / "segmenter")
    found = {stage: load_run(run).masker(stage) for stage in (None, "masks", "pseudo", "cam_masks")}
    assert {stage: name for stage, (name, _) in found.items()} == {
        None: "masks", "masks": "masks", "pseudo": "pseudo", "cam_masks": "cam_masks"}
    assert found["masks"][1].view[:2] == (65, (0.5,)) and isinstance(found["masks"][1].view, Windows)
    assert isinstance(found["pseudo"][1].view, Canvas) and found["pseudo"][1].view.side == 65
    assert found["cam_masks"][1].view.side == 33 and not found["cam_masks"][1].crf.on and found["pseudo"][1].crf.on
    assert {masker.num_ids for _, masker in found.values()} == {4}


def test_stages_that_a_run_has_not(tmp_path):
    run = untrained_run(tmp_path / "run", "retrain")
    with pytest.raises(UserError, match="--stage pseudo: .*run makes no such masks; it has masks$"):
        load_run(run).masker("pseudo")
    shutil.rmtree(run / "segmenter")
    with pytest.raises(UserError, match="it has none yet"):
        load_run(run).masker("masks")
    with pytest.raises(UserError, match="segmenter/model.keras: no such file"):
        load_run(run).masker()
