"""Exported runs, asked without Keras, beside `tfwsss.predict`: the same masks on pictures of all kinds."""

import functools
import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from tests.data.files import encoded
from tests.support.served import ask
from tests.support.untrained import CLASSES, CRF, photographs, untrained_run
from tfwsss.artefacts.masks import read_mask
from tfwsss.data.reading import read_rgb
from tfwsss.errors import UserError
from tfwsss.methods.opened import load_run
from tfwsss.methods.predict import predict
from tfwsss.palette import voc_palette
from tfwsss.saved_model import export
from tfwsss.saved_model.signatures import Signatures

pytestmark = [pytest.mark.large, pytest.mark.usefixtures("kept_maskers")]

RUNS: dict[str, tuple] = {
    "icd": ("icd", {"pseudo": CRF}),
    "affinitynet": ("affinitynet", {"walk": {"alpha": 4.0}, "pseudo": CRF}),
    "oaa": ("oaa", {"labels": {"threshold": 0.3}, "pseudo": CRF}),
    "oaa, images of their own shapes": ("oaa", {"oaa": {"square": False, "side": 40}, "plus": False,
                                                "labels": {"threshold": 0.3, "background": "threshold"}}),
    "clip_es": ("clip_es", {"pseudo": {"crf": CRF, "certain": 0.4}}),
    "retrain": ("retrain", {}),
    "own sizes": ("affinitynet", {"walk": {"alpha": 4.0}, "pseudo": CRF,
                                  "cam": {"canvas": None, "scales": [1.0, 0.5], "mirror": True}}),
    "class maps": ("affinitynet", {"cam_masks": {"threshold": 0.3}}, "cam_masks"),
    "icd as published, no CRF": ("icd", {"seeds": {"corners_aligned": False}, "pseudo": {"iterations": 0},
                                         "scores": {"scales": [1.0, 0.5, 1.5], "mirror": True}}),
    "retrain by logits": ("retrain", {"masks": {"average": "logits_and_maximum", "crf": {"iterations": 0}}}),
}
TAGS = {"cat,sheep": (1, 0, 1), "": (0, 0, 0)}
BROKEN = (b"", b"no image at all", b"\xff\xd8\xff\xe0" + bytes(40), b"\x89PNG\r\n\x1a\n" + bytes(40))
WORDS = ("tags are one row of 0 and 1", "more than the limit of", "image, height and width differ in number")
SIDES = {"own sizes": 513, "clip_es": 513, "oaa": 513, "oaa, images of their own shapes": 513}
"""In pixels, of what `batch` takes; 65 where nothing is said."""


class Exported(NamedTuple):
    """What the tests of one run share."""

    side: int
    photos: list[Path]
    model: Path
    predicted: dict                     # tags to name to mask
    answers: list[tuple[str, Any, dict]]    # signature, what was asked, outputs

    def of(self, signature: str) -> list[tuple[Any, dict]]:
        """Returns what was asked of a signature, and its outputs."""
        return [(asked, outputs) for name, asked, outputs in self.answers if name == signature]


def test_looks_on_canvases_of_two_sides_are_not_exported(tmp_path):
    """What they cover of an image depends on its size; a server gets images of all sizes."""
    run = untrained_run(tmp_path / "run", "icd", cam={"canvas": 33}, scores={"canvas": 65})
    with pytest.raises(UserError, match="set scores.canvas and cam.canvas alike"):
        export.export(run, tmp_path / "models" / "m")
    assert not list(tmp_path.glob("models/**/*.pb"))


def test_a_batch_of_a_run_without_canvas_or_windows_is_of_513_pixels(tmp_path):
    run = untrained_run(tmp_path / "run", "affinitynet", **RUNS["own sizes"][1])
    _, masker = load_run(run).masker("pseudo")
    assert Signatures(masker, CLASSES, voc_palette(), 20_000).side == SIDES["own sizes"]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A function of a key of `RUNS` to what was exported and asked, each once."""
    return functools.cache(lambda key: export_and_ask(tmp_path_factory.mktemp("exported"), SIDES.get(key, 65),
                                                      *RUNS[key]))


def export_and_ask(base: Path, side: int, method: str, sections: dict, stage: str | None = None) -> Exported:
    run = untrained_run(base / "run", method, **sections)
    photos = sorted(photographs(base / "photos").iterdir())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "try_out", lambda folder: {"milliseconds": 1.0, "memory_mib": 1})
        export.export(run, base / "models" / "m", stage=stage, max_pixels=20_000)
    predicted = {tags: masks_by_predict(base, run, tags, stage) for tags in (None, *TAGS)}
    calls: list[tuple[str, Any, dict]] = []
    for photo in photos:
        contents = {"image_bytes": photo.read_bytes()}
        calls += [(name, photo.stem, contents) for name in ("serving_default", "mask", "scores")]
        calls += [("with_tags", (photo.stem, tags), {**contents, "tags": np.float32([row])})
                  for tags, row in TAGS.items()]
    calls += [("serving_default", "broken", {"image_bytes": contents}) for contents in BROKEN]
    calls += [("batch", "batch", on_canvases(photos, side)), *mistakes(photos[0].read_bytes(), side)]
    answers = ask(base / "models" / "m" / "1", [(name, inputs) for name, _, inputs in calls], base / "asked")
    return Exported(side, photos, base / "models" / "m", predicted,
                    [(name, asked, found) for (name, asked, _), found in zip(calls, answers, strict=True)])


def mistakes(photo: bytes, side: int) -> list[tuple[str, Any, dict]]:
    """What is refused, with the words of the refusal; and sizes that are not."""
    large = encoded(np.zeros((101, 200), np.uint8), "JPEG")
    canvas = np.zeros((1, side, side, 3), np.uint8)
    tags = ([[1, 2, 0]], [[float("nan"), 0, 0]], [[1, 0, 0]] * 2, [[0.5, 0, 0]])
    return [*(("with_tags", WORDS[0], {"image_bytes": photo, "tags": np.float32(rows)}) for rows in tags),
            ("serving_default", WORDS[1], {"image_bytes": large}),
            ("batch", WORDS[2], {"image": canvas, "height": np.int32([1, 2]), "width": np.int32([1])}),
            ("batch", "beyond", {"image": canvas, "height": np.int32([-5]), "width": np.int32([10**6])})]


def masks_by_predict(base: Path, run: Path, tags: str | None, stage: str | None) -> dict[str, np.ndarray]:
    out = base / f"out {tags}"
    listed = None if tags is None else [tag for tag in tags.split(",") if tag]
    done, faults = predict(base / "photos", run, out, listed, stage)
    assert not faults and done == len(list((base / "photos").iterdir()))
    return {photo.stem: read_mask(out / "masks", photo.stem) for photo in (base / "photos").iterdir()}


def on_canvases(photos: list[Path], side: int) -> dict[str, np.ndarray]:
    """The photographs that fit, on canvases; what lies beyond them says nothing."""
    fitting = [pixels for pixels in map(read_rgb, photos) if max(pixels.shape) <= side]
    canvases = np.random.default_rng(0).integers(0, 256, (len(fitting), side, side, 3)).astype(np.uint8)
    for canvas, pixels in zip(canvases, fitting, strict=True):
        canvas[:pixels.shape[0], :pixels.shape[1]] = pixels
    return {"image": canvases, "height": np.int32([len(pixels) for pixels in fitting]),
            "width": np.int32([pixels.shape[1] for pixels in fitting])}


QUICK = ("icd", "retrain")     # both ways of a batch: the network sees it at once, or one image after another
# the others: tests/inference/test_masker.py, whose graphs are of every rule and view, the own size among them
EACH = pytest.mark.parametrize("key", [key if key in QUICK else pytest.param(key, marks=pytest.mark.slow)
                                       for key in RUNS])


def opened(mask_bytes: np.ndarray) -> Image.Image:
    return Image.open(io.BytesIO(mask_bytes.tobytes()))


def same(pairs: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Asserts identical ids on at least 99.99 % of the pixels, and that the masks are not all one id."""
    assert all(found.shape == wanted.shape for found, wanted in pairs)
    different = sum(int((found != wanted).sum()) for found, wanted in pairs)
    assert different <= 1e-4 * sum(found.size for found, _ in pairs)


@EACH
def test_masks_are_those_of_predict(exported, key):
    """Of every size and kind; the PNG is indexed and has the palette."""
    model = exported(key)
    answers = [(name, outputs) for name, outputs in model.of("serving_default") if "error" not in outputs]
    same([(np.array(opened(outputs["mask_bytes"])), model.predicted[None][name]) for name, outputs in answers])
    for _, outputs in answers:
        assert opened(outputs["mask_bytes"]).mode == "P"
        assert opened(outputs["mask_bytes"]).getpalette() == voc_palette().ravel().tolist()
    assert len({value for mask in model.predicted[None].values() for value in np.unique(mask)}) > 1
    assert len(answers) == 13


@EACH
def test_masks_with_tags_are_those_of_predict(exported, key):
    model = exported(key)
    pairs = [(np.array(opened(outputs["mask_bytes"])), model.predicted[asked[1]][asked[0]], TAGS[asked[1]])
             for asked, outputs in model.of("with_tags") if "error" not in outputs]
    same([pair[:2] for pair in pairs])
    for found, _, row in pairs:
        assert set(np.unique(found)) <= {0, 255, *(np.flatnonzero(row) + 1)}


@EACH
def test_classes_are_those_of_the_mask(exported, key):
    for _, outputs in exported(key).of("serving_default"):
        if "error" in outputs:
            continue
        shown = sorted(set(np.unique(opened(outputs["mask_bytes"]))) - {0, 255})
        assert outputs["class_ids"].tolist() == [shown]
        assert outputs["classes"].tolist() == [[CLASSES[number] for number in shown]]
        assert outputs["class_scores"].shape == (1, len(shown))
        assert ((outputs["class_scores"] >= 0) & (outputs["class_scores"] <= 1)).all()


@EACH
def test_mask_and_scores(exported, key):
    """The same ids as an array; scores of all ids, finite, 0 to 1, and where no CRF follows they decide."""
    model = exported(key)
    default = dict(model.of("serving_default"))
    for name, outputs in model.of("mask"):
        mask = outputs["mask"]
        np.testing.assert_array_equal(mask, np.array(opened(default[name]["mask_bytes"]))[None])
        assert mask.dtype == np.uint8
    for name, outputs in model.of("scores"):
        scores = outputs["scores"]
        assert scores.shape == (1, *model.predicted[None][name].shape, len(CLASSES)) and scores.dtype == np.float32
        assert np.isfinite(scores).all() and scores.min() >= 0 and scores.max() <= 1 + 1e-6
        if key == "retrain by logits":
            same([(scores[0].argmax(-1), model.predicted[None][name])])


@EACH
def test_a_batch_gives_what_single_images_give(exported, key):
    """Of the pictures that fit on its canvas; beyond them all is 255."""
    model = exported(key)
    outputs = dict(model.of("batch"))["batch"]
    wanted = [model.predicted[None][photo.stem] for photo in model.photos if max(read_rgb(photo).shape) <= model.side]
    assert outputs["mask"].shape == (len(wanted), model.side, model.side)
    assert len(wanted) == (10 if model.side == 65 else 13)
    same([(mask[:truth.shape[0], :truth.shape[1]], truth)
          for mask, truth in zip(outputs["mask"], wanted, strict=True)])
    for mask, truth in zip(outputs["mask"], wanted, strict=True):
        assert (mask[truth.shape[0]:] == 255).all() and (mask[:, truth.shape[1]:] == 255).all()
    assert outputs["class_scores"].shape == (len(wanted), len(CLASSES) - 1)


@EACH
def test_what_is_no_image_is_an_invalid_argument(exported, key):
    found = [outputs for name, outputs in exported(key).of("serving_default") if name == "broken"]
    assert len(found) == len(BROKEN)
    for outputs in found:
        assert str(outputs["error"]).startswith("InvalidArgumentError: ")


@EACH
def test_what_a_signature_refuses(exported, key):
    """Tags that are no row of 0 and 1, images larger than allowed, a batch that does not fit together."""
    refused = [(name, str(outputs["error"]), words) for name, words, outputs in exported(key).answers if words in WORDS]
    assert [name for name, _, _ in refused] == ["with_tags"] * 4 + ["serving_default", "batch"]
    for _, error, words in refused:
        assert error.startswith("InvalidArgumentError: ") and words in error


@EACH
def test_sizes_beyond_the_canvas_are_taken_as_its_own(exported, key):
    """Nothing in a batch fails: other clients' images are in it."""
    (_, outputs), = [pair for pair in exported(key).of("batch") if pair[0] == "beyond"]
    assert (outputs["mask"][0, 1:] == 255).all() and set(outputs["mask"][0, 0]) <= {0, 1, 2, 3, 255}
