"""What gRPC makes of our own defects and of odd requests; the interface itself is in tests/serving_conformance."""

import asyncio
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_management_pb2, predict_pb2

from tfwsss.server.library import Library
from tfwsss.server.metrics import Metrics
from tfwsss.server.model_configs import ModelConfig
from tfwsss.server.requests import Limits, Predictor
from tfwsss.server.rpc import ModelService, PredictionService
from tfwsss.server.workers import Workers


class Context:
    """Keeps what a call is ended with."""

    def time_remaining(self) -> float:
        return 10.0

    def set_code(self, code: grpc.StatusCode) -> None:
        self.code = code

    def set_details(self, details: str) -> None:
        self.details = details


def ended(method, request) -> tuple[grpc.StatusCode, str]:
    """What a call is ended with."""
    context = Context()
    assert asyncio.run(method(request, context)) is None
    return context.code, context.details


@pytest.fixture
def predictor(saved):
    library = Library(lambda path: object())             # a model without anything that is used of it
    library.refresh([ModelConfig("cat", saved)])
    return Predictor(library, Workers(1, 1), Metrics(), Limits(1000, 1000, 1000, 10))


def test_defects(predictor):
    """The client learns the kind alone."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "cat"
    assert ended(PredictionService(predictor).Predict, request) == (
        grpc.StatusCode.INTERNAL, "AttributeError in the server; its log tells more")
    assert predictor.library.versions("cat")[0].users == 0


def test_no_model_is_named(predictor):
    service = ModelService(predictor.library, Path("."), lambda configs: None)
    for method, request in ((PredictionService(predictor).Predict, predict_pb2.PredictRequest()),
                            (service.GetModelStatus, get_model_status_pb2.GetModelStatusRequest())):
        assert ended(method, request) == (grpc.StatusCode.INVALID_ARGUMENT, "model_spec names no model")
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = "cat"
    code, words = ended(PredictionService(predictor).GetModelMetadata, request)
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "only ['signature_def'] is known" in words


def test_a_reload_that_loads_nothing(tmp_path):
    library = Library(lambda path: object())
    (tmp_path / "cat").mkdir()
    service = ModelService(library, tmp_path, library.refresh)
    request = model_management_pb2.ReloadConfigRequest()
    request.config.model_config_list.config.add(name="cat", base_path=str(tmp_path / "cat"))
    code, words = ended(service.HandleReloadConfigRequest, request)
    assert code == grpc.StatusCode.FAILED_PRECONDITION and "no version that loads" in words
