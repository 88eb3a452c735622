"""Masks given in a stage's place are looked at before anything learns from them."""

import dataclasses
import logging

import numpy as np
import pytest
from PIL import Image

from tests.support.fake_run import SIZE, image_set, write_pseudo
from tfwsss.artefacts.masks import read_mask, write_mask
from tfwsss.data.images import decode_mask
from tfwsss.errors import UserError
from tfwsss.palette import voc_palette
from tfwsss.runs.given_masks import usable_masks


def check_given_masks(name, folder, images):
    return usable_masks(name, folder, images, folder.parent / "copies")


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")


def put(folder, images, *values):
    for name, value in zip(images.names, values, strict=False):
        mask = np.zeros(SIZE, np.uint8)
        mask[4:12] = value
        write_mask(folder, name, mask, images.palette)


def test_right_ones_pass(tmp_path, images, caplog):
    assert check_given_masks("labels", write_pseudo(tmp_path / "given", images), images) == tmp_path / "given"
    assert caplog.text == "" and not (tmp_path / "copies").exists()


@pytest.mark.parametrize(("values", "words"), [
    ((255,) * 5, "given.labels=.*of 5 masks .* 0 and 255 only; 255 means ignore"), ((0,) * 5, "background alone"),
    ((1, 4), "given.labels: the mask of 'image 1' holds id 4, which is no class; ids are 0 to 3"),
    ((), "given.labels: .* holds no mask of any of 5 images; expected files named like image 0.png")])
def test_wrong_ones_are_refused(tmp_path, images, values, words):
    (tmp_path / "given").mkdir()
    put(tmp_path / "given", images, *values)
    with pytest.raises(UserError, match=words):
        check_given_masks("labels", tmp_path / "given", images)


def test_broken_ones_are_refused(tmp_path, images):
    put(tmp_path / "given", images, 1, 1)
    (tmp_path / "given" / "image 1.png").write_bytes(b"no image")
    with pytest.raises(UserError, match="given.labels: 1 of 2 masks cannot be used. The first: .*image 1.png"):
        check_given_masks("labels", tmp_path / "given", images)


@pytest.mark.parametrize("size", [(SIZE[0] - 1, SIZE[1]), SIZE[::-1]])
def test_those_of_another_size_are_refused(tmp_path, images, size):
    put(tmp_path / "given", images, 1, 1, 1)
    write_mask(tmp_path / "given", "image 2", np.ones(size, np.uint8), images.palette)
    words = f"1 of 3 masks cannot be used. The first: .*image 2.png: {size[1]}x{size[0]} pixels, but its image has"
    with pytest.raises(UserError, match=words):
        check_given_masks("labels", tmp_path / "given", images)


def test_painted_ones_are_never_written_over(tmp_path, images):
    """They lie where the copies would go: these were deleted before they were read."""
    folder = tmp_path / "run" / "given" / "labels"
    folder.mkdir(parents=True)
    for name in images.names:
        Image.fromarray(images.palette[np.ones(SIZE, np.uint8)]).save(folder / f"{name}.png")
    for place in (folder, folder.parent):
        with pytest.raises(UserError, match="is where this run keeps painted masks as ids; move it"):
            usable_masks("labels", folder, images, place)
    assert len(list(folder.iterdir())) == len(images.names)


def test_some_wrong_ones_are_told(tmp_path, images, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("tfwsss"), "propagate", True)
    put(tmp_path / "given", images, 1, 255, 2)
    with caplog.at_level("WARNING", "tfwsss"):
        check_given_masks("labels", tmp_path / "given", images)
    assert "1 of 3 masks hold the ids 0 and 255 only" in caplog.text


@pytest.mark.parametrize("kind", ["RGB", "RGBA", "P", "black", "BMP"])
def test_painted_ones_are_read_as_ids(tmp_path, images, kind):
    """By a palette of the user's own; also where a file's palette does not tell its ids apart, and other formats."""
    palette = voc_palette()
    palette[[1, 2]] = (250, 250, 10), (10, 250, 250)
    images = dataclasses.replace(images, palette=palette if kind in ("RGB", "RGBA", "P") else images.palette)
    mask = np.zeros(SIZE, np.uint8)
    mask[:4], mask[4:8], mask[8:9] = 1, 2, 255
    path = tmp_path / "given" / "image 0.png"
    path.parent.mkdir()
    if kind.startswith("RGB"):
        Image.fromarray(palette[mask]).convert(kind).save(path)
    elif kind == "P":                                       # as a tool that sorts its colours saves it
        Image.fromarray(palette[mask]).quantize(4).save(path)
        assert (np.array(Image.open(path)) != mask).any()
    elif kind == "black":
        picture = Image.fromarray(mask)
        picture.putpalette(bytes(768))
        picture.save(path)
    else:
        Image.fromarray(mask).save(path, "BMP")
    assert check_given_masks("labels", tmp_path / "given", images) == tmp_path / "copies"
    assert (read_mask(tmp_path / "copies", "image 0") == mask).all()
    assert (decode_mask((tmp_path / "copies" / "image 0.png").read_bytes()).numpy() == mask).all()


def test_copies_of_masks_that_are_gone_go_too(tmp_path, images):
    """Else a mask that was taken out of the folder would still be learnt from."""
    palette = voc_palette()[::-1].copy()
    images = dataclasses.replace(images, palette=palette)
    (tmp_path / "given").mkdir()
    for name in images.names[:2]:
        Image.fromarray(palette[np.ones(SIZE, np.uint8)]).save(tmp_path / "given" / f"{name}.png")
    assert len(list(check_given_masks("labels", tmp_path / "given", images).iterdir())) == 2
    (tmp_path / "given" / f"{images.names[0]}.png").unlink()
    copies = check_given_masks("labels", tmp_path / "given", images)
    assert [path.name for path in copies.iterdir()] == [f"{images.names[1]}.png"]
