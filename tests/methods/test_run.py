"""What a run notes beside its stages: settings, scores of masks that still stand, faults."""

import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_run import image_set, write_pseudo
from tests.support.tiny_run import contents, draw_tiny_folder, write_config
from tfwsss import train as command
from tfwsss.data.sources import Splits
from tfwsss.errors import UserError
from tfwsss.methods import run as module
from tfwsss.methods.opened import PRESENCE
from tfwsss.methods.run import read_settings, train
from tfwsss.methods.surveyed import given_masks
from tfwsss.runs.origins import Stale
from tfwsss.runs.stage import Stage


@pytest.mark.parametrize(("method", "text", "sets", "expected"), [
    (None, None, (), "icd"), ("cian", None, (), "cian"), (None, "method: affinitynet\n", (), "affinitynet"),
    ("retrain", "method: retrain\n", ("seed=3",), "retrain")])
def test_which_method_counts(tmp_path, method, text, sets, expected):
    """The one named, else the file's, else ICD."""
    file = tmp_path / "config.yaml" if text else None
    if file:
        file.write_text(text)
    settings = read_settings(method, file, sets)
    assert settings.method == expected and settings.data.kind == "demo" and settings.seed == (3 if sets else 0)


def test_settings_of_the_built_in_set_give_way(tmp_path):
    """Small ones for the built-in set, published ones elsewhere; a file over both, single ones over the file."""
    (tmp_path / "config.yaml").write_text("icd: {epochs: 5, crop: 33}\n")
    demo = read_settings(None, tmp_path / "config.yaml", ("icd.crop=49",))
    assert (demo.icd.epochs, demo.icd.crop, demo.icd.backbone.name) == (5, 49, "small")
    own = read_settings(None, tmp_path / "config.yaml", ("data.kind=folder", "data.root=x"))
    assert (own.icd.epochs, own.icd.crop, own.icd.backbone.name) == (5, 33, "vgg16")


def test_mistakes_name_where_they_stand(tmp_path):
    (tmp_path / "config.yaml").write_text("method: icd\nsede: 1\n")
    with pytest.raises(UserError, match="config.yaml: unknown key 'sede'; did you mean 'seed'"):
        read_settings(None, tmp_path / "config.yaml", ())
    with pytest.raises(UserError, match="is for method 'icd', but --method is 'cian'; drop one of them"):
        read_settings("cian", tmp_path / "config.yaml", ())


def _stage(name: str, kind: str = "masks", split: str = "pseudo", needs: tuple = ()) -> Stage:
    return Stage(name, kind, needs, {}, dict, split=split)


@pytest.fixture
def splits(tmp_path) -> Splits:
    images = image_set(tmp_path / "data")
    return Splits(images, images, None)


def test_scores_are_noted_once(tmp_path, splits):
    """Of masks and of class maps, by the images of their split; not of other kinds, nor where nothing is known."""
    write_pseudo(tmp_path / "pseudo", splits.pseudo)
    for kind in ("masks", "model"):
        module.score(tmp_path, _stage("pseudo", kind), tmp_path / "pseudo", splits)
        found = json.loads((tmp_path / "metrics.json").read_text())
        assert list(found) == ["pseudo"] and 0 < found["pseudo"]["miou"] < 1
    (tmp_path / "metrics.json").write_text('{"pseudo": {"miou": 0.5}}')
    module.score(tmp_path, _stage("pseudo"), tmp_path / "pseudo", splits)
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"pseudo": {"miou": 0.5}}
    bare = Splits(*[image_set(tmp_path / "bare", with_masks=False)] * 2, None)
    told = tmp_path / "without_truth.json"
    for made, images in (("1", 5), ("1", 5), ("2", 4)):                # described once, and again when made again
        (tmp_path / "pseudo" / "stage.json").write_text(json.dumps({"fingerprint": made}))
        if images == 4:
            next((tmp_path / "pseudo").glob("*.png")).unlink()
        before = told.stat().st_mtime_ns if told.is_file() else 0
        module.score(tmp_path, _stage("other"), tmp_path / "pseudo", bare)
        assert json.loads(told.read_text("utf-8"))["other"]["images"] == images
        assert (told.stat().st_mtime_ns == before) == (before > 0 and images == 5)
    assert list(json.loads((tmp_path / "metrics.json").read_text())) == ["pseudo"]


def test_scores_of_masks_that_will_be_made_again_are_dropped(tmp_path):
    """Of what is redone and all that depends on it, of what is not finished, and of another method's stages."""
    stages = [_stage("cam"), _stage("seeds", needs=("cam",)), _stage("pseudo", needs=("seeds",)), _stage("cam_masks")]
    for name in ("cam", "seeds", "pseudo", "walk"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "stage.json").write_text("{}")
    names = ("cam", "seeds", "pseudo", "cam_masks", "walk")
    for redo, kept in (((), ["cam", "seeds", "pseudo"]), (("seeds",), ["cam"])):
        for file in ("metrics.json", "without_truth.json"):
            (tmp_path / file).write_text(json.dumps({name: {} for name in names}))
        module._forget(tmp_path, stages, redo)
        for file in ("metrics.json", "without_truth.json"):
            assert list(json.loads((tmp_path / file).read_text())) == kept
    (tmp_path / "without_truth.json").unlink()
    module._forget(tmp_path, stages, ())
    assert not (tmp_path / "without_truth.json").exists()


def test_what_networks_of_before_have_chosen_goes_with_them(tmp_path):
    """Photographs enter no fingerprint: a stage that is made again of others has the one of before."""
    (tmp_path / PRESENCE).write_text("{}")
    origins = SimpleNamespace(unused=lambda *all_: [], settle=lambda *all_: Stale((), {}, ()), keep=lambda: None)
    for again, kept in (("changed", True), ("cam", False)):
        module._settle(tmp_path, origins, [_stage("cam")], {}, [again])
        assert (tmp_path / PRESENCE).exists() == kept


def test_a_run_from_python(tmp_path):
    """The function behind the command: what it says, what it leaves, and that broken images are told."""
    root = draw_tiny_folder(tmp_path / "data")
    (root / "images" / "2026_000003.jpg").write_bytes(b"torn")
    file = write_config(tmp_path / "config.yaml", root)
    result, faults = train(None, file, tmp_path / "run", until="regions", report=lambda folder: folder / "page.html")
    assert result == {"run": str(tmp_path / "run"), "report": str(tmp_path / "run" / "page.html"), "miou": {}}
    assert list(faults) == ["2026_000003"]
    assert list(json.loads((tmp_path / "run" / "faults.json").read_text())) == ["2026_000003"]
    record = json.loads((tmp_path / "run" / "config.json").read_text())
    assert record["classes"] == ["background", "cat", "dog", "sheep"] and record["images"]["training"] == 11
    assert list(record["labels"]) == ["training", "pseudo"]
    assert record["labels"]["training"]["supervision"] == {"image": 11}
    assert record["versions"]["tensorflow"] and record["config"]["icd"]["crop"] == 49


def test_labels_saved_as_0_and_255_are_not_learnt(tmp_path):
    """Background alone would be; the run ends before its first stage, and says how to save them."""
    data = draw_tiny_folder(tmp_path / "data")
    for path in (data / "masks").iterdir():
        (tmp_path / "given").mkdir(exist_ok=True)
        mask = np.array(Image.open(path))
        Image.fromarray(np.where(mask == 0, 0, 255).astype(np.uint8)).save(tmp_path / "given" / path.name)
    config = write_config(tmp_path / "config.yaml", data, "retrain", given={"labels": str(tmp_path / "given")})
    with pytest.raises(UserError, match="given.labels=.*given: of 12 masks .* 0 and 255 only; 255 means ignore"):
        train("retrain", config, tmp_path / "run", report=lambda run: run)
    assert not (tmp_path / "run" / "segmenter").exists()


def test_a_replaced_photograph_stops_the_run(tmp_path):
    """What was made of it is named; asked for, it is made again, and nothing of the other photographs is touched."""
    root = draw_tiny_folder(tmp_path / "data")
    file, run = write_config(tmp_path / "config.yaml", root), tmp_path / "run"
    options = {"until": "regions", "report": lambda folder: folder}
    train(None, file, run, **options)
    before = contents(run / "regions")
    path = root / "images" / "2026_000002.jpg"
    with Image.open(path) as image:
        turned = image.resize((40, 56))
    turned.save(path, quality=90)
    Image.new("P", (40, 56), 1).save(root / "masks" / "2026_000002.png")
    with pytest.raises(UserError, match=r"'2026_000002' \(photograph and true mask\); add --redo changed to make again "
                                        r"what was made of them \(of regions these images only\)"):
        train(None, file, run, **options)
    assert contents(run / "regions") == before
    train(None, file, run, redo=["changed"], **options)
    after = contents(run / "regions")
    assert {name for name in before if after[name] != before[name]} == {"2026_000002.png"} and len(after) == len(before)
    assert Image.open(run / "regions" / "2026_000002.png").size == (40, 56)
    train(None, file, run, **options)
    assert contents(run / "regions") == after


def test_nothing_is_deleted_before_a_run_can_start(tmp_path):
    """A stage that is asked for again stays where another name is wrong, or weights are missing."""
    file, run = write_config(tmp_path / "config.yaml", draw_tiny_folder(tmp_path / "data")), tmp_path / "run"
    options = {"until": "regions", "report": lambda folder: folder}
    train(None, file, run, **options)
    before = contents(run / "regions")
    for sets, until, words in (((), "region", "unknown stage 'region'"),
                               (("given.icb=x",), None, "unknown stage 'icb'"),
                               (("icd.backbone.initial=none.h5",), None, "weights are missing")):
        with pytest.raises(UserError, match=words):
            train(None, file, run, sets, redo=["regions"], **{**options, "until": until})
    assert contents(run / "regions") == before


def test_a_stage_that_is_not_made_now_is_no_longer_taken_as_made(tmp_path):
    """Regions of the run are given while a photograph is replaced: those made of the old one must not come back."""
    root, run = draw_tiny_folder(tmp_path / "data"), tmp_path / "run"
    file, options = write_config(tmp_path / "config.yaml", root), {"until": "regions", "report": lambda folder: folder}
    train(None, file, run, **options)
    before = contents(run / "regions")
    shutil.copytree(run / "regions", tmp_path / "given")
    path = root / "images" / "2026_000002.jpg"
    with Image.open(path) as image:
        turned = image.transpose(Image.Transpose.ROTATE_180)
    turned.save(path, quality=90)
    given = [f"given.regions={tmp_path / 'given'}"]
    with pytest.raises(UserError, match=r"'2026_000002' \(photograph\); add --redo changed .*\(regions whole\)"):
        train(None, file, run, given, **options)
    train(None, file, run, given, redo=["changed"], **options)
    assert not (run / "regions").exists() and (tmp_path / "given" / "2026_000002.png").is_file()
    train(None, file, run, **options)
    after = contents(run / "regions")
    assert {name for name in before if after[name] != before[name]} == {"2026_000002.png"}


def test_given_masks_of_both_lists_are_looked_at(tmp_path, splits):
    """Networks learn from those of the training images, though a stage is judged by the others."""
    images = splits.training
    splits = Splits(images.subset(images.names[:3]), images.subset(images.names[2:]), images.subset(images.names[4:]))
    for name in images.names:
        path = tmp_path / "given" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(images.palette[np.full(images.read_size(name), 1, np.uint8)]).save(path)
    stages, given = [_stage("seeds"), _stage("masks", split="val")], {}
    for name in ("seeds", "masks"):
        given[name] = tmp_path / "given"
    found = given_masks(stages, given, splits, tmp_path / "run")
    assert set(contents(found["seeds"])) == {f"{name}.png" for name in images.names}
    assert set(contents(found["masks"])) == {f"{images.names[4]}.png"}


def test_weak_labels_are_counted_and_part_of_what_a_run_is_made_from(tmp_path):
    root = draw_tiny_folder(tmp_path / "data")
    labels = {"2026_000000": [{"name": "cat", "x": 0.5, "y": 0.5}],
              "2026_000001": [{"name": "sheep", "x": 0.5, "y": 0.5}]}          # it shows a dog
    (root / "points.json").write_text(json.dumps(labels))
    file = write_config(tmp_path / "config.yaml", root, data={"points": "points.json"})

    def run():
        return train(None, file, tmp_path / "run", until="regions", report=lambda folder: folder / "page.html")

    assert run()[1] == {}
    record = json.loads((tmp_path / "run" / "config.json").read_text())["labels"]["pseudo"]
    assert record["supervision"] == {"point": 1, "image": 11} and record["classes"]["cat"]["points"] == 1
    log = (tmp_path / "run" / "log.txt").read_text("utf-8")
    assert "labels to train on: 1 images by points, 11 by tags only" in log
    assert re.search(r"class +images +points\n.*\bcat +\d+ +1\n", log)
    assert "1 points of a class that is none of their image's tags are left out" in log
    labels["2026_000000"][0]["x"] = 0.25
    (root / "points.json").write_text(json.dumps(labels))
    with pytest.raises(UserError, match="regions was made with other images or labels; add --redo regions"):
        run()


def test_settings_are_printed_and_nothing_is_trained(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command.main(["--method", "mcis", "--settings", "--set", "mcis.epochs=4"]) == 0
    printed = capsys.readouterr().out
    assert "mcis.epochs = 4    (whole number, 1 or more)\n" in printed and "data.kind = demo" in printed
    assert command.main(["--method", "retrain", "--settings", "markdown"]) == 0
    assert "\n## segmenter.backbone\n" in capsys.readouterr().out
    assert command.main(["--method", "mcis", "--settings", "--set", "mcis.epoch=4"]) == 2
    assert "did you mean 'mcis.epochs'?" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
