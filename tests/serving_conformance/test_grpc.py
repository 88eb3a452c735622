"""The gRPC interface on the official stubs."""

import io

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import get_model_metadata_pb2

from tests.serving_conformance.target import coded, refused
from tests.serving_conformance.test_rest import COLUMNS, ROWS, mask_of
from tests.support.local_server import photo
from tests.support.patience import PATIENCE

INVALID, MISSING = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND


def image(target, contents: bytes) -> dict:
    """The inputs of the default signature."""
    name, _ = target.image_input()
    return {name: target.wrapped(contents)}


def test_predict(target):
    """The same mask as by REST, and the answer says what answered."""
    contents = photo("PNG", ROWS, COLUMNS)
    answer = target.predict(image(target, contents))
    assert answer.model_spec.name == target.model and answer.model_spec.version.value == target.version()
    assert answer.model_spec.signature_name == "serving_default"
    mask = np.array(Image.open(io.BytesIO(answer.outputs["mask_bytes"].string_val[0])))
    assert mask.shape[:2] == (ROWS, COLUMNS)
    by_rest = mask_of(target.post({"inputs": target.wrapped(coded(contents))})[1])
    assert np.array_equal(mask, by_rest)
    same = target.predict(image(target, contents), version=target.version(), signature_name="serving_default")
    assert same == answer


def test_output_filter(target):
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest(output_filter=["mask_bytes"])
    request.model_spec.name = target.model
    for name, value in image(target, photo()).items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    assert set(target.predictions.Predict(request, PATIENCE).outputs) == {"mask_bytes"}
    request.output_filter.append("no-such-output")
    refused(INVALID, lambda: target.predictions.Predict(request, PATIENCE))


def test_status(target):
    entries = target.status().model_version_status
    entry = next(entry for entry in entries if entry.version == target.version())
    assert entry.state == 30 and entry.status.error_code == 0                 # AVAILABLE
    assert list(target.status(version=target.version()).model_version_status) == [entry]
    refused(MISSING, lambda: target.status(name="no-such-model"))
    refused(MISSING, lambda: target.status(version=987654321))


def test_metadata(target):
    assert target.metadata(version=target.version()).signature_def["serving_default"].outputs["mask_bytes"].dtype == 7
    refused(MISSING, lambda: target.metadata(name="no-such-model"))
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["no-such-field"])
    request.model_spec.name = target.model
    refused(INVALID, lambda: target.predictions.GetModelMetadata(request, PATIENCE))


@pytest.mark.parametrize("contents", [b"", b"no image", b"\xff\xd8\xff", bytes(300)])
def test_invalid_image(target, contents):
    refused(INVALID, lambda: target.predict(image(target, contents)))


def test_wrong_type_rank_and_key(target):
    name, rank = target.image_input()
    refused(INVALID, lambda: target.predict({name: np.float32(1)}))
    refused(INVALID, lambda: target.predict({name: np.full([2] * (rank + 2), photo(), object)}))
    refused(INVALID, lambda: target.predict({}))
    refused(INVALID, lambda: target.predict({"other": photo()}))
    refused(INVALID, lambda: target.predict(image(target, photo()) | {"other": photo()}))


def test_unknown_things(target):
    good = image(target, photo())
    refused(MISSING, lambda: target.predict(good, name="no-such-model"))
    refused(MISSING, lambda: target.predict(good, version=987654321))
    refused(INVALID, lambda: target.predict(good, version_label="no-such-label"))
    refused(INVALID, lambda: target.predict(good, name=""))
    refused((grpc.StatusCode.FAILED_PRECONDITION, INVALID),
            lambda: target.predict(good, signature_name="no-such-signature"))


def test_messages_that_are_no_array(target):
    """A shape that does not fit its values, or is not complete, no value, or a type that is none."""
    name, _ = target.image_input()
    for spoil in (lambda m: m.tensor_shape.dim.add(size=-1), lambda m: setattr(m.tensor_shape, "unknown_rank", True),
                  lambda m: m.tensor_shape.dim.extend([m.tensor_shape.Dim(size=2**40)] * 2),
                  lambda m: m.ClearField("string_val"), lambda m: setattr(m, "dtype", 0),
                  lambda m: setattr(m, "dtype", 99)):
        message = tf.make_tensor_proto(target.wrapped(photo()))
        spoil(message)
        refused((INVALID, grpc.StatusCode.RESOURCE_EXHAUSTED), lambda m=message: target.predict({name: m}))


def test_large_body(target):
    refused((INVALID, grpc.StatusCode.RESOURCE_EXHAUSTED), lambda: target.predict(image(target, bytes(50_000_000))))
    assert target.predict(image(target, photo())).outputs
