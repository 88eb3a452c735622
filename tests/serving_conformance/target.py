"""A server of TensorFlow Serving's interface, of which nothing is known but its addresses and a model's name."""

import base64
import dataclasses
from collections.abc import Callable

import grpc
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tests.support.local_server import call
from tests.support.patience import PATIENCE

SECONDS = PATIENCE
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


@dataclasses.dataclass
class Target:
    """Where to ask; `memory` gives the MiB that the server holds, where it is ours."""

    rest: str
    grpc: str
    model: str
    memory: Callable[[], float] | None = None

    def __post_init__(self):
        self.channel = grpc.insecure_channel(self.grpc, UNLIMITED)
        self.predictions = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(self.channel)
        self.signatures = dict(self.metadata().signature_def)

    @property
    def path(self) -> str:
        return f"/v1/models/{self.model}"

    def post(self, body: bytes | dict, path: str = "", headers: dict | None = None) -> tuple[int, dict]:
        """Status and answer of a predict request."""
        return call(self.rest, "POST", f"{path or self.path}:predict", body, headers)

    def get(self, path: str) -> tuple[int, dict]:
        return call(self.rest, "GET", path)

    def version(self) -> int:
        """The version that answers."""
        states = self.get(self.path)[1]["model_version_status"]
        return max(int(entry["version"]) for entry in states if entry["state"] == "AVAILABLE")

    def metadata(self, **spec) -> get_model_metadata_pb2.SignatureDefMap:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        fill(request.model_spec, self.model, spec)
        reply = get_model_metadata_pb2.SignatureDefMap()
        assert self.predictions.GetModelMetadata(request, SECONDS).metadata["signature_def"].Unpack(reply)
        return reply

    def status(self, **spec) -> get_model_status_pb2.GetModelStatusResponse:
        request = get_model_status_pb2.GetModelStatusRequest()
        fill(request.model_spec, self.model, spec)
        return self.models.GetModelStatus(request, SECONDS)

    def predict(self, inputs: dict, **spec) -> predict_pb2.PredictResponse:
        """A Predict call; values are messages already, or become such."""
        request = predict_pb2.PredictRequest()
        fill(request.model_spec, self.model, spec)
        for name, value in inputs.items():
            message = value if isinstance(value, TensorProto) else tf.make_tensor_proto(value)
            request.inputs[name].CopyFrom(message)
        return self.predictions.Predict(request, SECONDS)

    def image_input(self, signature: str = "serving_default") -> tuple[str, int]:
        """Name and rank of the input that takes the bytes of a photograph."""
        (name, rank), = [(name, len(info.tensor_shape.dim)) for name, info in self.signatures[signature].inputs.items()
                         if info.dtype == tf.string.as_datatype_enum]
        return name, rank

    def wrapped(self, value, signature: str = "serving_default"):
        """A value in as many lists as the input has axes."""
        for _ in range(self.image_input(signature)[1]):
            value = [value]
        return value

    def number_input(self) -> tuple[str, str] | None:
        """(signature, name) of the first input that takes numbers, if there is one."""
        return next(((key, name) for key, definition in sorted(self.signatures.items())
                     for name, info in sorted(definition.inputs.items()) if info.dtype == tf.float32.as_datatype_enum),
                    None)


def fill(message, model: str, spec: dict) -> None:
    """Writes a model_spec."""
    message.name = spec.pop("name", model)
    if "version" in spec:
        message.version.value = spec.pop("version")
    for key, value in spec.items():
        setattr(message, key, value)


def plain(body: dict) -> bool:
    """Whether an answer holds no name of the graph's, and no long message."""
    error = body.get("error", "")
    return len(error.encode()) <= 1000 and not any(part in error for part in ("{{", "[[", "[Op", "__inference", "/job"))


def coded(contents: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(contents).decode("ascii")}


def refused(code: grpc.StatusCode | tuple, ask: Callable) -> str:
    """Asserts that a call ends with one of these codes; returns what the server says."""
    try:
        ask()
    except grpc.RpcError as error:
        assert error.code() in (code if isinstance(code, tuple) else (code,)), error
        return error.details()
    raise AssertionError("the call was answered")
