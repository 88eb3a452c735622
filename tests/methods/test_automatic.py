"""`--config auto`: where the images are, what is told and kept, what a resumed run takes again."""

import json
import logging

import pytest

from tests.support.fake_run import SIZE, image_set
from tests.support.sources import ROOT
from tests.support.textures import draw_textures
from tfwsss.data.sources import open_splits
from tfwsss.errors import UserError
from tfwsss.logs import LOG
from tfwsss.methods import automatic, run
from tfwsss.settings.auto.facts import Facts


@pytest.fixture(autouse=True)
def cpu(monkeypatch):
    """A machine of two cores without graphics cards."""
    monkeypatch.setattr(automatic.devices, "count_gpus", lambda: 0)
    monkeypatch.setattr(automatic.os, "sched_getaffinity", lambda process: {0, 1})
    monkeypatch.setattr(automatic.resources, "free_memory", lambda: 4 * 2**30)


def test_where_the_images_are(tmp_path, monkeypatch):
    for part in ("Annotations", "JPEGImages", "ImageSets"):
        (tmp_path / "voc" / part).mkdir(parents=True)
    for name, kind in (("voc", "voc"), ("x", "folder")):
        assert automatic.before_choosing({"data": {"root": str(tmp_path / name)}})["data"]["kind"] == kind
    (tmp_path / "voc" / "labels.csv").touch()
    assert automatic.before_choosing({"data": {"root": tmp_path / "voc"}})["data"]["kind"] == "folder"
    assert automatic.before_choosing({"data": {"root": tmp_path, "kind": "voc"}})["data"]["kind"] == "voc"
    assert automatic.before_choosing({}) == {}
    monkeypatch.setattr(automatic.devices, "count_gpus", lambda: 2)
    assert automatic.before_choosing({"seed": 1}) == {"devices": 2, "seed": 1}
    assert automatic.before_choosing({"devices": 1}) == {"devices": 1}
    monkeypatch.setattr(automatic.data_parallel, "under_jax", lambda: True)         # where `devices` stays 1
    assert automatic.before_choosing({"seed": 1}) == {"seed": 1}


def test_under_jax_devices_are_left_alone(tmp_path, monkeypatch):
    """All that a process sees take part there, and another number is refused; batches are shared all the same."""
    monkeypatch.setattr(automatic.devices, "count_gpus", lambda: 3)
    monkeypatch.setattr(automatic.data_parallel, "under_jax", lambda: True)
    chosen = automatic.settle("icd", {"data": {"root": "photos"}}, image_set(tmp_path), None)
    assert chosen.settings.devices == 1 and chosen.settings.icd.batch_size == 6
    assert "devices" not in {one.key for one in chosen.choices}


def test_settings_before_any_image_is_seen():
    settings = run.read_settings(None, automatic.NAME, ("data.root=photos", "seed=3"))
    assert (settings.method, settings.data.kind, str(settings.data.root)) == ("icd", "folder", "photos")
    assert settings.seed == 3
    assert run.read_settings(None, automatic.NAME, ()).icd.backbone.name == "small"       # the built-in set
    with pytest.raises(UserError, match="rests on the images; --dry-run prints it"):
        run.settings_in_words("icd", automatic.NAME)


def test_what_choices_rest_on(tmp_path):
    images = image_set(tmp_path)
    images.images["image 3"].write_bytes(b"no image")
    assert automatic.look(images) == Facts(5, max(SIZE), max(SIZE), 3, 0, 2, 0, 4 * 2**30)
    for path in images.images.values():
        path.write_bytes(b"no image")
    with pytest.raises(UserError, match="none of 5 images can be read; look at 'image 0'"):
        automatic.look(images)


def test_images_that_show_nothing_are_counted(tmp_path):
    root = draw_textures(tmp_path / "photos", 8, 40, without=0.25)
    settings = run.read_settings(None, automatic.NAME, (f"data.root={root}",))
    facts = automatic.look(open_splits(settings.data, tmp_path).training)
    assert (facts.images, facts.side, facts.classes, facts.negatives, facts.inspection) == (8, 40, 1, 2, True)


def test_a_run_that_has_begun_keeps_its_choices(tmp_path, monkeypatch):
    images, folder, said = image_set(tmp_path / "data"), tmp_path / "run", []
    given = {"data": {"root": "photos"}, "icd": {"crop": 33}}
    first = automatic.settle("icd", given, images, folder)
    assert first.settings.icd.crop == 33 and first.settings.icd.backbone.name == "mobilenet_v2"
    assert first.settings.data.kind == "folder" and first.settings.icd.batch_size == 4
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"method": "icd", "auto": first.record()}))
    monkeypatch.setattr(automatic, "look", lambda images: Facts(1500, 320, 320, 6))
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    monkeypatch.setattr(LOG, "handlers", [handler])
    monkeypatch.setattr(LOG, "level", logging.INFO)
    LOG.manager._clear_cache()
    again = automatic.settle("icd", given, images, folder)
    assert again.settings == first.settings and len(said) == 1
    assert "the run keeps what it began with" in said[0] and "icd.batch_size = 32 (now 4)" in said[0]
    without = automatic.settle("icd", {"data": {"root": "photos"}, "icd": {"epochs": 2}}, images, folder)
    assert (without.settings.icd.crop, without.settings.icd.epochs, without.settings.icd.batch_size) == (225, 2, 4)
    small = {"data": {"root": "photos"}, "icd": {"backbone": {"name": "vgg16"}, "batch_size": 1}}
    other = automatic.settle("icd", small, images, folder)              # five images want 121 steps
    assert (other.settings.icd.optimizer, other.settings.icd.epochs) == ("sgd", 24)
    assert other.record()["facts"] == first.record()["facts"] != other.facts._asdict()
    kept = {"facts": {}, "choices": [{"key": "workers", "value": 9, "why": "of another machine"},
                                     {"key": "icd.crop", "value": 97, "why": "as before"}]}
    (folder / "config.json").write_text(json.dumps({"method": "icd", "auto": kept}))
    monkeypatch.setattr(automatic, "look", lambda images: Facts(60, 4000, 4000, 3, memory=2**30))
    moved = automatic.settle("icd", {}, images, folder).settings
    assert (moved.workers, moved.icd.crop) == (1, 97)
    monkeypatch.setattr(automatic, "look", lambda images: Facts(1500, 320, 320, 6))
    for record in ({"method": "icd"}, {"method": "seam", "auto": first.record()}, {"method": "icd", "auto": 3}):
        (folder / "config.json").write_text(json.dumps(record))
        assert automatic.settle("icd", given, images, folder).settings.icd.batch_size == 32


def test_the_table_tells_what_and_why(tmp_path):
    chosen = automatic.settle("icd", {"data": {"root": "photos"}}, image_set(tmp_path), None)
    lines = automatic.in_a_table(chosen).splitlines()
    assert lines[0].startswith("auto: 5 images of 32 pixels, 3 classes, 0 images without any; 2 cores, 0 graphics card")
    assert len(lines) == 1 + len(chosen.choices)
    crop = next(line for line in lines if " icd.crop = " in line)
    assert crop.split(" = ")[1].split()[0] == "17"
    assert crop.endswith("0.7 of the side at which photographs are seen, 32 pixels")
    assert any(line.endswith("  same") for line in lines) and any("icd.longer_side = null" in line for line in lines)


def test_mistakes_name_where_they_come_from(tmp_path):
    with pytest.raises(UserError, match="--config auto and --set: unknown key 'icd.epoch'; did you mean 'icd.epochs'"):
        automatic.settle("icd", {"icd": {"epoch": 3}}, image_set(tmp_path), None)


def test_the_word_is_no_file_of_ours():
    assert not (ROOT / "auto").exists() and not (ROOT / "configs" / "auto").exists()
