"""Corrected masks and scribbles in the masks that a network learns from."""

import logging

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_run import SIZE, image_set, write_pseudo
from tfwsss.annotations.drawings import Drawing, Drawn
from tfwsss.annotations.runs import encode_runs
from tfwsss.artefacts.files import finished, path_of
from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.data.corrections import Corrections
from tfwsss.errors import ImageFault, UserError
from tfwsss.palette import voc_palette
from tfwsss.runs.stage import Context
from tfwsss.steps.corrections import corrected_stage, corrections_stage, keep_corrections, overwritten

A, B, C, D, E = (f"image {place}" for place in range(5))


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return image_set(tmp_path_factory.mktemp("data"))          # five of 24x32 pixels; classes cat, <script>..., жук


def square(value=1):
    mask = np.zeros(SIZE, np.uint8)
    mask[3:9, 4:11] = value
    return mask


def kept(folder, images, **corrections):
    return keep_corrections(Corrections(folder / "mine", **corrections), images, folder / "kept")


def made(folder, images):
    """Returns the masks that come of pseudo labels of all images but the first."""
    write_pseudo(folder / "pseudo", images)
    path_of(folder / "pseudo", "masks", A).unlink()
    inputs = {"pseudo": folder / "pseudo", "corrections": folder / "kept"}
    faults = corrected_stage("corrected", images, "pseudo", "pseudo").work(Context(), inputs, folder / "corrected")
    return faults, {name: read_mask(folder / "corrected", name)
                    for name in finished(folder / "corrected", "masks", images.names)}


def test_what_is_corrected_stands_in_the_labels(images, tmp_path):
    """A mask in place of the method's, also where that made none; scribbles over it; the rest as it was."""
    write_mask(tmp_path / "mine", A, square(), voc_palette())
    painted = Drawn("mask", "cat", runs=encode_runs(square() > 0))
    line, click = Drawn("line", "background", ((0.5, 10.5), (31.5, 10.5))), Drawn("point", "жук", ((20.9, 20.2),))
    counts = kept(tmp_path, images, masks={A: path_of(tmp_path / "mine", "masks", A)}, empty=(E,), tags={B: (0,)},
                  drawings={B: Drawing((B,), (painted,), SIZE), C: Drawing((C,), (line, click)),
                            D: Drawing((D,), (painted, click))})
    assert counts == {"masks": 4, "scribbles": 2, "tags": 1}
    faults, masks = made(tmp_path, images)
    own = {name: read_mask(tmp_path / "pseudo", name) for name in (B, C, D, E)}
    assert not faults and set(masks) == set(images.names) and own[C][20, 20] != 3 and own[C][10].any()
    np.testing.assert_array_equal(masks[A], square())
    np.testing.assert_array_equal(masks[B], square())
    own[C][10], own[C][20, 20] = 0, 3
    np.testing.assert_array_equal(masks[C], own[C])
    expected = np.where(square(), np.uint8(1), np.uint8(255))              # of the beetle only a click is known
    expected[20, 20] = 3
    np.testing.assert_array_equal(masks[D], expected)
    assert not masks[E].any()


def test_what_is_corrected_twice_is_told_before_the_start(images, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("tfwsss"), "propagate", True)
    path = path_of(tmp_path / "mine", "masks", A)
    write_mask(tmp_path / "mine", A, square(), voc_palette())
    with caplog.at_level(logging.INFO, "tfwsss"):
        kept(tmp_path, images, masks={A: path}, beside={tmp_path / "mine" / "x.json": (A, B)})
    told, = {line for line in caplog.messages if "corrected twice" in line}  # heard once or twice
    assert told.split("\n")[1:] == ["  image    holds        not read", f"  {A}  {path.name}  x.json"]


def test_images_without_label_and_mask_are_left_to_the_stage_before(images, tmp_path):
    assert kept(tmp_path, images, empty=(B,)) == {"masks": 1}
    faults, masks = made(tmp_path, images)
    assert not faults and A not in masks and not masks[B].any()
    np.testing.assert_array_equal(masks[C], read_mask(tmp_path / "pseudo", C))


def test_strokes_beside_painted_background_only_touch(images, tmp_path):
    ground = np.zeros(SIZE, bool)
    ground[20:] = True
    strokes = tuple(Drawn("mask", name, runs=encode_runs(pixels))
                    for name, pixels in (("cat", square() > 0), ("background", ground)))
    assert kept(tmp_path, images, drawings={B: Drawing((B,), strokes)}) == {"scribbles": 1}
    _, masks = made(tmp_path, images)
    expected = read_mask(tmp_path / "pseudo", B)
    expected[3:9, 4:11], expected[20:] = 1, 0
    np.testing.assert_array_equal(masks[B], expected)


def test_masks_as_cvat_exports_them(images, tmp_path):
    """In colours that its table tells, whatever those of the data set are."""
    colours = {name: (place, 7, 9) for place, name in enumerate(images.classes[1:], 1)} | {"background": (0, 0, 0)}
    lines = [f"{name}:{red},{green},{blue}::" for name, (red, green, blue) in reversed(colours.items())]
    (tmp_path / "mine" / "SegmentationClass").mkdir(parents=True)
    (tmp_path / "mine" / "labelmap.txt").write_text("\n".join(["# label:color_rgb:parts:actions", *lines]), "utf-8")
    picture = np.where(square()[..., None] > 0, np.uint8(colours["жук"]), np.uint8(0))
    Image.fromarray(picture).save(path := tmp_path / "mine" / "SegmentationClass" / f"{A}.png")
    kept(tmp_path, images, masks={A: path})
    np.testing.assert_array_equal(made(tmp_path, images)[1][A], square(3))


def test_a_class_beside_the_tags_is_told(images, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("tfwsss.steps.corrections.LOG.propagate", True)
    write_mask(tmp_path / "mine", A, square(3), voc_palette())                 # it shows the first class only
    kept(tmp_path, images, masks={A: path_of(tmp_path / "mine", "masks", A)})
    assert "1 images are corrected to show a class that is none of their tags, the first 'image 0'" in caplog.text


@pytest.mark.parametrize(("correction", "words"), [
    (Drawing((B,), (Drawn("line", "cow", ((1, 1), (2, 2))),)), "'cow' is no class"),
    (Drawing((B,), (Drawn("mask", "cat", runs=encode_runs(np.eye(3, dtype=bool))),)), "a mask of 3 x 3 pixels"),
    (Drawing((B,), (Drawn("point", "cat", ((1, 1),)),), (9, 9)), "made for an image of 9x9 pixels")])
def test_a_drawing_that_cannot_be_used_stops(images, tmp_path, correction, words):
    with pytest.raises(UserError, match=f"given.corrections: .*'image 1': .*{words}"):
        kept(tmp_path, images, drawings={B: correction})


@pytest.mark.parametrize(("mask", "words"), [(np.zeros((3, 3), np.uint8), "3x3 pixels, but its image has 32x24"),
                                             (square(9), "id 9 is no class")])
def test_a_mask_that_cannot_be_used_stops(images, tmp_path, mask, words):
    write_mask(tmp_path / "mine", A, mask, voc_palette())
    with pytest.raises(UserError, match=f"given.corrections: .*{words}"):
        kept(tmp_path, images, masks={A: path_of(tmp_path / "mine", "masks", A)})


def test_sizes_that_differ():
    with pytest.raises(ImageFault, match="make the masks again"):
        overwritten(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))


def test_given_corrections_are_never_made(tmp_path):
    with pytest.raises(ValueError, match="are given"):
        corrections_stage().work(Context(), {}, tmp_path)
