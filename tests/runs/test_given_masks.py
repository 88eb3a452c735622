"""Masks given in a stage's place are looked at before anything learns from them."""

import logging

import numpy as np
import pytest

from tests.support.fake_run import SIZE, image_set, write_pseudo
from tfwsss.artefacts.masks import write_mask
from tfwsss.errors import UserError
from tfwsss.runs.given_masks import check_given_masks


@pytest.fixture
def images(tmp_path):
    return image_set(tmp_path / "data")


def put(folder, images, *values):
    for name, value in zip(images.names, values, strict=False):
        mask = np.zeros(SIZE, np.uint8)
        mask[4:12] = value
        write_mask(folder, name, mask, images.palette)


def test_right_ones_pass(tmp_path, images, caplog):
    check_given_masks("labels", write_pseudo(tmp_path / "given", images), images)
    assert caplog.text == ""


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


def test_some_wrong_ones_are_told(tmp_path, images, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("tfwsss"), "propagate", True)
    put(tmp_path / "given", images, 1, 255, 2)
    with caplog.at_level("WARNING", "tfwsss"):
        check_given_masks("labels", tmp_path / "given", images)
    assert "1 of 3 masks hold the ids 0 and 255 only" in caplog.text
