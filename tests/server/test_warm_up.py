"""Requests that come with a version are run before it is served; bad ones keep it from being served."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from tests.support.local_server import photo, save
from tfwsss.server.refusal import Refusal
from tfwsss.server.servable import Servable
from tfwsss.server.warm_up import WARM_UP_FILE, warm_up


def request(signature: str, **inputs) -> predict_pb2.PredictRequest:
    made = predict_pb2.PredictRequest()
    made.model_spec.signature_name = signature
    for name, value in inputs.items():
        made.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return made


def test_warm_up(saved, tmp_path):
    good = request("", image_bytes=[photo()]), request("log", x=np.ones((1, 2), "f"))
    servable = Servable(save(tmp_path / "1", warm_up=good))
    assert warm_up(servable, 10_000) == 2
    assert warm_up(Servable(saved / "1"), 10_000) == 0                          # without a file
    with pytest.raises(Refusal, match="makes more than"):
        warm_up(servable, 7)
    file = servable.path / WARM_UP_FILE
    file.write_bytes(file.read_bytes()[:-3])
    with pytest.raises(tf.errors.DataLossError):
        warm_up(servable, 10_000)


def test_a_request_that_does_not_fit(tmp_path):
    with pytest.raises(Refusal, match="expected float32"):
        warm_up(Servable(save(tmp_path / "1", warm_up=(request("log", x=np.ones((1, 2))),))), 10_000)
