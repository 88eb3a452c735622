"""What one does with a finished run: masks of other photographs, scores, the report."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.tiny_run import ODD_NAMES, call, contents, ended, refused, start, times
from tfwsss.errors import UserError
from tfwsss.methods.predict import predict
from tfwsss.palette import voc_palette

pytestmark = pytest.mark.usefixtures("kept_maskers")


@pytest.fixture(scope="module")
def base(finished_run) -> Path:
    """A folder with data/ under odd names and a finished run."""
    return finished_run("icd")


def test_train_refuses_two_methods(tmp_path):
    """The command line and the config file name different ones."""
    (tmp_path / "config.yaml").write_text("method: affinitynet\n")
    refused(call("train", "--method", "icd", "--config", tmp_path / "config.yaml", "--run", tmp_path / "run"),
            "is for method 'affinitynet', but --method is 'icd'; drop one of them")


@pytest.mark.parametrize(("tags", "ids"), [(None, {0, 1, 2, 3}), ("cat", {0, 1}), (" dog , sheep ", {0, 2, 3}),
                                           ("", {0})])
def test_predict_one_photograph(base, tmp_path, tags, ids):
    """One mask in the palette's colours and one overlay; only classes that the tags allow."""
    photo = base / "data" / "images" / "猫" / "子 猫.jpg"
    arguments = [] if tags is None else ["--tags", tags]
    answer = call("predict", photo, "--run", base / "run 1", "--out", tmp_path / "out", *arguments)
    assert answer.code == 0 and answer.result == {"out": str(tmp_path / "out"), "images": 1, "faults": 0}
    assert set(contents(tmp_path / "out")) == {"masks/子 猫.png", "overlays/子 猫.png"}
    mask, overlay = (Image.open(tmp_path / "out" / kind / "子 猫.png") for kind in ("masks", "overlays"))
    assert mask.mode == "P" and mask.getpalette() == voc_palette().ravel().tolist()
    assert mask.size == overlay.size == (64, 64) and overlay.mode == "RGB"
    assert set(np.unique(np.array(mask))) <= ids | {255}


def test_predict_a_folder(base, tmp_path):
    """Every photograph at any depth; what is there is kept; a broken one is listed and the others are made."""
    photos, out = tmp_path / "photos", tmp_path / "out"
    shutil.copytree(base / "data" / "images", photos)
    (photos / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    call_ = ["predict", photos, "--run", base / "run 1", "--out", out]
    answer = call(*call_)
    assert answer.code == 1 and answer.result == {"out": str(out), "images": 12, "faults": 1}
    assert [line for line in answer.err.splitlines() if line.startswith("fault: ")][0].startswith("fault: torn: ")
    assert set(contents(out / "masks")) == set(contents(out / "overlays")) == {f"{name}.png" for name in ODD_NAMES}
    before, pictures = times(out, ["masks", "overlays"]), contents(out)
    (out / "masks" / "9.png").unlink()
    assert call(*call_).code == 1 and contents(out) == pictures
    now = times(out, ["masks", "overlays"])
    assert {file for file in now if now[file] != before[file]} == {"masks/9.png", "overlays/9.png"}
    assert call(*call_, "--tags", "cat").code == 1                       # another question: no old answer is kept
    assert all(set(np.unique(np.array(Image.open(path)))) <= {0, 1, 255} for path in out.glob("masks/**/*.png"))


def test_predict_refuses_what_it_cannot_do(base, tmp_path):
    """A tag that is no class; no such photograph, run or network; each in one line."""
    photo, run, out = base / "data" / "images" / "9.jpg", base / "run 1", tmp_path / "out"
    refused(call("predict", photo, "--run", run, "--out", out, "--tags", "cat,dgo"),
            f"--tags: 'dgo' is no class of {run}; did you mean 'dog'?")
    refused(call("predict", tmp_path / "no.jpg", "--run", run, "--out", out),
            "no such image, folder or list; check the path")
    (tmp_path / "empty").mkdir()
    refused(call("predict", tmp_path / "empty", "--run", run, "--out", out), "no image in it; expected files such as")
    refused(call("predict", photo, "--run", tmp_path, "--out", out), "is no run folder: it has no readable config.json")
    assert not out.exists()


def test_predict_from_python(base, tmp_path):
    """The function behind the command returns the number of images and the faults, and raises what a user can mend."""
    photo = base / "data" / "images" / "9.jpg"
    assert predict(photo, base / "run 1", tmp_path / "out", ["cat"]) == (1, {})
    assert set(contents(tmp_path / "out")) == {"masks/9.png", "overlays/9.png"}
    with pytest.raises(UserError, match="'cow' is no class"):
        predict(photo, base / "run 1", tmp_path / "out", ["cow"])


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda model: model.unlink(), "icd/model.keras: no such file; let python -m tfwsss.train finish its stage"),
    (lambda model: model.write_bytes(model.read_bytes()[:1000]), "icd/model.keras: cannot be read"),
    (lambda model: _write_other(model), "icd/model.keras: holds a Functional; expected the ICD"),
], ids=["unfinished", "torn", "another network"])
def test_predict_with_an_unfit_network(base, tmp_path, spoil, words):
    """A run that is not finished, or whose network is torn or another's, is no stack trace."""
    (tmp_path / "run" / "icd").mkdir(parents=True)
    for file in ("config.json", "icd/model.keras"):
        shutil.copy(base / "run 1" / file, tmp_path / "run" / file)
    spoil(tmp_path / "run" / "icd" / "model.keras")
    photo = base / "data" / "images" / "9.jpg"
    refused(call("predict", photo, "--run", tmp_path / "run", "--out", tmp_path / "out"), words)


def _write_other(path: Path) -> None:
    from tfwsss.backbones.small import small

    small(width=0.1).save(path)


def test_evaluate_a_run_and_a_folder(base, tmp_path):
    """The numbers are those of the run, however one asks for them."""
    metrics = json.loads((base / "run 1" / "metrics.json").read_text("utf-8"))
    answer = call("evaluate", base / "run 1", "--json")
    assert answer.code == 0 and answer.result["folder"] == str(base / "run 1" / "pseudo")
    assert answer.result["miou"] == metrics["pseudo"]["miou"] and answer.result["iou"] == metrics["pseudo"]["iou"]
    assert set(answer.result["iou"]) == {"background", "cat", "dog", "sheep"}
    answer = call("evaluate", base / "run 1", "--stage", "cam", "--json")
    assert answer.result["miou"] == metrics["cam"]["miou"] and answer.result["kind"] == "scores"
    shutil.copytree(base / "run 1" / "pseudo", tmp_path / "masks")
    answer = call("evaluate", tmp_path / "masks", "--json", "--truth", base / "data" / "masks", "--classes",
                  base / "data" / "classes.txt")
    assert answer.result["miou"] == metrics["pseudo"]["miou"] and answer.result["images"] == 12
    text = call("evaluate", base / "run 1").out
    assert f"{100 * metrics['pseudo']['miou']:6.2f} %" in text and "ignored pixels" in text
    refused(call("evaluate", base / "run 1", "--stage", "icd"), "holds model, which have no mean IoU")


@pytest.fixture
def copy(base, tmp_path) -> Path:
    """The run in a folder of one's own: `report` writes into it."""
    return Path(shutil.copytree(base / "run 1", tmp_path / "run"))


def test_report_of_a_run(copy):
    """The page is written anew, holds all pictures in itself, and needs no network."""
    page = copy / "report.html"
    page.unlink()
    answer = call("report", copy)
    assert answer.code == 0 and answer.out.strip() == str(page)
    text = page.read_text("utf-8")
    assert "data:image/png;base64," in text or "data:image/jpeg;base64," in text
    assert 'src="http' not in text and "<script" not in text and "жук 7" in text


def test_the_other_commands_are_quiet(base, copy, tmp_path):
    """In a process of their own they write their answer, and nothing of TensorFlow's."""
    photo = base / "data" / "images" / "9.jpg"
    started = [start(photo, "--run", copy, "--out", tmp_path / "out", command="tfwsss.predict"),
               start(copy, "--json", command="tfwsss.evaluate"), start(copy, command="tfwsss.report")]
    for answer in map(ended, started):
        ours = [line for line in answer.err.splitlines() if "lie outside of images/" in line]     # of the photographs
        assert answer.code == 0 and answer.err.splitlines() == ours and len(answer.out.splitlines()) == 1
