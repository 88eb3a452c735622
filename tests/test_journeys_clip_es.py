"""Whole runs of CLIP-ES as users make them: words, weights that are none, used with tags and without."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.journeys import JOURNEYS, masks_of
from tests.support.tiny_run import ODD_NAMES, call, contents, train
from tfwsss.artefacts.scores import read_scores
from tfwsss.methods.run import read_settings

pytestmark = pytest.mark.large


@pytest.fixture(scope="module")
def base(finished_run) -> Path:
    """A folder with data/ under odd names, config.yaml, and a finished run."""
    return finished_run("clip_es")


def command(base: Path, run: Path, *sets: str, last: str = "clip") -> list:
    return ["--method", "clip_es", "--config", base / "config.yaml", "--run", run, "--until", last,
            *[part for value in sets for part in ("--set", value)]]


def test_which_defaults_count(base):
    published, demo = read_settings("clip_es", None, ["data.kind=folder"]), read_settings("clip_es", None, [])
    assert published.clip.backbone.width == 1 and demo.clip.backbone.width < 1
    assert published.pseudo.certain == 0.95 and demo.segmenter.backbone.name == "small"


def test_what_a_run_leaves_of_its_words(base):
    """The words beside the network, and how often CLIP finds them by itself."""
    run = base / "run 1"
    assert json.loads((run / "clip" / "words.json").read_text("utf-8"))["classes"] == \
        {"cat": "cat", "dog": "dog", "sheep": "sheep"}
    assert "CLIP has random weights" in (run / "log.txt").read_text("utf-8")
    assert "what words find by themselves" in (run / "report.html").read_text("utf-8")
    for name in ODD_NAMES:
        kept = read_scores(run / "maps", name)
        assert kept.scores.shape[1:] == (4, 4) and kept.size == (64, 64) and 0 <= kept.scores.min()


def test_other_words_make_other_maps(base, tmp_path):
    shutil.copytree(base / "run 1", tmp_path / "run")
    changed = command(base, tmp_path / "run", "clip.words.cat=a kitten 😀", "clip.words.dog=狗", last="maps")
    assert train(*changed).code == 2                                            # says that --redo is needed
    before = contents(tmp_path / "run" / "maps", "**/*.npz")
    assert train(*changed, "--redo", "clip").code == 0
    assert contents(tmp_path / "run" / "maps", "**/*.npz") != before


@pytest.mark.parametrize(("sets", "words"), [
    (["clip.backbone.initial=no.weights.h5"], "no.weights.h5: no such file"),
    (["clip.backbone.initial=imagenet"], "Keras has no weights of clip_b16"),
    (["clip.backbone.initial=TORN"], "not a weight file of Keras"), (["clip.words.cow=cattle"], "'cow' is no class"),
    (["clip.words.cat=" + "very " * 90 + "large cat"], "tokens; CLIP reads 75 at most"),
    (["clip.merges=TORN"], "is no list of CLIP's merges"), (["clip.backbone.name=vgg16"], "clip.backbone.name")])
def test_what_is_refused_with_its_cure(base, tmp_path, sets, words):
    (tmp_path / "torn").write_bytes(b"torn")
    (tmp_path / "merges.txt").write_bytes(b"torn")
    named = [value.replace("TORN", str(tmp_path / ("merges.txt" if "merges" in value else "torn"))) for value in sets]
    if "initial=TORN" in sets[0]:
        from tests.support.clip import listed_merges

        (tmp_path / "merges.txt").write_text("\n".join(["#", *listed_merges()]), "utf-8")
    answer = train(*command(base, tmp_path / "run", *named))
    assert answer.code == 2 and words in " ".join(answer.err.split()), answer.err
    assert not (tmp_path / "run" / "clip" / "model.keras").exists()


@pytest.mark.usefixtures("eagerly")
def test_predict_with_tags_and_without(base, tmp_path):
    photo = base / "data" / "images" / "9.jpg"
    for place, tags in enumerate((["--tags", "cat"], [])):
        answer = call("predict", photo, "--run", base / "run 1", "--stage", "pseudo", "--out", tmp_path / str(place),
                      *tags)
        assert answer.code == 0, answer.err
        mask = np.array(Image.open(tmp_path / str(place) / "masks" / "9.png"))
        assert mask.shape == (64, 64) and (not tags or set(np.unique(mask)) <= {0, 1, 255})
    assert set(masks_of(base / "run 1" / "pseudo")) == set(JOURNEYS["clip_es"].names("pseudo"))
