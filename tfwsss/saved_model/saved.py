"""Writes the files of a SavedModel: graph, weights, class names, requests for warming up."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfwsss.errors import UserError
from tfwsss.saved_model.sample import sample_image

WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")
"""Where a server looks for requests to begin with."""

_WARM_UP_SIZES = ((375, 500), (500, 375))


def write_saved_model(folder: Path, signatures: Mapping[str, Callable], networks: Sequence[keras.Model],
                      classes: Sequence[str]) -> None:
    """Writes a SavedModel that neither Keras nor this package is needed to load.

    Args:
        folder: an empty folder.
        signatures: functions by name, of one input signature each.
        networks: all that the functions call.
        classes: names of the mask ids; they become the asset labels.txt, one a line.

    Raises:
        UserError: the files cannot be written.
    """
    root = tf.Module()
    root.weights = [variable.value for network in networks for variable in network.variables]
    with tempfile.TemporaryDirectory() as aside:
        labels = Path(aside, "labels.txt")
        labels.write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")
        root.labels = tf.saved_model.Asset(str(labels))
        try:
            tf.saved_model.save(root, str(folder), signatures=dict(signatures))
        except tf.errors.OpError as error:
            reason = next(iter(str(error.message).splitlines()), type(error).__name__)
            raise UserError(f"{folder.parent}: could not be written ({reason}); free space on that disk, or name "
                            "another folder") from error


def write_warm_up(folder: Path, name: str, num_classes: int) -> int:
    """Writes requests that TensorFlow Serving sends itself before a model's first client.

    Args:
        folder: of the SavedModel.
        name: of the model.
        num_classes: classes without background.

    Returns:
        Number of requests; 0 where the package tensorflow-serving-api is not installed.
    """
    try:
        from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2
    except ImportError:
        return 0

    images = [sample_image(*size) for size in _WARM_UP_SIZES]
    tagged = {"image_bytes": [images[0]], "tags": np.ones((1, num_classes), np.float32)}
    asked = [("serving_default", {"image_bytes": [image]}) for image in images] + [("with_tags", tagged)]
    path = folder / WARM_UP
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as file:
        for signature, inputs in asked:
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(name=name, signature_name=signature),
                inputs={key: tf.make_tensor_proto(value) for key, value in inputs.items()})
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            file.write(log.SerializeToString())
    return len(asked)
