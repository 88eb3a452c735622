"""Users' mistakes on the command line: one clear line each; broken images are listed and the run goes on."""

import contextlib
import errno
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.files import encoded, odd_images
from tests.data.test_reading import header_of
from tests.support.tiny_run import draw_tiny_folder, train, write_config

STAGES = ["regions", "icd", "cam", "cam_masks", "scores", "seeds", "pseudo"]
UNUSUAL = {"grey": "cat", "cmyk": "dog", "16 bits": "sheep", "alpha": "cat", "exif 6": "dog", "1x1": "sheep",
           "one row": "cat", "animated": "dog"}
"""Images that are used, and the tags they are given here."""


@pytest.fixture(scope="module")
def finished(finished_run) -> Path:
    """A folder with data/, config.yaml and a finished run."""
    return finished_run("icd")


@pytest.fixture
def base(tmp_path) -> Path:
    """A folder with data/ of its own, to be spoilt, config.yaml, and no run."""
    write_config(tmp_path / "config.yaml", draw_tiny_folder(tmp_path / "data"))
    return tmp_path


def refused(*arguments, words: str) -> str:
    """Asserts that the command ends with one line that matches these words; returns the line."""
    answer = train(*arguments)
    assert answer.code == 2 and answer.out == ""
    assert len(answer.errors) == 1 and "Traceback" not in answer.err
    assert re.search(words, answer.errors[0]), answer.errors[0]
    return answer.errors[0]


@pytest.mark.parametrize(("arguments", "words"), [
    (["--method", "icdd"], "unknown method 'icdd'; did you mean 'icd'"),
    (["--method", "cam++"], "unknown method .*; known: icd"),
    (["--set", "icd.epoch=3"], "unknown key 'icd.epoch'; did you mean 'icd.epochs'"),
    (["--set", "icd.backbone.wdth=1"], "unknown key 'icd.backbone.wdth'; did you mean 'icd.backbone.width'"),
    (["--set", "sed=1"], "unknown key 'sed'; did you mean 'seed'"),
    (["--set", "icd.epochs=many"], "'icd.epochs' is 'many': .* integer"),
    (["--set", "icd.epochs=0"], "'icd.epochs' is 0: .* greater than 0"),
    (["--set", "icd.crop=[1, 2]"], r"'icd.crop' is \[1, 2\]: .* integer"),
    (["--set", "icd=5"], "'icd' is 5: .* dictionary"),
    (["--set", "mixed_precision=maybe"], "'mixed_precision' is 'maybe': .* boolean"),
    (["--set", "icd.backbone.name=vgg19"], "'icd.backbone.name' is 'vgg19': .*'mobilenet_v2', 'small', .* or 'dinov2_"),
    (["--set", "data.kind=coco"], "'data.kind' is 'coco': .*'demo', 'voc' or 'folder'"),
    (["--set", "icd.epochs"], "--set 'icd.epochs' is not of the form section.key=value"),
    (["--set", "icd.epochs=[1"], "--set .* is not valid YAML; put it in quotes"),
    (["--set", "data.split=trian"], "no list trian.txt .* did you mean 'train'"),
    (["--set", "data.pseudo_split=test"], "no list test.txt .* there are train, val"),
    (["--set", "data.root=nowhere"], "data.root: nowhere is no folder; give the folder that holds the images"),
    (["--set", "data.root="], "data.root is not set; add --set data.root=FOLDER"),
    (["--set", "data.saliency=nowhere"], "nowhere: no saliency map for any of 12 images"),
    (["--until", "psuedo"], "unknown stage 'psuedo'; did you mean 'pseudo'"),
    (["--redo", "crf"], "unknown stage 'crf'; this method has: regions, icd, cam,"),
    (["--set", "given.camera=nowhere"], "unknown stage 'camera'; did you mean 'cam'"),
    (["--set", "given.regions=nowhere"], "given.regions: nowhere is no folder; give the folder with its regions files"),
    (["--set", "devices=[TPU:0]"], "devices: 'TPU:0' is not there; this machine has CPU:0"),
    (["--set", "devices=9", "--set", "icd.batch_size=9"], "devices: 9 logical CPU devices .* start a new process"),
    (["--set", "icd.backbone.initial=no.h5"], "icd.backbone.initial=no.h5: no such file"),
    (["--set", "icd.backbone.initial=imagenet"], "icd.backbone.initial=imagenet: Keras has no weights of small"),
])
def test_mistakes_in_the_command(finished, tmp_path, arguments, words):
    """Unknown method, key, split and stage; wrong types and ranges; missing folders and files."""
    refused("--config", finished / "config.yaml", "--run", tmp_path / "run", *arguments, words=words)


@pytest.mark.parametrize(("text", "words"), [
    (None, "config.yaml cannot be read .No such file or directory.; check the path given"),
    ("icd: [1\n", "config.yaml is not valid YAML .*line 2"),
    ("- 1\n", "config.yaml holds a list; expected keys and values"),
    ("method: affinity\n", "unknown method 'affinity'; did you mean 'affinitynet'"),
    ("icd: {epochs: 3, epochz: 4}\n", "config.yaml: unknown key 'icd.epochz'; did you mean 'icd.epochs'"),
    ("seed: -1\n", "config.yaml: 'seed' is -1: .*greater than or equal to 0"),
])
def test_mistakes_in_the_file(tmp_path, text, words):
    """A config file that is missing, torn, or says what there is not."""
    if text is not None:
        (tmp_path / "config.yaml").write_text(text)
    refused("--config", tmp_path / "config.yaml", "--run", tmp_path / "run", words=words)
    assert not (tmp_path / "run").exists()


def test_all_mistakes_of_a_file_are_told_at_once(finished, tmp_path):
    """Nobody wants to mend a file key by key."""
    line = refused("--config", finished / "config.yaml", "--set", "icd.epochs=x", "--set", "sede=1",
                   "--run", tmp_path / "run", words="--set")
    assert "'icd.epochs' is 'x'" in line and "did you mean 'seed'" in line


def test_a_tag_that_is_no_class(base):
    """The line of the table and the nearest class are named."""
    table = base / "data" / "labels.csv"
    table.write_text(table.read_text().replace(",dog", ",dgo", 1))
    words = "labels.csv: line 3, '2026_000001': 'dgo' is no class; did you mean 'dog'"
    refused("--config", base / "config.yaml", "--run", base / "run", words=words)


def test_an_empty_class(base):
    """A class that no image shows cannot be learnt."""
    with (base / "data" / "classes.txt").open("a") as file:
        file.write("horse\n")
    refused("--config", base / "config.yaml", "--run", base / "run",
            words="none of 12 images shows 'horse'; label some, or strike the class from classes.txt")


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda data: shutil.rmtree(data / "images"), "data: no images; expected .jpg"),
    (lambda data: [path.write_bytes(b"") for path in (data / "images").iterdir()],
     "none of 12 images can be used. The first: .*2026_000000.jpg: empty file .*; replace it by an image"),
    (lambda data: (data / "labels.csv").unlink(), "labels.csv: no such file; write a header name,classes"),
    (lambda data: (data / "labels.csv").write_text("a,b\n"), "labels.csv: the first line is 'a,b'; expected"),
    (lambda data: (data / "labels.csv").write_text("name,classes\n"), "labels.csv: has no row below its header"),
    (lambda data: (data / "labels.csv").write_bytes(b"name,classes\n\xff,cat\n"), "save the table .* in UTF-8"),
    (lambda data: (data / "classes.txt").write_text("\n"), "classes.txt: names no class; write one"),
], ids=["no images", "empty images", "no table", "no header", "no rows", "latin-1", "no classes"])
def test_data_that_cannot_be_used_at_all(base, spoil, words):
    """No images at all, or none that opens; a table that is missing or torn."""
    spoil(base / "data")
    refused("--config", base / "config.yaml", "--run", base / "run", words=words)


def broken() -> dict[str, tuple[bytes, str]]:
    """Returns file -> contents and what is said of them."""
    whole = encoded(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8), "JPEG")
    return {"cut off.jpg": (whole[: len(whole) // 2], "broken or cut off .*; fetch or save it again"),
            "empty.jpg": (b"", r"empty file \(0 bytes\); replace it by an image"),
            "page.jpg": (b"<!DOCTYPE html><p>404", "web page.*; replace it by an image"),
            "huge.png": (header_of(60_000, 60_000), "make it smaller")}


def test_one_run_over_broken_and_unusual_images(base):
    """Broken images are listed at the end and the rest goes through; unusual images are images like others."""
    data = base / "data"
    rows = {file.rpartition(".")[0]: "cat" for file in broken()} | UNUSUAL | {"never taken": "dog"}
    for file, (contents, _) in broken().items():
        (data / "images" / file).write_bytes(contents)
    for kind in UNUSUAL:
        ending, contents, _ = odd_images()[kind]
        (data / "images" / f"{kind}{ending}").write_bytes(contents)
    with (data / "labels.csv").open("a", encoding="utf-8") as file:
        file.writelines(f"{name},{tag}\n" for name, tag in rows.items())
    Image.new("P", (9, 9)).save(data / "masks" / "2026_000000.png")
    answer = train("--config", base / "config.yaml", "--run", base / "run")
    assert answer.code == 1 and answer.errors == [] and "Traceback" not in answer.err
    told = dict(line[7:].split(": ", 1) for line in answer.err.splitlines() if line.startswith("fault: "))
    assert set(told) == {*(file[:-4] for file in broken()), "never taken", "2026_000000"}
    for file, (_, words) in broken().items():
        assert file in told[file[:-4]] and re.search(words, told[file[:-4]]), told[file[:-4]]
    assert "add the file or strike its line" in told["never taken"]
    assert "9x9 pixels, but its image has 64x64; save both in one size. The image is used" in told["2026_000000"]
    assert json.loads((base / "run" / "faults.json").read_text("utf-8")) == told
    assert set(answer.result["miou"]) >= {"cam", "pseudo"}
    assert "never taken" in Path(answer.result["report"]).read_text("utf-8")
    made = {path.stem: np.array(Image.open(path)) for path in (base / "run" / "pseudo").rglob("*.png")}
    assert set(made) == {*UNUSUAL, *(f"2026_{number:06d}" for number in range(12))}
    assert all(made[kind].shape == odd_images()[kind][2].shape[:2] for kind in UNUSUAL)


def test_a_run_folder_made_with_other_settings(finished, tmp_path):
    """The stage, both values and two cures are named; --redo is one of them."""
    shutil.copytree(finished / "run 1", tmp_path / "run")
    call = ["--config", finished / "config.yaml", "--run", tmp_path / "run", "--set", "seeds.corners_aligned=false"]
    refused(*call, words="run/seeds was made with seeds.corners_aligned = True, now False; add --redo seeds to make "
                         "it again, or name another folder with --run")
    answer = train(*call, "--redo", "seeds")
    assert answer.code == 0 and set(answer.result["miou"]) == {"cam", "cam_masks", "scores", "seeds", "pseudo"}
    assert "scores: finished before, kept" in (tmp_path / "run" / "log.txt").read_text()


def test_a_run_folder_made_of_other_images(finished, tmp_path):
    """A run does not mix data sets."""
    shutil.copytree(finished / "run 1", tmp_path / "run")
    refused("--config", finished / "config.yaml", "--run", tmp_path / "run", "--set", "data.split=val",
            words="run/regions was made with other images or labels; add --redo regions")


def test_a_run_folder_with_a_torn_record(finished, tmp_path):
    """A record that a disk spoilt is no stack trace."""
    shutil.copytree(finished / "run 1", tmp_path / "run")
    (tmp_path / "run" / "cam" / "stage.json").write_text("{")
    refused("--config", finished / "config.yaml", "--run", tmp_path / "run",
            words="cam/stage.json cannot be read .*; delete its folder to make the stage again")


def test_a_folder_that_cannot_be_written(finished, tmp_path):
    """A path below a file stands for a folder in which one may not write."""
    (tmp_path / "file").write_text("no folder")
    refused("--config", finished / "config.yaml", "--run", tmp_path / "file" / "run",
            words="run folder .*file/run cannot be written .*; name another folder with --run")


@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk(finished, tmp_path, monkeypatch, stage):
    """Whatever stage runs out of space says so in one line; with space again the same command goes on."""
    if STAGES.index(stage):
        shutil.copytree(finished / "run 1", tmp_path / "run")
        [shutil.rmtree(tmp_path / "run" / later) for later in STAGES[STAGES.index(stage):]]
    call = ["--config", finished / "config.yaml", "--run", tmp_path / "run", "--until", stage,
            "--set", "tensorboard.enabled=false"]
    with full(monkeypatch, tmp_path / "run" / stage):
        refused(*call, words=f"run/{stage}/.* could not be written .No space left on device.; free space on that "
                             "disk and start again: finished files are kept")
    assert not list((tmp_path / "run" / stage).rglob(".*")) and not (tmp_path / "run" / stage / "stage.json").exists()
    assert train(*call).code == 0 and (tmp_path / "run" / stage / "stage.json").is_file()


@contextlib.contextmanager
def full(monkeypatch, folder: Path):
    """Lets nothing but a stage's first record be written below a folder."""
    replace = os.replace

    def refuse(source, target):
        if Path(target).is_relative_to(folder) and Path(target).name != "started.json":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        yield


def test_weights_of_a_wrong_shape(finished, tmp_path):
    """Weights of a network twice as wide: the first misfit is named with both shapes."""
    from tfwsss.backbones.small import small

    small(width=0.5).save_weights(tmp_path / "wide.weights.h5")
    call = ["--config", finished / "config.yaml", "--run", tmp_path / "run", "--set"]
    refused(*call, f"icd.backbone.initial={tmp_path / 'wide.weights.h5'}",
            words=r"wide.weights.h5: shape \(3, 3, 3, 16\) for .*/kernel of small; expected shape \(3, 3, 3, 8\); "
                  "use weights of the same network and width")
    (tmp_path / "torn.weights.h5").write_bytes((tmp_path / "wide.weights.h5").read_bytes()[:500])
    refused(*call, f"icd.backbone.initial={tmp_path / 'torn.weights.h5'}",
            words="torn.weights.h5: not a weight file of Keras")
