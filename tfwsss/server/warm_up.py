"""Requests that an export carries along, run before a version is served, so that its first user need not wait."""

import itertools
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tfwsss.server.messages import arrays_of
from tfwsss.server.servable import Servable, check_inputs

WARM_UP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_REQUESTS = 1000


def warm_up(servable: Servable, max_bytes: int) -> int:
    """Runs the requests of a version's `assets.extra/tf_serving_warmup_requests`.

    Args:
        servable: the version.
        max_bytes: arrays beyond this size are refused.

    Returns:
        How many were run, at most a thousand.

    Raises:
        Refusal: the model refuses one of them.
        tf.errors.DataLossError: the file is torn.
    """
    path = servable.path / WARM_UP_FILE
    if not path.is_file():
        return 0
    done = 0
    for record in itertools.islice(tf.data.TFRecordDataset(str(path)).as_numpy_iterator(), MAX_REQUESTS):
        log = prediction_log_pb2.PredictionLog.FromString(record)
        if log.WhichOneof("log_type") != "predict_log":
            continue                                     # classify and regress: not for these models
        request = log.predict_log.request
        signature = servable.signature(request.model_spec.signature_name)
        arrays = arrays_of(request.inputs, max_bytes)
        check_inputs(signature, arrays)
        signature(arrays)
        done += 1
    return done
