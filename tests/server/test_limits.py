"""What a server of narrow limits refuses, and what becomes of clients that leave or are slow."""

import concurrent.futures
import contextlib
import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from tests.server.test_server import FACTOR, figures, waiting
from tests.serving_conformance.target import Target, coded, refused
from tests.support.local_server import call, photo, server
from tests.support.patience import PATIENCE, until


@contextlib.contextmanager
def limited(saved: Path, models: Path, seconds: float) -> Iterator[Target]:
    """A server that runs one request, lets one wait, and takes little."""
    (models / "cat").symlink_to(saved)
    limits = ("--threads", 1, "--queue", 1, "--timeout", seconds, "--max-body", 1, "--max-pixels", 5000)
    with server(models, *limits) as started:
        yield Target(started.rest, started.grpc, "cat")


@pytest.fixture(scope="module")
def narrow(saved, tmp_path_factory):
    with limited(saved, tmp_path_factory.mktemp("narrow"), PATIENCE) as target:
        yield target


@pytest.fixture(scope="module")
def hasty(saved, tmp_path_factory):
    with limited(saved, tmp_path_factory.mktemp("hasty"), 1) as target:
        yield target


def test_full_queue(narrow, tmp_path):
    """What finds no place is refused at once, by both interfaces, and says so; later there is place again."""
    gate = tmp_path / "gate"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(narrow.post, waiting(gate)) for _ in range(2)]
        until(lambda: "tfwsss_requests_waiting 1" in figures(narrow.rest))
        status, body = narrow.post(waiting(gate))
        assert status == 503 and "wait already; try again later" in body["error"]
        refused(grpc.StatusCode.UNAVAILABLE, lambda: narrow.predict({"steps": np.int32(9)}, signature_name="slow"))
        gate.touch()
        assert {job.result(PATIENCE)[0] for job in jobs} == {200}
    until(lambda: narrow.post(FACTOR)[0] == 200)


@pytest.mark.parametrize("by", ["rest", "grpc"])
def test_a_client_that_leaves_holds_no_place(narrow, tmp_path, by):
    """Its waiting request is given up; the next client finds the place free while the model still works."""
    gate = tmp_path / "gate"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        job = pool.submit(narrow.post, waiting(gate))
        until(lambda: "tfwsss_requests_running 1" in figures(narrow.rest))
        for _ in range(5):
            leave = left_rest(narrow, waiting(gate)) if by == "rest" else left_grpc(narrow, gate)
            until(lambda: "tfwsss_requests_waiting 1" in figures(narrow.rest))
            leave()
            until(lambda: "tfwsss_requests_waiting 0" in figures(narrow.rest))
        assert "tfwsss_requests_running 1" in figures(narrow.rest)
        gate.touch()
        assert job.result(PATIENCE)[0] == 200


def left_rest(target: Target, body: dict) -> Callable:
    """Sends a request; returns what closes its connection."""
    connection = http.client.HTTPConnection(target.rest, timeout=PATIENCE)
    connection.request("POST", f"{target.path}:predict", json.dumps(body))
    return connection.close


def left_grpc(target: Target, gate: Path) -> Callable:
    """Sends a request; returns what cancels it."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = target.model, "wait"
    request.inputs["path"].CopyFrom(tf.make_tensor_proto(str(gate).encode()))
    return target.predictions.Predict.future(request, PATIENCE).cancel


def test_time_limit(hasty, tmp_path):
    status, body = hasty.post(waiting(tmp_path / "one"))
    assert status == 504 and "no answer within 1 s" in body["error"]
    assert call(hasty.rest, "GET", "/healthz")[0] == 200         # answers while a model works
    (tmp_path / "one").touch()
    until(lambda: hasty.post(FACTOR)[0] == 200)
    refused(grpc.StatusCode.DEADLINE_EXCEEDED,
            lambda: hasty.predict({"path": str(tmp_path / "other").encode()}, signature_name="wait"))
    (tmp_path / "other").touch()
    until(lambda: hasty.post(FACTOR)[0] == 200)


def test_body_and_pixels(narrow):
    status, body = narrow.post({"inputs": "A" * 2_000_000})
    assert status == 413 and "larger than 1,048,576 bytes" in body["error"]
    refused(grpc.StatusCode.RESOURCE_EXHAUSTED, lambda: narrow.predict({"image_bytes": [bytes(2_000_000)]}))
    connection = http.client.HTTPConnection(narrow.rest, timeout=PATIENCE)          # without a stated length
    connection.request("POST", "/v1/models/cat:predict", iter([b"A" * 65536] * 32), encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()
    large = photo("PNG", 100, 100)
    status, body = narrow.post({"inputs": [coded(large)]})
    assert status == 400 and "10,000 pixels, more than 5,000" in body["error"]
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: narrow.predict({"image_bytes": [large]}))


def test_a_body_that_never_comes(hasty):
    connection = http.client.HTTPConnection(hasty.rest, timeout=PATIENCE)
    connection.putrequest("POST", "/v1/models/cat:predict")
    connection.putheader("Content-Length", "100")
    connection.endheaders(b"{")
    response = connection.getresponse()
    assert response.status == 408 and "did not arrive" in json.loads(response.read())["error"]
    connection.close()


def test_figures(narrow):
    assert narrow.post({"inputs": [coded(photo())]})[0] == 200
    narrow.post(FACTOR, "/v1/models/guessed")
    text = figures(narrow.rest)
    assert ':request_count{model_name="cat",status="OK"}' in text and "guessed" not in text
    assert "tfwsss_requests_waiting 0" in text and "tfwsss_versions_available 1" in text
