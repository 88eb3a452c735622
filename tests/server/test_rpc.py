"""What gRPC makes of our own defects and of odd requests; the interface itself is in tests/serving_conformance."""

import asyncio
from pathlib import Path

import grpc
import pytest
import tensorflow as tf
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_management_pb2, predict_pb2

from tfwsss.server.library import Library
from tfwsss.server.metrics import Metrics
from tfwsss.server.model_configs import ModelConfig
from tfwsss.server.requests import Limits, Predictor
from tfwsss.server.rpc import ModelService, PredictionService
from tfwsss.server.servable import Signature
from tfwsss.server.workers import Workers

LIMITS = Limits(1000, 1000, 1000, 10)


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
    return Predictor(library, Workers(1, 1), Metrics(), LIMITS)


def test_defects(predictor):
    """The client learns the kind alone."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "cat"
    assert ended(PredictionService(predictor).Predict, request) == (
        grpc.StatusCode.INTERNAL, "AttributeError in the server; its log tells more")
    assert predictor.library.versions("cat")[0].users == 0


class Answering:
    """A model whose signature gives two outputs."""

    def signature(self, name: str, missing) -> Signature:
        return Signature("any", {}, ("mask", "scores"), lambda: dict.fromkeys(("mask", "scores"), tf.constant([1])))


@pytest.mark.parametrize(("names", "words"), [
    (["mask"] * 10**6, "lists 1,000,000 names; signature 'any' gives"), (["mask", "mask"], "names 'mask' twice"),
    (["mask", "no"], "no output 'no'"), (["x" * 10**6], "gives ('mask', 'scores')")],
    ids=["many", "twice", "none", "long"])
def test_output_filters_that_are_no_list_of_outputs(saved, names, words):
    library = Library(lambda path: Answering())
    library.refresh([ModelConfig("cat", saved)])
    service = PredictionService(Predictor(library, Workers(1, 1), Metrics(), LIMITS))
    request = predict_pb2.PredictRequest(output_filter=names)
    request.model_spec.name = "cat"
    code, details = ended(service.Predict, request)
    assert code == grpc.StatusCode.INVALID_ARGUMENT and words in details and len(details) < 1000
    answer = asyncio.run(service.Predict(predict_pb2.PredictRequest(model_spec=request.model_spec,
                                                                    output_filter=["scores"]), Context()))
    assert list(answer.outputs) == ["scores"]


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
