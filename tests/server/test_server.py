"""The server as a process: versions that change under load, lists of models, and its end."""

import concurrent.futures
import http.client
import signal
import threading
from pathlib import Path

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import model_management_pb2

from tests.serving_conformance.target import Target, refused
from tests.support.local_server import call, server
from tests.support.patience import PATIENCE, until

FACTOR = {"signature_name": "slow", "inputs": 100}
"""A quick request whose answer tells the version."""


def states(rest: str, model: str = "cat") -> dict[int, str]:
    body = call(rest, "GET", f"/v1/models/{model}")[1]
    return {int(entry["version"]): entry["state"] for entry in body.get("model_version_status", [])}


def figures(rest: str) -> str:
    return call(rest, "GET", "/monitoring/prometheus/metrics")[1]


class Load:
    """Clients that ask all the time, half by REST and half by gRPC, and keep each answer's version."""

    def __init__(self, target: Target, clients: int = 4):
        self.target, self.seen, self.stop = target, [[] for _ in range(clients)], threading.Event()
        self.pool = concurrent.futures.ThreadPoolExecutor(clients)
        self.jobs = [self.pool.submit(self.by_rest if k % 2 else self.by_grpc, self.seen[k]) for k in range(clients)]

    def by_rest(self, seen: list) -> None:
        connection = http.client.HTTPConnection(self.target.rest, timeout=PATIENCE)
        while not self.stop.is_set():
            status, body = call(self.target.rest, "POST", "/v1/models/cat:predict", FACTOR, connection=connection)
            assert status == 200, body
            seen.append(body["outputs"]["factor"])

    def by_grpc(self, seen: list) -> None:
        while not self.stop.is_set():
            answer = self.target.predict({"steps": np.int32(100)}, signature_name="slow")
            assert answer.outputs["factor"].int_val[0] == answer.model_spec.version.value
            seen.append(answer.outputs["factor"].int_val[0])

    def end(self) -> list[list[int]]:
        self.stop.set()
        for job in self.jobs:
            job.result(PATIENCE)                                 # raises what a client met
        return self.seen


def test_versions_change_under_load(publish, tmp_path):
    """No request fails, no client sees an old version after a newer one, and the old ones leave."""
    models = tmp_path / "models"
    publish(1, models / "cat")
    with server(models, "--threads", 4, "--grace", PATIENCE, log=tmp_path / "log") as started:
        target = Target(started.rest, started.grpc, "cat", started.memory)
        load = Load(target)
        for version in (2, 3):
            until(lambda: all(load.seen))
            (models / "cat" / "77").mkdir(exist_ok=True)     # a half version: it must not count
            publish(version, models / "cat")
            until(lambda v=version: states(started.rest) == {v: "AVAILABLE"} | dict.fromkeys(range(1, v), "END"))
            count = [len(seen) for seen in load.seen]
            until(lambda c=count: all(len(seen) > before for seen, before in zip(load.seen, c, strict=True)))
        for seen in load.end():
            assert seen == sorted(seen) and set(seen) == {1, 2, 3}
        _stops_well(started, target, tmp_path)
    assert "Traceback" not in (tmp_path / "log").read_text()


def waiting(path: Path) -> dict:
    """A request that is answered when a file is there."""
    return {"signature_name": "wait", "inputs": str(path)}


def _stops_well(started, target: Target, folder: Path) -> None:
    """SIGTERM: what runs is answered, new requests are not taken, the exit code is 0."""
    gate = folder / "gate"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        by_rest = pool.submit(target.post, waiting(gate))
        by_grpc = pool.submit(target.predict, {"path": str(gate).encode()}, signature_name="wait")
        until(lambda: "tfwsss_requests_running 2" in figures(target.rest))
        started.process.send_signal(signal.SIGTERM)
        until(lambda: "stopping: no new requests" in (folder / "log").read_text())
        gate.touch()
        assert started.process.wait(PATIENCE) == 0
        assert by_rest.result(PATIENCE)[0] == 200 and by_grpc.result(PATIENCE).outputs["factor"].int_val[0] == 3
    with pytest.raises(ConnectionError):
        target.get("/healthz")


def write_config(path: Path, *entries: str) -> None:
    """Replaces a models.config at once."""
    text = "model_config_list {" + " ".join(f"config {{ {entry} }}" for entry in entries) + "}"
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


def test_lists_of_models(publish, tmp_path):
    """Policies, labels, a changed file, and a list that comes by gRPC."""
    models, config = tmp_path / "models", tmp_path / "models.config"
    for version in (1, 2, 3):
        publish(version, models / "cat")
    publish(1, models / "dog")
    both = 'model_version_policy { specific { versions: 1 versions: 2 } } version_labels { key: "stable" value: %d }'
    cat, dog = 'name: "cat" base_path: "/models/cat" ', f'name: "dog" base_path: "{models}/dog"'
    write_config(config, cat + both % 1)
    with server(models, "--config", config, log=tmp_path / "log") as started:
        target = Target(started.rest, started.grpc, "cat")

        def labelled() -> int:
            return target.post(FACTOR, "/v1/models/cat/labels/stable")[1]["outputs"]["factor"]

        assert states(started.rest) == {1: "AVAILABLE", 2: "AVAILABLE"} and states(started.rest, "dog") == {}
        assert target.post(FACTOR)[1]["outputs"]["factor"] == 2 and labelled() == 1
        assert target.predict({"steps": np.int32(1)}, signature_name="slow", version_label="stable"
                              ).model_spec.version.value == 1
        write_config(config, cat + both % 2, dog)
        until(lambda: states(started.rest, "dog") == {1: "AVAILABLE"})
        assert labelled() == 2
        config.write_text("model_config_list { torn")                     # the models that are there are served on
        until(lambda: "the models stay as they are" in (tmp_path / "log").read_text())
        assert states(started.rest) == {1: "AVAILABLE", 2: "AVAILABLE"}
        _reload_by_grpc(target, models)


def _reload_by_grpc(target: Target, models: Path) -> None:
    def ask(path: Path) -> None:
        request = model_management_pb2.ReloadConfigRequest()
        entry = request.config.model_config_list.config.add(name="cat", base_path=str(path))
        entry.model_version_policy.all.SetInParent()
        assert target.models.HandleReloadConfigRequest(request, PATIENCE).status.error_code == 0

    ask(models / "cat")
    assert states(target.rest) == dict.fromkeys((1, 2, 3), "AVAILABLE") and states(target.rest, "dog") == {}
    refused(grpc.StatusCode.PERMISSION_DENIED, lambda: ask(models.parent / "elsewhere"))
    refused(grpc.StatusCode.INVALID_ARGUMENT,
            lambda: target.models.HandleReloadConfigRequest(model_management_pb2.ReloadConfigRequest(), PATIENCE))
    assert states(target.rest) == dict.fromkeys((1, 2, 3), "AVAILABLE")
