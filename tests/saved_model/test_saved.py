"""The files round a graph: class names, requests for warming up, what a full disk leaves; the picture for trials."""

import sys

import numpy as np
import pytest
import tensorflow as tf

from tfwsss.errors import UserError
from tfwsss.saved_model.sample import sample_image
from tfwsss.saved_model.saved import WARM_UP, write_saved_model, write_warm_up

CLASSES = ("background", "Katze", "猫")


def double():
    return {"serving_default": tf.function(lambda x: {"y": 2 * x}, input_signature=[tf.TensorSpec((None,), name="x")])}


def test_labels_are_an_asset(tmp_path):
    write_saved_model(tmp_path / "m", double(), [], CLASSES)
    assert (tmp_path / "m" / "assets" / "labels.txt").read_text("utf-8").splitlines() == list(CLASSES)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    assert loaded.signatures["serving_default"](x=tf.constant([3.0]))["y"].numpy().tolist() == [6.0]
    assert loaded.labels.asset_path.numpy().decode().endswith("assets/labels.txt")


def test_what_cannot_be_written_is_told(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device\nat line 7")

    monkeypatch.setattr(tf.saved_model, "save", full)
    with pytest.raises(UserError, match=r"could not be written \(No space left on device\); free space on that disk"):
        write_saved_model(tmp_path / "m", double(), [], CLASSES)


def test_warm_up_requests_are_what_clients_send(tmp_path):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2", reason="pip install 'tfwsss[serve]'")
    assert write_warm_up(tmp_path, "cats", 2) == 3
    records = [logs.PredictionLog.FromString(record.numpy()).predict_log.request
               for record in tf.data.TFRecordDataset(str(tmp_path / WARM_UP))]
    assert [record.model_spec.signature_name for record in records] == ["serving_default"] * 2 + ["with_tags"]
    assert {record.model_spec.name for record in records} == {"cats"}
    shapes = [tf.io.decode_jpeg(tf.make_ndarray(record.inputs["image_bytes"])[0]).shape.as_list() for record in records]
    assert shapes == [[375, 500, 3], [500, 375, 3], [375, 500, 3]]
    assert tf.make_ndarray(records[2].inputs["tags"]).tolist() == [[1.0, 1.0]]


def test_without_the_package_there_are_none(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_serving", None)
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    assert write_warm_up(tmp_path, "cats", 2) == 0 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [(1, 1), (30, 40), (375, 500)])
def test_the_sample_is_a_picture(size):
    """The same each time, and not of one colour."""
    pixels = tf.io.decode_jpeg(sample_image(*size)).numpy()
    assert pixels.shape == (*size, 3) and sample_image(*size) == sample_image(*size)
    assert size == (1, 1) or np.std(pixels) > 10
