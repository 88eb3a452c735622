"""One model at work in this process: its masks, what it refuses, and models that are none."""

import os
import pickle
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.support.tiny_export import draw, expected, masks_of
from tfwsss.errors import UserError
from tfwsss.scale.job import make_job
from tfwsss.scale.labeller import Labeller, Task
from tfwsss.scale.names import Photograph


@pytest.fixture
def job(export, tmp_path):
    """A job of four photographs, three of which a table names."""
    draw(tmp_path / "photos", ["a.jpg", "b/c.png", "d.jpg", "e.jpg"])
    (tmp_path / "tags.csv").write_text("name,classes\nb/c,dog\nd.jpg,\ne,cat\n")
    return make_job(str(export), str(tmp_path / "photos"), str(tmp_path / "out"), str(tmp_path / "tags.csv"))


def test_masks_are_the_models_byte_by_byte(export, job, tmp_path):
    signatures = tf.saved_model.load(str(export / "1")).signatures
    labeller, photos = Labeller(job), tmp_path / "photos"
    tags = {"a": None, "b/c": (0, 1), "d": (0, 0), "e": (1, 0)}
    for place, (name, shown) in zip(("a.jpg", "b/c.png", "d.jpg", "e.jpg"), tags.items(), strict=True):
        photograph = Photograph(place, name)
        assert labeller.label(photograph) is None and labeller.knows(photograph) == (shown is not None)
        contents = tf.constant([(photos / place).read_bytes()])
        found = signatures["serving_default"](image_bytes=contents) if shown is None else \
            signatures["with_tags"](image_bytes=contents, tags=tf.constant([shown], tf.float32))
        assert (tmp_path / "out" / "masks" / f"{name}.png").read_bytes() == found["mask_bytes"].numpy()[0]
        pixels = np.array(Image.open(photos / place))
        np.testing.assert_array_equal(masks_of(tmp_path / "out")[name], expected(pixels, shown or (1, 1)))


@pytest.mark.parametrize(("place", "words"), [
    ("nothing.jpg", "cannot be read .No such file or directory.; check the file and your right to read it"),
    ("bad.jpg", "a web page or other markup, not an image; replace it by an image"),
    ("line\nbreak.jpg", "its name holds a line break or another sign that steers; rename it"),
    ("a.jpg/x.jpg", "cannot be read .Not a directory.; check")])
def test_faults(job, tmp_path, place, words):
    (tmp_path / "photos" / "bad.jpg").write_bytes(b"<html>")
    fault = Labeller(job).label(Photograph(place, "x"))
    assert re.match(words, fault), fault
    assert not (tmp_path / "out" / "masks" / "x.png").exists()


def test_a_folder_named_like_a_mask_is_a_fault(job, tmp_path):
    """The mask of `a.png/b.jpg` would lie in the mask of `a.jpg`."""
    labeller = Labeller(job)
    draw(tmp_path / "photos", ["a.png/b.jpg"])
    assert labeller.label(Photograph("a.jpg", "a")) is None
    assert "its folder is named like the mask of another image" in labeller.label(Photograph("a.png/b.jpg", "a.png/b"))
    draw(tmp_path / "photos", ["z.png/b.jpg", "z.jpg"])
    assert labeller.label(Photograph("z.png/b.jpg", "z.png/b")) is None
    assert "its folder is named like the mask" in labeller.label(Photograph("z.jpg", "z"))


def test_a_full_disk_stops_the_work(job, monkeypatch):
    def full(*arguments):
        raise OSError(28, os.strerror(28))

    labeller = Labeller(job)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(UserError, match="could not be written .No space left on device.; free space"):
        labeller.label(Photograph("a.jpg", "a"))


def test_models_that_are_none(job, tmp_path):
    folder = tmp_path / "other"
    root = tf.Module()
    text = tf.TensorSpec((None,), tf.string, name="text")
    tf.saved_model.save(root, str(folder), signatures={
        "serving_default": tf.function(lambda text: {"text": text}, input_signature=[text])})
    with pytest.raises(UserError, match="its signature 'serving_default' does not make mask_bytes of image_bytes"):
        Labeller(job._replace(model=f"{folder}/", tags=None))
    tf.saved_model.save(root, str(folder))
    with pytest.raises(UserError, match="the model has no signature 'serving_default'; .*export the run by"):
        Labeller(job._replace(model=f"{folder}/", tags=None))
    (folder / "saved_model.pb").write_bytes(b"junk")
    with pytest.raises(UserError, match="--model .*other/: cannot be read .*; export the run again"):
        Labeller(job._replace(model=f"{folder}/", tags=None))


def test_a_task_can_be_sent_to_processes_and_loads_its_model_once(job, tmp_path, monkeypatch):
    task = pickle.loads(pickle.dumps(Task(job)))
    assert task == Task(job)
    assert task(Photograph("a.jpg", "a")) is None

    def again(*arguments):
        raise AssertionError("loaded a second time")

    monkeypatch.setattr(Labeller, "__init__", again)
    assert task(Photograph("b/c.png", "b/c")) is None
    assert set(masks_of(tmp_path / "out")) == {"a", "b/c"}
