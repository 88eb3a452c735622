"""The trial of a SavedModel in a process of its own."""

import subprocess

import pytest
import tensorflow as tf

from tfwsss.errors import UserError
from tfwsss.saved_model import trial


class Model(tf.Module):
    """All signatures that are tried; the scores are what they are told to be."""

    def __init__(self, value: float):
        super().__init__()
        self.value = tf.constant([value])

    def save(self, folder) -> None:
        text = tf.TensorSpec((None,), tf.string, name="image_bytes")
        pixels = [tf.TensorSpec((None, 9, 9, 3), tf.uint8, name="image"),
                  *(tf.TensorSpec((None,), tf.int32, name=name) for name in ("height", "width"))]
        signatures = {
            "serving_default": tf.function(lambda image_bytes: {"mask_bytes": image_bytes}, input_signature=[text]),
            "scores": tf.function(lambda image_bytes: {"scores": self.value}, input_signature=[text]),
            "batch": tf.function(lambda image, height, width: {"class_scores": self.value}, input_signature=pixels)}
        tf.saved_model.save(self, str(folder), signatures=signatures)


def test_a_model_is_tried_and_measured(tmp_path):
    Model(0.5).save(tmp_path)
    cost = trial.try_out(tmp_path)
    assert set(cost) == {"milliseconds", "image", "memory_mib", "device"}
    assert 0 < cost["milliseconds"] < 10_000 and 50 < cost["memory_mib"] < 10_000


def test_numbers_that_are_none_are_told(tmp_path, capsys):
    Model(float("inf")).save(tmp_path)
    assert trial.main(str(tmp_path)) == 1 and "its scores are not finite" in capsys.readouterr().err


def test_what_does_not_load_is_told(tmp_path):
    with pytest.raises(UserError, match="does not work in a process of its own .*SavedModel"):
        trial.try_out(tmp_path / "nothing")


def test_what_does_not_end_is_told(tmp_path, monkeypatch):
    def endless(*arguments, timeout, **options):
        raise subprocess.TimeoutExpired("trial", timeout)

    monkeypatch.setattr(subprocess, "run", endless)
    with pytest.raises(UserError, match="made no 5 masks in 600 seconds; export with --no-crf, or fewer --scales"):
        trial.try_out(tmp_path)
